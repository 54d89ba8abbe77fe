"""``once`` for operators: the jobs of a deployment that code may schedule, and a ``Once`` with an operator's clients.

The outputs of the stack contain the wiring of each such job, in the same form as the environment of application code.
So a tool on a laptop does exactly what that code does; only the credentials differ. Operators may also read runs, which
application code may not: they see the run of a key after its plan has started.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cronstack import clock
from cronstack.entropy import SYSTEM, Randomness
from cronstack.errors import OperationError
from cronstack.ledger.listings import MOST_ROWS
from cronstack.ledger.open_runs import is_planned_again
from cronstack.ledger.partitions import open_lists
from cronstack.ledger.rows import OPEN, PLAN_STATUSES
from cronstack.occurrence import print_time
from cronstack.onetime import schedules
from cronstack.onetime.once import Once
from cronstack.onetime.planner import Plan, plan_of
from cronstack.onetime.schedules import Wiring
from cronstack.transport import Botocore
from cronstack_infra import names
from cronstack_infra.ops.deployment import Clients, Deployment
from cronstack_infra.ops.ledger import keyed
from cronstack_infra.ops.ledger.reader import Reader, Seen, chunks, ignore
from cronstack_infra.ops.runs import RunRow, find_run, row_of

SERVICES: Final = ("dynamodb", "scheduler")


@dataclass(frozen=True)
class PlannedKey:
    """A key in the ledger: its plan, and its run after the plan has started."""

    plan: Plan
    run: RunRow | None

    @property
    def status(self) -> str:
        """Status of the run, else of the plan; "" if the ledger has neither."""
        return self.plan.status if self.run is None else self.run.status

    def as_json(self) -> Mapping[str, Any]:
        """Return it as the command line prints it. "status" is the plan's; "run" is as in ``cronstack runs --json``."""
        return {**plan_as_json(self.plan), "run": None if self.run is None else self.run.as_json()}


def wirings(deployment: Deployment) -> dict[str, Wiring]:
    """Return the wiring of each job that code may schedule, by job name. Raise OperationError for invalid outputs."""
    wiring_by_job = {}
    for output, text in deployment.outputs.items():
        wiring = _read(text)
        if wiring is not None and names.once_output(wiring.job) == output:
            wiring_by_job[wiring.job] = wiring
        elif names.is_once_output(output):
            raise OperationError(
                f"the output {output} of the stack {deployment.stack} is not in the format of this Cronstack version",
                remedy="Another version of Cronstack deployed the stack: use that version, or deploy again.",
            )
    return dict(sorted(wiring_by_job.items()))


def wiring_of(deployment: Deployment, job: str) -> Wiring:
    """Return the wiring of one job. Raise OperationError listing the jobs that code may schedule."""
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
    """Return a ``Once`` with these clients. It raises OperationError for a job that code may not schedule."""
    for service in SERVICES:
        clients(service)  # created here, because threads would each create their own
    return Once(
        wiring=lambda job: wiring_of(deployment, job),
        transport=Botocore(clients),
        now=now,
        monotonic=monotonic,
        sleep=sleep,
        randomness=randomness,
    )


def list_plans(once: Once, jobs: Iterable[str], *, prefix: str = "", status: str | None = None) -> Iterator[Plan]:
    """Yield the plans of some jobs that the ledger still stores, unordered. ``status``: of the plans."""
    for job in jobs:
        yield from once.list(job, prefix=prefix, status=status)


def list_keys(
    dynamodb: Any,
    deployment: Deployment,
    once: Once,
    jobs: Iterable[str],
    *,
    now: datetime,
    prefix: str = "",
    status: str | None = None,
    seen: Seen = ignore,
) -> Iterator[PlannedKey]:
    """Yield the keys of some jobs with their plans and runs, unordered. ``status``: as ``Key.status``, or "begun".

    "begun" selects all started plans, whatever the status of their runs. The index lists runs that wait or have failed:
    for such a status only the plans of these runs are read.
    """
    reader = Reader(dynamodb, deployment.ledger, seen=seen)
    for job in jobs:
        if status is not None and status in OPEN:
            keys = _open_keys(reader, job, now, prefix, status)
        else:
            of_plan = status if status in PLAN_STATUSES else None
            keys = _all_keys(reader, job, now, once.list(job, prefix=prefix, status=of_plan), seen)
        yield from (key for key in keys if status in (None, "begun", key.status))


def find_key(dynamodb: Any, deployment: Deployment, once: Once, job: str, key: str, now: datetime) -> PlannedKey:
    """Return the plan and the run of one key."""
    plan = once.get(job, key)
    run = find_run(dynamodb, deployment, job, plan.occurrence, now)
    planned_again = run is not None and run.status == "missed" and run.revision < plan.revision
    return PlannedKey(plan, None if planned_again else run)


def _all_keys(reader: Reader, job: str, now: datetime, plans: Iterator[Plan], seen: Seen) -> Iterator[PlannedKey]:
    read = 0
    for chunk in chunks(plans, MOST_ROWS):
        read += len(chunk)
        seen(read)
        runs = keyed.runs_of(reader, job, [plan.key for plan in chunk if plan.status in ("begun", "missed")])
        for plan in chunk:
            run = runs.get(plan.key)
            yield PlannedKey(plan, None if run is None else row_of(job, run, now))


def _open_keys(reader: Reader, job: str, now: datetime, prefix: str, status: str) -> Iterator[PlannedKey]:
    lists = [name for name in open_lists(job, by_code=True) if name not in open_lists(job, by_code=False)]
    runs = keyed.open_runs(reader, lists)
    for chunk in chunks(run for run in runs if run.status == status and run.key.startswith(prefix)):
        plans = keyed.plans_of(reader, job, [run.key for run in chunk])
        for run in chunk:
            if run.key in plans and not is_planned_again(run, plans[run.key]):
                yield PlannedKey(plan_of(job, plans[run.key]), row_of(job, run, now))


def schedule_of(wiring: Wiring, plan: Plan) -> str:
    """Return the name of a plan's schedule, with its group; "" for a plan that no longer has one."""
    return f"{wiring.group}/{schedules.name(plan.job, plan.key, plan.revision)}" if plan.status == "planned" else ""


def plan_as_json(plan: Plan) -> Mapping[str, Any]:
    """Return a plan as the command line prints it."""
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
    }


def _read(text: str) -> Wiring | None:
    """Return the wiring in an output; None for an output that contains something else."""
    try:
        return Wiring.read(text)
    except (ValueError, TypeError):
        return None
