"""Run once, at a given time: a one-time schedule.

``EXAMPLES_LAUNCH_AT`` moves the launch when the stack is synthesized, so that the demo need not wait. In Lambda the
variable is missing, and one day the time is past. Neither matters there: ``@job`` only records its arguments, and the
deployed schedule fires.
"""

import os

from cronstack import Run, at, job

LAUNCH = os.environ.get("EXAMPLES_LAUNCH_AT", "2033-01-01T00:00:00")


@job(schedule=at(LAUNCH, timezone="America/New_York"), retries=2, timeout=30)
def launch(run: Run) -> dict[str, str]:
    run.log.info("lift-off", extra={"key": run.key})  # The idempotency key for external calls.
    return {"lift_off": run.scheduled.isoformat()}
