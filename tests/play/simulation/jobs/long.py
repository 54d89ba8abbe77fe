"""Two jobs of each minute that run for 90 s: one may overlap itself, the other may not."""

import time

from cronstack import Run, cron, job


@job(schedule=cron("0/1 12 * * ? *", timezone="UTC"), overlap="allow", timeout=120)
def crowd(run: Run) -> None:
    time.sleep(90)


@job(schedule=cron("0/1 12 * * ? *", timezone="UTC"), timeout=120)
def alone(run: Run) -> None:
    time.sleep(90)
