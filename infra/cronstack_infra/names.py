"""Physical names of resources, and names of stack outputs. ``aws`` creates them, operators' tools look them up. Pure.

Functions, schedules and the group have fixed names, made of the names of stack and job. So users find them in the
console, and ``ops`` needs no listing. CloudFormation names the ledger and the queues, so that a retained one never
blocks the next deploy. Their names are stack outputs.

CloudFormation identifies a schedule by its name without the group, so schedule names also contain the stack's name.
A job's name cannot contain ".", so ``shop-stats.2`` (the second schedule of ``stats``) is unambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal

from cronstack.guard import carrier
from cronstack.onetime import schedules

OUTPUT_LEDGER: Final = "Ledger"
OUTPUT_DELIVERY_DEAD_LETTERS: Final = "DeliveryDeadLetters"
OUTPUT_HANDLER_DEAD_LETTERS: Final = "HandlerDeadLetters"
OUTPUT_GROUP: Final = "ScheduleGroup"
OUTPUT_ALARM_TOPIC: Final = "AlarmTopic"

WATCHDOG: Final = "watchdog"
"""Name of the job of Cronstack itself. No other job may have it."""
WATCHDOG_CONTEXT: Final = "cronstack:watchdog"
"""Context key: whether the stack has the watchdog."""
ALWAYS: Final = "always"
"""Value of ``WATCHDOG_CONTEXT``: simulations and the fixture ``cloud`` deploy the watchdog, too."""

DEPLOY_CHECK_FUNCTION: Final = "SharedDeployCheckFunction"
"""Logical id of the deploy check's function. The generated name of the function contains it."""

_ONCE_OUTPUT: Final = re.compile(r"Once[0-9a-f]{8}")

Origin = Literal["delivery", "handler"]
"""Origin of dead letters. delivery: Scheduler could not deliver the event. handler: the run failed or was missed."""
QUEUE_IDS: Final[Mapping[Origin, str]] = {
    "delivery": "SharedDeliveryDeadLetters",
    "handler": "SharedHandlerDeadLetters",
}
"""Logical ids of the two queues of a stack. CloudFormation derives the queues' names from them."""

LONGEST: Final = 64
"""Most characters in the name of a function, schedule, group or role."""
LONGEST_QUEUE: Final = 80
"""Most characters in the name of a queue."""
_RANDOM: Final = 13
"""Most random characters that CloudFormation appends to a name."""


def stack_name(project: str, jobs_package: str) -> str:
    """Return the stack of a package: "shop" for the package ``jobs``, "shop-examples" for ``examples``."""
    return project if jobs_package == "jobs" else f"{project}-{jobs_package}"


def stack_outputs(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs of a stack, by name. ``described`` is the stack as DescribeStacks returns it."""
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}


def group_name(stack: str) -> str:
    return stack


def carriers_group(stack: str) -> str:
    """Return the group of the carriers. Jobs create these, so they are not in the group of the deployed schedules."""
    return f"{stack}-carriers"


def once_group(stack: str) -> str:
    """Return the group of the schedules that application code creates. It exists in each stack."""
    return f"{stack}-once"


def once_output(job: str) -> str:
    """Return the output of a job with ``once()``. Its value is a ``Wiring`` as JSON, for code that schedules it."""
    return f"Once{sha256(job.encode()).hexdigest()[:8]}"


def is_once_output(output: str) -> bool:
    return _ONCE_OUTPUT.fullmatch(output) is not None


def queue_prefix(stack: str, origin: Origin) -> str | None:
    """Return the prefix of the queue names of this stack, also of queues that were replaced.

    A replaced queue is kept with its letters, and older schedules keep sending letters to it. Return None if the
    stack's name is so long that CloudFormation shortens the queue's name, by an undocumented rule.
    """
    prefix = f"{stack}-{QUEUE_IDS[origin]}-"
    return prefix if len(prefix) + _RANDOM <= LONGEST_QUEUE else None


def origin_of_queue(stack: str, queue: str) -> Origin | None:
    """Return the origin of the letters in a queue, by its name. Return None for a queue of another stack."""
    for origin in QUEUE_IDS:
        prefix = queue_prefix(stack, origin)
        if prefix is not None and queue.startswith(prefix) and queue[len(prefix) :].isalnum():
            return origin
    return None


def function_name(stack: str, job: str) -> str:
    return f"{stack}-{job}"


def role_name(stack: str, job: str, region: str, kind: Literal["carrier", "once"]) -> str:
    """Return the name of the role that sends a job's carriers or plans. It never changes.

    A one-time schedule keeps the ARN of its role. So the role of a job that is declared again needs the same name.
    Roles belong to the account, not to a Region, so the name contains the Region. It has at most 64 characters.
    ``region`` may be a token of the CDK.
    """
    digest = sha256(f"{stack}|{job}".encode()).hexdigest()[:8]
    return f"{stack[:16]}-{job[:12]}-{digest}.{region}-{kind}"


def schedule_name(stack: str, job: str, number: int) -> str:
    """Return the name of a declared schedule. ``number`` counts the job's schedules from 1."""
    return f"{stack}-{job}.{number}"


def job_of_schedule(stack: str, schedule: str) -> str | None:
    """Return the job of a schedule, by its name. Return None for a schedule of another stack."""
    head, dot, number = schedule.rpartition(".")
    prefix = f"{stack}-"
    return head.removeprefix(prefix) if dot and number.isdigit() and head.startswith(prefix) else None


def job_of_carrier(schedule: str) -> str | None:
    """Return the job of a carrier, by its name: at most 20 characters, then "…". None for another schedule."""
    parts = schedule.split(".")
    if len(parts) != 4 or parts[0] != "carrier":
        return None
    return parts[1] if schedule.startswith(carrier.prefix(parts[1])) else f"{parts[1]}…"


def job_of_plan(schedule: str) -> str | None:
    """Return the job of a plan's schedule, by its name: at most 16 characters, then "…". None for another schedule."""
    parts = schedule.split(".")
    if len(parts) != 5 or parts[0] != "once":
        return None
    return parts[1] if schedule.startswith(schedules.prefix(parts[1])) else f"{parts[1]}…"


def longest_job_name(stack: str) -> int:
    """Return the most characters of a job's name in this stack. Two digits are reserved for the schedule's number."""
    return LONGEST - len(stack) - len("-.99")
