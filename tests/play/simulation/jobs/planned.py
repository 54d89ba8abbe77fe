"""By code only."""

from cronstack import Run, job, once


@job(schedule=once())
def planned(run: Run) -> str:
    return str(run.input["order"])
