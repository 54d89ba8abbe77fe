"""A job that writes down that it ran, and never runs over itself."""

from kills.diary import append

from cronstack import Run, job


@job(timeout=3)
def faithful(run: Run) -> str:
    append(run, "start")
    append(run, "end")
    return "done"
