"""Operators' actions in virtual time. Trigger, backfill and redrive wait until their runs are final."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from cronstack import entropy
from cronstack.errors import OperationError
from cronstack.ledger.rows import FAILED
from cronstack_infra.ops import backfill as backfilling
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.pause import PassedOver, Pause, pause, resume
from cronstack_infra.ops.runs import RunRow, find_run
from cronstack_infra.ops.trigger import trigger

if TYPE_CHECKING:
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

PATIENCE: Final = timedelta(days=1)
"""Virtual time within which a run must become final."""
_MOST: Final = 100_000
"""Most occurrences of one backfill."""


class Operations:
    """Operations on the cloud of one test. ``story`` returns the timeline for an error message."""

    def __init__(self, virtual: VirtualCloud, deployment: Deployment, *, seed: int, story: Callable[[], str]) -> None:
        self._virtual, self._deployment, self._story = virtual, deployment, story
        self._names = entropy.seeded(seed)

    def trigger(self, job: str, *, at: datetime | None, input: Mapping[str, Any] | None) -> RunRow:
        """Run a job now, or its occurrence of a past time, and wait until that run is final."""
        ulid = entropy.ulid(round(self._now.timestamp() * 1000), self._names)
        try:
            sent = trigger(self._client, self._deployment, job, now=self._now, ulid=ulid, at=at, input=input)
        except OperationError as refused:
            if at is None:
                raise
            raise OperationError(
                str(refused.args[0]),
                remedy="Run it now as a new occurrence with cloud.fire(…), again with"
                ' cloud.backfill(…, kind="all"), or from its dead letter with cloud.redrive(…).',
            ) from None
        row = self._wait(job, sent.occurrence)
        if row is None:
            raise OperationError(f"{job} has not run within a day after its start\n{self._story()}")
        return row

    def backfill(self, job: str, kind: backfilling.Kind, first: datetime, last: datetime) -> list[RunRow]:
        """Run occurrences of a past span, one after the other. Return their runs, oldest first."""
        plan = backfilling.plan_backfill(
            self._client, self._deployment, job, kind, first=first, last=last, now=self._now, most=_MOST
        )
        filled = backfilling.carry_out(
            self._client,
            self._deployment,
            plan,
            clock=lambda: self._now,
            sleep=self._sleep,
            patience=PATIENCE.total_seconds(),
        )
        found = [self._run(job, result.planned.occurrence) for result in filled]
        return [row for row in found if row is not None]

    def redrive(self, job: str | None, ids: Sequence[str]) -> list[Redriven]:
        """Send the events of dead letters again, oldest first, and wait until each run is final."""
        failed = {letter.id: self._failed(letter) for letter in self.letters(job)}
        results = redrive(
            self._client,
            self._deployment,
            clock=lambda: self._now,
            sleep=self._sleep,
            job=job,
            ids=ids,
            poll=0,
        )
        return [self._ended(result, failed.get(result.letter.id)) for result in results]

    def pause(self, job: str, reason: str) -> Pause:
        """Pause a job. No time passes."""
        return pause(self._client, self._deployment, job, now=self._now, reason=reason).pause

    def resume(self, job: str) -> PassedOver:
        """Resume a job, and return what was passed over. No time passes."""
        return resume(self._client, self._deployment, job, now=self._now).passed_over

    def letters(self, job: str | None) -> list[DeadLetter]:
        """Return the dead letters of a job, or of all jobs, oldest first."""
        return list_letters(self._client("sqs"), self._deployment, job=job, poll=0)

    def _ended(self, result: Redriven, failed: int | None) -> Redriven:
        """Wait for the run, and return the result with its status."""
        letter = result.letter
        if result.status or not result.accepted or self._has_no_run(letter):
            return result
        row = self._wait(letter.job, letter.occurrence, failed)
        return result if row is None else replace(result, status=row.status)

    def _has_no_run(self, letter: DeadLetter) -> bool:
        """Return whether no run will come now, because the plan was moved to a later time, or cancelled."""
        occurrence = letter.contents.occurrence
        if occurrence is None or not occurrence.key:
            return False
        run = self._run(letter.job, letter.occurrence)
        if run is not None and run.status != "missed":
            return False
        plan = once_of(self._client, self._deployment).get(letter.job, occurrence.key)
        return plan.status == "cancelled" or (plan.status == "planned" and plan.at > self._now)

    def _wait(self, job: str, occurrence: str, failed: int | None = None) -> RunRow | None:
        """Let time pass until a run is final, or has left another dead letter.

        failed: attempts after which the run had failed earlier; 0 for a missed run. Defaults to None: not failed.
        """
        known = {letter.id for letter in self.letters(job)}
        read, given_up = len(self._virtual.events), False

        def final(row: RunRow | None) -> bool:
            if row is None or not row.final:
                return False
            return row.status not in FAILED or failed is None or row.attempt > failed

        def unfinished() -> bool:
            nonlocal read, given_up
            if self._virtual.at_work(job, occurrence):  # a handler sends its dead letter after the settle
                return True
            new, read = self._virtual.events[read:], len(self._virtual.events)
            if any(event["event"] == "dead_letter" for event in new):
                given_up = any(
                    letter.occurrence == occurrence and letter.id not in known for letter in self.letters(job)
                )
            return not given_up and not final(self._run(job, occurrence))

        self._virtual.advance(PATIENCE, unfinished)
        row = self._run(job, occurrence)
        if row is not None and not final(row) and not given_up:
            raise OperationError(f"{job} is {row.status} a day after its start\n{self._story()}")
        return row

    def _failed(self, letter: DeadLetter) -> int | None:
        row = self._run(letter.job, letter.occurrence) if letter.occurrence else None
        return row.attempt if row is not None and row.status in FAILED else None

    def _run(self, job: str, occurrence: str) -> RunRow | None:
        return find_run(self._client("dynamodb"), self._deployment, job, occurrence, self._now)

    def _sleep(self, seconds: float) -> None:
        self._virtual.advance(timedelta(seconds=seconds))

    def _client(self, service: str) -> Any:
        return self._virtual.client(service)

    @property
    def _now(self) -> datetime:
        return self._virtual.now
