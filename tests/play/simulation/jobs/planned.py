"""Jobs that only code schedules."""

import time

from cronstack import Run, job, once


@job(schedule=once())
def planned(run: Run) -> str:
    return str(run.input["order"])


@job(schedule=once(), timeout=900, start_deadline=3600)
def slow(run: Run) -> None:
    time.sleep(run.input["seconds"])
