"""What a test holds: the deployed stack, its clock, and questions to its ledger and its queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cronstack import entropy
from cronstack.errors import OperationError
from cronstack.onetime import Once
from cronstack.zones import bound
from cronstack_infra.local import mails
from cronstack_infra.names import carriers_group
from cronstack_infra.ops.dead_letters import DeadLetter, list_letters
from cronstack_infra.ops.deployment import Deployment, find_deployment, unknown_job
from cronstack_infra.ops.onetime import list_plans, wiring_of, wirings
from cronstack_infra.ops.runs import Row, find_run, list_runs
from cronstack_infra.ops.spans import read_bound
from cronstack_infra.ops.trigger import trigger
from cronstack_infra.testing.choice import Choice
from cronstack_infra.testing.places import Place, places
from cronstack_infra.testing.story import story

if TYPE_CHECKING:
    from cronstack.planning import Plan
    from cronstack_infra.play.simulation.cloud import VirtualCloud
    from cronstack_infra.play.simulation.faults import Faults

_MOMENT: Final = timedelta(microseconds=1)
_PATIENCE: Final = timedelta(days=1)
"""Virtual time in which a run that was fired must be final."""
_MOST: Final = 1_000_000


@dataclass(frozen=True)
class Stack:
    """What is the same for every test of a stack."""

    deployment: Deployment
    outputs: Mapping[str, str]
    """Names of what CloudFormation named, by output."""
    places: Mapping[str, Place]
    """Where each job is declared."""

    @classmethod
    def of(cls, clients: Callable[[str], Any], choice: Choice) -> Stack:
        name = choice.project.stack(choice.jobs)
        deployment = find_deployment(clients("cloudformation"), name)
        described = clients("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}
        return cls(deployment, outputs, places(clients("lambda"), deployment, choice.project))


class Cloud:
    """One test's cloud. Times are aware datetimes in UTC."""

    def __init__(self, virtual: VirtualCloud, stack: Stack, choice: Choice) -> None:
        self.stack = stack
        self._virtual = virtual
        self._fired = entropy.seeded(choice.seed)
        self._began = virtual.now
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
            raise OperationError(f"time does not go back: it is {self.now}, not yet {to}")
        if to > self.now:
            self._virtual.advance(to - _MOMENT)
            self._virtual.hub.move(self._virtual.hub.us + 1)

    def at(self, local: str, zone: str = "UTC") -> datetime:
        """Be at a local time of a zone, as though deployed there: nothing of the time between is played.

        What is due at that time is about to happen: ``advance(minutes=1)``. A local time that the clocks skip means the
        instant of the change. For a local time that the clocks show twice, write its offset: "2027-10-31T02:30+01:00".
        """
        to = read_bound(local, zone)
        if to < self.now:
            raise OperationError(
                f"{local} ({zone}) is past: it is {self.now}",
                remedy="at() goes ahead; begin earlier by the marker's start.",
            )
        if carriers := self._carriers():
            raise OperationError(
                f"{len(carriers)} carriers are to bring back what waits: {', '.join(carriers)}",
                remedy="Let time pass until they have: advance(hours=1).",
            )
        if missed := [plan for plan in self._plans() if plan.at < to]:
            first = min(missed, key=lambda plan: plan.due)
            raise OperationError(
                f"{len(missed)} are planned before then, the first is {first.job} {first.key!r} at {first.at}",
                remedy="Let time pass until they have run, advance(until=…), or cloud.once.cancel(…) them.",
            )
        self._virtual.jump(to)
        if not self.events:
            self._began = to
        return to

    # jobs

    def fire(self, job: str, *, input: Mapping[str, Any] | None = None) -> Row:
        """Run a job now, as ``cronstack trigger`` does, and let time pass until that run is final.

        Of one whose last attempt was killed nobody can tell the ledger: it is "running", and has left a dead letter.
        """
        self._check(job)
        made = trigger(
            self.client,
            self.stack.deployment,
            job,
            now=self.now,
            ulid=entropy.ulid(round(self.now.timestamp() * 1000), self._fired),
            input=input,
        )

        def run() -> Row | None:
            return find_run(self.client("dynamodb"), self.stack.deployment, job, made.occurrence, self.now)

        looked, given_up = len(self.events), False

        def unfinished() -> bool:
            nonlocal looked, given_up
            if self._virtual.jobs.at_work(job, made.occurrence):  # a dead one's letter is sent after its settle
                return True
            fresh, looked = self.events[looked:], len(self.events)
            if any(event["event"] == "dead_letter" for event in fresh):
                given_up = any(letter.occurrence == made.occurrence for letter in self.dead_letters(job))
            row = run()
            return not given_up and (row is None or not row.final)

        self._virtual.advance(_PATIENCE, unfinished)
        row = run()
        if row is None or not (row.final or given_up):
            raise OperationError(f"{job} is {row.status if row else 'not run'} a day after it was fired\n{self.told()}")
        return row

    @property
    def once(self) -> Once:
        """``cronstack.once`` as it is for application code: ``cloud.once.schedule("job", key="order-1", after=90)``."""
        return Once(wiring=lambda job: wiring_of(self.stack.deployment, job), transport=self._virtual.calls.transport)

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
        return list_letters(self.client("sqs"), self.stack.deployment, job=job, poll=0)

    @property
    def faults(self) -> Faults:
        """What goes wrong: ``faults.crash("job", on_attempt=1)``, ``faults.raises("job", on_attempt=1)``."""
        return self._virtual.faults

    # AWS

    def client(self, service: str) -> Any:
        """A boto3 client of this cloud's."""
        return self._virtual.client(service)

    @property
    def outputs(self) -> Mapping[str, str]:
        """The stack's outputs: names of what CloudFormation named."""
        return self.stack.outputs

    @property
    def jobs(self) -> list[str]:
        """Names of the deployed jobs."""
        return sorted(self.stack.places)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that happened, in order, as ``cronstack simulate`` writes it."""
        return self._virtual.events

    # what is told

    def told(self) -> str:
        """The time line so far, and where the jobs stand."""
        return story(self.events, self.stack.places, began=self._began, now=self.now)

    def _carriers(self) -> list[str]:
        """Schedules that jobs have made themselves."""
        listed = self.client("scheduler").list_schedules(GroupName=carriers_group(self.stack.deployment.stack))
        return [one["Name"] for one in listed["Schedules"]]

    def _plans(self) -> list[Plan]:
        """What code has scheduled and has not begun."""
        return [*list_plans(self.once, wirings(self.stack.deployment), status="planned")]

    def _check(self, job: str) -> None:
        if job not in self.stack.places:
            raise unknown_job(job, self.jobs, self.stack.deployment)
