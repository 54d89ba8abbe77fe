"""The file outside the cloud to which handlers write each start and end, with fsync."""

import json
import os
import time

from cronstack import Run


def append(run: Run, what: str) -> None:
    line = {"job": run.job, "occurrence": run.occurrence, "attempt": run.attempt, "what": what}
    line |= {"pid": os.getpid(), "at": time.time()}
    with open(run.input["effects"], "a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
