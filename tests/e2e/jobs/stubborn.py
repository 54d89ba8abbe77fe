"""A job that retries until its third attempt. Each attempt reads the checkpoint of the last one."""

from cronstack import Run, job
from jobs.patient import append


@job(retries=3, timeout=20)
def stubborn(run: Run) -> dict[str, object]:
    append(run, "start")
    if run.attempt < 3:
        run.checkpoint({"got_to": run.attempt})
        run.retry(after=run.input.get("after", 1), why="not yet")
    return {"resumed": run.resume}
