"""What the engine decided, carried out on moto: deliveries, invocations, records, polls; and what they tell.

Of this there is one, and two drives of it: ``drive`` by the real clock with real processes, ``play.simulation`` by a
virtual one in this process. They differ in the clock, in how an invocation is run and in who waits for it. The caller
holds BACKENDS.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from moto.awslambda.models import LambdaFunction
from moto.core.exceptions import JsonRESTError
from moto.logs.models import logs_backends
from moto.scheduler.models import scheduler_backends

from cronstack_infra.local import (
    event_sources,
    lambdas,
    lineage,
    notifications,
    rule_targets,
    rules,
    schedules,
    targets,
    universal,
)
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.knobs import Knobs
from cronstack_infra.local.engine.sources import DeleteMessages, PollQueue, RunBatch, SourceConfig
from cronstack_infra.local.engine.values import (
    DeleteSchedule,
    Deliver,
    Effect,
    Failed,
    FunctionOutcome,
    FunctionRules,
    Looped,
    Refusal,
    Report,
    RunFunction,
    ScheduleConfig,
    SendRecord,
    Succeeded,
    Throttled,
    is_rule,
)
from cronstack_infra.local.executor.values import Function, Invocation, Outcome
from cronstack_infra.local.source_polls import Polls

_LONGEST_RESULT: Final = 2048
_LONGEST_LOG_LINE: Final = 4096

AnyEffect = Effect | PollQueue | RunBatch | DeleteMessages


class Carrying(ABC):
    """The engine, and moto around it. ``unique`` makes ids of requests."""

    def __init__(self, knobs: Knobs, unique: Callable[[], str]) -> None:
        self._engine = Engine(knobs)
        self._unique = unique
        self._active: Counter[str] = Counter()
        self._polls = Polls(
            self._engine,
            now=self.now,
            submit=self._submit,
            enter=self._enter,
            active=self._active,
            say=self._say,
            unique=unique,
        )

    def install(self) -> None:
        """Take the place of what moto does, or does not, for schedules and invocations."""
        schedules.install(self)
        rules.install(self)
        lambdas.install(self)
        event_sources.install(self)
        notifications.install(self)

    # in which the two drives differ

    @abstractmethod
    def now(self) -> datetime: ...

    @abstractmethod
    def wake(self) -> None:
        """The engine's state has changed: it may have something to do."""

    @abstractmethod
    def tell(self, thing: Callable[[], None]) -> None:
        """Have something done soon, under the lock. From any thread."""

    @abstractmethod
    def run(
        self, function: LambdaFunction, arn: str, payload: str, client_context: str | None = None
    ) -> tuple[str, Outcome]:
        """Invoke and wait for the answer; its request id and outcome."""

    @abstractmethod
    def function_deleted(self, arn: str, version: str | None) -> None:
        """A function, or only one version of it, was deleted: end what waits to run it again."""

    @abstractmethod
    def _execute(self, invocation: Invocation) -> None:
        """Begin an invocation; ``finished`` is to be called at its end."""

    @abstractmethod
    def _call_universal(self, deliver: Deliver) -> None:
        """Make the call of a universal target, then tell the engine."""

    @abstractmethod
    def _emit(self, event: dict[str, Any]) -> None: ...

    # asked by moto's requests, which hold BACKENDS

    def put_schedule(self, config: ScheduleConfig) -> None:
        """A schedule was created or updated."""
        self._engine.put_schedule(config, self.now())
        self.wake()

    def delete_schedule(self, arn: str) -> None:
        self._engine.delete_schedule(arn)

    def put_source(self, config: SourceConfig) -> None:
        """An event source mapping was created or updated."""
        self._engine.put_source(config)
        self.wake()

    def delete_source(self, uuid: str) -> None:
        self._engine.delete_source(uuid)

    def queue_changed(self, arn: str) -> None:
        """A message was sent, or can be seen again."""
        if self._engine.queue_changed(arn):
            self.wake()

    def note(self, text: str) -> None:
        """Something the user should know, because it is not as on AWS."""
        self.tell(lambda: self._say("note", text=text))

    def accept(self, function_arn: str, payload: str) -> str:
        """Queue an asynchronous event; its request id. ``function_arn`` is qualified."""
        request_id = self._unique()
        self._engine.accept(request_id, function_arn, payload, self.now(), lineage.counts_sent())
        self.wake()
        return request_id

    def _carry_out(self, effect: AnyEffect) -> None:
        match effect:
            case Deliver():
                self._deliver(effect)
            case RunFunction():
                self._run_function(effect)
            case SendRecord():
                self._send_record(effect)
            case DeleteSchedule():
                self._safely(lambda: _delete(effect.arn))
            case PollQueue():
                self._polls.poll(effect)
            case RunBatch():
                self._polls.run(effect)
            case DeleteMessages():
                self._polls.delete(effect)
            case Report():
                self._say(effect.event, **effect.fields)

    def _safely(self, thing: Callable[[], None]) -> None:
        """One thing that goes wrong stops no other: it is told, with its place."""
        try:
            thing()
        except Exception as fault:  # of moto or our own: the next thing has nothing to do with it
            self._say("fault", error=f"{type(fault).__name__}: {fault}", where=traceback.format_exc(limit=-3))

    def _deliver(self, deliver: Deliver) -> None:
        arn = deliver.target.arn
        try:
            if is_rule(deliver.schedule_arn):
                rule_targets.deliver(deliver, self.accept, self.note)
            elif universal.is_universal(arn):
                targets.require_trust(deliver)
                action = universal.permission_of(arn)
                targets.require(deliver.target.role_arn, action, None, "AccessDeniedException")
                self._call_universal(deliver)
                return
            else:
                targets.require_trust(deliver)
                self._deliver_templated(deliver, arn.split(":")[2])
        except targets.Refused as refused:
            self._engine.refused(deliver.delivery, refused.refusal, self.now())
        except Exception as fault:  # without an answer the engine would wait for ever
            self._say("fault", error=f"{type(fault).__name__}: {fault}", schedule=deliver.schedule_arn)
            self._engine.refused(deliver.delivery, OWN_FAULT, self.now())
        else:
            self._engine.delivered(deliver.delivery)

    def _deliver_templated(self, deliver: Deliver, service: str) -> None:
        arn = deliver.target.arn
        if service == "lambda":
            targets.require(deliver.target.role_arn, "lambda:InvokeFunction", arn, "AccessDeniedException")
            self.accept(lambdas.qualified(targets.find_function(arn), arn), deliver.payload)
        elif service == "sqs":
            targets.deliver_to_queue(deliver)
        elif service == "sns":
            targets.deliver_to_topic(deliver)
        else:
            raise targets.Refused(Refusal("ValidationException", f"no such target here: {arn}", 400))

    def _run_function(self, run: RunFunction) -> None:
        outcome: FunctionOutcome
        try:
            found, reserved = self._ready(run.function_arn)
            rounds = self._enter(found, run.counts)
            if rounds is None:
                outcome = Looped()
            elif reserved is None or self._active[found.arn] < reserved:
                arn = run.function_arn.removesuffix(":$LATEST")
                event = run.payload.encode()
                self._submit(Invocation(run.request_id, found, event, arn, run.attempt, lineage=rounds))
                return
            else:
                outcome = Throttled(reserved_zero=reserved == 0)
        except JsonRESTError as refused:
            outcome = Failed(refused.description)
        except Exception as fault:  # without an outcome the invocation would never end
            self._say("fault", error=f"{type(fault).__name__}: {fault}", function=run.function_arn)
            outcome = Throttled(status=500)
        self._engine.finished(run.request_id, outcome, self._rules(run.function_arn), self.now())

    def _enter(self, function: Function, counts: lineage.Counts) -> str | None:
        """Return the lineage of one more invocation; None when it would go on with a loop, which is reported."""
        counted = lineage.one_more(counts, function.arn)
        if function.may_loop or not lineage.is_loop(counted, function.arn):
            return lineage.written(counted)
        rounds = f"{function.name} has run {lineage.MOST_ROUNDS} times because of one event"
        permit = f"aws lambda put-function-recursion-config --function-name {function.name} --recursive-loop Allow"
        self.note(f"{rounds}: the loop ends here, as on AWS. To permit it: {permit}")
        return None

    def _ready(self, arn: str) -> tuple[Function, int | None]:
        """The function of an ARN and its reserved concurrency. Raises JsonRESTError when it cannot run."""
        function = _find(arn)
        if function is None:
            raise JsonRESTError("ResourceNotFoundException", f"Function not found: {arn}")
        return lambdas.function_of(function), lambdas.reserved(function)

    def _rules(self, arn: str) -> FunctionRules:
        return lambdas.rules_of(arn)

    def _submit(self, invocation: Invocation) -> None:
        self._active[invocation.function.arn] += 1
        self._execute(invocation)

    def _send_record(self, record: SendRecord) -> None:
        function = _find(record.function_arn) if record.function_arn else None
        about = {"origin": record.origin, "queue": record.destination, "reason": record.reason}
        if record.function_arn:
            about["function"] = record.function_arn.split(":")[6]
        if record.schedule_arn:
            about["schedule"] = record.schedule_arn
        if "ERROR_MESSAGE" in record.attributes:
            about["error"] = record.attributes["ERROR_MESSAGE"][1]
        if record.role_arn:
            about["role"] = record.role_arn
        try:
            if record.schedule_arn and is_rule(record.schedule_arn):
                rule_targets.send_letter(record, self.note)
            else:
                targets.send_record(record, function.role if function is not None else None)
        except Exception as fault:  # whatever keeps it from its destination: it is told, as the metric does on AWS
            self._say("dropped", **about | {"error": str(fault)})
        else:
            if record.origin != "success":
                self._say("dead_letter", **about)

    def _say(self, event: str, **fields: Any) -> None:
        self._emit({"event": event, "at": self.now().isoformat(), **fields})

    # what the executor tells, in the thread and under the lock

    def started(self, invocation: Invocation) -> None:
        about = {"function": invocation.function.name, "request_id": invocation.request_id}
        self._say("started", **about, attempt=invocation.attempt)

    def finished(self, invocation: Invocation, outcome: Outcome) -> None:
        self._active[invocation.function.arn] -= 1
        text = outcome.payload.decode("utf-8", "replace")
        about = {"function": invocation.function.name, "request_id": invocation.request_id}
        about |= {"outcome": "ok" if outcome.ok else "error"}
        about |= {"result" if outcome.ok else "error": text[:_LONGEST_RESULT]}
        self._say("finished", **about, attempt=invocation.attempt, seconds=round(outcome.seconds, 3))
        if self._answered(invocation, outcome):
            return
        if self._polls.finished(invocation, outcome):
            return
        version = invocation.function.version
        ended = Succeeded(text, version) if outcome.ok else Failed(text, version)
        self._engine.finished(invocation.request_id, ended, self._rules(invocation.invoked_arn), self.now())

    @abstractmethod
    def _answered(self, invocation: Invocation, outcome: Outcome) -> bool:
        """Whether somebody waits for this very invocation; it is handed the outcome."""

    def log(self, function: Function, log_stream: str, lines: list[str]) -> None:
        """Into CloudWatch Logs, and to whoever listens."""
        backend = logs_backends[function.account][function.region]
        backend.ensure_log_group(function.log_group)
        backend.ensure_log_stream(function.log_group, log_stream)
        at = int(self.now().timestamp() * 1000)
        backend.put_log_events(function.log_group, log_stream, [{"timestamp": at, "message": line} for line in lines])
        for line in lines:
            if not line.startswith(_PLATFORM):
                self._say("log", function=function.name, line=line[:_LONGEST_LOG_LINE])


_PLATFORM: Final = ("INIT_START ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: ")


OWN_FAULT: Final = Refusal(
    "AWS.Scheduler.InternalServerError", "Unexpected error occurred while processing the request", 500
)


def _delete(schedule_arn: str) -> None:
    _, _, _, region, account, rest = schedule_arn.split(":", 5)
    _, group, name = rest.split("/", 2)
    scheduler_backends[account][region].delete_schedule(group, name)


def _find(arn: str) -> LambdaFunction | None:
    try:
        return targets.find_function(arn)
    except targets.Refused:
        return None
