"""The Lambda shell: event → occurrence → guard → the user's handler → outcome, and one log line.

It answers ``{"cronstack": outcome, …}``, with an outcome of ``rows.OUTCOMES`` ("crashed" is none of its answers).
It raises faults of its surroundings, and Lambda then delivers the event again. It does not raise a handler's exception
to Lambda: that is in the ledger and in the log line, and a carrier brings the next attempt.
"""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cronstack import clock
from cronstack.admission import Decision
from cronstack.attempt import Attempt, in_json
from cronstack.carrier import Way
from cronstack.delivery import Host, Outcome, Terms, unheard
from cronstack.entropy import SYSTEM, Randomness
from cronstack.errors import EventError, PermanentError, RetryLater
from cronstack.event import parse_event
from cronstack.guard import deliver
from cronstack.letters import REFUSED, Sender, letter_id, post
from cronstack.logs import line, redact, redact_text, run_logger
from cronstack.occurrence import Occurrence
from cronstack.run import Run
from cronstack.seam import Call, Failed, Request, Sleep, Succeeded, Work
from cronstack.settings import Settings
from cronstack.transport import Botocore, Transport

if TYPE_CHECKING:
    from cronstack.declaration import Job

_BAD: Final = ("retrying", "dead", "missed", "refused", "fault")
KEPT: Final = 2048
"""Bytes of a result, and of an error, that the ledger keeps."""


class Shell(NamedTuple):
    """What the runtime needs of its surroundings; kept as long as the sandbox."""

    settings: Settings
    transport: Transport
    now: Callable[[], int] = clock.now_ms
    monotonic: Callable[[], float] = clock.monotonic
    sleep: Callable[[float], None] = clock.sleep
    randomness: Randomness = SYSTEM
    write: Callable[[str], None] = print
    told: Callable[[Decision], None] = unheard
    """See ``Host.told``."""
    drive: Callable[[Generator[Request, Any, Any]], Any] | None = None
    """Carries out what a handler asks of the guard; None: at once, by ``transport``. A simulator interleaves it."""


class Ended(NamedTuple):
    """How an invocation ends: what it answers, unless it raises what the handler raised."""

    answer: dict[str, Any]
    raised: BaseException | None


_SHELLS: Final[dict[Settings, Shell]] = {}


def handle(job: Job, event: object, context: Any) -> dict[str, Any]:
    """Lambda's entry (``Job.__call__``)."""
    settings = Settings.read(os.environ)
    if settings not in _SHELLS:
        _SHELLS[settings] = Shell(settings, Botocore())
    return Invocation(job, event, context, _SHELLS[settings]).work()


class Invocation:
    """One invocation: drives the guard's generator, runs the handler when it says so, tells how it went."""

    __slots__ = ("_began", "_context", "_event", "_job", "_occurrence", "_raised", "_requests", "_shell")

    def __init__(self, job: Job, event: object, context: Any, shell: Shell) -> None:
        self._job, self._event, self._context, self._shell = job, event, context, shell
        self._began = shell.monotonic()
        self._occurrence: Occurrence | None = None
        self._raised: BaseException | None = None
        self._requests = 0

    def work(self) -> dict[str, Any]:
        """Carry all its steps out, here and now."""
        ended: Ended = self._drive(self.steps())
        if ended.raised is not None:
            raise ended.raised
        return ended.answer

    def steps(self) -> Generator[Request, Any, Ended]:
        """The whole invocation without IO: ``work`` carries out what it asks for, a simulator interleaves it.

        What the handler raised is handed back, not raised: a generator cannot raise StopIteration as itself.
        """
        try:
            outcome = yield from self._deliver()
        except BaseException as fault:
            self._tell(Outcome("fault", reason=type(fault).__name__, note=str(fault)))
            raise
        self._tell(outcome)
        raised = self._raised
        # Ctrl-C and the like are not ours to swallow.
        swallowed = raised is None or isinstance(raised, Exception | SystemExit)
        return Ended(self._answer(outcome), None if swallowed else raised)

    def _deliver(self) -> Generator[Request, Any, Outcome]:
        try:
            self._occurrence = parse_event(self._event, self._job.name)
            assert isinstance(self._event, dict), "parse_event saw to that"
            return (yield from deliver(self._terms(self._occurrence, self._event), self._host()))
        except EventError as refusal:
            error = json.dumps({"type": refusal.reason, "message": str(refusal)})
            yield from post(self._shell.settings.dead_letters, self._letter(REFUSED, 0, error), self._host())
            return Outcome("refused", reason=refusal.reason, note=str(refusal))
        except BaseException as fault:
            if self._raised is not None and fault is not self._raised:
                raise fault from self._raised
            raise

    # -- what the guard asks for ---------------------------------------------------------------------------------------
    def _drive(self, steps: Generator[Request, Any, Any]) -> Any:
        advance, given = steps.send, None
        while True:
            try:
                request = advance(given)
            except StopIteration as end:
                return end.value
            try:
                advance, given = steps.send, self._carry_out(request)
            except BaseException as fault:  # of the surroundings: the steps tell of it, then raise it
                advance, given = steps.throw, fault

    def _carry_out(self, request: Request) -> Any:
        match request:
            case Call(operation, parameters):
                self._requests += 1
                return self._shell.transport(operation, parameters)
            case Sleep(seconds):
                return self._shell.sleep(seconds)
            case Work():
                return self.run_handler(request)

    def run_handler(self, work: Work) -> Succeeded | Failed:
        """The answer to ``Work``: the user's function, and what came of it."""
        occurrence = self._occurrence
        assert occurrence is not None
        job, shell = self._job, self._shell
        log = run_logger(shell.write, shell.now, job=job.name, occurrence=occurrence.id, attempt=work.attempt)
        run = Run(
            job=job.name,
            occurrence=occurrence.id,
            scheduled=occurrence.scheduled,
            attempt=work.attempt,
            fence=work.fence,
            input=occurrence.input,
            log=log,
            seconds_left=self._left,
            resume=json.loads(work.resume) if work.resume else None,
            limit=work.limit,
            ask=partial(self._ask, work.open),
            once_key=occurrence.key,
        )
        try:
            return Succeeded(kept_result(job.function(run)))
        except RetryLater as later:
            return Failed(kept_error(later), after=later.after)
        except BaseException as raised:
            self._raised = raised
            return Failed(kept_error(raised), permanent=isinstance(raised, (PermanentError, *job.permanent)))

    def _ask(self, attempt: Attempt | None, what: str, *arguments: Any) -> None:
        """What the run's methods ask for, in the middle of the handler."""
        assert attempt is not None, "the guard opens an attempt before it has the handler run"
        match what:
            case "commit":
                writes, result = arguments
                steps = attempt.commit(writes, kept_result(result))
            case "checkpoint":
                steps = attempt.checkpoint(in_json(arguments[0], "checkpoint"))
            case _:
                steps = attempt.extend()
        (self._shell.drive or self._drive)(steps)

    # -- what the guard is given ---------------------------------------------------------------------------------------
    def _left(self) -> float:
        return float(self._context.get_remaining_time_in_millis()) / 1000

    def _host(self) -> Host:
        return Host(self._shell.now, self._left, self._shell.randomness, self._shell.told)

    def _terms(self, occurrence: Occurrence, event: dict[str, Any]) -> Terms:
        job, settings = self._job, self._shell.settings
        return Terms(
            occurrence=occurrence,
            overlap=job.overlap,
            limit=job.retries + 1,
            start_deadline=job.start_deadline,
            table=settings.ledger,
            dead_letters=settings.dead_letters,
            letter=self._letter,
            way=Way(settings.carriers, settings.carrier_role, self._function_arn(), settings.delivery_dead_letters),
            event=event,
            lease=job.lease,
        )

    def _function_arn(self) -> str:
        """Without a qualifier: a carrier invokes what is deployed when it comes."""
        return ":".join(str(getattr(self._context, "invoked_function_arn", "")).split(":")[:7])

    def _letter(self, condition: str, attempt: int, error: str) -> str:
        arn = str(getattr(self._context, "invoked_function_arn", ""))
        sender = Sender(self._event, arn, str(getattr(self._context, "aws_request_id", "")))
        occurrence = self._occurrence.id if self._occurrence is not None else ""
        about = {
            "id": letter_id(self._job.name, occurrence, attempt),
            "job": self._job.name,
            "occurrence": occurrence,
            "attempt": attempt,
            "stack": self._shell.settings.stack,
        }
        return sender.body(condition, attempt, error, now=self._shell.now(), about=about)

    # -- what is told --------------------------------------------------------------------------------------------------
    def _answer(self, outcome: Outcome) -> dict[str, Any]:
        told = {"cronstack": outcome.status, "job": self._job.name}
        if self._occurrence is not None:
            told["occurrence"] = self._occurrence.id
        extra = {"attempt": outcome.attempt, "reason": outcome.reason, "note": outcome.note}
        return told | {name: value for name, value in extra.items() if value}

    def _tell(self, outcome: Outcome) -> None:
        fields: dict[str, Any] = {
            "level": "ERROR" if outcome.status in _BAD else "INFO",
            **self._answer(outcome),
            "seconds": round(self._shell.monotonic() - self._began, 3),
            "requests": self._requests,
        }
        if outcome.fence:
            fields["fence"] = outcome.fence
        if self._raised is not None:
            fields["error"] = f"{type(self._raised).__name__}: {_text(self._raised)}"
            fields["trace"] = _frames(self._raised)
        self._shell.write(line(fields))


def kept_result(result: object) -> str:
    """The handler's result as JSON of at most 2 KB, or a note: the run has succeeded whatever it returned."""
    try:
        text = json.dumps(redact(result), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return json.dumps({"note": f"the result, of type {type(result).__name__}, is not JSON and was not kept"})
    if len(text) > KEPT:
        return json.dumps({"note": f"the result has {len(text)} bytes, at most {KEPT} are kept"})
    return text


def kept_error(raised: BaseException) -> str:
    """Class, message and the last lines of the traceback as JSON of at most 2 KB."""
    error: dict[str, Any] = {"type": type(raised).__name__, "message": _cut(_text(raised), 1000), "trace": []}
    for frame in reversed(_frames(raised)):
        longer = error | {"trace": [frame, *error["trace"]]}
        if len(json.dumps(longer)) > KEPT:
            break
        error = longer
    return json.dumps(error)


def _text(raised: BaseException) -> str:
    try:
        return redact_text(str(raised))
    except Exception:  # the user's own __str__ may raise anything
        return "(its message could not be read)"


def _frames(raised: BaseException) -> list[str]:
    """The handler's own frames, innermost last, as Lambda prints a stack trace."""
    own = raised.__traceback__.tb_next if raised.__traceback__ is not None else None
    return [redact_text(frame) for frame in traceback.format_tb(own)]


def _cut(text: str, most: int) -> str:
    """At most so many bytes once JSON has escaped it."""
    while len(json.dumps(text)) > most:
        text = text[: len(text) * 3 // 4]
    return text
