"""Two that go wrong: one fails until its third attempt, one does not end and holds on to its life."""

import time

from cronstack import Run, cron, job


@job(schedule=cron("0 6 * * ? *", timezone="UTC"), retries=3)
def flaky(run: Run) -> int:
    if run.attempt < 3:
        raise ValueError(f"attempt {run.attempt}")
    return run.attempt


@job(schedule=cron("0 7 * * ? *", timezone="UTC"), retries=1, timeout=20)
def stuck(run: Run) -> None:
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            continue


@job(schedule=cron("0 8 * * ? *", timezone="UTC"), retries=0)
def broken(run: Run) -> None:
    raise KeyError("nothing helps")
