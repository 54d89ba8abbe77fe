"""The answer of ``explain``: one cause, with the facts behind it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from cronstack.occurrence import print_instant

Class = Literal["ran", "going", "not_run", "ahead", "not_due", "unknown"]
"""ran: it succeeded. going: it runs, or waits for an attempt. not_run: it has ended, or will end, without success.
ahead: it is due later. not_due: nothing was due. unknown: no data, or only Scheduler knows."""


class Cause(StrEnum):
    """Why an occurrence is in its present state."""

    RAN = "ran"
    RAN_AFTER_FAILURE = "ran-after-failure"
    RAN_AFTER_CRASH = "ran-after-crash"
    RAN_AFTER_ATTEMPTS = "ran-after-attempts"
    """An earlier attempt failed or was killed; neither the ledger nor the log shows which."""
    RAN_LATE = "ran-late"
    RAN_AFTER_WAIT = "ran-after-wait"
    RAN_BY_TRIGGER = "ran-by-trigger"
    RAN_BY_BACKFILL = "ran-by-backfill"
    RAN_BY_REDRIVE = "ran-by-redrive"
    RAN_BY_OPERATOR = "ran-by-operator"
    """It started after its start deadline, which only an operator's event can do; no action was recorded."""
    RAN_BY_WATCHDOG = "ran-by-watchdog"
    RAN_AS_PLANNED = "ran-as-planned"

    RUNNING = "running"
    RUNNING_AFTER_FAILURE = "running-after-failure"
    RUNNING_AFTER_CRASH = "running-after-crash"
    LEASE_ENDED = "lease-ended"
    """Its process is dead, and the next delivery takes over."""
    RETRYING = "retrying"
    CRASHED = "crashed"
    BUFFERED = "buffered"
    DEFERRED = "deferred"
    WAITS_FOR_RESUME = "waits-for-resume"
    """It has started, and its next attempt waits because the job is paused."""
    STRAY = "stray"
    """It waits for an attempt, and nothing brings it back."""

    SKIPPED_OVERLAP = "skipped-overlap"
    SKIPPED_SLOT_FULL = "skipped-slot-full"
    SKIPPED_PAUSED = "skipped-paused"
    SKIPPED = "skipped"
    MISSED = "missed"
    DEAD = "dead"
    DEAD_PERMANENT = "dead-permanent"
    DEAD_CRASHED = "dead-crashed"

    PLANNED = "planned"
    PLAN_MOVED = "plan-moved"
    PLAN_CANCELLED = "plan-cancelled"
    PLAN_OVERDUE = "plan-overdue"
    PLAN_STARTED = "plan-started"

    FUTURE = "future"
    FUTURE_PAUSED = "future-paused"
    FUTURE_DISABLED = "future-disabled"
    DUE_NOW = "due-now"
    """Due some minutes ago; its event may still arrive."""
    NEVER_ARRIVED = "never-arrived"
    UNDELIVERED = "undelivered"
    """Scheduler could not invoke the function: a dead letter has the error."""
    REFUSED = "refused"
    DISABLED = "disabled"
    CHANGED_SINCE = "changed-since"
    """The schedule was created or changed after this time."""
    TOO_OLD = "too-old"

    NOT_DUE = "not-due"
    BEFORE_START = "before-start"
    AFTER_END = "after-end"
    CLOCKS_SKIP = "clocks-skip"
    SECOND_PASS = "second-pass"
    NO_SCHEDULE = "no-schedule"
    SEVERAL = "several"
    RATE = "rate"
    """Only Scheduler knows when a rate fires."""
    NO_ROW = "no-row"
    """An id or a key without a row."""


@dataclass(frozen=True)
class Verdict:
    """The cause, and the values that its sentence needs."""

    cause: Cause
    occurrence: str
    """The occurrence that was explained."""
    due: datetime | None
    """In UTC."""
    status: str = ""
    """Status of its row; "" without a row."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """By name: other, reason, error, late, until, after, by, letter, before, next, …"""

    @property
    def kind(self) -> Class:
        return CLASS_OF[self.cause]

    def as_json(self) -> dict[str, Any]:
        facts = {name: _plain(value) for name, value in self.facts.items() if value not in (None, "", (), [])}
        return {
            "cause": self.cause.value,
            "class": self.kind,
            "occurrence": self.occurrence or None,
            "due": _plain(self.due),
            "status": self.status or None,
            "facts": facts,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return print_instant(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _classes() -> dict[Cause, Class]:
    c = Cause
    table: dict[Class, tuple[Cause, ...]] = {
        "ran": tuple(cause for cause in c if cause.value == "ran" or cause.value.startswith("ran-")),
        "going": (
            *(c.RUNNING, c.RUNNING_AFTER_FAILURE, c.RUNNING_AFTER_CRASH, c.LEASE_ENDED, c.RETRYING, c.CRASHED),
            *(c.BUFFERED, c.DEFERRED, c.WAITS_FOR_RESUME, c.PLAN_STARTED, c.DUE_NOW),
        ),
        "not_run": (
            *(c.STRAY, c.SKIPPED_OVERLAP, c.SKIPPED_SLOT_FULL, c.SKIPPED_PAUSED, c.SKIPPED, c.MISSED, c.DEAD),
            *(c.DEAD_PERMANENT, c.DEAD_CRASHED, c.PLAN_CANCELLED, c.PLAN_OVERDUE, c.NEVER_ARRIVED, c.UNDELIVERED),
            *(c.REFUSED, c.DISABLED, c.FUTURE_PAUSED, c.FUTURE_DISABLED),
        ),
        "ahead": (c.PLANNED, c.PLAN_MOVED, c.FUTURE),
        "not_due": (c.NOT_DUE, c.BEFORE_START, c.AFTER_END, c.CLOCKS_SKIP, c.SECOND_PASS, c.NO_SCHEDULE),
        "unknown": (c.CHANGED_SINCE, c.TOO_OLD, c.SEVERAL, c.RATE, c.NO_ROW),
    }
    return {cause: name for name, causes in table.items() for cause in causes}


CLASS_OF = _classes()
