"""A test environment for the guard: ledger, dead letters and carriers on moto, in this process.

A test sets the clock, injects faults into chosen requests, and steps several deliveries by hand, in one thread.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from cronstack.declaration import Job
from cronstack.driver import Returned, carry_out, resume
from cronstack.event import operator_event, parse_event, planned_event
from cronstack.guard.carrier import Way
from cronstack.guard.delivery import Outcome, Terms
from cronstack.guard.protocol import deliver
from cronstack.ledger import items, pause_requests
from cronstack.ledger.partitions import INDEX, lease_key, plan_key, run_key
from cronstack.occurrence import Occurrence, print_time, split_generation, to_milliseconds
from cronstack.runtime import Shell
from cronstack.settings import Settings
from cronstack.steps import Call, Failed, Host, Request, Succeeded, Work
from cronstack.timing.aws_clock import AwsClock
from cronstack.transport import Botocore
from cronstack_infra.play.answer_dates import dated
from tests.tools.ledger import create_ledger

TABLE = "ledger"
CARRIERS = "shop-carriers"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:shop-stats"
WAY = Way(CARRIERS, "arn:aws:iam::123456789012:role/carrier", FUNCTION, "arn:aws:sqs:us-east-1:123456789012:delivery")
NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z
WELL = Succeeded("{}")
LOST = {"Error": {"Code": "ConnectionError", "Message": "read timed out"}}

Fault = Callable[[Call, Callable[[], Mapping[str, Any]]], Mapping[str, Any]]


def lost_answer(call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Carry out the call, but lose its answer."""
    carry_out()
    return LOST


def error(code: str, status: int = 400) -> Fault:
    """Return a fault: the call is not carried out, and the service answers with ``code``."""
    answer = {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return lambda call, carry_out: answer


def conflict(call: Call, carry_out: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    reasons = [{"Code": "TransactionConflict"}, {"Code": "None"}]
    return {"Error": {"Code": "TransactionCanceledException", "Message": ""}, "CancellationReasons": reasons}


@cache
def _clients() -> tuple[Botocore, Any, Any, Any]:
    """Return the clients, created once in the first test's moto, because that takes longer than a test."""
    import boto3

    return Botocore(), boto3.client("dynamodb"), boto3.client("sqs"), boto3.client("scheduler")


class Turn(NamedTuple):
    """The next request of a delivery."""

    request: Request

    @property
    def name(self) -> str:
        return self.request.operation if isinstance(self.request, Call) else type(self.request).__name__


class Carrier(NamedTuple):
    after: int
    """Milliseconds from now."""
    name: str
    event: dict[str, Any]


class Stage:
    """The services and the clock that all deliveries of a test share."""

    def __init__(self) -> None:
        self.now = NOON
        """The time at AWS, and the date of its answers."""
        self.wall_error = 0
        """Milliseconds that the clock of each machine is behind."""
        self.monotonic_stopped = False
        self.dates = True
        """Whether the answers of AWS have dates."""
        self.randomness = random.Random(1)
        self.calls: list[str] = []
        self.faults: list[tuple[str, Fault]] = []
        self.lines: list[dict[str, Any]] = []
        self._botocore, self.dynamodb, self.sqs, self.scheduler = _clients()
        create_ledger(self.dynamodb, TABLE)
        self.queue = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.scheduler.create_schedule_group(Name=CARRIERS)

    # -- services ----------------------------------------------------------------------------------------------------
    def fail(self, operation: str, *faults: Fault) -> None:
        """Inject these faults into the next requests of that operation, in this order."""
        self.faults += [(operation, fault) for fault in faults]

    def transport(self, operation: str, parameters: Mapping[str, Any], timeout: float = 0.0) -> Mapping[str, Any]:
        self.calls.append(operation)
        answer = self._answer(operation, parameters)
        return dated(answer, self.now) if self.dates else {**answer, "ResponseMetadata": {}}

    def _answer(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        for number, (of, fault) in enumerate(self.faults):
            if of == operation:
                del self.faults[number]
                return fault(Call(operation, parameters), lambda: self._botocore(operation, parameters))
        return self._botocore(operation, parameters)

    def wall(self) -> int:
        return self.now - self.wall_error

    def clock(self) -> AwsClock:
        return AwsClock(self.wall, self.monotonic)

    def monotonic(self) -> float:
        return NOON / 1000 if self.monotonic_stopped else self.now / 1000

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)

    def shell(self) -> Shell:
        return Shell(
            settings=Settings(
                ledger=TABLE,
                dead_letters=self.queue,
                stack="shop",
                carriers=WAY.group,
                carrier_role=WAY.role,
                delivery_dead_letters=WAY.dead_letters,
            ),
            transport=self.transport,
            now=self.wall,
            monotonic=self.monotonic,
            sleep=self.sleep,
            randomness=self.randomness,
            write=lambda line: self.lines.append(json.loads(line)),
        )

    # -- deliveries --------------------------------------------------------------------------------------------------
    def delivery(self, occurrence: Occurrence, *, seconds: float = 60, **terms: Any) -> Stepped:
        return Stepped(self, occurrence, seconds, terms)

    def deliver(
        self, occurrence: Occurrence, work: Succeeded | Failed = WELL, *, seconds: float = 60, **terms: Any
    ) -> Outcome:
        """Carry out one delivery from start to end."""
        return self.delivery(occurrence, seconds=seconds, **terms).finish(work)

    # -- stored data -------------------------------------------------------------------------------------------------
    def item(self, key: str, job: str = "stats") -> dict[str, Any]:
        stored = self.dynamodb.get_item(TableName=TABLE, Key=key_of(key, job), ConsistentRead=True)
        return {name: items.decode(value) for name, value in stored.get("Item", {}).items()}

    def run(self, occurrence: Occurrence) -> dict[str, Any]:
        return self.item(f"run#{occurrence.id}", occurrence.job)

    def lease(self, job: str = "stats") -> dict[str, Any]:
        return self.item("lease", job)

    def plan(self, key: str, job: str = "stats") -> dict[str, Any]:
        return self.item(f"plan#{key}", job)

    def listed(self) -> list[tuple[str, str]]:
        """Return the partition and sort key of each row in the index."""
        rows = self.dynamodb.scan(TableName=TABLE, IndexName=INDEX)["Items"]
        return sorted((item["pk"]["S"], item["sk"]["S"]) for item in rows)

    def change(self, key: str, /, job: str = "stats", **attributes: Any) -> None:
        """Write attributes directly, without the guard."""
        stored = self.item(key, job) | attributes
        kept = {name: items.encode(value) for name, value in stored.items() if value is not None}
        self.dynamodb.put_item(TableName=TABLE, Item=kept | key_of(key, job))

    def pause(self, job: str = "stats") -> None:
        call = pause_requests.pause(TABLE, job, now=self.now, by="arn:aws:iam::123456789012:user/kim", reason="damage")
        self.dynamodb.update_item(**call.parameters)

    def resume(self, job: str = "stats") -> None:
        call = pause_requests.resume(TABLE, job, paused=self.lease(job)["paused"])
        self.dynamodb.update_item(**call.parameters)

    def delete(self, key: str, job: str = "stats") -> None:
        self.dynamodb.delete_item(TableName=TABLE, Key=key_of(key, job))

    def letters(self) -> list[dict[str, Any]]:
        """Remove all messages from the dead-letter queue, and return their bodies."""
        bodies = []
        while got := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in got:
                bodies.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def carriers(self) -> list[Carrier]:
        """Delete all carriers, as Scheduler does when they fire, and return them, the earliest first."""
        carriers = []
        for listed in self.scheduler.list_schedules(GroupName=CARRIERS)["Schedules"]:
            of = self.scheduler.get_schedule(GroupName=CARRIERS, Name=listed["Name"])
            self.scheduler.delete_schedule(GroupName=CARRIERS, Name=listed["Name"])
            due = datetime.fromisoformat(of["ScheduleExpression"].removeprefix("at(").rstrip(")")).replace(tzinfo=UTC)
            event = json.loads(of["Target"]["Input"])
            carriers.append(Carrier(to_milliseconds(due) - self.now, listed["Name"], event))
        return sorted(carriers, key=lambda carrier: carrier.after)

    def carrier(self) -> Occurrence:
        """Fire the only carrier: set the clock to its time, and return its occurrence."""
        (only,) = self.carriers()
        return self.fire(only)

    def fire(self, carrier: Carrier) -> Occurrence:
        """Set the clock to the carrier's time, if that is later. Return its occurrence."""
        self.now += max(0, carrier.after)
        return parse_event(carrier.event, carrier.event["job"])

    def asked(self, *ignored: str) -> list[str]:
        """Return the operations sent since the last call."""
        sent, self.calls = [call for call in self.calls if call not in ignored], []
        return sent


class Stepped:
    """A delivery that stops before each of its requests. ``turn`` is the next one."""

    def __init__(self, stage: Stage, occurrence: Occurrence, seconds: float, terms: dict[str, Any]) -> None:
        self.stage, self.ends = stage, stage.now + int(seconds * 1000)
        self.outcome: Outcome | None = None
        self.worked = 0
        of = Terms(
            occurrence=occurrence,
            **{
                "overlap": "skip",
                "limit": 3,
                "start_deadline": 3600,
                "table": TABLE,
                "dead_letters": stage.queue,
                "letter": lambda condition, attempt, error: json.dumps([condition, attempt, error]),
                "way": WAY,
                "event": event_of(occurrence),
            }
            | terms,
        )
        self._host = Host(stage.clock(), self._left, self._left, stage.randomness)
        self._steps = deliver(of, self._host)
        self.turn: Turn | None = Turn(next(self._steps))

    def _left(self) -> float:
        return (self.ends - self.stage.now) / 1000

    def step(self, work: Succeeded | Failed = WELL) -> Turn | None:
        """Carry out the next request. Return the one after it, None at the end."""
        assert self.turn is not None, "the delivery has ended"

        def run_handler(_: Work) -> Succeeded | Failed:
            self.worked += 1
            return work

        stage = self.stage
        left, sleep = self._host.left, stage.sleep
        answer = carry_out(self.turn.request, stage.transport, left=left, sleep=sleep, run_handler=run_handler)
        request = resume(self._steps, answer)
        if isinstance(request, Returned):
            self.turn, self.outcome = None, request.result
        else:
            self.turn = Turn(request)
        return self.turn

    def until(self, name: str) -> Stepped:
        """Carry out requests until the next one has that name ("Work", "UpdateItem", …)."""
        while self.turn is not None and self.turn.name != name:
            self.step()
        assert self.turn is not None, f"the delivery ended before {name}: {self.outcome}"
        return self

    def finish(self, work: Succeeded | Failed = WELL) -> Outcome:
        while self.turn is not None:
            self.step(work)
        assert self.outcome is not None
        return self.outcome


class Context:
    """Lambda's context. Like the real one, it computes the remaining time by the clock of the machine."""

    function_name = "shop-stats"
    invoked_function_arn = FUNCTION
    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, stage: Stage, seconds: float = 60, *, by_wall_clock: bool = True) -> None:
        self._stage, self._ends = stage, stage.now + int(seconds * 1000)
        self._now = stage.wall if by_wall_clock else lambda: stage.now

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._ends - self._now())


def key_of(name: str, job: str = "stats") -> dict[str, Any]:
    """Return the key of a row by a short name: "lease", "run#<occurrence>" or "plan#<key>"."""
    kind, _, rest = name.partition("#")
    if kind == "lease":
        return lease_key(job)
    return run_key(job, rest) if kind == "run" else plan_key(job, rest)


def scheduled_event(due: int = NOON, job: str = "stats", **fields: Any) -> dict[str, Any]:
    return {
        "cronstack": 1,
        "job": job,
        "scheduled": print_time(due),
        "schedule": "arn:aws:scheduler:us-east-1:123456789012:schedule/shop/shop-stats.1",
        "delivery": "d32c5kddcf5bb8c3",
        "input": {},
    } | fields


def occurrence(due: int = NOON, **fields: Any) -> Occurrence:
    return parse_event(scheduled_event(due, **fields), "stats")


def event_of(occurrence: Occurrence) -> dict[str, Any]:
    """Return an event from which ``parse_event`` returns the occurrence."""
    if occurrence.requested is None and occurrence.revision is not None:
        event: dict[str, Any] = json.loads(
            planned_event(
                occurrence.job, occurrence.key, occurrence.revision, due=occurrence.due, input=occurrence.input
            )
        )
        return event | ({} if occurrence.hop is None else {"carrier": occurrence.hop})
    if occurrence.requested is None:
        return scheduled_event(occurrence.due, occurrence.job, input=occurrence.input)
    base, generation = split_generation(occurrence.id)
    return operator_event(
        occurrence.job,
        occurrence.kind,
        due=occurrence.due,
        requested=occurrence.requested,
        input=occurrence.input,
        occurrence=base if base.startswith("m-") else None,
        generation=generation,
        redrive=occurrence.redrive,
        key=occurrence.key,
        revision=occurrence.revision,
        while_paused=occurrence.while_paused,
    )


def by_operator(due: int = NOON, kind: Any = "redrive", requested: int = NOON, **fields: Any) -> Occurrence:
    event = operator_event("stats", kind, due=due, requested=requested, input={}, **fields)
    return parse_event(event, "stats")


def job(function: Callable[..., object], **policies: Any) -> Job:
    from cronstack.declaration import job as declare

    return declare(**({"name": "stats"} | policies))(function)
