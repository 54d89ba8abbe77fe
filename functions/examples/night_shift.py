"""Each night at half past two, in the hour that the change of the clocks takes away and gives back.

In the last night of March in Berlin, two o'clock is three o'clock: there is no half past two, so there is no run, and
no file of that date. In the last night of October there are two, and the first one counts: one run, one file.

    cronstack next night_shift --after 2013-03-29T12:00Z -n 3

Whoever needs every date takes a time that every night has, such as half past three.
"""

import json
import os
from zoneinfo import ZoneInfo

from cronstack import Run, cron, job

BERLIN = ZoneInfo("Europe/Berlin")


@job(schedule=cron("30 2 * * ? *", timezone=BERLIN.key), timeout=30)
def night_shift(run: Run) -> dict[str, str]:
    local = run.scheduled.astimezone(BERLIN)
    night = {"date": local.date().isoformat(), "local": local.isoformat(), "utc": run.scheduled.isoformat()}
    write(os.environ["REPORTS_BUCKET"], f"nights/{night['date']}.json", json.dumps(night))
    return night


def write(bucket: str, key: str, text: str) -> None:
    import boto3  # Here, not above: "cronstack list" imports this module and needs no boto3.

    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
