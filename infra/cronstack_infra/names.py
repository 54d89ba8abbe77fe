"""Physical names and stack outputs: what ``aws`` writes and operators' tools look up. Pure.

Functions, schedules and the group have fixed names, made of the stack's and the job's, so that a person finds them
in any console and ``ops`` needs no listing. What holds data (the ledger, the queues) is named by CloudFormation, so
that a retained one never blocks the next deploy; its name is a stack output.

CloudFormation identifies a schedule by its name without the group, so schedule names carry the stack's name, too.
A job's name cannot contain ".", so ``shop-stats.2`` (the second schedule of ``stats``) reads back without doubt.
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

DEPLOY_CHECK_FUNCTION: Final = "SharedDeployCheckFunction"
"""Logical id of the deploy check's function; its generated name contains it."""

_ONCE_OUTPUT: Final = re.compile(r"Once[0-9a-f]{8}")

Origin = Literal["delivery", "handler"]
"""Where dead letters come from: Scheduler could not deliver an event, or a run failed for good or was missed."""
QUEUE_IDS: Final[Mapping[Origin, str]] = {
    "delivery": "SharedDeliveryDeadLetters",
    "handler": "SharedHandlerDeadLetters",
}
"""Logical ids of the two queues of a stack. CloudFormation makes the queues' names of them."""

LONGEST: Final = 64
"""Characters AWS allows in a function's, a schedule's, a group's and a role's name."""
LONGEST_QUEUE: Final = 80
"""Characters SQS allows in a queue's name."""
_CHANCE: Final = 13
"""Characters, at most, of chance that CloudFormation appends to a name."""


def stack_name(project: str, jobs_package: str) -> str:
    """Stack of a jobs package: the project's own jobs have the project's name, ``examples`` get "shop-examples"."""
    return project if jobs_package == "jobs" else f"{project}-{jobs_package}"


def stack_outputs(described: Mapping[str, Any]) -> dict[str, str]:
    """Return the outputs of a stack, by name. ``described`` is the stack as DescribeStacks returns it."""
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}


def group_name(stack: str) -> str:
    return stack


def carriers_group(stack: str) -> str:
    """Of the carriers, which the jobs make themselves: the group of the declared schedules stays what was deployed."""
    return f"{stack}-carriers"


def once_group(stack: str) -> str:
    """Of what application code schedules. It exists in each stack."""
    return f"{stack}-once"


def once_output(job: str) -> str:
    """Output that tells a server, or an operator's tool, how such a job is reached: a ``Wiring`` as JSON."""
    return f"Once{sha256(job.encode()).hexdigest()[:8]}"


def is_once_output(output: str) -> bool:
    return _ONCE_OUTPUT.fullmatch(output) is not None


def queue_prefix(stack: str, origin: Origin) -> str | None:
    """Return what the name of each queue begins with that this stack has, or had before a replacement.

    A replaced queue stays, with the letters in it, and schedules that were made before keep sending letters there.
    None where the stack's name is so long that CloudFormation shortens the queue's name, by a rule that it does not
    document.
    """
    prefix = f"{stack}-{QUEUE_IDS[origin]}-"
    return prefix if len(prefix) + _CHANCE <= LONGEST_QUEUE else None


def origin_of_queue(stack: str, queue: str) -> Origin | None:
    """Return which letters a queue holds, judged by its name. None for a queue that is not of this stack."""
    for origin in QUEUE_IDS:
        prefix = queue_prefix(stack, origin)
        if prefix is not None and queue.startswith(prefix) and queue[len(prefix) :].isalnum():
            return origin
    return None


def function_name(stack: str, job: str) -> str:
    return f"{stack}-{job}"


def role_name(stack: str, job: str, region: str, kind: Literal["carrier", "once"]) -> str:
    """Name of the role with which a job's carriers, or its plans, are sent: the same whenever the job is declared.

    A one-time schedule keeps the ARN of its role. So the role of a job that is declared again must have the name it
    had. Roles belong to the account and not to a Region, so the Region is part of the name: at most 64 characters.
    ``region`` may be a token of the CDK.
    """
    digest = sha256(f"{stack}|{job}".encode()).hexdigest()[:8]
    return f"{stack[:16]}-{job[:12]}-{digest}.{region}-{kind}"


def schedule_name(stack: str, job: str, number: int) -> str:
    """``number`` counts the job's schedules from 1."""
    return f"{stack}-{job}.{number}"


def job_of_schedule(stack: str, schedule: str) -> str | None:
    """The job a schedule's name speaks of; None for a name that is not this stack's."""
    head, dot, number = schedule.rpartition(".")
    prefix = f"{stack}-"
    return head.removeprefix(prefix) if dot and number.isdigit() and head.startswith(prefix) else None


def job_of_carrier(schedule: str) -> str | None:
    """The job a carrier's name speaks of; of a longer name its first 20 characters and "…". None for another name."""
    parts = schedule.split(".")
    if len(parts) != 4 or parts[0] != "carrier":
        return None
    return parts[1] if schedule.startswith(carrier.prefix(parts[1])) else f"{parts[1]}…"


def job_of_plan(schedule: str) -> str | None:
    """The same of the one-time schedule of a plan, which tells the first 16 characters of a longer name."""
    parts = schedule.split(".")
    if len(parts) != 5 or parts[0] != "once":
        return None
    return parts[1] if schedule.startswith(schedules.prefix(parts[1])) else f"{parts[1]}…"


def longest_job_name(stack: str) -> int:
    """Characters a job's name may have in this stack (two digits are kept for the schedule's number)."""
    return LONGEST - len(stack) - len("-.99")
