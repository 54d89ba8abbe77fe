"""Each morning, delete the reports that are older than they need to be kept: ``days``, of the declared input.

A report is as old as the date in its name, seen from ``run.scheduled``: a run that comes late, or once more, deletes
what it would have deleted in time and nothing else. Names begin with their date, and S3 lists in the order of names, so
it reads no further than to the first report that stays. To see what it would delete, and delete nothing:

    cronstack trigger retention --input '{"days": 30, "dry": true}'
"""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import takewhile
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

from cronstack import Run, cron, job

NEW_YORK = ZoneInfo("America/New_York")
KINDS = ("consistency", "weekly")
"""Folders of the bucket. What ``night_shift`` writes is kept."""


@job(schedule=cron("15 4 * * ? *", timezone=NEW_YORK.key), input={"days": 90}, timeout=60)
def retention(run: Run) -> dict[str, object]:
    oldest = run.scheduled.astimezone(NEW_YORK).date() - timedelta(days=int(run.input["days"]))
    bucket = os.environ["REPORTS_BUCKET"]
    old = [key for kind in KINDS for key in takewhile(lambda key: dated(key) < oldest, listed(bucket, f"{kind}/"))]
    if not run.input.get("dry"):
        delete(bucket, old)
    run.log.info("%d reports of before %s", len(old), oldest, extra={"reports": old[:10]})
    return {"before": oldest.isoformat(), "reports": len(old)}


def dated(key: str) -> date:
    """The date of a report, which is its name. Anything else in the folder is nobody's to delete: it raises."""
    return date.fromisoformat(PurePosixPath(key).stem)


def listed(bucket: str, prefix: str) -> Iterator[str]:
    import boto3  # Here, not above: "cronstack list" imports this module and needs no boto3.

    for listing in boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in listing.get("Contents", []):
            yield found["Key"]


def delete(bucket: str, keys: list[str], at_a_time: int = 1000) -> None:
    """S3 takes a thousand at a time, and says of each that it could not delete."""
    import boto3

    for at in range(0, len(keys), at_a_time):
        some = keys[at : at + at_a_time]
        answer = boto3.client("s3").delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
        )
        if faults := answer.get("Errors"):
            raise RuntimeError(f"{len(faults)} reports were not deleted, {faults[0]['Key']}: {faults[0]['Message']}")
