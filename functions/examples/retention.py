"""Each morning, delete the reports that are older than ``days`` of the declared input.

The age of a report is the time from the date in its name to ``run.scheduled``. So a late or repeated run deletes the
same reports. Names start with their date, and S3 lists by name, so the job lists only up to the first report that it
keeps. To see the reports without deleting them:

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
"""Folders of the bucket. The files of ``night_shift`` are kept."""


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
    """Return the date of a report, which is its name. Raise ValueError for any other file, which must stay."""
    return date.fromisoformat(PurePosixPath(key).stem)


def listed(bucket: str, prefix: str) -> Iterator[str]:
    import boto3  # Not above: "cronstack list" imports this module and needs no boto3.

    for listing in boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in listing.get("Contents", []):
            yield item["Key"]


def delete(bucket: str, keys: list[str], at_a_time: int = 1000) -> None:
    """Delete the files in batches of 1,000, S3's limit. Raise RuntimeError if S3 reports errors."""
    import boto3

    for at in range(0, len(keys), at_a_time):
        some = keys[at : at + at_a_time]
        answer = boto3.client("s3").delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
        )
        if faults := answer.get("Errors"):
            raise RuntimeError(f"{len(faults)} reports were not deleted, {faults[0]['Key']}: {faults[0]['Message']}")
