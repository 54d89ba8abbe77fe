"""All requests of the guard to the ledger, except those that open an attempt (``claim_requests``). Pure.

They write one **lease item** per job, which is never deleted, and one **run item** per occurrence. ``conditions`` has
their conditions, ``items`` reads the items, and ``partitions`` returns their keys. ``statements`` builds the requests,
and adds to each condition that no newer version wrote the item.

    lease item      free ──claim──▶ held ──settle──▶ free         fence: grows with every claim, for ever
                                     └──takeover (expired)──▶ held by the next
    run item        (none) ──claim──▶ running ──settle──▶ succeeded | retrying | dead
                    (none) ──skip, miss──▶ skipped | missed     running ──takeover──▶ crashed, or running by the next
                    retrying, crashed ──claim──▶ running   dead, missed ──redrive──▶ running
                    (none) ──buffer──▶ buffered ──claim──▶ running, ──too late──▶ missed, ──paused──▶ skipped

A key that code has planned has no run item until its plan is started (see ``plan_requests``). Then only the run
decides. A missed run is an exception: it has never started, so a later plan of the key may claim it, too.
A run is in the index and has its event after it was in one of the statuses ``rows.OPEN``, or after a delivery has made
a carrier for its end (``keep_event``). ``succeeded`` removes both.
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
    """The values that end an attempt, or an occurrence that never had an attempt. No ``ttl``: the run stays open.

    ``after`` (epoch ms): the earliest start of a retry. ``event``: the event as JSON, unless it succeeded. ``writes``:
    the handler's own, carried out with the settlement or not at all. ``alone``: the attempt shares no lease with other
    occurrences. ``expires`` (epoch ms): until then only this delivery sends the dead letter of a missed run.
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
    """Return the request that closes the attempt and frees its lease, if it has one. The run is the first action.

    ``token``: of the transaction. A single update has no token.
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
    # A dead run keeps the end of its lease: until then its holder may still send the letter.
    outdated = [] if closing.status == "dead" else ["#expires"]
    if closing.status == "succeeded":
        outdated += ["#error", "#checkpoint", "#saves", "#event", "#listed"]
    if outdated:
        change += f" REMOVE {', '.join(outdated)}"
    return update(closing.table, run_key(closing.occurrence.job, closing.occurrence.id), change, RUNNING_BY_ME, values)


def skip(closing: Closing, by: str, running: str = "") -> Call:
    """Return the request that records the occurrence as skipped, because another one runs, or the job is paused.

    ``by``: the holder of the lease; "" for a paused job. ``running``: the occurrence that the holder runs.
    """
    values = _ended_unstarted(closing) | ({"by": by} if by else {}) | ({"met": running} if running else {})
    key = run_key(closing.occurrence.job, closing.occurrence.id)
    return alone(closing.table, key, _set(values), NEVER_STARTED, values)


def miss(closing: Closing) -> Call:
    """Return the request that records an occurrence without a key as missed."""
    values = _ended_unstarted(closing) | _letter_values(closing)
    key = run_key(closing.occurrence.job, closing.occurrence.id)
    return alone(closing.table, key, _set(values), NEVER_STARTED, values)


def miss_key(closing: Closing, token: str, *, plan_ttl: int, before: RunItem | None = None) -> Call:
    """Return the transaction that records the run of a key and its plan as missed.

    ``before``: the missed run of an earlier plan of the key.
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
    """Return the attributes of a run that ends before it has started."""
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
    """Return the attributes with which another delivery can send the dead letter if this one is killed."""
    return {"expires": closing.expires, "error": closing.error}


def buffer(closing: Closing, event: str, by: str, stale: str | None, token: str, running: str = "") -> Call:
    """Return the transaction that puts the occurrence into the slot, to wait for the holder ``by``.

    ``event`` is stored so that other deliveries can make its carrier. ``stale``: the occurrence that the slot names
    although it no longer waits. ``running``: the occurrence that the holder runs.
    """
    of, table = closing.occurrence, closing.table
    values: dict[str, Any] = {"occurrence": of.id, "lease_holder": by} | ({"slot": stale} if stale else {})
    condition = f"{HELD_BY} AND {SLOT_AS_SEEN if stale else SLOT_FREE}"
    slot = update(table, lease_key(of.job), "SET #buffered = :occurrence", condition, values)
    change = (
        "SET #status = :buffered, #holder = :holder, #due = :due, #payload = :payload, #event = :event, #by = :by,"
        f" #ttl = :ttl, #listed = :listed, #v = :v{', #met = :met' if running else ''}"
    )
    values = {"holder": closing.holder, "due": of.due, "payload": of.payload, "event": event, "by": by}
    values |= {"ttl": closing.ttl, "listed": open_list(of.job, of.id)}
    values |= {"met": running} if running else {}
    return transaction(token, slot, update(table, run_key(of.job, of.id), change, NEVER_STARTED, values))


def miss_buffered(closing: Closing, token: str, *, in_slot: bool) -> Call:
    """Return the request that records a buffered run as missed. ``in_slot``: the slot names it and is freed."""
    return _end_buffered(closing, _letter_values(closing), "", token, in_slot=in_slot)


def skip_buffered(closing: Closing, token: str, *, in_slot: bool) -> Call:
    """Return the request that records a buffered run of a paused job as skipped. ``in_slot``: as above."""
    return _end_buffered(closing, {}, " REMOVE #listed", token, in_slot=in_slot)


def _end_buffered(closing: Closing, more: Mapping[str, Any], also: str, token: str, *, in_slot: bool) -> Call:
    """Return the request that ends a run in the slot. ``more``: its further attributes. ``also``: a further change."""
    key = run_key(closing.occurrence.job, closing.occurrence.id)
    values: dict[str, Any] = {"status": closing.status, "holder": closing.holder, "reason": closing.reason}
    values |= {"ended": closing.now, "ttl": closing.ttl, **more}
    change = "SET " + ", ".join(f"#{name} = :{name}" for name in values) + also
    ended = update(closing.table, key, change, BUFFERED, values)
    if not in_slot:
        return transaction(token, ended)
    values = {"occurrence": closing.occurrence.id}
    slot = update(closing.table, lease_key(closing.occurrence.job), "REMOVE #buffered", IN_SLOT, values)
    return transaction(token, ended, slot)


def extend(renewal: Renewal, token: str) -> Call:
    """Return the request that sets a new end of the lease, also in the run, which other deliveries read alone."""
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
    """Return the request that stores a checkpoint (JSON) of an open attempt. ``number`` grows with each checkpoint."""
    values = {"holder": holder, "checkpoint": value, "saves": number}
    change, condition = "SET #checkpoint = :checkpoint, #saves = :saves", f"{RUNNING_BY_ME} AND {NEWER_CHECKPOINT}"
    return alone(table, run_key(job, occurrence), change, condition, values)


def claim_letter(table: str, job: str, run: RunItem, holder: str, expires: int) -> Call:
    """Return the request that makes ``holder`` the sender of a dead or missed run's letter, after its lease."""
    # The condition includes the end: a holder may claim twice, and a late request of another must not succeed then.
    values = {"holder": holder, "expires": expires, "run_holder": run.holder, "ends": run.expires}
    condition = f"{UNREPORTED} AND #holder = :run_holder AND #expires = :ends"
    return alone(table, run_key(job, run.occurrence), "SET #holder = :holder, #expires = :expires", condition, values)


def reported(table: str, job: str, occurrence: str, holder: str, now: int) -> Call:
    """Return the request that records the dead letter as sent."""
    values = {"holder": holder, "now": now}
    return alone(table, run_key(job, occurrence), "SET #reported = :now", f"{UNREPORTED} AND {MINE}", values)


def keep_event(table: str, of: Occurrence, event: str) -> Call:
    """Return the request that stores the event of a running run and lists it, in case carrier and attempt are lost."""
    change = "SET #event = if_not_exists(#event, :event), #listed = :listed"
    values = {"event": event, "listed": open_list(of.job, of.id)}
    return alone(table, run_key(of.job, of.id), change, UNLISTED, values)


def get_run(table: str, job: str, occurrence: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": run_key(job, occurrence), "ConsistentRead": True})


def get_lease(table: str, job: str) -> Call:
    return Call("GetItem", {"TableName": table, "Key": lease_key(job), "ConsistentRead": True})
