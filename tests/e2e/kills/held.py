"""A job without overlaps that holds its lease until a file exists, or fails as its input requests."""

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
