"""Send the events of a backfill, the oldest first: one after the other, or several at the same time.

A run that failed is redriven with the event that the ledger stores, like its dead letter. Every other event is that of
a backfill. An event that is sent twice does no harm: it names one run, and the guard runs that once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

from cronstack.deployed.job_metadata import jobs_of_template
from cronstack.errors import OperationError
from cronstack.event import operator_event, redrive_event
from cronstack.occurrence import Occurrence, payload_hash, to_milliseconds
from cronstack_infra.ops.backfill.aims import DueOccurrence
from cronstack_infra.ops.backfill.planning import BackfillPlan
from cronstack_infra.ops.dead_letters.deciding import Done, Keep, by_run
from cronstack_infra.ops.dead_letters.facts import Facts
from cronstack_infra.ops.deployment import Clients, DeployedJob, Deployment
from cronstack_infra.ops.invoking import InvocationResult, invoke_until_answered
from cronstack_infra.ops.runs import Report, find_run, follow, no_report

PATIENCE: Final = 1200.0
"""Seconds to wait for the end of one occurrence whose attempt failed. Its job sets the pauses between attempts."""
SERVICES: Final = ("lambda", "dynamodb", "scheduler")
LEFT: Final = "left"
"""Status of a failed run that cannot be redriven."""


@dataclass(frozen=True)
class Filled:
    """Result of one occurrence of the plan."""

    planned: DueOccurrence
    ended: InvocationResult


def carry_out(
    clients: Clients,
    deployment: Deployment,
    plan: BackfillPlan,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    patience: float = PATIENCE,
    concurrency: int = 1,
    while_paused: bool = False,
    report: Callable[[DueOccurrence], Report] = lambda planned: no_report,
) -> Iterator[Filled]:
    """Run the occurrences of the plan, each to its end, and yield them as they end.

    With ``concurrency`` 1, the next one starts when the one before has ended. If an occurrence has not ended within
    ``patience`` seconds, its carriers continue it and the next one starts.
    ``while_paused``: the occurrences run although the job is paused.
    ``report`` returns the callback for the states of an occurrence that does not end in its first attempt.
    """
    run = _Run(clients, deployment, plan.job, clock, sleep, patience, while_paused, report)
    if concurrency == 1:
        for planned in plan.missing:
            yield Filled(planned, run.run(planned))
        return
    yield from _at_the_same_time(plan.missing, run.run, concurrency)


class _Run:
    """One backfill."""

    def __init__(
        self,
        clients: Clients,
        deployment: Deployment,
        job: DeployedJob,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        patience: float,
        while_paused: bool,
        report: Callable[[DueOccurrence], Report],
    ) -> None:
        for service in SERVICES:
            clients(service)  # created here, because threads would each create their own
        self._clients, self._deployment, self._job = clients, deployment, job
        self._clock, self._sleep, self._patience, self._report = clock, sleep, patience, report
        self._while_paused = while_paused
        self._facts = Facts(clients, deployment)

    def run(self, planned: DueOccurrence) -> InvocationResult:
        """Run one occurrence to its end."""
        now = to_milliseconds(self._clock())
        if planned.redrive is None:
            event = operator_event(
                self._job.name,
                "backfill",
                due=to_milliseconds(planned.due),
                requested=now,
                input=planned.input,
                generation=planned.generation,
                while_paused=self._while_paused,
            )
        else:
            redriven = self._redriven(planned, now)
            if isinstance(redriven, InvocationResult):
                return redriven
            event = redrive_event(redriven, requested=now, attempt=planned.redrive, while_paused=self._while_paused)
        outcome = invoke_until_answered(self._clients("lambda"), self._job, event, sleep=self._sleep)
        if outcome.comes_back:
            return self._await_end(planned, outcome)
        return self._of_duplicate(planned, outcome) if outcome.status == "duplicate" else outcome

    def _redriven(self, planned: DueOccurrence, now: int) -> Occurrence | InvocationResult:
        """Return the occurrence of the failed run with the input that the ledger stores, or the result without it."""
        named = Occurrence(
            self._job.name,
            planned.occurrence,
            to_milliseconds(planned.due),
            planned.input,
            payload_hash(planned.input),
            kind="redrive",
            requested=now,
            generation=planned.generation,
        )
        run = self._facts.run(self._job.name, planned.occurrence)
        if run is None:
            return InvocationResult(LEFT, 0, 0, "its run is no longer stored in the ledger")
        match by_run(self._facts, named, run, now, job=self._job.name):
            case Done(why, status):
                return InvocationResult(status, run.attempt, 0, why)
            case Keep(why, remedy):
                return InvocationResult(LEFT, run.attempt, 0, f"{why}. {remedy}")
            case send:
                return send.occurrence

    def _of_duplicate(self, planned: DueOccurrence, outcome: InvocationResult) -> InvocationResult:
        """Return the result of the run that has ended before: an answer was lost, or another command was faster."""
        row = find_run(self._clients("dynamodb"), self._deployment, self._job.name, planned.occurrence, self._clock())
        if row is None:
            return outcome
        return InvocationResult(row.status, row.attempt, outcome.calls, row.reason or row.error)

    def _await_end(self, planned: DueOccurrence, first: InvocationResult) -> InvocationResult:
        try:
            row = follow(
                self._clients("dynamodb"),
                self._deployment,
                self._job.name,
                planned.occurrence,
                clock=self._clock,
                sleep=self._sleep,
                patience=self._patience,
                beyond_attempt=planned.redrive,
                report=self._report(planned),
            )
        except OperationError as timeout:
            return replace(first, detail=str(timeout.args[0]))
        return InvocationResult(row.status, row.attempt, first.calls, row.reason or row.error)


def _at_the_same_time(
    wanted: tuple[DueOccurrence, ...], run: Callable[[DueOccurrence], InvocationResult], concurrency: int
) -> Iterator[Filled]:
    """Run up to ``concurrency`` occurrences at the same time. Re-raise the first exception, and start no more.

    The threads are daemons: an invocation lasts up to 15 minutes, and Ctrl-C must not wait for it. The function then
    runs on, and the same backfill finds its run when it is continued.
    """
    waiting: SimpleQueue[DueOccurrence] = SimpleQueue()
    for planned in wanted:
        waiting.put(planned)
    ended: SimpleQueue[Filled | BaseException] = SimpleQueue()
    stopped = False

    def work() -> None:
        while not stopped:
            try:
                planned = waiting.get_nowait()
            except Empty:
                return
            try:
                ended.put(Filled(planned, run(planned)))
            except BaseException as fault:
                ended.put(fault)
                return

    for _ in range(min(concurrency, len(wanted))):
        Thread(target=work, daemon=True).start()
    try:
        for _ in wanted:
            result = ended.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        stopped = True


def refuse_concurrency(clients: Clients, deployment: Deployment, job: str, concurrency: int) -> None:
    """Raise OperationError for a job whose occurrences run one at a time: the guard would skip or delay the others."""
    template = clients("cloudformation").get_template(StackName=deployment.stack)["TemplateBody"]
    declared = jobs_of_template(template if isinstance(template, dict) else json.loads(template)).get(job)
    overlap = None if declared is None else declared.overlap
    if overlap != "allow":
        raise OperationError(
            f"--concurrency {concurrency}: {job} has overlap {overlap or 'unknown'!r}, so its occurrences run one at a"
            " time",
            remedy='Leave out --concurrency, or declare the job with overlap="allow" and deploy.',
        )
