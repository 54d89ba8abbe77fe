"""The requests that open an attempt: claim, takeover, and a claim without a lease. Pure.

Each is one conditional write. ``run_requests`` lists the changes and the statuses.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from cronstack.ledger.conditions import (
    BUFFERED,
    DEAD_AS_SEEN,
    FENCE_GROWS,
    FREE,
    HELD_AS_SEEN,
    MISSED,
    NEVER_STARTED,
    NOT_PAUSED,
    OPEN_WITHOUT_LEASE,
    PLAN_AS_SEEN,
    RUNNING_AS_SEEN,
    SAME_PAYLOAD,
    SAME_PLAN,
    SLOT_AS_SEEN,
    SLOT_FREE,
    STARTED_WITHOUT_LEASE,
    WAITS_FOR_AN_ATTEMPT,
)
from cronstack.ledger.partitions import lease_key, open_list, run_key
from cronstack.ledger.rows import FAILED, LeaseItem, RunItem
from cronstack.ledger.statements import alone, plan_values, transaction, update
from cronstack.occurrence import Occurrence
from cronstack.steps import Call


class Opening(NamedTuple):
    """The values that open an attempt, read once before the first send."""

    table: str
    occurrence: Occurrence
    holder: str
    fence: int
    now: int
    expires: int
    limit: int
    ttl: int
    """Epoch seconds, far in the future: deletes the run of a removed job."""

    @property
    def _values(self) -> dict[str, Any]:
        return {"holder": self.holder, "fence": self.fence, "expires": self.expires}


def claim(opening: Opening, run: RunItem | None, token: str, *, slot: str | None = None) -> Call:
    """Return the request that takes the free lease and opens an attempt of the occurrence, by the run that was seen.

    ``slot``: the occurrence that leaves the slot. It is this one, or one that no longer waits. Without ``slot``, an
    occurrence that has never started requires an empty slot, so that a waiting one goes first.
    """
    lease = _lease_update(opening, run, f"{FREE} AND {FENCE_GROWS}", {}, slot)
    return transaction(token, lease, _open(opening, run))


def take_over(
    opening: Opening,
    run: RunItem | None,
    lease: LeaseItem,
    token: str,
    *,
    mark_crashed: bool,
    slot: str | None = None,
) -> Call:
    """Return the request that claims an expired lease, and marks the run of its dead holder as crashed."""
    held = {"lease_holder": lease.holder, "beats": lease.beats}
    actions = [_lease_update(opening, run, HELD_AS_SEEN, held, slot), _open(opening, run)]
    if mark_crashed and lease.occurrence is not None and lease.occurrence != opening.occurrence.id:
        key = run_key(opening.occurrence.job, lease.occurrence)
        listed = open_list(opening.occurrence.job, lease.occurrence)
        values = {"run_holder": lease.holder, "now": opening.now, "listed": listed}
        crashed = "SET #status = :crashed, #ended = :now, #listed = :listed REMOVE #expires"
        actions.append(update(opening.table, key, crashed, "#status = :running AND #holder = :run_holder", values))
    return transaction(token, *actions)


def claim_without_lease(
    opening: Opening, run: RunItem | None, surely_past: int, *, rested: int | None = None, may_begin: bool = True
) -> Call:
    """Return the request that opens an attempt without a lease (overlap "allow", or a key). It returns the old item.

    ``surely_past``: a lease that ended before this time (epoch ms) has certainly ended; 0 while that is unknown.
    ``rested``: a retry at this time or earlier may start. Defaults to the time of the opening.
    ``may_begin``: False for a key whose plan is not known to be started. Then only an existing run is claimed.
    """
    occurrence = opening.occurrence
    key, values = run_key(occurrence.job, occurrence.id), _run_values(opening)
    if run is not None and run.status == "missed":
        return _claim_missed(opening, run)
    if run is not None and run.status == "dead":
        values |= {"before": run.attempt, "attempt": run.attempt + 1, "limit": run.attempt + opening.limit}
        change = f"{_OPEN}, #attempt = :attempt, #limit = :limit {_NOT_DEAD}"
        return alone(opening.table, key, change, f"{DEAD_AS_SEEN} AND {FENCE_GROWS}", values, shows="ALL_OLD")
    condition = f"{OPEN_WITHOUT_LEASE if may_begin else STARTED_WITHOUT_LEASE} AND {SAME_PAYLOAD} AND {FENCE_GROWS}"
    values |= {"zero": 0, "one": 1, "limit": opening.limit, "surely_past": surely_past} | _first_values(opening)
    values["rested"] = opening.now if rested is None else rested
    first = ["limit", "due", "payload"]
    if occurrence.revision is not None:
        condition, values = f"{condition} AND {SAME_PLAN}", values | plan_values(occurrence)
        first += ["key", "revision"]
    change = (
        f"{_OPEN}, #attempt = if_not_exists(#attempt, :zero) + :one, "
        + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in first)
        + f" {_NOT_WAITING}"
    )
    return alone(opening.table, key, change, condition, values, shows="ALL_OLD")


def _claim_missed(opening: Opening, run: RunItem) -> Call:
    """Return the request that claims a missed run without a lease: a redrive, or a later plan of its key."""
    of = opening.occurrence
    change, condition, values = _open_first(opening, run)
    if of.revision is not None:
        condition, values = f"{condition} AND {PLAN_AS_SEEN}", values | plan_values(of) | {"seen": run.revision}
        change = change.replace(" REMOVE ", ", #key = :key, #revision = :revision REMOVE ", 1)
    condition = f"{condition} AND {FENCE_GROWS}"
    return alone(opening.table, run_key(of.job, of.id), change, condition, values, shows="ALL_OLD")


_OPEN: Final = (
    "SET #status = :running, #holder = :holder, #fence = :fence, #expires = :expires, #started = :now, #ttl = :ttl,"
    " #v = :v"
)
# ``listed`` and ``event`` stay until success: this attempt may be killed, too, and operators must find its run.
_NOT_DEAD: Final = "REMOVE #ended, #reason, #reported"
_NOT_WAITING: Final = "REMOVE #ended, #reason, #after"
_HOLD: Final = (
    "SET #holder = :holder, #occurrence = :occurrence, #expires = :expires, #fence = :fence, #beats = :zero, #v = :v"
)


def _lease_update(
    opening: Opening, run: RunItem | None, condition: str, seen: dict[str, Any], slot: str | None
) -> dict[str, Any]:
    values, change = opening._values | {"occurrence": opening.occurrence.id, "zero": 0} | seen, _HOLD
    if slot is not None:
        change, condition = f"{_HOLD} REMOVE #buffered", f"{condition} AND {SLOT_AS_SEEN}"
        values["slot"] = slot
    elif run is None or run.status == "missed":
        condition = f"{condition} AND {SLOT_FREE}"
    if not opening.occurrence.while_paused:
        condition = f"{condition} AND {NOT_PAUSED}"
    return update(opening.table, lease_key(opening.occurrence.job), change, condition, values)


def _run_values(opening: Opening) -> dict[str, Any]:
    return opening._values | {"now": opening.now, "ttl": opening.ttl}


def _first_values(opening: Opening) -> dict[str, Any]:
    return {"due": opening.occurrence.due, "payload": opening.occurrence.payload}


def _open(opening: Opening, run: RunItem | None) -> dict[str, Any]:
    """Return the run's part of a claim. The condition on the last attempt's number makes the next one unique."""
    key, values = run_key(opening.occurrence.job, opening.occurrence.id), _run_values(opening)
    if run is None or run.status in ("buffered", "missed"):
        change, condition, values = _open_first(opening, run)
        return update(opening.table, key, change, condition, values)
    values |= {"attempt": run.attempt + 1, "before": run.attempt}
    change = f"{_OPEN}, #attempt = :attempt"
    if run.status == "running":
        values |= {"run_holder": run.holder, "seen": run.saves}
        return update(opening.table, key, change, RUNNING_AS_SEEN, values)
    if run.status == "dead":
        values["limit"] = run.attempt + opening.limit
        change += f", #limit = :limit {_NOT_DEAD}"
        return update(opening.table, key, change, DEAD_AS_SEEN, values)
    change += f" {_NOT_WAITING}"
    return update(opening.table, key, change, WAITS_FOR_AN_ATTEMPT, values)


def _open_first(opening: Opening, run: RunItem | None) -> tuple[str, str, dict[str, Any]]:
    """Return the change, the condition and the values that open the first attempt."""
    change = f"{_OPEN}, #attempt = :attempt, #limit = :limit, #due = :due, #payload = :payload"
    values = _run_values(opening) | {"attempt": 1, "limit": opening.limit} | _first_values(opening)
    if run is None or run.status == "buffered":
        return change, NEVER_STARTED if run is None else BUFFERED, values
    return f"{change} REMOVE #ended, #reason, #error, #event, #listed, #reported", MISSED, values


def attempt_of(run: RunItem | None) -> int:
    """Return the number of the attempt that a claim of this run opens."""
    return 1 if run is None else run.attempt + 1  # a buffered or missed run has had no attempt


def limit_of(run: RunItem | None, limit: int) -> int:
    """Return the most attempts of a run after a claim. A redrive adds ``limit`` attempts."""
    if run is None or run.status == "buffered":
        return limit
    return run.attempt + limit if run.status in FAILED else run.limit
