"""Send the occurrences of dead letters again: the same occurrence, its next attempt.

``deciding`` decides about each letter by the ledger and the deployed schedules; ``senders`` checks its sender. A letter
is deleted only after Lambda has accepted the event, or when nothing is left to do. A letter that stays in its queue has
a remedy.

The letters of a renamed job go to the new name (``as_job``). There the occurrence has no run yet, so it starts with
its first attempt. An occurrence that code scheduled is planned again under the new name, with the same key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from cronstack.errors import EventError, OnceConflict, OnceError, OperationError
from cronstack.event import parse_event, redrive_event
from cronstack.ledger.rows import RunItem
from cronstack.occurrence import Occurrence, is_planned, print_time, to_milliseconds
from cronstack_infra.ops.dead_letters import remedies
from cronstack_infra.ops.dead_letters.deciding import Done, Keep, Send, by_miss, by_run, decide, is_too_old
from cronstack_infra.ops.dead_letters.facts import Facts
from cronstack_infra.ops.dead_letters.letters import DeadLetter, is_wanted
from cronstack_infra.ops.dead_letters.reading import (
    LONG_POLL,
    Counting,
    HeldLetters,
    Warn,
    hold_letters,
    no_warning,
    silently,
)
from cronstack_infra.ops.dead_letters.senders import UNKNOWN, Sender, Senders
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment, find_job
from cronstack_infra.ops.invoking import invoke_async, invoke_until_answered
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.ops.pause import refuse_if_paused
from cronstack_infra.ops.runs import Report, RunRow, follow, no_report

LONGEST_RUN: Final = 960.0
"""Longest wait in seconds for a run before the next run of its job. Lambda's longest invocation takes 900 s."""
_LAPSED: Final = "Run the same command again: another reader may have redriven it."
_BY_HAND: Final = "If you trust the sender: --any-sender. The letter then still only names its occurrence."


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
    """How to handle a letter that stays in its queue."""
    input: dict[str, Any] | None = None
    """The input that was sent; None if nothing was sent."""
    source: str = ""
    """Source of the input: "the ledger", "the plan", "the schedule shop-stats.1", …"""
    notes: tuple[str, ...] = ()
    """Differences between the letter and what was sent, and unknown facts."""
    sender: str = ""
    """The sender in words: "the role of the job stats", "unknown", …"""


class Options(NamedTuple):
    """How to redrive."""

    as_job: str | None = None
    """The new name of the job."""
    wait: float = 0
    """Seconds to wait for the end of each run; with 0 the next letter follows when Lambda has accepted the event."""
    dry_run: bool = False
    """Decide about each letter; send and delete nothing."""
    any_sender: bool = False
    """Accept letters that the role of another job, or a user, has sent."""
    while_paused: bool = False
    """Run occurrences of a paused job at once. Without it they run when the job is resumed."""


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
    dry_run: bool = False,
    any_sender: bool = False,
    while_paused: bool = False,
    poll: int = LONG_POLL,
    report: Callable[[Occurrence], Report] = lambda occurrence: no_report,
    warn: Warn = no_warning,
    unread: Warn = no_warning,
    counting: Counting = silently,
    before: Callable[[Sequence[DeadLetter]], None] = lambda letters: None,
) -> Iterator[Redriven]:
    """Send the occurrences of dead letters again, oldest first. Yield a result for each.

    ids: only these letters. as_job, wait, dry_run, any_sender, while_paused: see ``Options``. report: returns the
    callback for the states of a run whose end is awaited. warn: receives what the results do not show. unread: receives
    a sentence about each queue that may have more letters than were read. counting: shows how many were read. before:
    receives the letters before the first event is sent, except in a dry run. If it raises, nothing is sent.
    """
    options = Options(as_job, wait, dry_run, any_sender, while_paused)
    if as_job is not None:
        find_job(clients("lambda"), deployment, as_job)
    with hold_letters(clients("sqs"), deployment, poll=poll, clock=clock, counting=counting, warn=warn) as held:
        wanted = [letter for letter in held.letters if is_wanted(letter, job, origin) and (not ids or letter.id in ids)]
        if unknown := sorted(set(ids) - {letter.id for letter in wanted}):
            raise not_found(unknown[0], held.unread)
        if job is not None and not wanted and not held.unread:
            _refuse_unknown(clients, deployment, job, as_job)
        for sentence in held.unread:
            unread(sentence)
        if wanted and not dry_run:
            before(wanted)
        run = _Redrive(clients, deployment, clock, sleep, options, held, report, warn)
        for letter in wanted:
            yield run.redrive_letter(letter)


def not_found(name: str, unread: Sequence[str]) -> OperationError:
    """Return the error for a letter that was not read. ``unread``: reasons why it may exist nevertheless."""
    if unread:
        return OperationError(
            f"the dead letter {name} was not read, and may exist: {'; '.join(unread)}",
            remedy="Run the same command again in two minutes.",
        )
    return OperationError(
        f"no dead letter {name}", remedy="List them: cronstack dead-letters list --json has their ids."
    )


def _refuse_unknown(clients: Clients, deployment: Deployment, job: str, as_job: str | None) -> None:
    """Raise OperationError for a name without letters that is probably mistyped."""
    if as_job is not None:
        raise OperationError(f"no dead letters of a job {job!r}", remedy="List them: cronstack dead-letters list")
    find_job(clients("lambda"), deployment, job)


class _Redrive:
    """One redrive of several letters."""

    def __init__(
        self,
        clients: Clients,
        deployment: Deployment,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        options: Options,
        held: HeldLetters,
        report: Callable[[Occurrence], Report],
        warn: Warn,
    ) -> None:
        self._clients, self._deployment = clients, deployment
        self._clock, self._wait, self._options, self._held = clock, sleep, options, held
        self._report = report
        self._facts = Facts(clients, deployment)
        self._senders = Senders(clients, deployment, self._facts, warn)
        self._sent: Counter[tuple[str, str]] = Counter()
        self._unstarted: dict[str, Occurrence] = {}
        self._jobs: dict[str, DeployedJob | OperationError] = {}
        self._runs: set[str] = set()
        """Jobs that are not paused."""

    def redrive_letter(self, letter: DeadLetter) -> Redriven:
        """Redrive one letter."""
        self._held.renew()
        if not self._held.holds(letter):
            return _keep(
                letter,
                "this command no longer holds it: the command took too long, or this computer was suspended",
                _LAPSED,
            )
        named = letter.contents.occurrence
        if named is None:
            return _foreign(letter)
        try:
            target = self._target(named.job)
            sender = self._senders.judge(letter, named)
            if sender.refusal and not self._options.any_sender:
                return replace(_keep(letter, sender.refusal, _BY_HAND), sender=sender.name)
            result = self._redrive(letter, named, target, sender)
            unknown = ("its sender is unknown",) if sender.name == UNKNOWN else ()
            return replace(result, sender=sender.name, notes=(*result.notes, *unknown))
        except EventError as fault:  # a redrive adds fields, and the event was close to the size limit
            return _keep(letter, str(fault.args[0]), fault.remedy)
        except (OperationError, OnceConflict, OnceError) as fault:
            return _keep(letter, str(fault.args[0]), fault.remedy)

    def _target(self, job: str) -> DeployedJob:
        """Return the job to which the events of a job go. Raise OperationError with the remedy."""
        own = self._find(job)
        new_name = self._options.as_job
        if new_name is None or new_name == job:
            if isinstance(own, OperationError):
                raise OperationError(str(own.args[0]), remedy=f"{remedies.rename(job)} {own.remedy}")
            return own
        if isinstance(own, DeployedJob):
            raise OperationError(f"the job {job} is deployed under its own name", remedy="Redrive it without --as.")
        new = self._find(new_name)
        if isinstance(new, OperationError):
            raise new
        return new

    def _find(self, job: str) -> DeployedJob | OperationError:
        """Return a deployed job, or the error that lists the deployed jobs. Look up each name once."""
        if job not in self._jobs:
            try:
                self._jobs[job] = find_job(self._clients("lambda"), self._deployment, job)
            except OperationError as fault:
                self._jobs[job] = fault
        return self._jobs[job]

    def _redrive(self, letter: DeadLetter, named: Occurrence, job: DeployedJob, sender: Sender) -> Redriven:
        reason = letter.contents.reason
        if letter.contents.origin == "refused" and reason in remedies.REFUSED_AGAIN:
            why = f"it would be refused again ({reason})"
            return _keep(letter, why, remedies.refused(reason, job.name, named))
        if self._sent[(job.name, named.id)]:
            return self._done(letter, Done("a copy: this command has redriven its occurrence already"))
        now = to_milliseconds(self._clock())
        decision = decide(self._facts, named, now, job=job.name, from_scheduler=sender.trusted)
        if letter.contents.origin == "missed":
            decision = by_miss(decision)
        if isinstance(decision, Send) and job.name != named.job and not decision.occurrence.key:
            decision = self._under_new_name(decision, now, job)
        match decision:
            case Done():
                return self._done(letter, decision)
            case Keep(why, remedy):
                return _keep(letter, why, remedy)
        self._refuse_paused(job.name)
        result = self._send(letter, decision, job)
        notes = _differences(named, decision)
        return replace(result, input=decision.occurrence.input, source=decision.source, notes=notes)

    def _refuse_paused(self, job: str) -> None:
        """Raise OperationError for a paused job, so that its letters stay. Look up each job once."""
        if self._options.while_paused or job in self._runs:
            return
        anyway = f"cronstack dead-letters redrive {job} --while-paused"
        ledger = self._deployment.ledger
        refuse_if_paused(self._clients("dynamodb"), ledger, job, what="the occurrence", anyway=anyway)
        self._runs.add(job)

    def _under_new_name(self, old: Send, now: int, job: DeployedJob) -> Send | Done | Keep:
        """Decide about an occurrence of the old name under the job's new name, by its run there."""
        occurrence = old.occurrence._replace(job=job.name)
        run = self._facts.run(job.name, occurrence.id)
        if run is None:
            if is_too_old(occurrence, now):
                return Keep("it would be refused (TooOld)", remedies.refused("TooOld", job.name, occurrence))
            return Send(occurrence, None, old.source)
        decision = by_run(self._facts, occurrence, run, now, job=job.name)
        return Done(f"{decision.why} as {job.name}", decision.status) if isinstance(decision, Done) else decision

    def _done(self, letter: DeadLetter, done: Done) -> Redriven:
        if not self._options.dry_run:
            self._delete(letter)
        return Redriven(letter, True, done.why, done.status)

    # -- send --------------------------------------------------------------------------------------------------------
    def _send(self, letter: DeadLetter, decided: Send, job: DeployedJob) -> Redriven:
        occurrence = decided.occurrence
        renamed = occurrence.job != job.name
        if self._options.dry_run:
            attempt = 1 if decided.run is None or renamed else decided.run.attempt + 1
            redrive_event(occurrence, requested=to_milliseconds(self._clock()), attempt=None)  # raises if too large
            self._sent[(job.name, occurrence.id)] += 1
            what = (
                f"would be planned as {job.name} {occurrence.key!r}" if renamed else f"would be sent: attempt {attempt}"
            )
            return Redriven(letter, True, what)
        if renamed:
            return self._plan_again(letter, occurrence._replace(job=job.name))
        return self._invoke(letter, decided, job)

    def _invoke(self, letter: DeadLetter, decided: Send, job: DeployedJob) -> Redriven:
        occurrence, run = decided.occurrence, decided.run
        if run is not None and run.attempt >= run.limit and (self._is_overdue(run) or run.status == "crashed"):
            run = self._settle_death(job, occurrence)
            decided = replace(decided, run=run)
        event = redrive_event(
            occurrence,
            requested=to_milliseconds(self._clock()),
            attempt=decided.redrives,
            while_paused=self._options.while_paused,
        )
        if run is None and not is_planned(occurrence.id):  # planned occurrences do not wait for others
            self._await_previous_unstarted(occurrence)
        invoke_async(self._clients("lambda"), job, event)
        self._delete(letter)
        self._sent[(job.name, occurrence.id)] += 1
        detail = "first attempt" if run is None else f"attempt {run.attempt + 1}"
        return self._result(letter, occurrence, detail, decided.redrives)

    def _is_overdue(self, run: RunItem) -> bool:
        return run.status == "running" and to_milliseconds(self._clock()) > run.expires

    def _plan_again(self, letter: DeadLetter, occurrence: Occurrence) -> Redriven:
        """Plan an occurrence with a key under the new name, because its event needs a plan to run."""
        once = once_of(self._clients, self._deployment, now=lambda: to_milliseconds(self._clock()), sleep=self._sleep)
        plan = once.schedule(
            occurrence.job, key=occurrence.key, at=occurrence.scheduled, past="run", input=occurrence.input
        )
        self._delete(letter)
        self._sent[(occurrence.job, occurrence.id)] += 1
        suffix = f", and is {plan.status} already" if plan.outcome == "unchanged" else ""
        detail = f"planned as {plan.job} {plan.key!r} for {print_time(plan.due)}{suffix}"
        return self._result(letter, occurrence, detail, None)

    def _result(self, letter: DeadLetter, occurrence: Occurrence, detail: str, redrives: int | None) -> Redriven:
        """Return the result of a letter whose event was accepted, after its run has ended if the caller waits."""
        if not self._options.wait:
            return Redriven(letter, True, detail)
        try:
            ended = self._follow(occurrence, redrives, self._options.wait)
        except OperationError as timeout:  # the letter is deleted, and carriers continue the run
            return Redriven(letter, True, f"{detail}: {timeout.args[0]}")
        return Redriven(letter, True, f"{detail}: {ended.status}", ended.status)

    def _settle_death(self, job: DeployedJob, occurrence: Occurrence) -> RunItem | None:
        """Invoke the job so that its claim records the death of a run killed in its last attempt; no handler runs."""
        event = redrive_event(occurrence, requested=to_milliseconds(self._clock()), attempt=None)
        invoke_until_answered(self._clients("lambda"), job, event, sleep=self._sleep)
        return self._facts.run(occurrence.job, occurrence.id)

    def _await_previous_unstarted(self, occurrence: Occurrence) -> None:
        """Wait for the previous occurrence without a run: the guard may skip a new occurrence while its job runs."""
        last = self._unstarted.get(occurrence.job)
        if last is not None:
            self._follow(last, None, self._options.wait or LONGEST_RUN)
        self._unstarted[occurrence.job] = occurrence

    def _follow(self, occurrence: Occurrence, redrives: int | None, patience: float) -> RunRow:
        return follow(
            self._clients("dynamodb"),
            self._deployment,
            occurrence.job,
            occurrence.id,
            clock=self._clock,
            sleep=self._sleep,
            patience=patience,
            beyond_attempt=redrives,
            report=self._report(occurrence),
        )

    def _sleep(self, seconds: float) -> None:
        """Sleep, and first extend the hold of the remaining letters."""
        self._held.renew()
        self._wait(seconds)

    def _delete(self, letter: DeadLetter) -> None:
        self._held.delete(letter)


def _differences(named: Occurrence, decided: Send) -> tuple[str, ...]:
    """Return the differences between a letter and the decision, as sentences."""
    notes, occurrence = [], decided.occurrence
    if named.payload != occurrence.payload:
        ours, theirs = remedies.shown(occurrence.input), remedies.shown(named.input)
        notes.append(f"the letter has input {theirs}, but {decided.source} has {ours}, which was used")
    if named.due != occurrence.due:
        ours, theirs = print_time(occurrence.due), print_time(named.due)
        notes.append(f"the letter has the due time {theirs}, but {decided.source} has {ours}")
    return tuple(notes)


def _foreign(letter: DeadLetter) -> Redriven:
    """Return the result of a letter whose event is not an occurrence."""
    try:
        parse_event(letter.contents.event, letter.job)
    except EventError as fault:
        why = f"its event is not a Cronstack event ({fault.reason}: {fault.args[0]})"
        return _keep(letter, why, remedies.foreign(fault.reason, letter.job, letter.id))
    raise AssertionError(f"letter {letter.id} has an occurrence")


def _keep(letter: DeadLetter, why: str, remedy: str) -> Redriven:
    return Redriven(letter, False, f"{why}; it stays", remedy=remedy)
