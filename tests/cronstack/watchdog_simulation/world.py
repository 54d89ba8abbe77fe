"""The world of one history: a small cloud with one stack, its clock, and the passes of the watchdog."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError, ReadTimeoutError

from cronstack.entropy import ulid
from cronstack.errors import CronstackError
from cronstack.event import operator_event, parse_event
from cronstack.guard.carrier import prefix
from cronstack.ledger import run_requests
from cronstack.ledger.partitions import lease_key
from cronstack.ledger.statements import update
from cronstack.occurrence import print_time, scheduled_id
from cronstack.timetable.bounds import is_outside, nominal
from cronstack.timing.aws_clock import date_of
from cronstack.watchdog.scene import PassReport, Scene
from cronstack.watchdog.watching import one_pass
from tests.cronstack.watchdog_simulation.cloud.clients import ServiceError
from tests.cronstack.watchdog_simulation.cloud.functions import (
    CARRIERS,
    DELIVERY_LETTERS,
    HANDLER_LETTERS,
    ONCE,
    STACK,
    Attempt,
    Behaviour,
    Functions,
)
from tests.cronstack.watchdog_simulation.cloud.ledger_service import TABLE, LedgerService, LedgerStore
from tests.cronstack.watchdog_simulation.cloud.schedules import Deployed, Schedules
from tests.cronstack.watchdog_simulation.cloud.services import TOPIC, Metrics, Queues, Topic
from tests.cronstack.watchdog_simulation.cloud.stack import Stack
from tests.cronstack.watchdog_simulation.cloud.virtual_time import SECOND, VirtualTime
from tests.cronstack.watchdog_simulation.cloud.wire import FaultyWire, Killed, Request, Strike

SCENE: Final = Scene(STACK, TABLE, TOPIC, STACK, CARRIERS, (DELIVERY_LETTERS, HANDLER_LETTERS))
RETENTION: Final = 35 * 86_400
LOST: Final = -1
"""Instead of a delay: the event never arrives."""


class Pass(NamedTuple):
    """One pass of the watchdog."""

    number: int
    at: int
    ended: int
    finished: bool
    """Whether it has done all its work, and was not overtaken by another pass."""
    overtaken: bool
    requests: tuple[Request, ...]
    report: PassReport | None = None


class World:
    """All parts of the cloud, and what the history has decided about events and handlers."""

    def __init__(self, seed: int, now: int) -> None:
        self.chance = random.Random(seed)
        self.time = VirtualTime(now)
        self.store = LedgerStore(self.time)
        self.queues = Queues(self.time)
        self.topic = Topic(self.time)
        self.metrics = Metrics(self.time, self.queues)
        self.schedules = Schedules(self.time, self.chance, (STACK, CARRIERS, ONCE), self._send)
        self.functions = Functions(self.time, self.chance, self.carry_out, self._behave)
        self.functions.is_paused, self.functions.record_pause = self.is_paused, self._record_pause
        self.stack = Stack(self.time, self.chance, self.schedules, self.functions)
        ledger = LedgerService(self.store, self.chance)
        self._services = {
            "dynamodb": ledger.answer,
            "scheduler": self.schedules.answer,
            "cloudformation": self.stack.answer,
            "sqs": self.queues.answer,
            "cloudwatch": self.metrics.answer,
            "sns": self.topic.answer,
            "lambda": self._invoke,
        }
        self.wire = FaultyWire(self.time, self.chance, self._services)
        self.wire.overtake = self._overtake
        self.passes: list[Pass] = []
        """In the order in which they have ended."""
        self._begun = 0
        self.delays: dict[tuple[str, int], int] = {}
        """Milliseconds by which the event of an instant comes late, or ``LOST``, by job and due time."""
        self.behaviours: dict[tuple[str, str], list[Behaviour]] = {}
        """What the attempts of an occurrence do, by job and occurrence. Its other attempts succeed."""
        self.usual: dict[str, Callable[[Attempt], Behaviour]] = {}
        """What the other attempts of a job do."""
        self.swallowed: set[str] = set()
        """Jobs whose carriers and plans vanish before they fire."""
        self.queued: dict[str, int] = {}
        """Most milliseconds for which an event of the watchdog waits in Lambda's queue, by job."""
        self.silent: set[str] = set()
        """Jobs whose events get lost now."""
        self.paused: set[str] = set()
        self.invoked: list[tuple[int, str, Mapping[str, Any]]] = []
        """What the watchdog has started."""
        self.compares_clocks = self.chance.random() < 0.5
        self.skew = 0
        """Milliseconds by which the watchdog's own clock is ahead."""
        self.notes: list[str] = []

    # -- the passes of the watchdog ------------------------------------------------------------------------------------
    def watch(self, strike: Strike | None = None) -> Pass:
        """Run one pass of the watchdog now."""
        wire, outer = self.wire, self.topic.sender
        at, number = self.time.now, self._begun
        self._begun += 1
        self.topic.sender = number
        wire.begin(strike)
        report = None
        try:
            report = one_pass(
                wire.client,
                SCENE,
                now=at + self.skew,
                ulid=lambda: ulid(at, self.chance),
                aws_time=date_of if self.compares_clocks else None,
            )
        except (Killed, ReadTimeoutError):
            pass
        except (ClientError, CronstackError) as fault:
            if wire.struck is None:
                raise AssertionError(f"the watchdog ends with {fault}") from fault
        overtaken = wire.struck is not None and wire.struck.how == "overtaken"
        finished = report is not None and not overtaken
        done = Pass(number, at, self.time.now, finished, overtaken, tuple(wire.requests), report)
        self.passes.append(done)
        self.topic.sender = outer
        return done

    def _overtake(self) -> None:
        """Run another pass while the first one is frozen."""
        frozen = self.wire
        self.time.run_until(self.time.now + self.chance.randrange(1, 6) * 60 * SECOND)
        self.wire = FaultyWire(self.time, self.chance, self._services)
        self.watch()
        self.wire = frozen

    # -- the cloud -----------------------------------------------------------------------------------------------------
    def carry_out(self, operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out a request of the guard or of a planner."""
        try:
            match operation:
                case "CreateSchedule":
                    return {"ScheduleArn": self.schedules.create(parameters).arn}
                case "GetSchedule":
                    return self.schedules.answer(operation, parameters)
                case "DeleteSchedule":
                    self.schedules.delete(parameters["GroupName"], parameters["Name"])
                    return {}
                case "SendMessage":
                    return self.queues.send(parameters["QueueUrl"], parameters["MessageBody"])
        except ServiceError as error:
            return {
                "Error": {"Code": error.code, "Message": error.message},
                "ResponseMetadata": {"HTTPStatusCode": error.status},
            }
        return self.store(operation, parameters)

    def _send(self, of: Deployed, instant: int, attributes: dict[str, str]) -> None:
        """Send the event of a schedule to its function."""
        text = of.parameters["Target"]["Input"]
        for name, value in attributes.items():
            text = text.replace(name, value)
        event = json.loads(text)
        job, alias = event["job"], "plans" if of.group == ONCE else ""
        if of.group != STACK:
            if job not in self.swallowed:
                self.functions.invoke(job, event, alias=alias)
            return
        delay = self.delays.get((job, instant), 0)
        if job in self.silent:
            return
        if delay != LOST:
            self.functions.invoke(job, event, after=delay + self.chance.randrange(SECOND))
            if job in self.usual and self.chance.random() < 0.02:  # Scheduler and Lambda deliver at least once
                self.functions.invoke(job, event, after=delay + self.chance.randrange(40 * SECOND))

    def _behave(self, attempt: Attempt) -> Behaviour:
        planned = self.behaviours.get((attempt.job, attempt.occurrence), [])
        if attempt.number <= len(planned):
            return planned[attempt.number - 1]
        if attempt.job in self.usual:
            return self.usual[attempt.job](attempt)
        return Behaviour(self.chance.randrange(200, 20 * SECOND))

    def _invoke(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out Invoke of the watchdog: an asynchronous invocation of a function of the stack."""
        assert operation == "Invoke", f"the watchdog has no right to lambda:{operation}"
        assert parameters["InvocationType"] == "Event", "the watchdog must not wait for a handler"
        job = parameters["FunctionName"].rpartition(":")[2].removeprefix(f"{STACK}-")
        if job not in self.functions.jobs:
            raise ServiceError("ResourceNotFoundException", f"Function not found: {job}", 404)
        event = json.loads(parameters["Payload"])
        self.invoked.append((self.time.now, job, event))
        self.functions.invoke(job, event, after=self.chance.randrange(self.queued.get(job, 3 * SECOND)))
        return {"StatusCode": 202}

    # -- operators -----------------------------------------------------------------------------------------------------
    def is_paused(self, job: str) -> bool:
        return job in self.paused

    def pause(self, job: str) -> None:
        """Pause a job, as ``cronstack pause`` does: two attributes of its lease row."""
        values = {"paused": self.time.now, "pause": json.dumps({"by": "arn:aws:iam::1:user/ana", "reason": "stock"})}
        self.store("UpdateItem", _plain_update(job, "SET #paused = :paused, #pause = :pause, #v = :v", values))
        self.paused.add(job)

    def resume(self, job: str) -> None:
        self.store("UpdateItem", _plain_update(job, "REMOVE #paused, #pause", {}))
        self.paused.discard(job)

    def _record_pause(self, job: str, event: Mapping[str, Any]) -> None:
        """Record an occurrence of a paused job as skipped."""
        schedules, now = self.functions.jobs[job].schedules, self.time.now
        of, number = parse_event(dict(event), job), int(event["schedule"].rpartition(".")[2])
        of = parse_event({**event, "scheduled": print_time(nominal(schedules, of.due, number))}, job)
        if is_outside(schedules, of.due):
            return
        closing = run_requests.Closing(
            TABLE,
            of,
            ulid(now, self.chance),
            "skipped",
            now,
            now // 1000 + RETENTION,
            "paused",
            event=json.dumps(event),
        )
        call = run_requests.skip(closing, "operator")
        self.store(call.operation, call.parameters)

    def operate(self, job: str, kind: Any, due: int, **fields: Any) -> None:
        """Send an operator's event: a trigger, a backfill or a redrive."""
        event = operator_event(job, kind, due=due, requested=self.time.now, input={}, **fields)
        self.functions.invoke(job, event, after=self.chance.randrange(2 * SECOND))

    def fix(self, job: str, occurrence: str) -> None:
        """Invoke a function again with the event that a run's row stores, as ``cronstack strays --fix`` does."""
        row = self.row(job, occurrence)
        event = json.loads(row["event"]["S"]) if "event" in row else self.scheduled_event(job, occurrence)
        self.functions.invoke(job, event, alias="plans" if "key" in event and "redrive" not in event else "")

    def scheduled_event(self, job: str, occurrence: str) -> dict[str, Any]:
        due = occurrence.removeprefix("t-")
        return {"cronstack": 1, "job": job, "scheduled": due, "input": {}}

    def row(self, job: str, occurrence: str) -> Mapping[str, Any]:
        for partition in (f"job#{job}", f"run#{job}#{occurrence[2]}"):
            found = self.store.items.get((partition, f"run#{occurrence}"))
            if found is not None:
                return found
        return {}

    def status(self, job: str, due: int) -> str:
        return str(self.row(job, scheduled_id(due)).get("status", {}).get("S", ""))

    def drop_letters(self, job: str) -> None:
        """Delete the letters of a job's runs."""
        for letters in self.queues.letters.values():
            letters[:] = [letter for letter in letters if f'"{job}"' not in letter.body]

    def acknowledge(self, job: str, cause: str) -> bool:
        """Acknowledge an incident, as ``cronstack incidents ack`` does. Return False if it is not open."""
        row = self.store.items.get(("watch", f"incident#{job}#{cause}"))
        if row is None or row["status"]["S"] != "open":
            return False
        values = {"acked": self.time.now, "ack": "{}", "revision": int(row["revision"]["N"]) + 1}
        change = "SET #acked = :acked, #ack = :ack, #revision = :revision"
        key = {"pk": row["pk"], "sk": row["sk"]}
        self.store("UpdateItem", update(TABLE, key, change, "attribute_not_exists(#never)", values))
        return True

    def delete_carriers(self, job: str) -> int:
        """Delete the carriers of a job by hand. Return their number."""
        names = [name for name in self.schedules.groups[CARRIERS] if name.startswith(prefix(job))]
        for name in names:
            self.schedules.delete(CARRIERS, name)
        return len(names)

    def note(self, text: str) -> None:
        self.notes.append(f"{print_time(self.time.now)}  {text}")


def _plain_update(job: str, change: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return update(TABLE, lease_key(job), change, "attribute_not_exists(#never)", values)
