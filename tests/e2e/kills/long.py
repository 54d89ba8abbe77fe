"""Jobs of a quarter of an hour: each writes down that it begins, and works as long as its input says."""

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
