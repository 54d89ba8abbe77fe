"""A stage for the engine: a clock that only the test moves, scripted targets and functions, and a log of lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.values import (
    DeleteSchedule,
    Deliver,
    Failed,
    FunctionOutcome,
    FunctionRules,
    Report,
    RunFunction,
    ScheduleConfig,
    SendRecord,
    Succeeded,
    Target,
    TargetError,
)
from cronstack_infra.switches.settings import Switches

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:stats"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:letters"
ROLE = "arn:aws:iam::123456789012:role/scheduler"

GONE = TargetError("ResourceNotFoundException", "Function not found", 404)
BUSY = TargetError("TooManyRequestsException", "Rate Exceeded.", 429)
BROKEN = TargetError("ServiceException", "An internal error", 500)
RAISED = Failed(json.dumps({"errorType": "ValueError", "errorMessage": "no"}))


def instant(text: str) -> datetime:
    """Parse "12:00:30" (on 23 November 2026) or "2026-11-24 12:00:30", in UTC."""
    whole = text if " " in text else f"2026-11-23 {text}"
    if whole.count(":") == 1:
        whole += ":00"
    return datetime.fromisoformat(whole).replace(tzinfo=UTC)


def arn(name: str) -> str:
    return f"arn:aws:scheduler:us-east-1:123456789012:schedule/default/{name}"


def schedule(name: str, expression: str, **fields: Any) -> ScheduleConfig:
    """Return a schedule. ``fields``: of the schedule or of its target; times as texts."""
    target = Target(FUNCTION, ROLE, input="{}")
    ours = {key: fields.pop(key) for key in list(fields) if key in vars(target)}
    for key in ("start", "end"):
        if isinstance(fields.get(key), str):
            fields[key] = instant(fields[key])
    return ScheduleConfig(arn(name), expression, (replace(target, **ours),), **fields)


class Stage:
    def __init__(self, start: str = "12:00:00", **switches: Any) -> None:
        self.engine = Engine(Switches(**switches))
        self.now = instant(start)
        self.lines: list[str] = []
        self.effects: list[Any] = []
        self.reply: Callable[[Deliver], TargetError | None] = lambda deliver: None
        self.work: Callable[[RunFunction], FunctionOutcome] = lambda run: Succeeded("null")
        self.rules = FunctionRules()

    def put(self, name: str, expression: str, **fields: Any) -> None:
        self.engine.put_schedule(schedule(name, expression, **fields), self.now)
        self.step()

    def delete(self, name: str) -> None:
        self.engine.delete_schedule(arn(name))
        self.step()

    def accept(self, payload: str = "{}", request_id: str = "r1") -> None:
        self.engine.accept(request_id, f"{FUNCTION}:$LATEST", payload, self.now)
        self.step()

    def until(self, text: str) -> None:
        """Move the clock ahead, with a step at each due time."""
        end = instant(text)
        while (due := self.engine.next_due()) is not None and due <= end:
            self.now = max(due, self.now)
            self.step()
        self.now = end
        self.step()

    def sleep_until(self, text: str) -> None:
        """Move the clock ahead in one jump, as after a sleep of the machine."""
        self.now = instant(text)
        self.step()

    def set_back_to(self, text: str) -> None:
        """Set the clock back, and report it to the engine as the drive does."""
        by, self.now = self.now - instant(text), instant(text)
        self.engine.set_back(by, self.now)
        self.step()

    def step(self) -> None:
        while effects := self.engine.step(self.now):
            for effect in effects:
                self.effects.append(effect)
                self.carry_out(effect)

    def carry_out(self, effect: Any) -> None:
        clock = self.now.strftime("%H:%M:%S")
        match effect:
            case Deliver():
                name = effect.schedule_arn.rsplit("/", 1)[-1]
                scheduled = effect.scheduled.strftime("%H:%M:%S")
                self.lines.append(f"{clock} deliver {name} {scheduled} #{effect.attempt}")
                refusal = self.reply(effect)
                if refusal is None:
                    self.engine.delivered(effect.delivery)
                else:
                    self.engine.refused(effect.delivery, refusal, self.now)
            case RunFunction():
                self.lines.append(f"{clock} run {effect.request_id} #{effect.attempt}")
                self.engine.finished(effect.request_id, self.work(effect), self.rules, self.now)
            case SendRecord():
                self.lines.append(f"{clock} record {effect.origin} {effect.reason}")
            case DeleteSchedule():
                self.lines.append(f"{clock} delete {effect.arn.rsplit('/', 1)[-1]}")
            case Report(event="dropped" | "clock_set_back"):
                self.lines.append(f"{clock} {effect.event}")
            case Report(event="passed_over"):
                name = effect.fields["schedule"].rsplit("/", 1)[-1]
                self.lines.append(f"{clock} passed over {effect.fields['count']} {name}")

    def kinds(self, kind: type) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def times(self, text: str) -> list[str]:
        """Return the times of the lines that contain a text."""
        return [line[:8] for line in self.lines if text in line]


def seconds(earlier: str, later: str) -> float:
    return (instant(later) - instant(earlier)) / timedelta(seconds=1)
