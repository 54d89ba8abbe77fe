"""Once, at a given moment: a one-time schedule.

``EXAMPLES_LAUNCH_AT`` moves the launch when the stack is synthesized: the demo does not want to wait. In Lambda the
variable is absent, and one day the moment is past; neither matters there, because ``@job`` only records what it is
told, and what fires is the deployed schedule.
"""

import os

from cronstack import Run, at, job

LAUNCH = os.environ.get("EXAMPLES_LAUNCH_AT", "2033-01-01T00:00:00")


@job(schedule=at(LAUNCH, timezone="America/New_York"), retries=2, timeout=30)
def launch(run: Run) -> dict[str, str]:
    run.log.info("lift-off", extra={"key": run.key})  # The key to give to whatever must not happen twice.
    return {"lift_off": run.scheduled.isoformat()}
