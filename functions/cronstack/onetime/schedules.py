"""The schedule of a plan at EventBridge: its name, its role, and the requests that create, read and delete it. Pure.

Each revision of a plan has its own schedule. Its name ends in the hash of key and revision, and its event contains the
revision. So a move creates a new schedule and deletes the old one. It never updates a schedule, for three reasons:

  - If two updates race, the earlier time may be written last, and no condition can prevent that. Two creates with two
    names leave both schedules, and the start of the plan refuses the older one (see ``ledger.plan_requests``).
  - Shortly before its time, an updated schedule may still fire at the old time. ActionAfterCompletion then deletes it
    together with the new time.
  - UpdateSchedule resets every field that the request leaves out.

So a planner needs to create, read and delete schedules; UpdateSchedule is not granted.
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

_INVALID: Final = re.compile(r"[^0-9A-Za-z_-]")


class Wiring(NamedTuple):
    """The resources of the stack that the plans of one job use."""

    job: str
    ledger: str
    """Name of the ledger's table."""
    group: str
    """Name of the schedule group of plans."""
    role: str
    """ARN of the role with which Scheduler invokes this job's function only."""
    function: str
    """ARN of the function, with the alias for plans (see ``settings.PLANS``)."""
    dead_letters: str
    """ARN of the queue for what Scheduler cannot deliver."""
    start_deadline: int = DEFAULTS.start_deadline_of_plans
    """Seconds after the due time by which a plan must start. Scheduler tries for the same time."""

    def text(self) -> str:
        """Return the wiring as JSON, for an environment variable."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Wiring:
        """Read the result of ``text``. Raise ValueError or TypeError for any other text."""
        return cls(**json.loads(text))


class Order(NamedTuple):
    """A request for a plan: one run at ``due`` (epoch ms, whole seconds), with this input."""

    key: str
    due: int
    asked: str
    input: dict[str, Any]
    relative: bool = False
    """Whether the time was given relative to now. A repeated order then has another ``due``, but is the same."""

    @property
    def payload(self) -> str:
        return payload_hash(self.input)

    def is_like(self, plan: PlanItem) -> bool:
        """Return whether the plan already fulfils this order."""
        same_time = plan.due == self.due or (self.relative and plan.asked == self.asked)
        return same_time and plan.payload == self.payload


def prefix(job: str) -> str:
    """Return the prefix of the names of this job's plans. ``grant_schedule`` allows schedules with this prefix only."""
    return f"once.{job[:16]}.{sha256(job.encode()).hexdigest()[:8]}."


def name(job: str, key: str, revision: int) -> str:
    """Return the schedule's name: a readable part of the key, and a hash; at most 60 of the 64 allowed characters."""
    return f"{prefix(job)}{_INVALID.sub('-', key)[:12]}.{sha256(f'{revision}|{key}'.encode()).hexdigest()[:16]}"


def build(wiring: Wiring, plan: PlanItem, now: Callable[[], int], again: int = 0) -> carrier.ScheduleBuilder:
    """Return the builder of the plan's schedule, for its due time, or for the earliest allowed time.

    ``now`` returns the time in epoch milliseconds. ``again``: the number of its schedules that may never fire.
    """
    named = carrier.renamed(name(wiring.job, plan.key, plan.revision), again)
    oldest = wiring.start_deadline
    return carrier.ScheduleBuilder(_way(wiring), named, plan.event, plan.due, now, oldest=oldest, asked=now())


def _way(wiring: Wiring) -> Way:
    return Way(wiring.group, wiring.role, wiring.function, wiring.dead_letters)


def get(wiring: Wiring, key: str, revision: int, again: int = 0) -> Call:
    return carrier.get(_way(wiring), carrier.renamed(name(wiring.job, key, revision), again))


def delete(wiring: Wiring, key: str, revision: int) -> Call:
    return Call("DeleteSchedule", {"GroupName": wiring.group, "Name": name(wiring.job, key, revision)})
