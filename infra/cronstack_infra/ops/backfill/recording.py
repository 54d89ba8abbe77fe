"""The plan of a backfill as one row of the ledger, so that an interrupted backfill can be continued.

The row of the action (see ``ops.audit``) is written before the first event is sent. Its details contain the span and
the aims. So a later command carries out the same plan, also after new runs have changed the ledger: without the row,
a second "all" could not distinguish a run of the first one from a run before it.

The aims are stored by the times at which they change. Most backfills have one aim for all their occurrences, so the row
stays within 1 KB.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack.errors import OperationError
from cronstack.occurrence import print_time, to_datetime, to_milliseconds
from cronstack_infra.ops.audit import Action, actions_between, announce, find_action
from cronstack_infra.ops.backfill.aims import KINDS, Aim, DueOccurrence, Kind
from cronstack_infra.ops.backfill.planning import BackfillPlan, plan_of_aims
from cronstack_infra.ops.deployment import Clients, Deployment

ACTION: Final = "backfill"
MOST_CHANGES: Final = 10_000
"""Most changes of the aim in one plan. DynamoDB's rows have at most 400 KB."""
LOOKED_BACK: Final = timedelta(days=35)
"""Time for which an earlier backfill of the same span is looked for: the ledger keeps runs that long."""

_MILLISECOND: Final = timedelta(milliseconds=1)
"""A recorded time is cut to milliseconds, so an occurrence that was due in that millisecond would be left out."""

Change = tuple[int, ...]
"""Epoch seconds from which an aim applies, its generation, and the attempt that it redrives. Generation 0: no aim."""


@dataclass(frozen=True)
class Recorded:
    """A backfill that was recorded."""

    id: str
    at: datetime
    kind: Kind
    first: datetime
    last: datetime
    changes: tuple[Change, ...]

    def aim_of(self, due: datetime) -> Aim | None:
        """Return the aim of an occurrence."""
        place = bisect_right(self.changes, to_milliseconds(due) // 1000, key=lambda change: change[0])
        if place == 0:
            return None
        _, generation, *redrive = self.changes[place - 1]
        return Aim(generation, *redrive) if generation else None


def record_backfill(
    clients: Clients, deployment: Deployment, plan: BackfillPlan, *, now: datetime, reason: str = ""
) -> Recorded:
    """Record the plan. Raise OperationError if that fails, or if the plan is too irregular for one row."""
    changes = _changes(plan.planned)
    if len(changes) > MOST_CHANGES:
        raise OperationError(
            f"the plan of {len(plan.planned):,} occurrences is too irregular to be recorded in one row",
            remedy="Take a shorter span.",
        )
    details = {
        "kind": plan.kind,
        "from": print_time(to_milliseconds(plan.first)),
        "to": print_time(to_milliseconds(plan.last)),
        "count": len(plan.missing),
        "aims": [list(change) for change in changes],
    }
    written = announce(clients, deployment, plan.job.name, ACTION, now=now, reason=reason, details=details)
    return Recorded(written.id, written.at, plan.kind, plan.first, plan.last, changes)


def record_continuation(
    clients: Clients, deployment: Deployment, job: str, recorded: Recorded, *, now: datetime, reason: str = ""
) -> None:
    """Record that the caller continues a backfill. Raise OperationError if that fails."""
    announce(clients, deployment, job, ACTION, now=now, reason=reason, details={"continues": recorded.id})


def find_backfill(clients: Clients, deployment: Deployment, job: str, id: str, *, now: datetime) -> Recorded:
    """Return a recorded backfill. Raise OperationError if the ledger has none with this id, or an older one.

    After ``LOOKED_BACK``, the rows of its runs may have expired, and what has ended would run again.
    """
    action = find_action(clients("dynamodb"), deployment.ledger, job, id)
    recorded = None if action is None else _read(action)
    if recorded is None:
        raise OperationError(
            f"the ledger has no backfill {id} of {job}", remedy=f"List them: cronstack audit {job} --action {ACTION}"
        )
    if recorded.at < now - LOOKED_BACK:
        raise OperationError(
            f"the backfill {id} of {job} is older than {LOOKED_BACK.days} days, so the ledger may not show any more"
            " which of its occurrences have ended",
            remedy=f"Plan a new one: cronstack backfill {job} {recorded.kind} --from … --to …",
        )
    return recorded


def find_same(clients: Clients, deployment: Deployment, plan: BackfillPlan, *, now: datetime) -> Recorded | None:
    """Return the latest backfill with the job, the kind and the span of a plan; None if none exists."""
    rows = actions_between(clients("dynamodb"), deployment.ledger, plan.job.name, now - LOOKED_BACK, now)
    same = (plan.kind, _second(plan.first), _second(plan.last))
    for action in rows:
        recorded = _read(action)
        if recorded is not None and (recorded.kind, recorded.first, recorded.last) == same:
            return recorded
    return None


def plan_to_continue(
    clients: Clients, deployment: Deployment, job: str, recorded: Recorded, *, now: datetime
) -> BackfillPlan:
    """Return the plan of a recorded backfill, with what has ended since."""
    return plan_of_aims(
        clients,
        deployment,
        job,
        recorded.kind,
        recorded.aim_of,
        first=recorded.first,
        last=recorded.last,
        before=recorded.at + _MILLISECOND,
        now=now,
    )


def _changes(planned: tuple[DueOccurrence, ...]) -> tuple[Change, ...]:
    changes: list[Change] = []
    for each in planned:
        aim: Change = (0,)
        if not each.earlier_result:
            aim = (each.generation,) if each.redrive is None else (each.generation, each.redrive)
        if not changes or changes[-1][1:] != aim:
            changes.append((to_milliseconds(each.due) // 1000, *aim))
    return tuple(changes)


def _read(action: Action) -> Recorded | None:
    """Return the backfill of an action; None for another action, or for details of an unknown form."""
    details: Mapping[str, Any] = action.details
    kind: Kind | None = next((kind for kind in KINDS if kind == details.get("kind")), None)
    if action.action != ACTION or kind is None:
        return None
    try:
        first, last = (_time(details[name]) for name in ("from", "to"))
        changes = tuple(tuple(int(number) for number in change) for change in details["aims"])
    except (KeyError, TypeError, ValueError):
        return None
    return Recorded(action.id, action.at, kind, first, last, changes)


def _time(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def _second(moment: datetime) -> datetime:
    return to_datetime(to_milliseconds(moment) // 1000 * 1000)
