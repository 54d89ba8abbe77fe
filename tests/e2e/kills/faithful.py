"""A job that writes its start and end to a file, and does not allow overlaps."""

from kills.diary import append

from cronstack import Run, job


@job(timeout=3)
def faithful(run: Run) -> str:
    append(run, "start")
    append(run, "end")
    return "done"
