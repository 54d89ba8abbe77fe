"""Each morning, count the flights of the day before again, and compare with the statistics of ``daily_stats``.

It shares no code with ``daily_stats``, and fixes no differences: they do not show which of the two numbers is wrong.
Its report goes to S3, ``consistency/<day>.json``, with the differences, or none.
"""

import csv
import json
import os
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cronstack import Run, cron, job

NEW_YORK = ZoneInfo("America/New_York")


@job(schedule=cron("30 5 * * ? *", timezone=NEW_YORK.key), timeout=60)
def consistency(run: Run) -> dict[str, object]:
    day = (run.scheduled.astimezone(NEW_YORK).date() - timedelta(days=1)).isoformat()
    counted = recount(raw(os.environ["FLIGHTS_BUCKET"], f"flights/{day}.csv"))
    found = differences(counted, stored(os.environ["STATISTICS_TABLE"], day))
    report = {"day": day, "recounted": counted["flights"], "differences": found}
    write(os.environ["REPORTS_BUCKET"], f"consistency/{day}.json", json.dumps(report, sort_keys=True))
    if found:
        run.log.warning("%s differs in %s", day, ", ".join(found))
    return {"day": day, "differences": len(found)}


def recount(text: str) -> dict[str, Any]:
    """Count flight by flight, in one pass. An empty text has no flights."""
    counted: dict[str, Any] = {"flights": 0, "cancelled": 0, "by_origin": {}, "by_carrier": {}}
    for flight in csv.DictReader(text.splitlines()):
        counted["flights"] += 1
        counted["cancelled"] += flight["dep_time"] == "NA"
        for what in ("origin", "carrier"):
            tally = counted[f"by_{what}"]
            tally[flight[what]] = tally.get(flight[what], 0) + 1
    return counted


def differences(counted: dict[str, Any], item: dict[str, Any] | None) -> dict[str, Any]:
    """Return the counted and the stored numbers that differ."""
    if item is None:
        return {"flights": {"counted": counted["flights"], "stored": None}} if counted["flights"] else {}
    return {
        what: {"counted": number, "stored": plain(item.get(what))}
        for what, number in counted.items()
        if plain(item.get(what)) != number
    }


def plain(value: Any) -> Any:
    """Return DynamoDB's decimals as integers for JSON."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return None if value is None else int(value)


def raw(bucket: str, key: str) -> str:
    """Return the day's file; "" if it does not exist. (S3 answers 403, not 404, without the permission to list.)"""
    import boto3  # Not above: "cronstack list" imports this module and needs no boto3.

    s3 = boto3.client("s3")
    if not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"):
        return ""
    return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read(), "utf-8")


def stored(table: str, day: str) -> dict[str, Any] | None:
    import boto3

    return boto3.resource("dynamodb").Table(table).get_item(Key={"day": day}, ConsistentRead=True).get("Item")


def write(bucket: str, key: str, text: str) -> None:
    import boto3

    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
