"""What code has scheduled: its row in the ledger, its schedule at EventBridge, and every request about the two. Pure.

    (none) ──plan──▶ planned ──move──▶ planned, next revision        planned ──claim──▶ running (see ``run_requests``)
                        └──cancel──▶ skipped(cancelled) ──plan anew──▶ planned, next revision

A key is one occurrence, whatever becomes of its time; a *revision* is one plan for it. Each revision has a schedule of
its own, whose name ends in the hash of key and revision and whose event tells the revision. A move therefore makes a
new schedule and deletes the old one; it never updates one, for three reasons:

  - Of two updates that race, the later answer may carry the earlier time, and nothing can condition them. Two creates
    under two names leave both, and the claim refuses the older.
  - Shortly before its time an updated schedule may still fire as it was; ActionAfterCompletion then deletes it, and
    the new time with it.
  - UpdateSchedule resets whatever it is not told. What is never updated is never reset.

So whoever may schedule needs to create, look at and delete; UpdateSchedule is not granted.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cronstack.defaults import DEFAULTS
from cronstack.event import planned_event
from cronstack.guard import carrier
from cronstack.guard.carrier import Way
from cronstack.ledger.items import run_key
from cronstack.ledger.rows import RunItem
from cronstack.ledger.run_requests import NEVER_STARTED, PLANNED, query_runs
from cronstack.ledger.statements import alone
from cronstack.occurrence import PLANNED as PLANNED_ID
from cronstack.occurrence import payload_hash, planned_id
from cronstack.steps import Call

AS_SEEN: Final = "#revision = :seen"
"""Nobody has planned it anew since we looked."""
CANCELLED: Final = "#status = :skipped AND #reason = :cancelled"
"""It was cancelled before it began."""

_ILLEGIBLE: Final = re.compile(r"[^0-9A-Za-z_-]")


class Wiring(NamedTuple):
    """How a plan of one job reaches its function: names of the stack's own resources."""

    job: str
    ledger: str
    """Name of the ledger's table."""
    group: str
    """Name of the group of such schedules."""
    role: str
    """ARN of the role with which Scheduler invokes this job's function, and no other."""
    function: str
    """ARN of the function, without a qualifier."""
    dead_letters: str
    """ARN of the queue for what Scheduler cannot deliver."""
    start_deadline: int = DEFAULTS.start_deadline
    """Seconds after its time by which it must have begun; as long Scheduler tries."""

    def text(self) -> str:
        """As JSON, for an environment variable."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Wiring:
        """Raises ValueError, TypeError for what ``text`` did not write."""
        return cls(**json.loads(text))


class Order(NamedTuple):
    """What is asked for: once, at ``due`` (epoch ms, whole seconds), with this input."""

    key: str
    due: int
    asked: str
    input: dict[str, Any]
    relative: bool = False
    """Its time was given from now on: asked again it is the same, though its time is another."""

    @property
    def payload(self) -> str:
        return payload_hash(self.input)

    def is_like(self, run: RunItem) -> bool:
        """The same has been asked for already."""
        same_time = run.due == self.due or (self.relative and run.asked == self.asked)
        return same_time and run.payload == self.payload


def prefix(job: str) -> str:
    """How the names of a job's plans begin, and those of no other job: ``grant_schedule`` allows these."""
    return f"once.{job[:16]}.{sha256(job.encode()).hexdigest()[:8]}."


def name(job: str, key: str, revision: int) -> str:
    """The schedule's: what can be read of the key, and a hash; at most 60 of the 64 characters it may have."""
    return f"{prefix(job)}{_ILLEGIBLE.sub('-', key)[:12]}.{sha256(f'{revision}|{key}'.encode()).hexdigest()[:16]}"


# -- the row -----------------------------------------------------------------------------------------------------------
def plan(wiring: Wiring, order: Order, revision: int, seen: RunItem | None) -> Call:
    """Write the plan: over nothing, or as the next revision of what was seen, planned or cancelled."""
    values: dict[str, Any] = {
        "key": order.key,
        "revision": revision,
        "due": order.due,
        "payload": order.payload,
        "asked": order.asked,
        "moves": 0 if seen is None else seen.moves + 1,
        "event": planned_event(wiring.job, order.key, revision, due=order.due, input=order.input),
    }
    change = "SET #status = :planned, #v = :v, " + ", ".join(f"#{name} = :{name}" for name in values)
    change += " REMOVE #confirmed, #ended, #reason, #ttl, #holder"
    condition = NEVER_STARTED
    if seen is not None:
        condition = f"{PLANNED if seen.status == 'planned' else CANCELLED} AND {AS_SEEN}"
        values |= {"seen": seen.revision} | ({"cancelled": "cancelled"} if seen.status != "planned" else {})
    return alone(wiring.ledger, run_key(wiring.job, planned_id(order.key)), change, condition, values)


def confirm(wiring: Wiring, key: str, revision: int) -> Call:
    """Note that this revision has its schedule."""
    condition, values = f"{PLANNED} AND {AS_SEEN}", {"confirmed": revision, "seen": revision}
    row = run_key(wiring.job, planned_id(key))
    return alone(wiring.ledger, row, "SET #confirmed = :confirmed", condition, values)


def cancel(wiring: Wiring, key: str, revision: int, now: int, due: int) -> Call:
    """Settle the plan that was seen as cancelled; arriving late, it must not undo what was planned since."""
    ttl = max(now, due) // 1000 + DEFAULTS.retention
    values = {"seen": revision, "ended": now, "reason": "cancelled", "ttl": ttl}
    change = "SET #status = :skipped, #ended = :ended, #reason = :reason, #ttl = :ttl REMOVE #event, #confirmed"
    condition = f"{PLANNED} AND {AS_SEEN}"
    return alone(wiring.ledger, run_key(wiring.job, planned_id(key)), change, condition, values)


def rows(wiring: Wiring, start: Any = None) -> Call:
    """A page of all that code has scheduled for the job."""
    return query_runs(
        wiring.ledger, wiring.job, first=PLANNED_ID, last=f"{PLANNED_ID}\x7f", newest_first=False, start=start
    )


# -- the schedule ------------------------------------------------------------------------------------------------------
def create(wiring: Wiring, run: RunItem, at: int, now: int) -> Call:
    """The schedule of the plan as it stands. ``at`` (epoch ms): its due time, or a little later where that is past."""
    way = Way(wiring.group, wiring.role, wiring.function, wiring.dead_letters)
    named = name(wiring.job, run.key, run.revision)
    return carrier.create(way, named, run.event, at, oldest=wiring.start_deadline, asked=now)


def look(wiring: Wiring, key: str, revision: int) -> Call:
    return Call("GetSchedule", {"GroupName": wiring.group, "Name": name(wiring.job, key, revision)})


def delete(wiring: Wiring, key: str, revision: int) -> Call:
    return Call("DeleteSchedule", {"GroupName": wiring.group, "Name": name(wiring.job, key, revision)})
