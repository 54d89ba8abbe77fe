"""The fixture ``cloud`` of a test: the deployed stack, its clock, its ledger and its queues."""

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
from cronstack_infra.ops.backfill import Kind
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.redriving import Redriven
from cronstack_infra.ops.deployment import Deployment, find_deployment, unknown_job
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.onetime import list_plans, wiring_of, wirings
from cronstack_infra.ops.pause import PassedOver, Pause
from cronstack_infra.ops.runs import RunRow
from cronstack_infra.ops.spans import read_bound
from cronstack_infra.testing.choice import RATE_AGE, Choice, instant, moment
from cronstack_infra.testing.operations import Operations
from cronstack_infra.testing.places import Place, places
from cronstack_infra.testing.story import marker, story
from cronstack_infra.testing.waits import Unfinished, listed, waits

if TYPE_CHECKING:
    from cronstack.onetime.schedules import Wiring
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
    from cronstack_infra.play.simulation.handlers.faults import Faults

_MOMENT: Final = timedelta(microseconds=1)
_MOST: Final = 1_000_000


@dataclass(frozen=True)
class Stack:
    """The parts of a deployed stack that do not change between tests."""

    deployment: Deployment
    places: Mapping[str, Place]
    """Place of the declaration of each job."""

    @classmethod
    def of(cls, clients: Callable[[str], Any], choice: Choice) -> Stack:
        name = choice.project.stack(choice.jobs)
        deployment = find_deployment(clients("cloudformation"), name)
        return cls(deployment, places(clients("lambda"), deployment, choice.project))


class Cloud:
    """The cloud of one test. Times are aware datetimes in UTC."""

    def __init__(self, virtual: VirtualCloud, stack: Stack, choice: Choice) -> None:
        self.stack = stack
        self._virtual = virtual
        self._began = virtual.now
        self._about = choice.only or frozenset()
        """Jobs that the test uses: those of the marker's ``only``, and those passed to a method."""
        self._last_move = "The clock starts there."
        self._operations = Operations(virtual, stack.deployment, seed=choice.seed, story=self.timeline)
        virtual.faults.check = self._check

    # time

    @property
    def now(self) -> datetime:
        """The virtual time. All clocks of this process show it, also in handlers."""
        return self._virtual.now

    def advance(self, *, until: datetime | None = None, **lengths: float) -> None:
        """Let time pass, ``days=7`` or ``hours=1, minutes=30``. All that is due before the end happens, in order.

        Events due exactly at the end have not happened yet. ``until`` is an aware datetime. A local time that the
        clocks skip means the instant of the clock change.
        """
        if (until is None) == (not lengths):
            raise OperationError(
                "advance() needs a length or until: advance(days=7), or advance(until=an aware datetime)"
            )
        if until is not None and until.tzinfo is None:
            raise OperationError(
                f"until={until} has no time zone", remedy="Write datetime(2026, 5, 1, tzinfo=ZoneInfo(…))."
            )
        to = self.now + timedelta(**lengths) if until is None else bound(until)
        if to < self.now:
            raise OperationError(f"time cannot go back from {self.now} to {to}", remedy=self._last_move)
        if to > self.now:
            with self._moving("advance()"):
                self._virtual.advance(to - _MOMENT)
                self._virtual.hub.move(self._virtual.hub.us + 1)

    def at(self, local: str, zone: str = "UTC") -> datetime:
        """Jump to a local time of a zone. Nothing between now and then happens.

        Events due at that time have not happened yet; ``advance(minutes=1)`` runs them. A local time that the clocks
        skip means the instant of the clock change. For a local time that the clocks repeat, write its offset:
        "2027-10-31T02:30+01:00". Each ``rate()`` has fired 30 seconds earlier.
        """
        to = read_bound(local, zone)
        if to < self.now:
            raise OperationError(
                f"{local} ({zone}) is in the past: now is {self.now}",
                remedy="at() only moves forward. To start earlier, set start= of the marker.",
            )
        if held := [wait for wait in self._waits() if wait.holds(to)]:
            raise OperationError(
                f"at({local!r}) would skip runs and events that have not ended:\n{listed(held)}",
                remedy=self._remedy(held),
            )
        with self._moving(f"at({local!r})"):
            self._virtual.jump(to, rate_age=RATE_AGE)
        if not self.events:
            self._began = to
        return to

    # jobs

    def fire(self, job: str, *, input: Mapping[str, Any] | None = None) -> RunRow:
        """Run a job now, as ``cronstack trigger`` does, and let time pass until that run is final."""
        return self._start("fire", job, None, input)

    def trigger(self, job: str, *, at: datetime | str | None = None, input: Mapping[str, Any] | None = None) -> RunRow:
        """Run the occurrence of a past time, as ``cronstack trigger --at`` does. Without ``at``, act as ``fire``.

        at: an aware datetime, or ISO text in UTC.
        """
        return self._start("trigger", job, None if at is None else moment(at, "at"), input)

    def backfill(
        self, job: str, *, since: datetime | str, until: datetime | str, kind: Kind = "missing"
    ) -> list[RunRow]:
        """Run occurrences from ``since`` to before ``until``. Return their runs, the oldest first.

        since, until: aware datetimes, or ISO texts in UTC.
        kind: "missing", "failed" or "all", as of ``cronstack backfill``. Defaults to "missing".
        """
        self._check(job)
        with self._moving(f"backfill({job!r})"):
            return self._operations.backfill(job, kind, instant(since, "since"), instant(until, "until"))

    def redrive(self, job: str | None = None, *, ids: Sequence[str] = ()) -> list[Redriven]:
        """Send the events of dead letters again, and let time pass until each run is final.

        Return a result for each letter: ``letter``, ``accepted``, ``detail``, and ``status`` of the run.
        job: only letters of this job. Defaults to all.
        ids: only letters with these ids. Defaults to all.
        """
        if job is not None:
            self._check(job)
        with self._moving(f"redrive({'' if job is None else repr(job)})"):
            return self._operations.redrive(job, ids)

    def pause(self, job: str, *, reason: str = "a test") -> Pause:
        """Pause a job, as ``cronstack pause`` does: none of its attempts begins until ``resume``."""
        self._check(job)
        return self._operations.pause(job, reason)

    def resume(self, job: str) -> PassedOver:
        """Resume a job. Return what was passed over: ``occurrences``, ``unrecorded`` and ``keys``."""
        self._check(job)
        return self._operations.resume(job)

    @property
    def once(self) -> Once:
        """``cronstack.once`` for application code: ``cloud.once.schedule("job", key="order-1", after=90)``."""
        return Once(wiring=self._wiring, transport=self._virtual.calls.transport)

    @property
    def mails(self) -> list[dict[str, Any]]:
        """Mails that were sent through SES, the oldest first: "from", "to", "subject", "text"."""
        return mails.sent()

    def runs(self, job: str) -> list[RunRow]:
        """Return the runs of a job from the ledger, the earliest due first."""
        self._check(job)
        rows = list_runs(self.client("dynamodb"), self.stack.deployment, [job], now=self.now, most=_MOST)
        return rows[::-1]

    def dead_letters(self, job: str | None = None) -> list[DeadLetter]:
        """Return the dead letters of one job, or of all, the oldest first."""
        if job is not None:
            self._check(job)
        return self._operations.letters(job)

    @property
    def faults(self) -> Faults:
        """Planned faults: ``faults.crash("job", on_attempt=1, when="before commit")``, ``faults.raises(…)``."""
        return self._virtual.faults

    # AWS

    def client(self, service: str) -> Any:
        """Return a boto3 client for this cloud."""
        return self._virtual.client(service)

    @property
    def outputs(self) -> Mapping[str, str]:
        """Outputs of the stack, such as names that CloudFormation has generated."""
        return self.stack.deployment.outputs

    @property
    def jobs(self) -> list[str]:
        """Names of the deployed jobs."""
        return sorted(self.stack.places)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events so far, in order, in the format of ``cronstack simulate``."""
        return self._virtual.events

    # messages

    def timeline(self) -> str:
        """Return the timeline of the jobs that the test uses, and one line for each other job."""
        about = self._about or frozenset(self.stack.places)
        return story(self.events, self.stack.places, began=self._began, now=self.now, about=about)

    def _start(self, call: str, job: str, at: datetime | None, input: Mapping[str, Any] | None) -> RunRow:
        self._check(job)
        with self._moving(f"{call}({job!r})"):
            return self._operations.trigger(job, at=at, input=input)

    @contextmanager
    def _moving(self, call: str) -> Iterator[None]:
        """Store which call moved the clock, for the message of a later error."""
        began = self.now
        yield
        self._last_move = f"{call} let time pass from {_second(began)} to {_second(self.now)}."

    def _waits(self) -> list[Unfinished]:
        plans = list_plans(self.once, wirings(self.stack.deployment), status="planned")
        return waits(self._virtual, self.stack.deployment.stack, plans)

    def _remedy(self, held: Sequence[Unfinished]) -> str:
        remedy = "Let time pass until they have ended: cloud.advance(…). To cancel a plan: cloud.once.cancel(…)."
        others = {wait.job for wait in held} & self.stack.places.keys() - self._about
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
