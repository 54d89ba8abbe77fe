"""Jobs to be killed that do not allow overlaps. A killed attempt leaves its lease behind."""

import time

from kills.diary import append

from cronstack import Run, job


def work(run: Run) -> str:
    append(run, "start")
    time.sleep(run.input["seconds"])
    append(run, "end")
    return "lived"


guarded_0 = job(name="guarded_0", timeout=9, retries=1)(work)
guarded_1 = job(name="guarded_1", timeout=9, retries=1)(work)
guarded_2 = job(name="guarded_2", timeout=9, retries=1)(work)
guarded_3 = job(name="guarded_3", timeout=9, retries=1)(work)
