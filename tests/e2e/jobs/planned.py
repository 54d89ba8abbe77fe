"""A job for plans of ``once``. It appends a line to a file for each attempt, and can fail."""

from cronstack import Run, job, once


@job(schedule=once(), retries=0, timeout=20)
def planned(run: Run) -> dict[str, object]:
    with open(str(run.input["effects"]), "a", encoding="utf-8") as effects:
        effects.write(f"{run.occurrence}\n")
    if run.input.get("fails"):
        raise ValueError("fails by its input")
    return {"attempt": run.attempt}
