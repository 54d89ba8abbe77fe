"""The schedule of a plan at EventBridge: its name, its role, and the requests that create, read and delete it. Pure.

Each revision of a plan has a schedule of its own, whose name ends in the hash of key and revision, and whose event
contains the revision. A move therefore creates a new schedule and deletes the old one. It never updates one, for three
reasons:

  - Of two updates that race, the later answer may carry the earlier time, and no condition can prevent that. Two
    creates under two names leave both, and the begin refuses the older (see ``ledger.plan_requests``).
  - Shortly before its time an updated schedule may still fire as it was; ActionAfterCompletion then deletes it, and
    the new time with it.
  - UpdateSchedule resets every field that the request leaves out. What is never updated is never reset.

So a planner needs to create, read and delete; UpdateSchedule is not granted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cronstack.defaults import DEFAULTS
from cronstack.guard import carrier
from cronstack.guard.carrier import Way
from cronstack.ledger.rows import PlanItem
from cronstack.occurrence import payload_hash
from cronstack.steps import Call

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
    """ARN of the function, with the alias by which plans come (see ``settings.PLANS``)."""
    dead_letters: str
    """ARN of the queue for what Scheduler cannot deliver."""
    start_deadline: int = DEFAULTS.start_deadline_of_plans
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

    def is_like(self, plan: PlanItem) -> bool:
        """The same has been asked for already."""
        same_time = plan.due == self.due or (self.relative and plan.asked == self.asked)
        return same_time and plan.payload == self.payload


def prefix(job: str) -> str:
    """How the names of a job's plans begin, and those of no other job: ``grant_schedule`` allows these."""
    return f"once.{job[:16]}.{sha256(job.encode()).hexdigest()[:8]}."


def name(job: str, key: str, revision: int) -> str:
    """The schedule's: what can be read of the key, and a hash; at most 60 of the 64 characters it may have."""
    return f"{prefix(job)}{_ILLEGIBLE.sub('-', key)[:12]}.{sha256(f'{revision}|{key}'.encode()).hexdigest()[:16]}"


def build(wiring: Wiring, plan: PlanItem, now: Callable[[], int], again: int = 0) -> carrier.Building:
    """The schedule of the plan as it stands, for its due time. A time that is not far enough ahead is a little later.

    ``now`` returns the time in epoch milliseconds. ``again``: how many of its schedules may never fire.
    """
    named = carrier.renamed(name(wiring.job, plan.key, plan.revision), again)
    oldest = wiring.start_deadline
    return carrier.Building(_way(wiring), named, plan.event, plan.due, now, oldest=oldest, asked=now())


def _way(wiring: Wiring) -> Way:
    return Way(wiring.group, wiring.role, wiring.function, wiring.dead_letters)


def get(wiring: Wiring, key: str, revision: int, again: int = 0) -> Call:
    return carrier.get(_way(wiring), carrier.renamed(name(wiring.job, key, revision), again))


def delete(wiring: Wiring, key: str, revision: int) -> Call:
    return Call("DeleteSchedule", {"GroupName": wiring.group, "Name": name(wiring.job, key, revision)})
