"""A job that fails on purpose: its configuration has a comma instead of a decimal point.

It is not retried (``retries=0``), so its occurrence becomes a dead letter at once. The occurrence is not lost: fix the
function's variable ``EXCHANGE_RATE``, and ``cronstack dead-letters redrive`` runs the same occurrence again.
"""

import os

from cronstack import Run, cron, job


@job(schedule=cron("0 7 ? * MON-FRI *", timezone="Europe/Berlin"), retries=0, env={"EXCHANGE_RATE": "1,3194"})
def broken(run: Run) -> dict[str, float]:
    euros = float(run.input.get("euros", 100))
    rate = float(os.environ["EXCHANGE_RATE"])
    return {"euros": euros, "dollars": round(euros * rate, 2)}
