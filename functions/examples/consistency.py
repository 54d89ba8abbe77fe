"""Each morning, count the flights of the day before once more, and compare with what ``daily_stats`` has stored.

It shares no line with what it checks, and does not mend what it finds: two numbers that differ say that one is wrong,
not which. Its report goes to S3, ``consistency/<day>.json``, with the differences, or none.
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
    """Flight by flight, in one pass. No text is no flights."""
    counted: dict[str, Any] = {"flights": 0, "cancelled": 0, "by_origin": {}, "by_carrier": {}}
    for flight in csv.DictReader(text.splitlines()):
        counted["flights"] += 1
        counted["cancelled"] += flight["dep_time"] == "NA"
        for what in ("origin", "carrier"):
            tally = counted[f"by_{what}"]
            tally[flight[what]] = tally.get(flight[what], 0) + 1
    return counted


def differences(counted: dict[str, Any], item: dict[str, Any] | None) -> dict[str, Any]:
    """What was counted and what is stored, where they are not the same."""
    if item is None:
        return {"flights": {"counted": counted["flights"], "stored": None}} if counted["flights"] else {}
    return {
        what: {"counted": number, "stored": plain(item.get(what))}
        for what, number in counted.items()
        if plain(item.get(what)) != number
    }


def plain(value: Any) -> Any:
    """DynamoDB's decimals as JSON has numbers."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return None if value is None else int(value)


def raw(bucket: str, key: str) -> str:
    """The day's file; "" where there is none. (Who may not list is told 403, not 404, of what is not there.)"""
    import boto3  # Here, not above: "cronstack list" imports this module and needs no boto3.

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
