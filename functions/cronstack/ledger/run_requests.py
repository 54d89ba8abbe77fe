"""Every request of the guard to the ledger, but for those that open an attempt (``claim_requests``). Pure.

``conditions`` names the conditions, ``items`` reads what these requests write, and ``partitions`` says where it lies:
one **lease item** of a job, which is never deleted, and one **run item** per occurrence. ``statements`` writes the
requests, and adds to each condition that no newer version wrote the item.

    lease item      free ──claim──▶ held ──settle──▶ free         fence: grows with every claim, for ever
                                     └──takeover (expired)──▶ held by the next
    run item        (none) ──claim──▶ running ──settle──▶ succeeded | retrying | dead
                    (none) ──skip, miss──▶ skipped | missed     running ──takeover──▶ crashed, or running by the next
                    retrying, crashed ──claim──▶ running   dead, missed ──redrive──▶ running
                    (none) ──buffer──▶ buffered ──claim──▶ running, ──too late──▶ missed

A key that code has planned has no run item until its plan is begun (see ``plan_requests``). Then the run alone decides,
but for one that was missed: it has never started, and a later plan of the key may claim it, too.
A run that has been in one of the statuses ``rows.OPEN``, and one that a carrier waits for (``keep_event``), is listed
in the index and keeps its event; ``succeeded`` removes both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from cronstack.ledger import plan_requests
from cronstack.ledger.conditions import (
    BUFFERED,
    HELD_BY,
    IN_SLOT,
    MINE,
    MISSED,
    NEVER_STARTED,
    NEWER_CHECKPOINT,
    NOT_SHORTENED,
    PLAN_AS_SEEN,
    RUNNING_BY_ME,
    SLOT_AS_SEEN,
    SLOT_FREE,
    UNLISTED,
    UNREPORTED,
)
from cronstack.ledger.partitions import lease_key, open_list, run_key
from cronstack.ledger.rows import OPEN, RunItem
from cronstack.ledger.statements import alone, plan_values, transaction, update
from cronstack.occurrence import Occurrence
from cronstack.steps import Call


class Closing(NamedTuple):
    """The values that close an attempt, or an occurrence that never had one; ``ttl`` is None for what stays open.

    ``after`` (epoch ms): a retry does not begin before. ``event``: the event as JSON, unless it succeeded. ``writes``:
    the handler's own, carried out with the settlement or not at all. ``alone``: the attempt holds no lease that other
    occurrences share. ``expires`` (epoch ms): until then nobody else sends the dead letter of what is missed.
    ``limit``: a new number of attempts, for an attempt that does not count.
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
    expires: int | None = None
    limit: int | None = None


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
    for name in ("ttl", "reason", "error", "result", "after", "event", "limit"):
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


def skip(closing: Closing, by: str, met: str = "") -> Call:
    """Record that the occurrence does not run, because another one runs.

    ``by``: the holder of the lease. ``met``: the occurrence that the holder works.
    """
    values = _ended_unstarted(closing) | {"by": by} | ({"met": met} if met else {})
    key = run_key(closing.occurrence.job, closing.occurrence.id)
    return alone(closing.table, key, _set(values), NEVER_STARTED, values)


def miss(closing: Closing) -> Call:
    """Record that the occurrence is too late to start. It has no key."""
    values = _ended_unstarted(closing) | _letter_values(closing)
    key = run_key(closing.occurrence.job, closing.occurrence.id)
    return alone(closing.table, key, _set(values), NEVER_STARTED, values)


def miss_key(closing: Closing, token: str, *, plan_ttl: int, before: RunItem | None = None) -> Call:
    """Record it of a key, and give its plan back: both happen, or neither.

    ``before``: the run that an earlier plan of the key has missed.
    """
    of = closing.occurrence
    values = _ended_unstarted(closing) | _letter_values(closing) | plan_values(of) | {"payload": of.payload}
    change, condition = _set(values), NEVER_STARTED
    if before is not None:
        change, condition = f"{change} REMOVE #reported", f"{MISSED} AND {PLAN_AS_SEEN}"
        values |= {"seen": before.revision}
    run = update(closing.table, run_key(of.job, of.id), change, condition, values)
    return transaction(token, run, plan_requests.miss(closing.table, of, ttl=plan_ttl))


def _set(values: Mapping[str, Any]) -> str:
    return "SET #v = :v, " + ", ".join(f"#{name} = :{name}" for name in values)


def _ended_unstarted(closing: Closing) -> dict[str, Any]:
    """The attributes of a run that ends before it has begun."""
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
    if closing.status in OPEN:
        values["listed"] = open_list(occurrence.job, occurrence.id)
    return values


def _letter_values(closing: Closing) -> dict[str, Any]:
    """What another one needs to send the dead letter, should this one die."""
    return {"expires": closing.expires, "error": closing.error}


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
    values = {"status": closing.status, "holder": closing.holder, "reason": closing.reason}
    values |= {"ended": closing.now, "ttl": closing.ttl} | _letter_values(closing)
    missed = update(closing.table, key, "SET " + ", ".join(f"#{name} = :{name}" for name in values), BUFFERED, values)
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


def claim_letter(table: str, job: str, run: RunItem, holder: str, expires: int) -> Call:
    """Become the one who sends the letter of a dead or missed run, after its holder's time has passed."""
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
