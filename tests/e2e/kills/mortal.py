"""A job to be killed. It first writes each start and end to a file, with its process id."""

import time

from kills.diary import append

from cronstack import Run, job


@job(overlap="allow", timeout=9, retries=1)
def mortal(run: Run) -> str:
    append(run, "start")
    time.sleep(run.input["seconds"])
    append(run, "end")
    return "lived"
