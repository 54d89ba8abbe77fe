"""What a test holds: the deployed stack, its clock, and questions to its ledger and its queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cronstack.errors import OperationError
from cronstack.onetime.once import Once
from cronstack.timetable.zones import bound
from cronstack_infra.local.http import mails
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.redriving import Redriven
from cronstack_infra.ops.deployment import Deployment, find_deployment, unknown_job
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.onetime import list_plans, wiring_of, wirings
from cronstack_infra.ops.runs import Row
from cronstack_infra.ops.spans import read_bound
from cronstack_infra.testing.choice import RATE_AGE, Choice, instant, moment
from cronstack_infra.testing.operations import Operations
from cronstack_infra.testing.places import Place, places
from cronstack_infra.testing.story import marker, story
from cronstack_infra.testing.waits import Wait, listed, waits

if TYPE_CHECKING:
    from cronstack.onetime.schedules import Wiring
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
    from cronstack_infra.play.simulation.handlers.faults import Faults

_MOMENT: Final = timedelta(microseconds=1)
_MOST: Final = 1_000_000


@dataclass(frozen=True)
class Stack:
    """What is the same for every test of a stack."""

    deployment: Deployment
    places: Mapping[str, Place]
    """Where each job is declared."""

    @classmethod
    def of(cls, clients: Callable[[str], Any], choice: Choice) -> Stack:
        name = choice.project.stack(choice.jobs)
        deployment = find_deployment(clients("cloudformation"), name)
        return cls(deployment, places(clients("lambda"), deployment, choice.project))


class Cloud:
    """One test's cloud. Times are aware datetimes in UTC."""

    def __init__(self, virtual: VirtualCloud, stack: Stack, choice: Choice) -> None:
        self.stack = stack
        self._virtual = virtual
        self._began = virtual.now
        self._about = choice.only or frozenset()
        """Jobs that the test is about: those of the marker's ``only`` and those that a call has named."""
        self._moved = "The clock begins there."
        self._operations = Operations(virtual, stack.deployment, seed=choice.seed, story=self.told)
        virtual.faults.check = self._check

    # time

    @property
    def now(self) -> datetime:
        """What every clock of this process shows, the handlers' included."""
        return self._virtual.now

    def advance(self, *, until: datetime | None = None, **lengths: float) -> None:
        """Let time pass, ``days=7`` or ``hours=1, minutes=30``: what is due before its end happens, in order.

        What is due at the very end is about to happen. ``until`` is an aware datetime; a local time that the clocks
        skip means the instant of the change.
        """
        if (until is None) == (not lengths):
            raise OperationError("advance(days=7), or advance(until=an aware datetime)")
        if until is not None and until.tzinfo is None:
            raise OperationError(
                f"until={until} has no time zone", remedy="Write datetime(2026, 5, 1, tzinfo=ZoneInfo(…))."
            )
        to = self.now + timedelta(**lengths) if until is None else bound(until)
        if to < self.now:
            raise OperationError(f"time does not go back from {self.now} to {to}", remedy=self._moved)
        if to > self.now:
            with self._moving("advance()"):
                self._virtual.advance(to - _MOMENT)
                self._virtual.hub.move(self._virtual.hub.us + 1)

    def at(self, local: str, zone: str = "UTC") -> datetime:
        """Be at a local time of a zone, as though deployed there: nothing of the time between is played.

        What is due at that time is about to happen: ``advance(minutes=1)``. A local time that the clocks skip means the
        instant of the change. For a local time that the clocks show twice, write its offset: "2027-10-31T02:30+01:00".
        Each ``rate()`` has fired 30 seconds before.
        """
        to = read_bound(local, zone)
        if to < self.now:
            raise OperationError(
                f"{local} ({zone}) is past: it is {self.now}",
                remedy="at() goes ahead; begin earlier by the marker's start.",
            )
        if held := [one for one in self._waits() if one.holds(to)]:
            raise OperationError(
                f"at({local!r}) would pass what has not ended:\n{listed(held)}", remedy=self._remedy(held)
            )
        with self._moving(f"at({local!r})"):
            self._virtual.jump(to, rate_age=RATE_AGE)
        if not self.events:
            self._began = to
        return to

    # jobs

    def fire(self, job: str, *, input: Mapping[str, Any] | None = None) -> Row:
        """Run a job now, as ``cronstack trigger`` does, and let time pass until that run is final."""
        return self._start("fire", job, None, input)

    def trigger(self, job: str, *, at: datetime | str | None = None, input: Mapping[str, Any] | None = None) -> Row:
        """Run the occurrence of a past time, as ``cronstack trigger --at`` does; without ``at`` as ``fire`` does.

        at: an aware datetime, or ISO text in UTC.
        """
        return self._start("trigger", job, None if at is None else moment(at, "at"), input)

    def backfill(self, job: str, *, since: datetime | str, until: datetime | str, again: bool = False) -> list[Row]:
        """Run what was due from ``since`` to before ``until`` and has not run; return these runs, the oldest first.

        since, until: aware datetimes, or ISO texts in UTC.
        again: run also what has run. Defaults to False.
        """
        self._check(job)
        with self._moving(f"backfill({job!r})"):
            return self._operations.backfill(job, instant(since, "since"), instant(until, "until"), again=again)

    def redrive(self, job: str | None = None, *, ids: Sequence[str] = ()) -> list[Redriven]:
        """Send the events of dead letters again, and let time pass until each run is final.

        A result has ``letter``, ``accepted``, ``detail`` and ``status``, the status of the run.
        job: only letters of this job. Defaults to all.
        ids: only letters with these ids. Defaults to all.
        """
        if job is not None:
            self._check(job)
        with self._moving(f"redrive({'' if job is None else repr(job)})"):
            return self._operations.redrive(job, ids)

    @property
    def once(self) -> Once:
        """``cronstack.once`` as it is for application code: ``cloud.once.schedule("job", key="order-1", after=90)``."""
        return Once(wiring=self._wiring, transport=self._virtual.calls.transport)

    @property
    def mails(self) -> list[dict[str, Any]]:
        """What was sent through SES, the oldest first: "from", "to", "subject", "text"."""
        return mails.sent()

    def runs(self, job: str) -> list[Row]:
        """What the ledger knows of a job's runs, the earliest due first."""
        self._check(job)
        rows = list_runs(self.client("dynamodb"), self.stack.deployment, [job], now=self.now, most=_MOST)
        return rows[::-1]

    def dead_letters(self, job: str | None = None) -> list[DeadLetter]:
        """What lies in the queues of dead letters, the oldest first; of one job, or of all."""
        if job is not None:
            self._check(job)
        return self._operations.letters(job)

    @property
    def faults(self) -> Faults:
        """Planned faults: ``faults.crash("job", on_attempt=1, when="before commit")``, ``faults.raises(…)``."""
        return self._virtual.faults

    # AWS

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud's."""
        return self._virtual.client(service)

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs: names of what CloudFormation named."""
        return self.stack.deployment.outputs

    @property
    def jobs(self) -> list[str]:
        """Names of the deployed jobs."""
        return sorted(self.stack.places)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that happened, in order, as ``cronstack simulate`` writes it."""
        return self._virtual.events

    # messages

    def told(self) -> str:
        """The time line of the jobs that the test is about, and one line for each other job."""
        about = self._about or frozenset(self.stack.places)
        return story(self.events, self.stack.places, began=self._began, now=self.now, about=about)

    def _start(self, call: str, job: str, at: datetime | None, input: Mapping[str, Any] | None) -> Row:
        self._check(job)
        with self._moving(f"{call}({job!r})"):
            return self._operations.trigger(job, at=at, input=input)

    @contextmanager
    def _moving(self, call: str) -> Iterator[None]:
        """Remember which call moved the clock, for an error of a later one."""
        began = self.now
        yield
        self._moved = f"{call} let time pass from {_second(began)} to {_second(self.now)}."

    def _waits(self) -> list[Wait]:
        plans = list_plans(self.once, wirings(self.stack.deployment), status="planned")
        return waits(self._virtual, self.stack.deployment.stack, plans)

    def _remedy(self, held: Sequence[Wait]) -> str:
        remedy = "Let time pass until they have ended: cloud.advance(…). Cancel a plan: cloud.once.cancel(…)."
        others = {one.job for one in held} & self.stack.places.keys() - self._about
        if not others:
            return remedy
        chosen = sorted(self._about) or ["JOB"]
        return f"{remedy} Keep the schedules of other jobs from firing: {marker(chosen)}."

    def _wiring(self, job: str) -> Wiring:
        found = wiring_of(self.stack.deployment, job)
        self._about |= {job}
        return found

    def _check(self, job: str) -> None:
        if job not in self.stack.places:
            raise unknown_job(job, self.jobs, self.stack.deployment)
        self._about |= {job}


def _second(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}"
