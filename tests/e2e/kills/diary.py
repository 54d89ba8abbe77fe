"""What the handlers of this package do outside the cloud: a line for each start and end, on disk before they go on."""

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
