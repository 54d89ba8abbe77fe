"""Lambda's queue of asynchronous events: retries, throttles, age, and the record at the end.

    accepted ──▶ run ──▶ succeeded                        → Success to the on-success destination
                  │──▶ failed   → retry after 1, then 2 minutes; out of retries → RetriesExhausted
                  │──▶ throttled → again after 1, 2, 4 … 300 s; costs no retry
                  │──▶ the account has no sandbox left → queued for the next free one (switch throttle_wait)
                  │──▶ reserved concurrency 0             → ZeroReservedConcurrency, at once
                  └──▶ a recursive loop                   → RecursiveInvocation, at once
    accepted ──▶ waits too long before its first run (async_delay) → EventAgeExceeded

The age is checked in advance: if the next attempt would come too late, EventAgeExceeded is recorded now. All attempts
have the same request id. The rules in force when an attempt ends apply, as on AWS.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from cronstack_infra.local.engine import records
from cronstack_infra.local.engine.agenda import Agenda
from cronstack_infra.local.engine.chance import chance
from cronstack_infra.local.engine.values import (
    Expired,
    Failed,
    FunctionOutcome,
    FunctionRules,
    Looped,
    Report,
    RunFunction,
    SendRecord,
    Succeeded,
    Throttled,
)
from cronstack_infra.switches.settings import Switches


@dataclass
class _Event:
    request_id: str
    function_arn: str
    payload: str
    accepted: datetime
    counts: Mapping[str, int]
    due: datetime
    """Time of the current or next attempt."""
    ran: int = 0
    throttled: int = 0
    queued_at: datetime | None = None
    """Start of the wait for a free sandbox."""
    rules: FunctionRules | None = None
    """Rules that apply if the event becomes too old while it waits for a sandbox. None while it does not wait."""


class PendingEvent(NamedTuple):
    """An asynchronous event that has not ended."""

    request_id: str
    function_arn: str
    payload: str
    due: datetime


@dataclass(frozen=True)
class DueEvent:
    """On the agenda: an event's next attempt."""

    request_id: str


@dataclass(frozen=True)
class DueAge:
    """On the agenda: an event that waits for a sandbox becomes too old."""

    request_id: str


class Invocations:
    def __init__(self, agenda: Agenda, switches: Switches) -> None:
        self._agenda = agenda
        self.switches = switches
        self._events: dict[str, _Event] = {}
        self._sandbox_queue: deque[str] = deque()
        """Request ids of the events that wait for a free sandbox, including events that have ended since."""

    def accept(
        self, request_id: str, function_arn: str, payload: str, now: datetime, counts: Mapping[str, int]
    ) -> None:
        """Queue an event that Lambda accepted (202). ``function_arn`` has a qualifier."""
        wait = self.switches.async_delay * chance(self.switches.seed, "queue", request_id)
        due = now + timedelta(seconds=wait) if wait else now
        self._events[request_id] = _Event(request_id, function_arn, payload, now, counts, due=due)
        self._agenda.add(due, DueEvent(request_id))

    def due(self, item: DueEvent) -> None:
        event = self._events[item.request_id]
        untried = event.accepted if self.switches.async_delay and not event.ran else None
        run = RunFunction(event.request_id, event.function_arn, event.payload, event.ran + 1, event.counts, untried)
        self._agenda.effects.append(run)

    def finished(self, request_id: str, outcome: FunctionOutcome, rules: FunctionRules, now: datetime) -> None:
        """Handle the end of an attempt."""
        event = self._events[request_id]
        match outcome:
            case Succeeded():
                event.ran += 1
                self._end(event, "Success", outcome, rules, now)
            case Looped():
                self._end(event, "RecursiveInvocation", outcome, rules, now)
            case Expired():
                self._end(event, "EventAgeExceeded", outcome, rules, now)
            case Throttled(reserved_zero=True):
                self._end(event, "ZeroReservedConcurrency", outcome, rules, now)
            case Throttled(shared=True) if self.switches.throttle_wait == "sandbox":
                self._await_sandbox(event, outcome, rules, now)
            case Throttled():
                event.throttled += 1
                doubled = self.switches.throttle_base * 2.0 ** min(event.throttled - 1, 32)
                self._retry(event, min(doubled, self.switches.throttle_most), outcome, rules, now)
            case Failed():
                event.ran += 1
                if event.ran > rules.max_retries:
                    self._end(event, "RetriesExhausted", outcome, rules, now)
                else:
                    delays = self.switches.retry_delays
                    self._retry(event, delays[min(event.ran, len(delays)) - 1], outcome, rules, now)

    def freed(self, now: datetime) -> None:
        """Try the event that has waited longest for a sandbox."""
        while self._sandbox_queue:
            event = self._events.get(self._sandbox_queue.popleft())
            if event is not None and event.rules is not None:
                event.rules, event.due = None, now
                self.due(DueEvent(event.request_id))
                return

    def try_all(self) -> None:
        """Try every event that waits for a sandbox, because the quota has changed."""
        for request_id in self._sandbox_queue:
            event = self._events.get(request_id)
            if event is not None and event.rules is not None:
                event.rules = None
                self.due(DueEvent(request_id))
        self._sandbox_queue.clear()

    def started(self, request_id: str, now: datetime) -> None:
        """Report how long an event has waited for its sandbox, if it has."""
        event = self._events.get(request_id)
        if event is None or event.queued_at is None:
            return
        waited, event.queued_at = (now - event.queued_at).total_seconds(), None
        fields = {"quota": "concurrency", "function": records.short(event.function_arn), "seconds": waited}
        self._agenda.effects.append(Report("held", fields))

    def due_age(self, item: DueAge, now: datetime) -> None:
        event = self._events.get(item.request_id)
        if event is not None and event.rules is not None:
            self._end(event, "EventAgeExceeded", Throttled(shared=True), event.rules, now)

    def waiting(self) -> int:
        """Return the number of events that have not ended."""
        return len(self._events)

    def pending(self) -> tuple[PendingEvent, ...]:
        """Return the events that have not ended, with the time of their next attempt."""
        return tuple(
            PendingEvent(event.request_id, event.function_arn, event.payload, event.due)
            for event in self._events.values()
        )

    def _await_sandbox(self, event: _Event, outcome: FunctionOutcome, rules: FunctionRules, now: datetime) -> None:
        """Append an event to the queue for a sandbox; at its front if it was there before."""
        too_old = event.accepted + timedelta(seconds=rules.max_age)
        if now >= too_old:
            self._end(event, "EventAgeExceeded", outcome, rules, now)
            return
        event.rules, event.due = rules, now
        if event.queued_at is not None:
            self._sandbox_queue.appendleft(event.request_id)
            return
        event.queued_at = now
        self._sandbox_queue.append(event.request_id)
        self._agenda.add(too_old, DueAge(event.request_id))

    def _retry(
        self, event: _Event, seconds: float, outcome: FunctionOutcome, rules: FunctionRules, now: datetime
    ) -> None:
        due = now + timedelta(seconds=seconds)
        if due - event.accepted >= timedelta(seconds=rules.max_age):
            self._end(event, "EventAgeExceeded", outcome, rules, now)
            return
        event.due = due
        self._agenda.add(due, DueEvent(event.request_id))
        fields = {"function": records.short(event.function_arn), "request_id": event.request_id, "in_seconds": seconds}
        reason = "throttled" if isinstance(outcome, Throttled) else "failed"
        self._agenda.effects.append(Report("retry", {**fields, "attempt": event.ran + 1, "reason": reason}))

    def _end(
        self, event: _Event, condition: str, outcome: FunctionOutcome, rules: FunctionRules, now: datetime
    ) -> None:
        del self._events[event.request_id]
        destination = rules.on_success if condition == "Success" else rules.on_failure
        if destination is not None:
            self._send(event, destination, condition, self._record(event, condition, outcome, destination, now), {})
        if condition == "Success":
            return
        if rules.dead_letters is not None:
            self._send(event, rules.dead_letters, condition, event.payload, _attributes(event, outcome))
        if destination is None and rules.dead_letters is None:
            fields = {
                "function": records.short(event.function_arn),
                "request_id": event.request_id,
                "reason": condition,
            }
            self._agenda.effects.append(Report("dropped", {"origin": "handler", **fields}))

    def _send(
        self, event: _Event, where: str, condition: str, body: str, attributes: dict[str, tuple[str, str]]
    ) -> None:
        origin = "success" if condition == "Success" else "handler"
        self._agenda.effects.append(
            SendRecord(origin, where, body, condition, attributes, function_arn=event.function_arn)
        )

    def _record(self, event: _Event, condition: str, outcome: FunctionOutcome, to: str, now: datetime) -> str:
        response: dict[str, Any] | None = None
        payload = None
        if isinstance(outcome, Succeeded | Failed):
            response = {"statusCode": 200, "executedVersion": outcome.version}
            payload = outcome.payload
            if isinstance(outcome, Failed):
                response["functionError"] = "Unhandled"
        return records.destination(
            request_id=event.request_id,
            function_arn=event.function_arn,
            condition=condition,
            invoke_count=event.ran,
            event=event.payload,
            now=now,
            response=response,
            response_payload=payload,
            to=to,
        )


def _attributes(event: _Event, outcome: FunctionOutcome) -> dict[str, tuple[str, str]]:
    """Return the attributes of a letter in the function's own dead-letter queue."""
    status, text = "200", ""
    if isinstance(outcome, Throttled):
        status, text = str(outcome.status), "Rate Exceeded."
    elif isinstance(outcome, Looped):
        status, text = "400", "Recursive loop detected."
    elif isinstance(outcome, Failed):
        text = records.error_message(outcome.payload)
    return {
        "RequestID": ("String", event.request_id),
        "ErrorCode": ("Number", status),
        "ErrorMessage": ("String", text.encode()[:1024].decode("utf-8", "ignore") or "-"),
    }
