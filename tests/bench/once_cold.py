"""Cost of ``from cronstack import once`` and the first ``once.schedule`` in a new process, compared with an empty one.

    python -m tests.bench.once_cold

Each measurement is a whole process. The programs take turns; the result is the median of seven. The first call uses a
transport with prepared answers, so only the code is measured. For comparison: the creation of botocore's clients for
DynamoDB and Scheduler, which Cronstack cannot avoid.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Final

from cronstack.onetime.schedules import Wiring
from cronstack.settings import once_variable

ROUNDS = 7
ROOT = Path(__file__).parents[2]
ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:shop-remind"
WIRING: Final = Wiring(
    "remind",
    "ledger",
    "shop-once",
    "arn:aws:iam::123456789012:role/once",
    ARN,
    "arn:aws:sqs:us-east-1:123456789012:dead",
)
ENVIRONMENT: Final = {
    once_variable("remind"): WIRING.text(),
    "AWS_DEFAULT_REGION": "us-east-1",
    "PYTHONPATH": str(ROOT / "functions"),
}

SCHEDULE: Final = """
from cronstack.onetime.once import Once

answered = Once(transport=lambda operation, parameters, timeout: {{}})
plan = answered.schedule("remind", key="order-1", {when}, input={{"order": 1}})
assert plan.outcome == "planned", plan
"""
FROM_NOW: Final = SCHEDULE.format(when="after=259200")
IN_A_ZONE: Final = SCHEDULE.format(when='at="2190-03-28T09:00", timezone="Europe/Berlin"')
CLIENTS: Final = """
from botocore.session import get_session
for service in ("dynamodb", "scheduler"):
    get_session().create_client(service)
"""
PROGRAMS: Final = {
    "pass": "pass",
    "from cronstack import job, Run": "from cronstack import job, Run",
    "from cronstack import job, once, Run": "from cronstack import job, once, Run",
    "… and the first once.schedule(after=…)": FROM_NOW,
    "… with a zone by its name": IN_A_ZONE,
    "botocore's two clients": CLIENTS,
}
HEAVY: Final = ("aws_cdk", "moto", "boto3", "botocore", "cronstack_infra", "ssl", "http", "email", "concurrent.futures")
"""Modules that neither the import nor a call with prepared answers may load."""


def run(program: str) -> float:
    """Return the duration of a whole process in seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment(), check=True, timeout=60)
    return time.perf_counter() - started


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | ENVIRONMENT


def loaded(program: str) -> set[str]:
    """Return the modules that a program loads, except those of an empty one."""
    reporting = f"{program}\nimport json, sys; print(json.dumps([m for m in sys.modules if m not in before]))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; before = set(sys.modules)\n{reporting}"],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout))


def main() -> None:
    for program in PROGRAMS.values():
        run(program)  # byte-compiles
    rounds = [[run(program) for program in PROGRAMS.values()] for _ in range(ROUNDS)]
    medians = [median(column) for column in zip(*rounds, strict=True)]
    for (name, program), took in zip(PROGRAMS.items(), medians, strict=True):
        modules = loaded(program)
        own = sum(name.partition(".")[0] == "cronstack" for name in modules)
        print(f"{name:40}{took * 1000:>7.0f} ms{took / medians[0]:>7.1f} x{len(modules):>6} modules, {own} of ours")


if __name__ == "__main__":
    main()
