"""What AWS stores about one occurrence of a job, as values. ``gathering`` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.ledger.rows import LeaseItem, PlanItem, RunItem
from cronstack_infra.ops.audit import Action
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.explaining.asking import Question
from cronstack_infra.ops.schedules import DeployedSchedule


@dataclass(frozen=True)
class Pausing:
    """The pause of a job, as its lease row stores it."""

    since: datetime
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ScheduleSeen:
    """A deployed schedule, and when it was last changed."""

    deployed: DeployedSchedule
    created: datetime | None
    changed: datetime | None
    target: str = ""
    """ARN of the function that it invokes."""


@dataclass(frozen=True)
class CarrierSeen:
    """A one-time schedule that brings the occurrence back, or that starts a plan."""

    name: str
    group: str
    due: datetime
    enabled: bool = True
    kind: str = ""
    """Kind of its event: "scheduled", "trigger", "backfill" or "redrive"."""


@dataclass(frozen=True)
class LoggedEnd:
    """The line that the runtime wrote at the end of one invocation."""

    at: datetime
    status: str
    attempt: int
    reason: str = ""
    error: str = ""


@dataclass(frozen=True)
class Logged:
    """The log of one occurrence."""

    ends: tuple[LoggedEnd, ...] = ()
    read: bool = False
    """False: the log was not read, or the credentials do not permit it."""


@dataclass(frozen=True)
class Facts:
    """All that is known about one occurrence."""

    now: datetime
    stack: str
    ledger: str
    question: Question
    deployed: bool
    """The stack has the job's function now."""
    declared: JobMetadata | None
    """The declaration in the deployed template; None if a version without metadata deployed it."""
    schedules: tuple[ScheduleSeen, ...] = ()
    run: RunItem | None = None
    """Of the newest generation, unless the question names another one."""
    generations: tuple[RunItem, ...] = ()
    """The rows of all generations, the first one first."""
    plan: PlanItem | None = None
    lease: LeaseItem = field(default_factory=LeaseItem)
    pause: Pausing | None = None
    other: RunItem | None = None
    """The run that was running when this one was skipped or buffered."""
    in_slot: RunItem | None = None
    before: RunItem | None = None
    """The nearest earlier and later runs of schedules. Only read for a rate, at a time without a row."""
    after: RunItem | None = None
    carriers: tuple[CarrierSeen, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    letters_read: bool = False
    unread: tuple[str, ...] = ()
    """Sentences about what was not read."""
    actions: tuple[Action, ...] = ()
    incidents: tuple[Mapping[str, Any], ...] = ()
    logged: Logged = field(default_factory=Logged)
    keys: tuple[str, ...] = ()
    """Keys that code has planned for this time."""

    @property
    def job(self) -> str:
        return self.question.job

    @property
    def occurrence(self) -> str:
        return self.run.occurrence if self.run is not None else self.question.occurrence
