"""Jobs with a timeout of 15 minutes. Each writes its start to a file, and sleeps for the seconds of its input."""

import time

from kills.diary import append

from cronstack import Run, job


def work(run: Run) -> str:
    append(run, "start")
    time.sleep(run.input["seconds"])
    append(run, "end")
    return "done"


alone = job(name="alone", timeout=900)(work)
followed = job(name="followed", timeout=900)(work)
