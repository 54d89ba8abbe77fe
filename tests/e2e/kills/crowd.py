"""Three jobs, one for each overlap policy. Each writes its start and its end to a file."""

import time

from kills.diary import append

from cronstack import Run, job


def work(run: Run) -> str:
    append(run, "start")
    time.sleep(0.01)
    append(run, "end")
    return "done"


skips = job(name="skips", overlap="skip", timeout=12)(work)
buffers = job(name="buffers", overlap="buffer_one", timeout=12)(work)
allows = job(name="allows", overlap="allow", timeout=12)(work)
