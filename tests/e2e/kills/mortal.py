"""A job to be killed: it writes down each start and end, with its process, before anything else can happen."""

import time

from kills.diary import append

from cronstack import Run, job


@job(overlap="allow", timeout=9, retries=1)
def mortal(run: Run) -> str:
    append(run, "start")
    time.sleep(run.input["seconds"])
    append(run, "end")
    return "lived"
