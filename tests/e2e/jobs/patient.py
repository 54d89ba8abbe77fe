"""Jobs whose effect can be counted from outside: each execution appends a line to a file, with fsync."""

import json
import os
import time

from cronstack import Run, at, job


def append(run: Run, what: str) -> None:
    line = json.dumps({"job": run.job, "occurrence": run.occurrence, "attempt": run.attempt, "what": what})
    with open(run.input["effects"], "a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


@job(timeout=30)
def patient(run: Run) -> str:
    append(run, "start")
    time.sleep(run.input.get("seconds", 0))
    append(run, "end")
    return "slept"


@job(
    schedule=at(os.environ.get("ONCE_AT", "2033-01-01T00:00:00"), timezone="Europe/Berlin"),
    input={"effects": os.environ.get("ONCE_EFFECTS", ""), "deploy": os.environ.get("ONCE_DEPLOY", "1")},
)
def once(run: Run) -> None:
    append(run, "fired")
