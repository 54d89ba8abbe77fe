"""``once`` for operators: which jobs of a deployment code may schedule, and a ``Once`` over an operator's own clients.

The stack tells by its outputs how each such job is reached, in the words that application code is told by its
environment. So a tool on a laptop does exactly what that code does; only the credentials differ.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from cronstack import clock
from cronstack.entropy import SYSTEM, Randomness
from cronstack.errors import OperationError
from cronstack.occurrence import print_time
from cronstack.onetime import schedules
from cronstack.onetime.once import Once
from cronstack.onetime.planner import Plan
from cronstack.onetime.schedules import Wiring
from cronstack.transport import Botocore
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment

SERVICES: Final = ("dynamodb", "scheduler")


def wirings(deployment: Deployment) -> dict[str, Wiring]:
    """How each job that code may schedule is reached, by its name. Raises OperationError for what cannot be read."""
    found = {}
    for output, text in deployment.outputs.items():
        wiring = _read(text)
        if wiring is not None and names.once_output(wiring.job) == output:
            found[wiring.job] = wiring
        elif names.is_once_output(output):
            raise OperationError(
                f"the output {output} of the stack {deployment.stack} is not what this Cronstack writes",
                remedy="Another version of it has deployed the stack: use that one, or deploy again.",
            )
    return dict(sorted(found.items()))


def wiring_of(deployment: Deployment, job: str) -> Wiring:
    """Of one job. Raises OperationError that knows which jobs code may schedule."""
    known = wirings(deployment)
    if job in known:
        return known[job]
    near = difflib.get_close_matches(job, known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise OperationError(
        f"code may not schedule a job {job!r} in the stack {deployment.stack}",
        remedy=f"{hint}It may schedule: {', '.join(known) or 'none'}. To allow it for a job:"
        " @job(schedule=once()), and deploy.",
    )


def once_of(
    clients: Clients,
    deployment: Deployment,
    *,
    now: Callable[[], int] = clock.now_ms,
    monotonic: Callable[[], float] = clock.monotonic,
    sleep: Callable[[float], None] = clock.sleep,
    randomness: Randomness = SYSTEM,
) -> Once:
    """What application code has, for whoever has these clients. Asked for another job it raises OperationError."""
    for service in SERVICES:
        clients(service)  # made here, before several threads would each make one
    return Once(
        wiring=lambda job: wiring_of(deployment, job),
        transport=Botocore(clients),
        now=now,
        monotonic=monotonic,
        sleep=sleep,
        randomness=randomness,
    )


def list_plans(once: Once, jobs: Iterable[str], *, prefix: str = "", status: str | None = None) -> Iterator[Plan]:
    """What code has scheduled for some jobs and the ledger still knows, in no order."""
    for job in jobs:
        yield from once.list(job, prefix=prefix, status=status)


def schedule_of(wiring: Wiring, plan: Plan) -> str:
    """Name of the schedule that brings a plan, with its group; "" once it is none any more."""
    return f"{wiring.group}/{schedules.name(plan.job, plan.key, plan.revision)}" if plan.status == "planned" else ""


def plan_as_json(plan: Plan) -> Mapping[str, Any]:
    """As the command line prints it."""
    known = plan.status != ""
    return {
        "job": plan.job,
        "key": plan.key,
        "occurrence": plan.occurrence,
        "status": plan.status or None,
        "due": print_time(plan.due) if known else None,
        "asked": plan.asked or None,
        "revision": plan.revision or None,
        "moves": plan.moves,
        "input": plan.input,
        "confirmed": plan.confirmed,
        "reason": plan.reason,
    }


def _read(text: str) -> Wiring | None:
    """None for the outputs that speak of something else."""
    try:
        return Wiring.read(text)
    except (ValueError, TypeError):
        return None
