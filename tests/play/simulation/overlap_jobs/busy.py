"""One job for each overlap policy. A test sets their schedules, and their durations as input."""

from __future__ import annotations

import time

from cronstack import Run, cron, job

NEVER_BY_ITSELF = cron("0 0 1 1 ? 2099", timezone="UTC")


def _work(run: Run) -> None:
    time.sleep(run.input["seconds"])


@job(schedule=NEVER_BY_ITSELF, overlap="skip", retries=0, timeout=900, input={"seconds": 1})
def skips(run: Run) -> None:
    _work(run)


@job(schedule=NEVER_BY_ITSELF, overlap="allow", retries=0, timeout=900, input={"seconds": 1})
def goes_side_by_side(run: Run) -> None:
    _work(run)


@job(schedule=NEVER_BY_ITSELF, overlap="buffer_one", retries=0, timeout=900, input={"seconds": 1})
def waits(run: Run) -> None:
    _work(run)


@job(schedule=NEVER_BY_ITSELF, overlap="buffer_one", retries=0, timeout=900, start_deadline=300, input={"seconds": 1})
def waits_five_minutes(run: Run) -> None:
    _work(run)
