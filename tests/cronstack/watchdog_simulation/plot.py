"""The plot of one history: its jobs, what happens at which time, and what the watchdog must publish."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from cronstack.declaration import Job
from cronstack.driver import drive
from cronstack.occurrence import scheduled_id
from cronstack.onetime import planner
from cronstack.onetime.schedules import Order, Wiring
from cronstack.steps import Host, Steps
from cronstack.timing.aws_clock import AwsClock
from cronstack_infra.play.answer_dates import dated
from tests.cronstack.watchdog_simulation.cloud.functions import ONCE, Behaviour, function_arn
from tests.cronstack.watchdog_simulation.cloud.ledger_service import TABLE
from tests.cronstack.watchdog_simulation.cloud.virtual_time import MINUTE, SECOND
from tests.cronstack.watchdog_simulation.jobs import Epoch
from tests.cronstack.watchdog_simulation.judge import Expectation
from tests.cronstack.watchdog_simulation.world import World

LAG: Final = 5 * SECOND
"""Milliseconds for an index that lags, and for the time that a pass takes."""


class Plot:
    """Collects jobs and actions before the history begins. ``first``: the first moment at which a fault may strike."""

    def __init__(self, world: World, epoch: Epoch) -> None:
        self.world, self.epoch, self.chance = world, epoch, world.chance
        self.jobs: dict[str, Job] = {}
        self.expectations: list[Expectation] = []
        self.first = epoch.start + 12 * MINUTE
        self.ends = epoch.start + 40 * MINUTE
        """The history lasts at least until then."""
        self.faults: list[str] = []
        self.checks: list[Callable[[], str]] = []
        """Called at the end: each returns a violation, or ""."""
        self.pause = (5 if self.chance.random() < 0.4 else 10) * MINUTE
        """Milliseconds between two passes. A watchdog of 5 minutes that loses every other pass has 10."""
        self.slow = False
        """Whether passes are hours apart."""
        self.deploys = True
        """Whether other jobs may be deployed meanwhile."""

    def add(self, job: Job) -> Job:
        assert job.name not in self.jobs
        self.jobs[job.name] = job
        return job

    def at(self, moment: int, action: Callable[[], Any]) -> None:
        """Do something at a moment."""
        self.world.time.at(moment, action)

    def behave(self, job: Job, due: int, *attempts: Behaviour) -> None:
        self.world.behaviours[job.name, scheduled_id(due)] = list(attempts)

    def expect(self, job: str, cause: str, first: int, by: int | None, why: str, **more: Any) -> Expectation:
        """Expect an incident, and let the history last until it is cleared."""
        made = Expectation(job, cause, first, by, why, **more)
        self.expectations.append(made)
        last = max(first, by or 0, made.cleared_by or 0)
        pause = 14 * 60 * MINUTE if self.slow else 2 * self.pause + MINUTE
        self.ends = max(self.ends, last + pause)
        return made

    def probe(self, moment: int, job: str, occurrence: str, status: str) -> None:
        """Check that a run has this status at a moment, so that the planted fault is real. "": it has no row."""
        found: list[str] = []
        self.at(moment, lambda: found.append(self.world.row(job, occurrence).get("status", {}).get("S", "")))
        what = f"the simulation has not planted its fault: {job} {occurrence} is not {status or 'absent'} at {moment}"
        self.checks.append(lambda: "" if found == [status] else f"{what}, but {found}")

    def plan(self, job: str, key: str, due: int) -> None:
        """Plan a key by the planner's real steps, as application code does."""
        self._drive(lambda host: planner.schedule(Order(key, due, "then", {"key": key}), wiring(job), host))

    def cancel(self, job: str, key: str) -> None:
        self._drive(lambda host: planner.cancel(wiring(job), host, key))

    def move(self, job: str, key: str, due: int) -> None:
        self._drive(lambda host: planner.move(wiring(job), host, key, due, "later"))

    def _drive(self, begin: Callable[[Host], Steps[Any]]) -> None:
        world, time = self.world, self.world.time
        clock = AwsClock(lambda: time.now, lambda: time.now / 1000)
        drive(
            begin(Host(clock, lambda: 30.0, lambda: 30.0, self.chance)),
            lambda operation, parameters, timeout: dated(world.carry_out(operation, parameters), time.now),
            left=lambda: 30.0,
            sleep=lambda seconds: None,
        )

    def name(self, kind: str) -> str:
        """Return the name of the next job with a fault."""
        self.faults.append(kind)
        return f"{kind.replace('-', '_')}_{len(self.faults)}"


def wiring(job: str) -> Wiring:
    """Return the wiring of a job that code may schedule."""
    return Wiring(
        job,
        TABLE,
        ONCE,
        "arn:aws:iam::123456789012:role/once",
        f"{function_arn(job)}:plans",
        "arn:aws:sqs:us-east-1:123456789012:delivery",
    )


def wait(chance: random.Random, least: int, most: int) -> int:
    """Draw a pause in whole seconds."""
    return chance.randrange(least // SECOND, most // SECOND) * SECOND
