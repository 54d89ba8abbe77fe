"""Every request that the guard makes of the ledger table, with its named conditions. Pure.

``items`` reads what these requests write, and ``partitions`` says where it lies: one **lease item** of a job, which is
never deleted, and one **run item** per occurrence. ``statements`` writes the requests, and adds to each condition that
no newer version wrote the item.

    lease item      free ──claim──▶ held ──settle──▶ free         fence: grows with every claim, for ever
                                     └──takeover (expired)──▶ held by the next
    run item        (none) ──claim──▶ running ──settle──▶ succeeded | retrying | dead
                    (none) ──skip──▶ skipped | missed      running ──takeover──▶ crashed, or running by the next
                    retrying, crashed ──claim──▶ running   dead ──redrive──▶ running
                    (none) ──buffer──▶ buffered ──claim──▶ running, ──too late──▶ missed

A key that code has planned has no run item until its plan is begun (see ``plan_requests``). Then the run alone decides.
A run in one of the statuses ``rows.OPEN``, and one that a carrier waits for (``keep_event``), is listed in the index
and keeps its event; ``succeeded`` removes both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cronstack.ledger.partitions import lease_key, open_list, run_key
from cronstack.ledger.rows import OPEN, LeaseItem, RunItem
from cronstack.ledger.statements import alone, transaction, update
from cronstack.occurrence import Occurrence
from cronstack.steps import Call

# -- named conditions ------------------------------------------------------------------------------------------------
FREE: Final = "attribute_not_exists(#holder)"
"""Nobody holds the lease."""
FENCE_GROWS: Final = "(attribute_not_exists(#fence) OR #fence < :fence)"
"""The fence about to be written is the highest ever."""
HELD_AS_SEEN: Final = "#holder = :lease_holder AND #beats = :beats AND #fence < :fence"
"""The dead holder still has the lease, and gave no sign of life since we looked."""
MINE: Final = "#holder = :holder"
"""This attempt holds it."""
NEVER_STARTED: Final = "attribute_not_exists(#status)"
"""No attempt, no skip: the occurrence is untouched."""
WAITS_FOR_AN_ATTEMPT: Final = "#status IN (:retrying, :crashed) AND #attempt = :before"
"""An attempt ended badly, and nobody has begun the next one since we looked."""
DEAD_AS_SEEN: Final = "#status = :dead AND #attempt = :before"
"""The very death that the operator redrives."""
RUNNING_AS_SEEN: Final = (
    "#status = :running AND #holder = :run_holder AND #attempt = :before"
    " AND (attribute_not_exists(#saves) OR #saves = :seen)"
)
"""The dead holder's attempt is still the last one, and kept no further checkpoint since we looked."""
RUNNING_BY_ME: Final = "#status = :running AND #holder = :holder"
"""The attempt that this holder opened is still open."""
BUFFERED: Final = "#status = :buffered"
"""It waits in the slot and was never started."""
IN_SLOT: Final = "#buffered = :occurrence"
"""The slot names this occurrence."""
SLOT_FREE: Final = "attribute_not_exists(#buffered)"
"""No occurrence waits for the lease, so one that has never started may have it."""
SLOT_AS_SEEN: Final = "#buffered = :slot"
"""The slot still names the occurrence that this request takes out of it."""
HELD_BY: Final = "#holder = :lease_holder"
"""The very holder that was met still has the lease: what waits for it does not wait for nobody."""
NOT_SHORTENED: Final = "#expires <= :expires"
"""An earlier renewal that arrives late must not take back what a later one gave."""
NEWER_CHECKPOINT: Final = "(attribute_not_exists(#saves) OR #saves < :saves)"
"""An earlier checkpoint that arrives late must not win."""
STARTED_ALONE: Final = (
    "(#status IN (:crashed, :buffered)"
    " OR (#status = :retrying AND (attribute_not_exists(#after) OR #after <= :now))"
    " OR (#status = :running AND #expires < :surely_past))"
)
"""Without a lease (overlap "allow", or a key): ended badly and rested, or expired on every clock."""
OPEN_ALONE: Final = f"({NEVER_STARTED} OR {STARTED_ALONE})"
"""The same, or untouched."""
UNLISTED: Final = "#status IN (:running, :crashed) AND (attribute_not_exists(#event) OR attribute_not_exists(#listed))"
"""An attempt is open, or has died, and operators would not find what brings the next one."""
SAME_PLAN: Final = "(attribute_not_exists(#revision) OR (#revision = :revision AND #due = :due))"
"""The run is of the plan that the event was made for."""
UNREPORTED: Final = "#status = :dead AND attribute_not_exists(#reported)"
"""Dead, and no letter is known to be out."""
SAME_PAYLOAD: Final = "(attribute_not_exists(#payload) OR #payload = :payload)"
"""The occurrence was not claimed with another input. (Who claims with a lease has seen the item before it goes on.)"""


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
    """Epoch seconds, far off: the last resort for a run of a job that is removed."""

    @property
    def _values(self) -> dict[str, Any]:
        return {"holder": self.holder, "fence": self.fence, "expires": self.expires}


# -- claims ----------------------------------------------------------------------------------------------------------
def claim(opening: Opening, run: RunItem | None, token: str, *, slot: str | None = None) -> Call:
    """Take the free lease and open an attempt at the occurrence, by the state it was seen in.

    ``slot``: the occurrence that the slot names and that leaves it. It is this one, or one that waits no more. Without
    it, an occurrence that has never started needs an empty slot: the one that waits goes first.
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
    """The same over the head of a holder that has outlived its lease, whose own occurrence is marked as crashed."""
    held = {"lease_holder": lease.holder, "beats": lease.beats}
    actions = [_lease_update(opening, run, HELD_AS_SEEN, held, slot), _open(opening, run)]
    if mark_crashed and lease.occurrence is not None and lease.occurrence != opening.occurrence.id:
        key = run_key(opening.occurrence.job, lease.occurrence)
        listed = open_list(opening.occurrence.job, lease.occurrence)
        values = {"run_holder": lease.holder, "now": opening.now, "listed": listed}
        crashed = "SET #status = :crashed, #ended = :now, #listed = :listed REMOVE #expires"
        actions.append(update(opening.table, key, crashed, "#status = :running AND #holder = :run_holder", values))
    return transaction(token, *actions)


def claim_alone(opening: Opening, run: RunItem | None, surely_past: int, *, may_begin: bool = True) -> Call:
    """Overlap "allow", or a key: open an attempt at the occurrence without a lease. Answered by the new item.

    ``may_begin``: False for a key whose plan is not known to be begun. Then only a run that exists is claimed.
    """
    occurrence = opening.occurrence
    key, values = run_key(occurrence.job, occurrence.id), _run_values(opening)
    if run is not None and run.status == "dead":
        values |= {"before": run.attempt, "attempt": run.attempt + 1, "limit": run.attempt + opening.limit}
        change = f"{_OPEN}, #attempt = :attempt, #limit = :limit REMOVE #ended, #reason, #reported, #listed"
        return alone(opening.table, key, change, f"{DEAD_AS_SEEN} AND {FENCE_GROWS}", values, shows="ALL_NEW")
    condition = f"{OPEN_ALONE if may_begin else STARTED_ALONE} AND {SAME_PAYLOAD} AND {FENCE_GROWS}"
    values |= {"zero": 0, "one": 1, "limit": opening.limit, "surely_past": surely_past} | _first_values(opening)
    first = ["limit", "due", "payload"]
    if occurrence.revision is not None:
        condition, values = f"{condition} AND {SAME_PLAN}", values | _plan_values(occurrence)
        first += ["key", "revision"]
    change = (
        f"{_OPEN}, #attempt = if_not_exists(#attempt, :zero) + :one, "
        + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in first)
        + " REMOVE #ended, #reason, #after, #listed"
    )
    return alone(opening.table, key, change, condition, values, shows="ALL_NEW")


_OPEN: Final = (
    "SET #status = :running, #holder = :holder, #fence = :fence, #expires = :expires, #started = :now, #ttl = :ttl,"
    " #v = :v"
)


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
    elif run is None:
        condition = f"{condition} AND {SLOT_FREE}"
    return update(opening.table, lease_key(opening.occurrence.job), change, condition, values)


def _run_values(opening: Opening) -> dict[str, Any]:
    return opening._values | {"now": opening.now, "ttl": opening.ttl}


def _first_values(opening: Opening) -> dict[str, Any]:
    return {"due": opening.occurrence.due, "payload": opening.occurrence.payload}


def _plan_values(occurrence: Occurrence) -> dict[str, Any]:
    return {"key": occurrence.key, "revision": occurrence.revision}


def _open(opening: Opening, run: RunItem | None) -> dict[str, Any]:
    """The run's part of a claim. Whoever writes the next attempt's number has the last one's in the condition."""
    key, values = run_key(opening.occurrence.job, opening.occurrence.id), _run_values(opening)
    if run is None or run.status == "buffered":
        change = f"{_OPEN}, #attempt = :attempt, #limit = :limit, #due = :due, #payload = :payload REMOVE #listed"
        values |= {"attempt": 1, "limit": opening.limit} | _first_values(opening)
        return update(opening.table, key, change, NEVER_STARTED if run is None else BUFFERED, values)
    values |= {"attempt": run.attempt + 1, "before": run.attempt}
    change = f"{_OPEN}, #attempt = :attempt"
    if run.status == "running":
        values |= {"run_holder": run.holder, "seen": run.saves}
        return update(opening.table, key, change, RUNNING_AS_SEEN, values)
    if run.status == "dead":
        values["limit"] = run.attempt + opening.limit
        change += ", #limit = :limit REMOVE #ended, #reason, #reported, #listed"
        return update(opening.table, key, change, DEAD_AS_SEEN, values)
    change += " REMOVE #ended, #reason, #after, #listed"
    return update(opening.table, key, change, WAITS_FOR_AN_ATTEMPT, values)


def attempt_of(run: RunItem | None) -> int:
    """The number of the attempt that a claim by this state opens."""
    return 1 if run is None else run.attempt + 1  # a buffered one has had none


def limit_of(run: RunItem | None, limit: int) -> int:
    """The attempts that a run has after a claim by this state: a redrive is given as many again."""
    if run is None or run.status == "buffered":
        return limit
    return run.attempt + limit if run.status == "dead" else run.limit


# -- what ends an attempt, or never begins one ---------------------------------------------------------------------
class Closing(NamedTuple):
    """The values that close an attempt, or an occurrence that never had one; ``ttl`` is None for what stays open.

    ``after`` (epoch ms): a retry does not begin before. ``event``: the event as JSON, unless it succeeded. ``writes``:
    the handler's own, carried out with the settlement or not at all. ``alone``: the attempt holds no lease that other
    occurrences share.
    """

    table: str
    occurrence: Occurrence
    holder: str
    status: str
    now: int
    ttl: int | None = None
    reason: str = ""
    error: str = ""
    result: str = ""
    after: int | None = None
    event: str = ""
    writes: tuple[Mapping[str, Any], ...] = ()
    alone: bool = False


class Renewal(NamedTuple):
    """A new end for an open attempt's lease. ``alone``: as in ``Closing``."""

    table: str
    occurrence: Occurrence
    holder: str
    expires: int
    alone: bool = False


def settle(closing: Closing, token: str) -> Call:
    """Close the attempt and free the lease, if it holds one. The run comes first, and its refusal with it.

    ``token``: of the transaction. A single update has none.
    """
    if closing.alone:
        run = _close(closing)
        return transaction(token, run, further=closing.writes) if closing.writes else Call("UpdateItem", run)
    release = "REMOVE #holder, #occurrence, #expires, #beats"
    key = lease_key(closing.occurrence.job)
    lease = update(closing.table, key, release, MINE, {"holder": closing.holder})
    return transaction(token, _close(closing), lease, further=closing.writes)


def _close(closing: Closing) -> dict[str, Any]:
    values: dict[str, Any] = {"holder": closing.holder, "status": closing.status, "now": closing.now}
    change = "SET #status = :status, #ended = :now"
    for name in ("ttl", "reason", "error", "result", "after", "event"):
        if (value := getattr(closing, name)) not in (None, ""):
            change += f", #{name} = :{name}"
            values[name] = value
    if closing.status in OPEN:
        change += ", #listed = :listed"
        values["listed"] = open_list(closing.occurrence.job, closing.occurrence.id)
    # A dead run keeps the end of its lease: until then its holder may still be about to send the letter.
    outdated = [] if closing.status == "dead" else ["#expires"]
    if closing.status == "succeeded":
        outdated += ["#error", "#checkpoint", "#saves", "#event", "#listed"]
    if outdated:
        change += f" REMOVE {', '.join(outdated)}"
    return update(closing.table, run_key(closing.occurrence.job, closing.occurrence.id), change, RUNNING_BY_ME, values)


def skip(closing: Closing, by: str = "", met: str = "") -> Call:
    """Record that the occurrence will never run: ``status`` is skipped or missed. The plan of a key is begun before.

    ``by``: the holder of the lease. ``met``: the occurrence that the holder works.
    """
    occurrence = closing.occurrence
    values: dict[str, Any] = {
        "status": closing.status,
        "holder": closing.holder,
        "due": occurrence.due,
        "reason": closing.reason,
        "ended": closing.now,
        "ttl": closing.ttl,
        "event": closing.event,
    }
    values |= {"by": by} if by else {}
    values |= {"met": met} if met else {}
    if occurrence.revision is not None:
        values |= _plan_values(occurrence) | {"payload": occurrence.payload}
    if closing.status in OPEN:
        values["listed"] = open_list(occurrence.job, occurrence.id)
    change = "SET #v = :v, " + ", ".join(f"#{name} = :{name}" for name in values)
    return alone(closing.table, run_key(occurrence.job, occurrence.id), change, NEVER_STARTED, values)


def buffer(closing: Closing, event: str, by: str, stale: str | None, token: str, met: str = "") -> Call:
    """Wait in the one slot for the holder that was met; ``event`` is kept, so that others can make its carrier.

    ``stale``: what the slot names, though it waits no more. ``met``: the occurrence that the holder works.
    """
    of, table = closing.occurrence, closing.table
    values: dict[str, Any] = {"occurrence": of.id, "lease_holder": by} | ({"slot": stale} if stale else {})
    condition = f"{HELD_BY} AND {SLOT_AS_SEEN if stale else SLOT_FREE}"
    slot = update(table, lease_key(of.job), "SET #buffered = :occurrence", condition, values)
    change = (
        "SET #status = :buffered, #holder = :holder, #due = :due, #payload = :payload, #event = :event, #by = :by,"
        f" #ttl = :ttl, #listed = :listed, #v = :v{', #met = :met' if met else ''}"
    )
    values = {"holder": closing.holder, "due": of.due, "payload": of.payload, "event": event, "by": by}
    values |= {"ttl": closing.ttl, "listed": open_list(of.job, of.id)}
    values |= {"met": met} if met else {}
    return transaction(token, slot, update(table, run_key(of.job, of.id), change, NEVER_STARTED, values))


def miss_buffered(closing: Closing, token: str, *, in_slot: bool) -> Call:
    """It waited in the slot until it was too late to start: record that, and free the slot if it still names it."""
    key = run_key(closing.occurrence.job, closing.occurrence.id)
    change = "SET #status = :status, #holder = :holder, #reason = :reason, #ended = :now, #ttl = :ttl"
    values = {"status": closing.status, "holder": closing.holder, "reason": closing.reason}
    missed = update(closing.table, key, change, BUFFERED, values | {"now": closing.now, "ttl": closing.ttl})
    if not in_slot:
        return transaction(token, missed)
    values = {"occurrence": closing.occurrence.id}
    slot = update(closing.table, lease_key(closing.occurrence.job), "REMOVE #buffered", IN_SLOT, values)
    return transaction(token, missed, slot)


def extend(renewal: Renewal, token: str) -> Call:
    """Set a new end for the lease, in the run as well: a look at the run alone must not find its holder dead."""
    if renewal.alone:
        return Call("UpdateItem", _extend_run(renewal))
    values = {"holder": renewal.holder, "expires": renewal.expires}
    change, condition = "SET #expires = :expires, #beats = #beats + :one", f"{MINE} AND {NOT_SHORTENED}"
    lease = update(renewal.table, lease_key(renewal.occurrence.job), change, condition, values | {"one": 1})
    return transaction(token, _extend_run(renewal), lease)


def _extend_run(renewal: Renewal) -> dict[str, Any]:
    key, condition = run_key(renewal.occurrence.job, renewal.occurrence.id), f"{RUNNING_BY_ME} AND {NOT_SHORTENED}"
    values = {"holder": renewal.holder, "expires": renewal.expires}
    return update(renewal.table, key, "SET #expires = :expires", condition, values)


def save(table: str, job: str, occurrence: str, holder: str, value: str, number: int) -> Call:
    """Keep a checkpoint, JSON, while the attempt is open; ``number`` grows with each of the run."""
    values = {"holder": holder, "checkpoint": value, "saves": number}
    change, condition = "SET #checkpoint = :checkpoint, #saves = :saves", f"{RUNNING_BY_ME} AND {NEWER_CHECKPOINT}"
    return alone(table, run_key(job, occurrence), change, condition, values)


def claim_dead(table: str, job: str, run: RunItem, holder: str, expires: int) -> Call:
    """Become the one who sends a dead run's letter, after its holder's time has passed."""
    # By its end, too: a holder may claim it twice, and what was sent between the two must not come after them.
    values = {"holder": holder, "expires": expires, "run_holder": run.holder, "ends": run.expires}
    condition = f"{UNREPORTED} AND #holder = :run_holder AND #expires = :ends"
    return alone(table, run_key(job, run.occurrence), "SET #holder = :holder, #expires = :expires", condition, values)


def reported(table: str, job: str, occurrence: str, holder: str, now: int) -> Call:
    """Note that the dead letter is out."""
    values = {"holder": holder, "now": now}
    return alone(table, run_key(job, occurrence), "SET #reported = :now", f"{UNREPORTED} AND {MINE}", values)


def keep_event(table: str, of: Occurrence, event: str) -> Call:
    """Keep the event of what another delivery works, and list its run: its carrier may be lost, and the attempt die."""
    change = "SET #event = if_not_exists(#event, :event), #listed = :listed"
    values = {"event": event, "listed": open_list(of.job, of.id)}
    return alone(table, run_key(of.job, of.id), change, UNLISTED, values)


def get_run(table: str, job: str, occurrence: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": run_key(job, occurrence), "ConsistentRead": True})


def get_lease(table: str, job: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": lease_key(job), "ConsistentRead": True})
