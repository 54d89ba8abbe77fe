"""Each night at 02:30, in the hour that clock changes skip and repeat.

On the last Sunday of March in Berlin, the clocks go from 02:00 to 03:00. So 02:30 does not exist, and there is no run
and no file of that date. On the last Sunday of October, 02:30 comes twice, and the first one counts: one run, one file.

    cronstack next night_shift --after 2013-03-29T12:00Z -n 3

For a run on every date, use a time that every night has, such as 03:30.
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
    import boto3  # Not above: "cronstack list" imports this module and needs no boto3.

    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json")
