"""A job that fails until a file exists."""

import os

from cronstack import Run, cron, job


@job(schedule=cron("0 6 * * ? *", timezone="Europe/Berlin"), retries=0, timeout=20)
def fragile(run: Run) -> dict[str, object]:
    needed = run.input.get("needs")
    if needed and not os.path.exists(needed):
        raise FileNotFoundError(f"no {needed}")
    return {"day": f"{run.scheduled:%Y-%m-%d}", "attempt": run.attempt}
