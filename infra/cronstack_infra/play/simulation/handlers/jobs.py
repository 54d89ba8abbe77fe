"""Cronstack's jobs in a simulation: the runtime with a shell of virtual time, and a trace row for each attempt.

The handler of a function that is not a job is called directly.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from cronstack.declaration import Job
from cronstack.entropy import Randomness
from cronstack.errors import EventError, OperationError
from cronstack.event import parse_event
from cronstack.ledger.rows import OUTCOMES
from cronstack.run import Guard, Run
from cronstack.runtime import OUTSIDE, Shell
from cronstack.runtime import Invocation as RuntimeInvocation
from cronstack.settings import Settings
from cronstack.transport import Transport
from cronstack_infra.play.simulation.clock.hub import Hub, length, stamp
from cronstack_infra.play.simulation.handlers.faults import (
    AFTER_COMMIT,
    AFTER_WORK,
    BEFORE_COMMIT,
    BEFORE_WORK,
    Faults,
    PlannedFault,
)
from cronstack_infra.play.simulation.handlers.sandboxes import Execution, Observed
from cronstack_infra.play.simulation.handlers.strands import Strands, crash_outcome
from cronstack_infra.play.simulation.trace import OUTSIDE_EVENT


class Jobs:
    """Calls handlers and emits a row for each attempt of a job."""

    def __init__(
        self,
        hub: Hub,
        strands: Strands,
        transport: Transport,
        faults: Faults,
        randomness: Randomness,
        emit: Callable[[dict[str, Any]], None],
    ) -> None:
        self._hub, self._strands, self._call_aws = hub, strands, transport
        self._faults, self._randomness, self._emit = faults, randomness, emit
        self._running: Counter[str] = Counter()
        """Number of running handlers, by job."""
        self._started: set[tuple[str, str]] = set()
        """Occurrences whose handler was started, except those whose first attempt succeeded."""
        self.around: Callable[[Callable[[Run], object], Run], object] = lambda function, run: function(run)
        """Calls the user's function. A replay replaces it, to use a debugger."""

    def call(self, attempt: Execution, handler: Any, event: Any, context: Any) -> Any:
        """Call the object that a function's handler string names, as Lambda does."""
        if not isinstance(handler, Job):
            return handler(event, context)
        observed = attempt.observed
        observed.job, observed.event = handler.name, event
        shell = attempt.sandbox.shell
        if shell is None:
            shell = attempt.sandbox.shell = self._shell(attempt.sandbox.skew)
        wrapped = handler._replace(function=self._wrap_handler(attempt, handler))
        answer = observed.answer = RuntimeInvocation(wrapped, event, context, shell).work()
        return answer

    def _shell(self, skew: int) -> Shell:
        return Shell(
            settings=Settings.read(os.environ),
            transport=self._transport,
            now=lambda: (self._hub.us + skew) // 1000,
            monotonic=lambda: self._hub.us / 1_000_000,
            sleep=self._sleep,
            randomness=self._randomness,
            write=self._write,
        )

    def _transport(self, operation: str, parameters: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        answer = self._call_aws(operation, parameters, timeout)
        if operation == "SendMessage" and "Error" not in answer:
            self._report_letter(parameters)
        return answer

    def _report_letter(self, parameters: Mapping[str, Any]) -> None:
        """Emit a dead letter that the runtime has sent. The engine reports only Lambda's own."""
        letter = json.loads(parameters["MessageBody"])
        about = letter.get("cronstack", {})
        occurrence = {name: about.get(name) for name in ("job", "occurrence", "attempt")}
        reason = letter.get("requestContext", {}).get("condition", "")
        fields = {"origin": "handler", "queue": parameters["QueueUrl"].rsplit("/", 1)[-1], "reason": reason}
        self._emit({"event": "dead_letter", "at": stamp(self._hub.us), **fields, **occurrence})

    def _sleep(self, seconds: float) -> None:
        attempt = self._strands.calling_attempt()
        assert attempt is not None
        self._strands.sleep(attempt, length(seconds))

    def _write(self, line: str) -> None:
        attempt = self._strands.calling_attempt()
        assert attempt is not None
        attempt.observed.line = line  # the runtime writes the last one
        attempt.write([line])

    def _wrap_handler(self, attempt: Execution, job: Job) -> Callable[[Run], object]:
        """Return the handler with its overlaps counted and its planned faults applied."""

        def work(run: Run) -> object:
            observed = attempt.observed
            observed.number = run.attempt
            observed.first = (job.name, run.occurrence) not in self._started
            self._started.add((job.name, run.occurrence))
            observed.overlaps = self._running[job.name]
            self._running[job.name] += 1
            try:
                return self._run_with_faults(attempt, job, run)
            finally:
                self._running[job.name] -= 1

        return work

    def _run_with_faults(self, attempt: Execution, job: Job, run: Run) -> object:
        """Run the handler with the planned and the random faults of this attempt."""
        planned = self._faults.planned_for(job.name, run.attempt)
        for fault in planned:
            if fault.when == BEFORE_WORK:
                self._apply(attempt, fault)
        result = self._with_commit_faults(attempt, job, run, planned) if planned else self.around(job.function, run)
        for fault in planned:
            if fault.when == AFTER_WORK:
                self._apply(attempt, fault)
        killed = self._faults.rates.killed
        if killed and self._randomness.random() < killed:
            self._kill(attempt, f"killed {AFTER_WORK}")
        return result

    def _with_commit_faults(self, attempt: Execution, job: Job, run: Run, planned: list[PlannedFault]) -> object:
        guard = _GuardWithFaults(run.guard, lambda when: self._apply_at(attempt, planned, when))
        result = job.function(run._replace(guard=guard))
        not_applied = [fault.when for fault in planned if fault.when in (BEFORE_COMMIT, AFTER_COMMIT)]
        if not_applied and not guard.committed:
            text = f"the fault {not_applied[0]!r} cannot occur: attempt {run.attempt} of {job.name} made no run.commit"
            remedy = f"Write when={AFTER_WORK!r}, or when={BEFORE_WORK!r}."
            self._strands.abort(OperationError(text, remedy=remedy), "a planned fault could not occur")
        return result

    def _apply_at(self, attempt: Execution, planned: list[PlannedFault], when: str) -> None:
        for fault in planned:
            if fault.when == when:
                self._apply(attempt, fault)

    def _apply(self, attempt: Execution, fault: PlannedFault) -> None:
        where = "" if fault.when == AFTER_WORK else f", {fault.when}"
        if fault.kind == "raises":
            raise RuntimeError(f"planned for attempt {fault.attempt} of {fault.job}{where}")
        self._kill(attempt, f"killed {fault.when}")

    def _kill(self, attempt: Execution, why: str) -> None:
        attempt.observed.fault = why
        self._strands.calling_attempt()
        self._strands.kill(attempt, crash_outcome(attempt.invocation.request_id))

    def reset_running(self) -> None:
        """Reset the count of running handlers, before the cloud is restored."""
        self._running.clear()

    def on_end(self, attempt: Execution) -> None:
        """Emit the row of an attempt, if its function is a job."""
        if attempt.observed.job:
            self._emit(self._row(attempt, attempt.observed))

    def _row(self, attempt: Execution, observed: Observed) -> dict[str, Any]:
        result = _runtime_result(observed)
        status = str(result.get("cronstack", "crashed"))
        reason = str(result.get("reason", observed.fault))
        error = str(result.get("error", ""))
        if status not in OUTCOMES:
            status, reason, error = "deferred", reason, str(result.get("note", error))
        if attempt.dead:
            status = "crashed"
            reason = observed.fault or "time limit"
        began, ended = stamp(attempt.began), stamp(self._hub.us)
        occurrence, due, key = _occurrence(observed)
        number = observed.number
        if (status, number) == ("succeeded", 1):
            self._started.discard((observed.job, occurrence))
        return {
            "event": OUTSIDE_EVENT if (status, reason) == ("skipped", OUTSIDE) else "attempt",
            "at": ended,
            "job": observed.job,
            "occurrence": occurrence,
            **({"key": key} if key else {}),
            "due": due,
            "began": began,
            "ended": ended,
            "attempt": number,
            **({"first": True} if number > 1 and observed.first else {}),
            "outcome": status,
            "reason": reason,
            "error": error,
            "seconds": round((self._hub.us - attempt.began) / 1_000_000, 3),
            **({"overlaps": observed.overlaps} if observed.overlaps else {}),
        }


class _GuardWithFaults:
    """The guard of a run with the planned faults of its commit. ``at_point`` is called before and after the commit."""

    def __init__(self, guard: Guard, at_point: Callable[[str], None]) -> None:
        self._guard, self._at_point = guard, at_point
        self.committed = False
        self.checkpoint, self.extend = guard.checkpoint, guard.extend

    def commit(self, writes: Sequence[Mapping[str, Any]], result: object) -> None:
        self.committed = True
        self._at_point(BEFORE_COMMIT)
        self._guard.commit(writes, result)
        self._at_point(AFTER_COMMIT)


def is_running(attempts: Iterable[Execution], job: str, occurrence: str) -> bool:
    """Return whether one of these attempts is for that occurrence. It may have settled the run already."""
    observed = [attempt.observed for attempt in attempts]
    return any(each.job == job and _occurrence(each)[0] == occurrence for each in observed)


def _runtime_result(observed: Observed) -> Mapping[str, Any]:
    """Return the runtime's result: its return value, or after a failure its log line, which has more details."""
    answer = observed.answer
    if answer is not None and answer["cronstack"] in _COMPLETE_ANSWERS:
        return answer
    try:
        written: Mapping[str, Any] = json.loads(observed.line or "{}")
    except ValueError:
        return answer or {}
    return written if "cronstack" in written else answer or {}


def _occurrence(observed: Observed) -> tuple[str, str, str]:
    """Return id, due time and key of the occurrence. The id of a schedule's occurrence contains its due time."""
    id = str((observed.answer or {}).get("occurrence", ""))
    if id.startswith("t-") and len(id) == len("t-2013-01-01T05:00:00Z"):
        return id, f"{id[2:-1]}.000Z", ""
    try:
        occurrence = parse_event(observed.event, observed.job)
    except EventError:
        return id, "", ""
    return occurrence.id, stamp(occurrence.due * 1000), occurrence.key


_COMPLETE_ANSWERS: Final = ("succeeded", "skipped", "duplicate", "overtaken")
