"""Send the events of dead letters again: the same occurrence, its next attempt.

A letter is deleted only after Lambda has accepted its event, or when the ledger says that its occurrence is finished.
A letter that stays in its queue names its remedy.

The letters of a renamed job go to the new name (``as_job``). There the occurrence has no run yet, so it begins with
its first attempt. What code has scheduled is planned anew under the new name, with the same key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cronstack.defaults import DEFAULTS
from cronstack.errors import EventError, OnceConflict, OnceError, OperationError
from cronstack.event import parse_event, redrive_event
from cronstack.ledger.rows import FINISHED
from cronstack.occurrence import Occurrence, is_planned, print_time, to_milliseconds
from cronstack_infra.ops.dead_letters import remedies
from cronstack_infra.ops.dead_letters.reading import LONG_POLL, DeadLetter, is_wanted, opened
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment, find_job
from cronstack_infra.ops.invoking import call_until_told, hand_over
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.runs import Report, Row, find_run, follow, no_report

LONGEST_RUN: Final = 960.0
"""Longest wait in seconds for a run before the next run of its job. Lambda's longest invocation takes 900 s."""


@dataclass(frozen=True)
class Redriven:
    """Result of redriving one dead letter."""

    letter: DeadLetter
    accepted: bool
    """Whether Lambda accepted the event, or no run was needed. The letter is then deleted."""
    detail: str
    status: str = ""
    """Status of the run, if the caller waited for its end or the ledger had it already."""
    remedy: str = ""
    """What to do about a letter that stays in its queue."""


def redrive(
    clients: Clients,
    deployment: Deployment,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    job: str | None = None,
    origin: str | None = None,
    ids: Sequence[str] = (),
    as_job: str | None = None,
    wait: float = 0,
    poll: int = LONG_POLL,
    report: Callable[[Occurrence], Report] = lambda occurrence: no_report,
) -> Iterator[Redriven]:
    """Send the events of dead letters again, oldest first. Yield a result for each.

    ids: only these letters. as_job: the new name of the job. wait: seconds to wait for the end of each run; with 0 the
    next letter follows as soon as Lambda has accepted the event. report: returns what receives the states of a run
    whose end is awaited.
    """
    if as_job is not None:
        find_job(clients("lambda"), deployment, as_job)
    with opened(clients("sqs"), deployment, poll=poll) as letters:
        wanted = [one for one in letters if is_wanted(one, job, origin) and (not ids or one.id in ids)]
        if unknown := sorted(set(ids) - {one.id for one in wanted}):
            raise OperationError(
                f"no dead letter {unknown[0]}", remedy="List them: cronstack dead-letters list --json tells their ids."
            )
        if job is not None and not wanted:
            _refuse_unknown(clients, deployment, job, as_job)
        drive = _Drive(clients, deployment, clock, sleep, as_job, wait, report)
        for letter in wanted:
            yield drive.again(letter)


def _refuse_unknown(clients: Clients, deployment: Deployment, job: str, as_job: str | None) -> None:
    """Raise OperationError for a name without letters that is probably mistyped."""
    if as_job is not None:
        raise OperationError(f"no dead letters of a job {job!r}", remedy="List them: cronstack dead-letters list")
    find_job(clients("lambda"), deployment, job)


class _Drive:
    """One redrive of several letters."""

    def __init__(
        self,
        clients: Clients,
        deployment: Deployment,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        as_job: str | None,
        wait: float,
        report: Callable[[Occurrence], Report],
    ) -> None:
        self._clients, self._deployment = clients, deployment
        self._clock, self._sleep, self._as, self._wait = clock, sleep, as_job, wait
        self._report = report
        self._sent: Counter[tuple[str, str]] = Counter()
        self._unstarted: dict[str, Occurrence] = {}
        self._found: dict[str, DeployedJob | OperationError] = {}

    def again(self, letter: DeadLetter) -> Redriven:
        reason, occurrence = letter.contents.reason, letter.contents.occurrence
        if occurrence is None:
            return _foreign(letter)
        try:
            target = self._target(occurrence.job)
            if letter.contents.origin == "refused" and reason in remedies.REFUSED_AGAIN:
                return self._refused(letter, reason, target, occurrence)
            return self._send(letter, occurrence, target)
        except EventError as fault:  # a redrive adds fields, and the event was close to the size limit
            return _stays(letter, str(fault.args[0]), fault.remedy)
        except (OperationError, OnceConflict, OnceError) as fault:
            return _stays(letter, str(fault.args[0]), fault.remedy)

    def _target(self, job: str) -> DeployedJob:
        """Return the job to which the events of a job go. Raise OperationError that names the remedy."""
        own = self._find(job)
        if self._as is None or self._as == job:
            if isinstance(own, OperationError):
                raise OperationError(str(own.args[0]), remedy=f"{remedies.rename(job)} {own.remedy}")
            return own
        if isinstance(own, DeployedJob):
            raise OperationError(f"the job {job} is deployed under its own name", remedy="Redrive it without --as.")
        new = self._find(self._as)
        if isinstance(new, OperationError):
            raise new
        return new

    def _find(self, job: str) -> DeployedJob | OperationError:
        """Return a deployed job, or the fault that lists the deployed ones. Ask once for each name."""
        if job not in self._found:
            try:
                self._found[job] = find_job(self._clients("lambda"), self._deployment, job)
            except OperationError as fault:
                self._found[job] = fault
        return self._found[job]

    def _refused(self, letter: DeadLetter, reason: str, target: DeployedJob, occurrence: Occurrence) -> Redriven:
        return _stays(
            letter, f"it would be refused again ({reason})", remedies.refused(reason, target.name, occurrence)
        )

    def _send(self, letter: DeadLetter, first: Occurrence, job: DeployedJob) -> Redriven:
        key = (job.name, first.id)
        if self._sent[key]:
            self._delete(letter)
            return Redriven(letter, True, "a copy: its occurrence has just been redriven")
        row = self._row(first)
        if row is not None and row.status in FINISHED:
            self._delete(letter)
            return Redriven(letter, True, f"nothing to do: it has {row.status} already", row.status)
        if row is not None and first.revision is not None and row.revision not in (0, first.revision):
            self._delete(letter)  # the guard would skip its event as overtaken
            stands = f"planned for {print_time(to_milliseconds(row.due))}" if row.status == "planned" else row.status
            return Redriven(letter, True, f"nothing to do: it was moved, and is {stands}")
        occurrence = first._replace(job=job.name)
        if job.name != first.job:
            if first.key:
                return self._plan_anew(letter, occurrence)
            row = self._row(occurrence)
            if row is not None and row.status in FINISHED:
                self._delete(letter)
                return Redriven(letter, True, f"nothing to do: as {job.name} it has {row.status} already", row.status)
        if row is None and (reason := self._refusal(occurrence)):
            return self._refused(letter, reason, job, occurrence)
        return self._hand_over(letter, occurrence, job, row)

    def _hand_over(self, letter: DeadLetter, occurrence: Occurrence, job: DeployedJob, row: Row | None) -> Redriven:
        if row is not None and row.attempt >= row.limit and (row.overdue or row.status == "crashed"):
            row = self._settle_death(job, occurrence)
        died = row.attempt if row is not None and row.status == "dead" else None
        event = redrive_event(occurrence, requested=to_milliseconds(self._clock()), attempt=died)
        if row is None and not is_planned(occurrence.id):  # planned occurrences do not wait for others
            self._after_the_last_unstarted_one(occurrence)
        hand_over(self._clients("lambda"), job, event)
        self._delete(letter)
        self._sent[(job.name, occurrence.id)] += 1
        detail = "first attempt" if row is None else f"attempt {row.attempt + 1}"
        return self._ended(letter, occurrence, detail, died or 0)

    def _plan_anew(self, letter: DeadLetter, occurrence: Occurrence) -> Redriven:
        """Plan an occurrence that code had scheduled under the new name, because its event needs a plan to run."""
        once = once_of(self._clients, self._deployment, now=lambda: to_milliseconds(self._clock()), sleep=self._sleep)
        plan = once.schedule(
            occurrence.job, key=occurrence.key, at=occurrence.scheduled, past="run", input=occurrence.input
        )
        self._delete(letter)
        self._sent[(occurrence.job, occurrence.id)] += 1
        return self._ended(letter, occurrence, f"planned as {plan.job} {plan.key!r} for {print_time(plan.due)}", 0)

    def _ended(self, letter: DeadLetter, occurrence: Occurrence, detail: str, died: int) -> Redriven:
        """Return the result of a letter whose event was accepted, after its run has ended if the caller waits."""
        if not self._wait:
            return Redriven(letter, True, detail)
        try:
            ended = self._follow(occurrence, died, self._wait)
        except OperationError as impatience:  # its carriers go on without the letter
            return Redriven(letter, True, f"{detail}: {impatience.args[0]}")
        return Redriven(letter, True, f"{detail}: {ended.status}", ended.status)

    def _refusal(self, occurrence: Occurrence) -> str:
        """Return the reason for which the job refuses an occurrence without a run; "" if it accepts it."""
        if to_milliseconds(self._clock()) - occurrence.age_from > DEFAULTS.horizon * 1000:
            return "TooOld"
        return "Forgotten" if is_planned(occurrence.id) else ""

    def _settle_death(self, job: Any, occurrence: Occurrence) -> Row | None:
        """Let a claim record the death of a run that was killed in its last attempt. The handler does not run."""
        event = redrive_event(occurrence, requested=to_milliseconds(self._clock()), attempt=None)
        call_until_told(self._clients("lambda"), job, event, sleep=self._sleep)
        return self._row(occurrence)

    def _after_the_last_unstarted_one(self, occurrence: Occurrence) -> None:
        """Wait for the previous occurrence without a run. The guard may skip a new one while its job runs."""
        last = self._unstarted.get(occurrence.job)
        if last is not None:
            self._follow(last, 0, self._wait or LONGEST_RUN)
        self._unstarted[occurrence.job] = occurrence

    def _follow(self, occurrence: Occurrence, died: int, patience: float) -> Row:
        return follow(
            self._clients("dynamodb"),
            self._deployment,
            occurrence.job,
            occurrence.id,
            clock=self._clock,
            sleep=self._sleep,
            patience=patience,
            beyond_attempt=died,
            report=self._report(occurrence),
        )

    def _row(self, occurrence: Occurrence) -> Row | None:
        return find_run(self._clients("dynamodb"), self._deployment, occurrence.job, occurrence.id, self._clock())

    def _delete(self, letter: DeadLetter) -> None:
        self._clients("sqs").delete_message(QueueUrl=letter.queue, ReceiptHandle=letter.receipt)


def _foreign(letter: DeadLetter) -> Redriven:
    """Return the result of a letter whose event is not an occurrence."""
    try:
        parse_event(letter.contents.event, letter.job)
    except EventError as fault:
        why = f"its event is not one of Cronstack's ({fault.reason}: {fault.args[0]})"
        return _stays(letter, why, remedies.foreign(fault.reason, letter.job, letter.id))
    raise AssertionError(f"letter {letter.id} has an occurrence")


def _stays(letter: DeadLetter, why: str, remedy: str) -> Redriven:
    return Redriven(letter, False, f"{why}; it stays", remedy=remedy)
