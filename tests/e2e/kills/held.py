"""A job that never runs over itself: it holds its lease until a file exists, or ends as its input says."""

import os
import time

from kills.diary import append

from cronstack import PermanentError, Run, job


@job(timeout=20, retries=1)
def held(run: Run) -> str:
    append(run, "start")
    if run.input.get("fails") == "for good":
        raise PermanentError("no such customer")
    if run.input.get("fails") == "for now":
        run.retry(after=3600, why="not yet")
    while not os.path.exists(run.input["until"]):
        time.sleep(0.01)
    append(run, "end")
    return "done"
