"""A small world in which the real code writes what golden files hold: an in-memory ledger, fixed time and chance."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from cronstack.declaration import Job, job
from cronstack.driver import drive
from cronstack.event import scheduled_input
from cronstack.ledger import pause_requests
from cronstack.occurrence import print_time
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from cronstack.run import Run
from cronstack.runtime import Ended, Shell
from cronstack.settings import PLANS, Settings
from cronstack.steps import Call, Steps, Work
from cronstack_infra.play.answer_dates import dated
from cronstack_infra.play.prove.models.code import TODAY, Code, Invoking
from cronstack_infra.play.store.store import Item, Store

JOB: Final = "stats"
KEY: Final = "order-1"
NOON: Final = 1_767_268_800_000  # 2026-01-01T12:00:00Z
MINUTE: Final = 60_000
INPUT: Final = {"day": "2026-01-01"}
FUNCTION: Final = "arn:aws:lambda:us-east-1:123456789012:function:shop-stats"
SETTINGS: Final = Settings(
    ledger="ledger",
    dead_letters="https://sqs.us-east-1.amazonaws.com/123456789012/handler",
    stack="shop",
    carriers="shop-carriers",
    carrier_role="arn:aws:iam::123456789012:role/carrier",
    delivery_dead_letters="arn:aws:sqs:us-east-1:123456789012:delivery",
)
WIRING: Final = Wiring(
    JOB,
    SETTINGS.ledger,
    "shop-once",
    "arn:aws:iam::123456789012:role/once",
    f"{FUNCTION}:{PLANS}",
    SETTINGS.delivery_dead_letters,
)
_HANDLERS: Final = """
def fail(run):
    raise ValueError("page 7 is missing")

def fail_after_checkpoint(run):
    run.checkpoint({"page": 4})
    raise ValueError("page 7 is missing")

def fail_for_good(run):
    raise Permanent("there is no such day")
"""

Handler = Callable[[Run], object]


class Transport:
    """Passes requests to the store, and keeps them."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store, self._now = store, now
        self.calls: list[Call] = []

    def __call__(self, operation: str, parameters: Mapping[str, Any], timeout: float = 0.0) -> Mapping[str, Any]:
        self.calls.append(Call(operation, parameters))
        return dated(self._store(operation, parameters), self._now())

    def last(self, operation: str) -> Mapping[str, Any]:
        """Return the parameters of the last request of this operation."""
        return next(call.parameters for call in reversed(self.calls) if call.operation == operation)


class Context:
    """Lambda's context object."""

    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def __init__(self, *, by_plan: bool) -> None:
        self.invoked_function_arn = f"{FUNCTION}:{PLANS}" if by_plan else FUNCTION

    def get_remaining_time_in_millis(self) -> int:
        return MINUTE


class World:
    """One job, its ledger, and what is delivered to it."""

    def __init__(self, code: Code = TODAY, **declared: Any) -> None:
        """``code``: the runtime that invocations run. ``declared``: of the job."""
        self.now = NOON
        self._code = code
        self.store = Store(SETTINGS.ledger, lambda: self.now)
        self.transport = Transport(self.store, lambda: self.now)
        self._declared = declared
        self._chance = random.Random(1)
        self._abandoned: list[Steps[Ended]] = []
        self.once = Once(
            wiring=lambda job: WIRING,
            transport=self.transport,
            now=lambda: self.now,
            monotonic=lambda: self.now / 1000,
            sleep=self._sleep,
            randomness=self._chance,
        )

    # -- deliveries ----------------------------------------------------------------------------------------------------
    def deliver(self, event: Mapping[str, Any], handler: Handler | None = None) -> dict[str, Any]:
        """Deliver an event and return the runtime's answer."""
        invocation = self._invocation(event, handler or succeed)
        run_handler = invocation.run_handler
        ended = drive(invocation.steps(), self.transport, left=lambda: 60.0, sleep=self._sleep, run_handler=run_handler)
        return ended.answer

    def pause(self) -> None:
        """Pause the job, as an operator does."""
        by = "arn:aws:iam::123456789012:user/kim"
        call = pause_requests.pause(SETTINGS.ledger, JOB, now=self.now, by=by, reason="wrong totals")
        self.transport(call.operation, call.parameters)

    def begin(self, event: Mapping[str, Any], *, until: str = "Work") -> None:
        """Deliver an event, and let the invocation die before a request, or before its handler."""
        invocation = self._invocation(event, fail)
        steps = invocation.steps()
        self._abandoned.append(steps)  # closed, it would go on
        answer: Any = None
        while True:
            request = steps.send(answer)
            match request:
                case Call(operation, parameters) if operation != until:
                    answer = self.transport(operation, parameters)
                case Work() if until != "Work":
                    answer = invocation.run_handler(request)
                case _:
                    return

    def _invocation(self, event: Mapping[str, Any], handler: Handler) -> Invoking:
        by_plan = "revision" in event and "carrier" not in event and "by" not in event
        shell = Shell(
            settings=SETTINGS,
            transport=self.transport,
            now=lambda: self.now,
            monotonic=lambda: self.now / 1000,
            sleep=self._sleep,
            randomness=self._chance,
            write=lambda line: None,
        )
        return self._code.invocation(self._job(handler), dict(event), Context(by_plan=by_plan), shell)

    def _job(self, handler: Handler) -> Job:
        declared: dict[str, Any] = {"name": JOB, "permanent": [Permanent], **self._declared}
        return job(**declared)(handler)

    def _sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1000)

    # -- rows ----------------------------------------------------------------------------------------------------------
    def put(self, item: Item) -> None:
        """Store a row as it is."""
        self.store.items[item["pk"]["S"], item["sk"]["S"]] = item

    def row(self, kind: str, occurrence: str = "") -> Item:
        """Return the only row of a kind ("lease", "run", "plan"), or the run of an occurrence."""
        found = [
            item
            for (partition, name), item in self.store.items.items()
            if _kind(partition, name) == kind and name.endswith(occurrence)
        ]
        (item,) = found
        return item


class Permanent(Exception):
    """The job declares it as permanent."""


def _kind(partition: str, name: str) -> str:
    if name == "lease":
        return "lease"
    return "plan" if partition.startswith("plan#") else "run"


def succeed(run: Run) -> object:
    return {"flights": 842}


def _handler(name: str) -> Handler:
    """Return a handler whose file has the same name everywhere: a row keeps the traceback."""
    names: dict[str, Any] = {"Permanent": Permanent}
    exec(compile(_HANDLERS, "jobs/stats.py", "exec"), names)
    handler: Handler = names[name]
    return handler


fail, fail_for_good, fail_after_checkpoint = (
    _handler(name) for name in ("fail", "fail_for_good", "fail_after_checkpoint")
)


def scheduled(due: int = NOON) -> dict[str, Any]:
    """Return the event of a declared schedule, as Scheduler sends it."""
    text = scheduled_input(JOB, INPUT)
    for attribute, value in (
        ("<aws.scheduler.scheduled-time>", print_time(due)),
        ("<aws.scheduler.schedule-arn>", "arn:aws:scheduler:us-east-1:123456789012:schedule/shop/shop-stats.1"),
        ("<aws.scheduler.execution-id>", "d32c5kddcf5bb8c3"),
    ):
        assert attribute in text
        text = text.replace(attribute, value)
    event: dict[str, Any] = json.loads(text)
    return event
