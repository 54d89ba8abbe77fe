"""Operations on the ledger whose requests and write units are fixed (see ``test_costs``).

Each is a generator: the code before its ``yield`` prepares, the code after it is counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from cronstack.event import parse_event
from cronstack.occurrence import Occurrence
from cronstack.onetime.once import Once
from cronstack.steps import Failed
from tests.cronstack.stage import Stage, by_operator, occurrence

HOUR: Final = timedelta(hours=1)
BROKEN: Final = Failed('{"type":"ValueError","message":"m","trace":[]}')
GROUP: Final = "shop-once"
KEY: Final = "order-4711"
Operation = Callable[[Stage, Once], Iterator[None]]


def clean_run_skip(stage: Stage, once: Once) -> Iterator[None]:
    yield
    assert stage.deliver(occurrence()).status == "succeeded"


def clean_run_buffer_one(stage: Stage, once: Once) -> Iterator[None]:
    yield
    assert stage.deliver(occurrence(), overlap="buffer_one").status == "succeeded"


def clean_run_allow(stage: Stage, once: Once) -> Iterator[None]:
    yield
    assert stage.deliver(occurrence(), overlap="allow").status == "succeeded"


def attempt_that_fails(stage: Stage, once: Once) -> Iterator[None]:
    yield
    assert stage.deliver(occurrence(), BROKEN).status == "retrying"


def retry_that_succeeds(stage: Stage, once: Once) -> Iterator[None]:
    stage.deliver(occurrence(), BROKEN)
    carrier = stage.carrier()
    yield
    assert stage.deliver(carrier).status == "succeeded"


def last_attempt_that_fails(stage: Stage, once: Once) -> Iterator[None]:
    yield
    assert stage.deliver(occurrence(), BROKEN, limit=1).status == "dead"


def redrive_that_succeeds(stage: Stage, once: Once) -> Iterator[None]:
    stage.deliver(occurrence(), BROKEN, limit=1)
    yield
    assert stage.deliver(by_operator(redrive=1)).status == "succeeded"


def duplicate(stage: Stage, once: Once) -> Iterator[None]:
    stage.deliver(occurrence())
    yield
    assert stage.deliver(occurrence()).status == "duplicate"


def skipped_for_overlap(stage: Stage, once: Once) -> Iterator[None]:
    stage.delivery(occurrence()).until("Work")
    yield
    assert stage.deliver(occurrence(stage.now + 1000)).status == "skipped"


def buffered(stage: Stage, once: Once) -> Iterator[None]:
    stage.delivery(occurrence(), overlap="buffer_one").until("Work")
    yield
    assert stage.deliver(occurrence(stage.now + 1000), overlap="buffer_one").status == "buffered"


def run_from_the_slot(stage: Stage, once: Once) -> Iterator[None]:
    first = stage.delivery(occurrence(), overlap="buffer_one").until("Work")
    stage.deliver(occurrence(stage.now + 1000), overlap="buffer_one")
    first.finish()
    carrier = stage.carrier()
    yield
    assert stage.deliver(carrier, overlap="buffer_one").status == "succeeded"


def skipped_while_paused(stage: Stage, once: Once) -> Iterator[None]:
    stage.pause()
    yield
    assert stage.deliver(occurrence()).status == "skipped"


def retry_while_paused(stage: Stage, once: Once) -> Iterator[None]:
    stage.deliver(occurrence(), BROKEN)
    carrier = stage.carrier()
    stage.pause()
    yield
    assert stage.deliver(carrier).status == "deferred"


def takeover_of_a_crashed_run(stage: Stage, once: Once) -> Iterator[None]:
    stage.delivery(occurrence()).until("Work")
    stage.now += 120_000
    yield
    assert stage.deliver(occurrence(stage.now)).status == "succeeded"


def too_late(stage: Stage, once: Once) -> Iterator[None]:
    yield
    assert stage.deliver(occurrence(stage.now - 7_200_000)).status == "missed"


def plan(stage: Stage, once: Once) -> Iterator[None]:
    yield
    assert order(once).outcome == "planned"


def same_call_again(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    stage.now += 1_000
    yield
    assert order(once).outcome == "unchanged"


def move(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    yield
    assert once.move("stats", KEY, after=2 * HOUR).outcome == "moved"


def cancel(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    yield
    assert once.cancel("stats", KEY).outcome == "cancelled"


def clean_run_of_a_plan(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    of = fire(stage)
    yield
    assert stage.deliver(of).status == "succeeded"


def attempt_of_a_plan_that_fails(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    of = fire(stage)
    yield
    assert stage.deliver(of, BROKEN).status == "retrying"


def retry_of_a_plan_that_succeeds(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    stage.deliver(fire(stage), BROKEN)
    carrier = stage.carrier()
    yield
    assert stage.deliver(carrier).status == "succeeded"


def duplicate_of_a_plan(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    of = fire(stage)
    stage.deliver(of)
    yield
    assert stage.deliver(of).status == "duplicate"


def overtaken_by_a_move(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    of = fire(stage)
    once.move("stats", KEY, after=2 * HOUR)
    yield
    assert stage.deliver(of).status == "overtaken"


def plan_that_comes_too_late(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    of = fire(stage)
    stage.now += 7_200_000
    yield
    assert stage.deliver(of).status == "missed"


def plan_skipped_while_paused(stage: Stage, once: Once) -> Iterator[None]:
    order(once)
    of = fire(stage)
    stage.pause()
    yield
    assert stage.deliver(of).status == "skipped"


def plan_from_order_to_settle(stage: Stage, once: Once) -> Iterator[None]:
    yield
    order(once)
    assert stage.deliver(fire(stage)).status == "succeeded"


def order(once: Once) -> Any:
    return once.schedule("stats", key=KEY, after=HOUR, input={"order": 4711, "customer": "c-20988"})


def fire(stage: Stage) -> Occurrence:
    """Set the clock to the time of the plan's schedule. Return its occurrence."""
    (listed,) = stage.scheduler.list_schedules(GroupName=GROUP)["Schedules"]
    schedule = stage.scheduler.get_schedule(GroupName=GROUP, Name=listed["Name"])
    of = parse_event(json.loads(schedule["Target"]["Input"]), "stats")
    stage.now = of.due
    return of


OPERATIONS: Final[tuple[Operation, ...]] = (
    clean_run_skip,
    clean_run_buffer_one,
    clean_run_allow,
    attempt_that_fails,
    retry_that_succeeds,
    last_attempt_that_fails,
    redrive_that_succeeds,
    duplicate,
    skipped_for_overlap,
    buffered,
    run_from_the_slot,
    skipped_while_paused,
    retry_while_paused,
    takeover_of_a_crashed_run,
    too_late,
    plan,
    same_call_again,
    move,
    cancel,
    clean_run_of_a_plan,
    attempt_of_a_plan_that_fails,
    retry_of_a_plan_that_succeeds,
    duplicate_of_a_plan,
    overtaken_by_a_move,
    plan_that_comes_too_late,
    plan_skipped_while_paused,
    plan_from_order_to_settle,
)
