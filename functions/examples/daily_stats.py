"""Each night, count the day's flights: read one CSV file from S3, write one item to DynamoDB.

The day comes from ``run.scheduled``, never from the clock. So a retry at ten past midnight counts the same day. Years
later, this command counts the 31 days of January 2013:

    cronstack backfill daily_stats all --from 2013-01-01 --to 2013-02-01

Each write replaces the whole item, so a repeated write changes nothing.
"""

import csv
import io
import os
from collections import Counter
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cronstack import Run, cron, job

NEW_YORK = ZoneInfo("America/New_York")


@job(schedule=cron("55 23 * * ? *", timezone=NEW_YORK.key), timeout=60)
def daily_stats(run: Run) -> dict[str, object]:
    day = run.scheduled.astimezone(NEW_YORK).date().isoformat()  # In UTC, the next day has started.
    flights = read(os.environ["FLIGHTS_BUCKET"], f"flights/{day}.csv")
    item = {"day": day, **statistics(flights)}
    write(os.environ["STATISTICS_TABLE"], item)
    run.log.info("counted %d flights of %s", item["flights"], day)
    return {"day": day, "flights": item["flights"], "cancelled": item["cancelled"]}


def statistics(flights: list[dict[str, str]]) -> dict[str, Any]:
    """Return the statistics of the flights. A cancelled flight has "NA" as its departure."""
    delays = [int(flight["dep_delay"]) for flight in flights if flight["dep_delay"] != "NA"]
    mean = Decimal(sum(delays)) / len(delays) if delays else Decimal(0)
    return {
        "flights": len(flights),
        "cancelled": sum(flight["dep_time"] == "NA" for flight in flights),
        "mean_departure_delay": mean.quantize(Decimal("0.01")),
        "by_origin": dict(Counter(flight["origin"] for flight in flights)),
        "by_carrier": dict(Counter(flight["carrier"] for flight in flights)),
    }


def read(bucket: str, key: str) -> list[dict[str, str]]:
    import boto3  # Not above: "cronstack list" imports this module and needs no boto3.

    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return list(csv.DictReader(io.StringIO(body.decode())))


def write(table: str, item: dict[str, Any]) -> None:
    import boto3

    boto3.resource("dynamodb").Table(table).put_item(Item=item)
