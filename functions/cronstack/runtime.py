"""The Lambda shell: event → occurrence → guard → the user's handler → outcome, and one log line.

It returns ``{"cronstack": outcome, …}``, with one of ``rows.OUTCOMES``, but never "crashed".
It raises faults of AWS, and Lambda then delivers the event again. It does not raise a handler's exception to Lambda:
the ledger and the log line have it, and a carrier starts the next attempt.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from cronstack import clock
from cronstack.defaults import Overlap
from cronstack.driver import drive
from cronstack.entropy import SYSTEM, Randomness
from cronstack.errors import EventError, PermanentError, RetryLater
from cronstack.event import parse_event, refuse_all_but_plans
from cronstack.guard.attempt import in_json
from cronstack.guard.carrier import Way
from cronstack.guard.decision import Decision
from cronstack.guard.deferral import OUTAGE
from cronstack.guard.delivery import Outcome, Terms, ignore_decision
from cronstack.guard.letters import MISSED, REFUSED, LetterSource, letter_id, post
from cronstack.guard.protocol import deliver
from cronstack.occurrence import Occurrence, print_time
from cronstack.run import Run
from cronstack.settings import PLANS, Settings
from cronstack.steps import Failed, Host, OpenAttempt, Steps, Succeeded, Work
from cronstack.telemetry import metrics
from cronstack.telemetry.kept import frames, kept_error, kept_result, text_of
from cronstack.telemetry.logs import line, run_logger
from cronstack.timing.aws_clock import AwsClock
from cronstack.timing.deadline import Deadline
from cronstack.transport import Answer, Botocore, Transport

if TYPE_CHECKING:
    from cronstack.timetable.bounds import When

_T = TypeVar("_T")
_BAD: Final = ("retrying", "dead", "missed", "refused", "fault")
OUTSIDE: Final = "outside start/end"
"""Reason of an event that is not an occurrence: deployed schedules have no bounds (see ``timetable.bounds``)."""


class Job(Protocol):
    """The attributes of a declared job that the runtime reads (see ``declaration``, which imports this module)."""

    @property
    def name(self) -> str: ...
    @property
    def function(self) -> Callable[[Run], object]: ...
    @property
    def overlap(self) -> Overlap: ...
    @property
    def retries(self) -> int: ...
    @property
    def start_deadline(self) -> int: ...
    @property
    def timeout(self) -> int: ...
    @property
    def lease(self) -> int | None: ...
    @property
    def permanent(self) -> tuple[type[BaseException], ...]: ...
    @property
    def schedules(self) -> Sequence[When]: ...


class Shell(NamedTuple):
    """The environment of the runtime. A sandbox keeps its shell as long as it lives."""

    settings: Settings
    transport: Transport
    now: Callable[[], int] = clock.now_ms
    monotonic: Callable[[], float] = clock.monotonic
    sleep: Callable[[float], None] = clock.sleep
    randomness: Randomness = SYSTEM
    write: Callable[[str], None] = print
    on_decision: Callable[[Decision], None] = ignore_decision
    """See ``Terms.on_decision``."""


class Ended(NamedTuple):
    """The end of an invocation: the answer, or an exception of the handler that the runtime must raise."""

    answer: dict[str, Any]
    raised: BaseException | None


@cache
def shell_of(settings: Settings) -> Shell:
    """Return the shell of these settings. It is created at the first invocation and kept, with its connections."""
    return Shell(settings, Botocore())


def handle(job: Job, event: object, context: Any) -> dict[str, Any]:
    """Handle an event of Lambda (called by ``Job.__call__``)."""
    return Invocation(job, event, context, shell_of(Settings.read(os.environ))).work()


class Invocation:
    """One invocation: drives the guard's steps, runs the handler for ``Work``, writes the log line."""

    __slots__ = (
        "_clock",
        "_context",
        "_deadline",
        "_event",
        "_handled",
        "_job",
        "_occurrence",
        "_raised",
        "_requests",
        "_shell",
        "_started",
    )

    def __init__(self, job: Job, event: object, context: Any, shell: Shell) -> None:
        self._job, self._event, self._context, self._shell = job, event, context, shell
        self._started = shell.monotonic()
        self._clock = AwsClock(shell.now, shell.monotonic)
        self._deadline = Deadline(self._remaining, shell.monotonic, min(job.timeout, shell.settings.local_timeout))
        self._occurrence: Occurrence | None = None
        self._raised: BaseException | None = None
        self._handled: metrics.Handled | None = None
        self._requests = 0

    def work(self) -> dict[str, Any]:
        """Carry out all steps, and return the answer."""
        ended: Ended = self._drive(self.steps())
        if ended.raised is not None:
            raise ended.raised
        return ended.answer

    def steps(self) -> Steps[Ended]:
        """Return the steps of the whole invocation. ``work`` drives them; a simulator interleaves several.

        The steps return an exception of the handler and do not raise it: a generator cannot raise StopIteration.
        """
        try:
            outcome = yield from self._deliver()
        except BaseException as fault:  # log any failure, then raise it again
            self._log(Outcome("fault", reason=type(fault).__name__, note=str(fault)))
            raise
        self._log(outcome)
        raised = self._raised
        # KeyboardInterrupt and the like must end the process.
        swallowed = raised is None or isinstance(raised, Exception | SystemExit)
        return Ended(self._answer(outcome), None if swallowed else raised)

    def _deliver(self) -> Steps[Outcome]:
        try:
            self._occurrence = parse_event(self._event, self._job.name)
            assert isinstance(self._event, dict), "parse_event refuses any other"
            if self._qualifier() == PLANS:
                refuse_all_but_plans(self._occurrence)
            if self._is_outside():
                return Outcome("skipped", reason=OUTSIDE)
            return (yield from deliver(self._terms(self._occurrence, self._event), self._host()))
        except EventError as refusal:
            error = json.dumps({"type": refusal.reason, "message": str(refusal)})
            yield from post(self._shell.settings.dead_letters, self._letter(REFUSED, 0, error), self._host())
            return Outcome("refused", reason=refusal.reason, note=str(refusal))
        except BaseException as fault:  # raised again, with the handler's exception as its cause
            if self._raised is not None and fault is not self._raised:
                raise fault from self._raised
            raise

    def _is_outside(self) -> bool:
        """Set the due time of Scheduler's own event. Return whether it is outside its schedule's start and end.

        Events of carriers were checked before; those of plans and operators are exempt. For jobs without bounds and
        windows, ``timetable`` is not imported.
        """
        of, event = self._occurrence, self._event
        assert of is not None
        assert isinstance(event, dict), "parse_event refuses any other"
        own = of.kind == "scheduled" and of.revision is None and of.hop is None
        if not own or not any(map(_is_bounded, self._job.schedules)):
            return False
        from cronstack.timetable.bounds import is_outside, nominal

        if any(when.window for when in self._job.schedules):
            number = str(event.get("schedule", "")).rpartition(".")[2]
            due = nominal(self._job.schedules, of.due, int(number) if number.isdecimal() else 0)
            if due != of.due:
                # A carrier and a dead letter contain the event: it must have the occurrence of this delivery.
                self._event = event | {"scheduled": print_time(due)}
                self._occurrence = of = parse_event(self._event, self._job.name)
        return is_outside(self._job.schedules, of.due)

    # -- requests of the guard -----------------------------------------------------------------------------------------
    def _drive(self, steps: Steps[_T]) -> _T:
        return drive(steps, self._call, left=self._deadline.left, sleep=self._shell.sleep, run_handler=self.run_handler)

    def _call(self, operation: str, parameters: Mapping[str, Any], timeout: float) -> Answer:
        self._requests += 1
        return self._shell.transport(operation, parameters, timeout)

    def run_handler(self, work: Work) -> Succeeded | Failed:
        """Run the user's function and return the answer to ``Work``."""
        occurrence = self._occurrence
        assert occurrence is not None
        assert work.open is not None, "the guard opens an attempt before it requests Work"
        job, shell = self._job, self._shell
        log = run_logger(shell.write, self._clock.now, job=job.name, occurrence=occurrence.id, attempt=work.attempt)
        run = Run(
            job=job.name,
            occurrence=occurrence.id,
            scheduled=occurrence.scheduled,
            attempt=work.attempt,
            fence=work.fence,
            input=occurrence.input,
            log=log,
            seconds_left=self._deadline.left,
            resume=json.loads(work.resume) if work.resume else None,
            limit=work.limit,
            guard=_Guard(work.open, self._drive),
            once_key=occurrence.key,
            context=self._context,
        )
        lag, started = self._clock.now() - occurrence.due, shell.monotonic()
        try:
            return self._call_handler(run)
        finally:
            self._handled = self._measured(work, lag, shell.monotonic() - started)

    def _call_handler(self, run: Run) -> Succeeded | Failed:
        job = self._job
        try:
            return Succeeded(kept_result(job.function(run)))
        except RetryLater as later:
            return Failed(kept_error(later), after=later.after)
        except BaseException as raised:  # a handler may raise anything, also SystemExit; the run has failed
            self._raised = raised
            return Failed(kept_error(raised), permanent=isinstance(raised, (PermanentError, *job.permanent)))

    def _measured(self, work: Work, lag: int, seconds: float) -> metrics.Handled:
        """Return what is measured of the handler. ``lag``: milliseconds from the due time to its start."""
        occurrence = self._occurrence
        assert occurrence is not None
        first = work.attempt == 1 and not occurrence.by_operator
        return metrics.Handled(
            lag=max(0, lag) if first else None,
            by_carrier=occurrence.hop is not None,
            duration=round(1000 * seconds),
            left=int(1000 * self._deadline.left()),
            timeout=int(1000 * min(self._job.timeout, self._shell.settings.local_timeout)),
        )

    # -- the arguments of the guard ------------------------------------------------------------------------------------
    def _remaining(self) -> float:
        return float(self._context.get_remaining_time_in_millis()) / 1000

    def _left_at_most(self) -> float:
        return self._deadline.left_at_most(self._clock.wall_error() / 1000)

    def _host(self) -> Host:
        return Host(self._clock, self._deadline.left, self._left_at_most, self._shell.randomness)

    def _terms(self, occurrence: Occurrence, event: dict[str, Any]) -> Terms:
        job, settings = self._job, self._shell.settings
        # The deadline counts from the end of the longest window. A plan has no window.
        window = max((when.window or 0 for when in job.schedules), default=0) if occurrence.revision is None else 0
        return Terms(
            occurrence=occurrence,
            overlap=job.overlap,
            limit=job.retries + 1,
            start_deadline=job.start_deadline + 60 * window,
            table=settings.ledger,
            dead_letters=settings.dead_letters,
            letter=self._letter,
            way=Way(settings.carriers, settings.carrier_role, self._function_arn(), settings.delivery_dead_letters),
            event=event,
            lease=job.lease,
            on_decision=self._shell.on_decision,
        )

    def _qualifier(self) -> str:
        """Return the alias or version by which the function was invoked; "" for none."""
        return ":".join(str(getattr(self._context, "invoked_function_arn", "")).split(":")[7:])

    def _function_arn(self) -> str:
        """Return the ARN without a qualifier: a carrier invokes the code that is deployed when it fires."""
        return ":".join(str(getattr(self._context, "invoked_function_arn", "")).split(":")[:7])

    def _letter(self, condition: str, attempt: int, error: str) -> str:
        arn = str(getattr(self._context, "invoked_function_arn", ""))
        sender = LetterSource(self._event, arn, str(getattr(self._context, "aws_request_id", "")))
        occurrence, revision = "", None
        if self._occurrence is not None:
            occurrence = self._occurrence.id
            revision = self._occurrence.revision if condition == MISSED else None
        about = {
            "id": letter_id(self._job.name, occurrence, attempt, revision),
            "job": self._job.name,
            "occurrence": occurrence,
            "attempt": attempt,
            "stack": self._shell.settings.stack,
        }
        return sender.body(condition, attempt, error, now=self._clock.now(), about=about)

    # -- answer and log line -------------------------------------------------------------------------------------------
    def _answer(self, outcome: Outcome) -> dict[str, Any]:
        answer = {"cronstack": outcome.status, "job": self._job.name}
        if self._occurrence is not None:
            answer["occurrence"] = self._occurrence.id
        extra = {"attempt": outcome.attempt, "reason": outcome.reason, "note": outcome.note}
        return answer | {name: value for name, value in extra.items() if value}

    def _log(self, outcome: Outcome) -> None:
        fields: dict[str, Any] = {
            "level": "ERROR" if outcome.status in _BAD or outcome.reason == OUTAGE else "INFO",
            **self._answer(outcome),
            "seconds": round(self._shell.monotonic() - self._started, 3),
            "requests": self._requests,
        }
        if (wall_error := self._clock.wall_error()) != 0:
            fields["clock_behind_ms"] = wall_error
        if outcome.fence:
            fields["fence"] = outcome.fence
        if self._raised is not None:
            fields["error"] = f"{type(self._raised).__name__}: {text_of(self._raised)}"
            fields["trace"] = frames(self._raised)
        self._shell.write(line(fields | self._metrics(outcome.status)))

    def _metrics(self, status: str) -> dict[str, Any]:
        """Return the metrics of this invocation as members of its log line."""
        settings = self._shell.settings
        if settings.metrics == "none":
            return {}
        job = self._job.name if settings.metrics == "job" else ""
        return metrics.embedded(
            settings.stack, metrics.values_of(status, self._handled), now=self._clock.now(), job=job
        )


def _is_bounded(when: When) -> bool:
    """Return whether Scheduler may send events of the schedule that must not run, or with another time."""
    return when.start is not None or when.end is not None or bool(when.window) or when.expression.startswith("at(")


class _Guard:
    """The guard of a run: carries out the steps of its attempt while the handler runs."""

    __slots__ = ("_attempt", "_drive")

    def __init__(self, attempt: OpenAttempt, drive: Callable[[Steps[None]], None]) -> None:
        self._attempt, self._drive = attempt, drive

    def commit(self, writes: Sequence[Mapping[str, Any]], result: object) -> None:
        self._drive(self._attempt.commit(writes, kept_result(result)))

    def checkpoint(self, value: object) -> None:
        self._drive(self._attempt.checkpoint(in_json(value, "checkpoint")))

    def extend(self) -> None:
        self._drive(self._attempt.extend())
