"""Starts asynchronous invocations, invocations of batches and synchronous ones. Counts the running ones by function.

RunFunction, RunBatch, Invoke ──▶ admit: does the function exist, is it a loop, is concurrency left?
                                   └─▶ submit ──▶ the drive runs it ──▶ ended
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from moto.awslambda.exceptions import LambdaClientError
from moto.core.exceptions import JsonRESTError

from cronstack_infra.local.effects.cached_lookups import Lookups
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.port import Drive, InvocationAnswer
from cronstack_infra.local.engine.values import (
    Expired,
    Failed,
    FunctionOutcome,
    FunctionRules,
    Looped,
    RunFunction,
    Succeeded,
    Throttled,
)
from cronstack_infra.local.executor.values import DeployedFunction, Invocation, InvocationOutcome
from cronstack_infra.local.lookups import lineage

_LONGEST_RESULT: Final = 2048


class TooManyRequests(LambdaClientError):
    code = 429

    def __init__(self, throttled: Throttled) -> None:
        super().__init__("TooManyRequestsException", "Rate Exceeded.")
        reason = f"{'' if throttled.shared else 'ReservedFunction'}ConcurrentInvocationLimitExceeded"
        self.description = json.dumps({"Reason": reason, "Type": "User", "message": "Rate Exceeded."})


class RecursiveInvocation(LambdaClientError):
    def __init__(self, function: str) -> None:
        super().__init__("RecursiveInvocationException", f"Recursive loop detected for function {function}")


@dataclass(frozen=True)
class Admitted:
    """A function that may run now, and the lineage of this invocation."""

    function: DeployedFunction
    lineage: str


class Invoker:
    """Invocations of one cloud. ``unique`` returns new request ids, ``note`` reports differences from AWS."""

    def __init__(
        self,
        engine: Engine,
        drive: Drive,
        lookups: Lookups,
        *,
        unique: Callable[[], str],
        note: Callable[[str], None],
    ) -> None:
        self.active: Counter[str] = Counter()
        """Invocations under way, by the function's ARN."""
        self._engine, self._drive, self._lookups, self._unique, self._note = engine, drive, lookups, unique, note
        self._answers: dict[str, InvocationAnswer] = {}
        """Synchronous invocations under way, by request id."""

    def run(self, effect: RunFunction) -> None:
        """Invoke a function for an asynchronous event."""
        if effect.accepted is not None:
            rules = self._lookups.rules(effect.function_arn)
            if self._drive.now() - effect.accepted >= timedelta(seconds=rules.max_age):
                self._end_without_sandbox(effect.request_id, Expired(), rules)
                return
        admitted = self.admit(effect.function_arn, effect.counts)
        if isinstance(admitted, Admitted):
            self._engine.started(effect.request_id, self._drive.now())
            self.submit(
                Invocation(
                    effect.request_id,
                    admitted.function,
                    effect.payload.encode(),
                    effect.function_arn.removesuffix(":$LATEST"),
                    effect.attempt,
                    lineage=admitted.lineage,
                )
            )
        else:
            self._end_without_sandbox(effect.request_id, admitted, self._lookups.rules(effect.function_arn))

    def _end_without_sandbox(self, request_id: str, outcome: FunctionOutcome, rules: FunctionRules) -> None:
        """End an attempt that took no sandbox; the next queued event may take it."""
        now = self._drive.now()
        self._engine.finished(request_id, outcome, rules, now)
        if not isinstance(outcome, Throttled):
            self._engine.freed(now)

    def invoke(self, function_arn: str, payload: str, client_context: str | None) -> tuple[str, InvocationOutcome]:
        """Invoke and wait; return the request id and the outcome. Raises Invoke's errors."""
        function, reserved = self._lookups.ready(function_arn)
        throttled = self._throttled(function, reserved)
        if throttled is not None:
            raise TooManyRequests(throttled)
        rounds = self._enter(function, lineage.counts_sent())
        if rounds is None:
            raise RecursiveInvocation(function.name)
        request_id, event = self._unique(), payload.encode()
        invocation = Invocation(
            request_id, function, event, function_arn, client_context=client_context, lineage=rounds
        )
        answer = self._answers[request_id] = InvocationAnswer(invocation)
        self.submit(invocation)
        try:
            return request_id, self._drive.wait(answer)
        finally:
            self._answers.pop(request_id, None)

    def admit(self, function_arn: str, counts: lineage.Counts) -> Admitted | FunctionOutcome:
        """Return the function when it may run now, else the outcome of the invocation."""
        try:
            function, reserved = self._lookups.ready(function_arn)
            rounds = self._enter(function, counts)
        except JsonRESTError as refused:
            return Failed(refused.description)
        except Exception as fault:  # without an outcome the invocation would never end
            self._drive.report("fault", error=f"{type(fault).__name__}: {fault}", function=function_arn)
            return Throttled(status=500)
        if rounds is None:
            return Looped()
        return self._throttled(function, reserved) or Admitted(function, rounds)

    def submit(self, invocation: Invocation) -> None:
        self.active[invocation.function.arn] += 1
        self._drive.execute(invocation)

    def ended(self, invocation: Invocation, outcome: InvocationOutcome) -> None:
        """Count and report the end of any invocation."""
        self.active[invocation.function.arn] -= 1
        self._engine.freed(self._drive.now())
        text = outcome.payload.decode("utf-8", "replace")
        fields = {"function": invocation.function.name, "request_id": invocation.request_id}
        fields |= {"outcome": "ok" if outcome.ok else "error"}
        fields |= {"result" if outcome.ok else "error": text[:_LONGEST_RESULT]}
        self._drive.report("finished", **fields, attempt=invocation.attempt, seconds=round(outcome.seconds, 3))

    def answered(self, invocation: Invocation, outcome: InvocationOutcome) -> bool:
        """Pass the outcome to the caller that waits for this invocation. Return whether there is such a caller."""
        answer = self._answers.get(invocation.request_id)
        if answer is None:
            return False
        answer.set(outcome)
        return True

    def event_ended(self, invocation: Invocation, outcome: InvocationOutcome) -> None:
        """Report to the engine how the invocation for an asynchronous event ended."""
        text, version = outcome.payload.decode("utf-8", "replace"), invocation.function.version
        ended = Succeeded(text, version) if outcome.ok else Failed(text, version)
        rules = self._lookups.rules(invocation.invoked_arn)
        self._engine.finished(invocation.request_id, ended, rules, self._drive.now())

    def reset(self) -> None:
        """Drop the invocations under way."""
        self.active.clear()
        self._answers.clear()

    def _throttled(self, function: DeployedFunction, reserved: int | None) -> Throttled | None:
        """Return why a function has no sandbox left: its reserved concurrency, or the account's shared concurrency."""
        if reserved is not None:
            return Throttled(reserved_zero=reserved == 0) if self.active[function.arn] >= reserved else None
        quota = self._engine.switches.concurrency
        if quota is None:
            return None
        reservations = self._lookups.all_reserved()
        in_use = sum(count for arn, count in self.active.items() if arn not in reservations)
        return Throttled(shared=True) if in_use >= quota - sum(reservations.values()) else None

    def _enter(self, function: DeployedFunction, counts: lineage.Counts) -> str | None:
        """Return the lineage of a further invocation; None, with a note, when it would continue a loop."""
        counted = lineage.one_more(counts, function.arn)
        if function.may_loop or not lineage.is_loop(counted, function.arn):
            return lineage.written(counted)
        rounds = f"{function.name} has run {lineage.MOST_ROUNDS} times because of one event"
        permit = f"aws lambda put-function-recursion-config --function-name {function.name} --recursive-loop Allow"
        self._note(f"{rounds}: the loop ends here, as on AWS. To permit it: {permit}")
        return None
