"""Jobs that code may schedule, with an operator's clients: found by the stack's outputs, listed with runs, redriven."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cronstack import once as declared_by_code
from cronstack.errors import OperationError
from cronstack.event import parse_event
from cronstack.occurrence import planned_id
from cronstack.run import Run
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from cronstack_infra.ops.listing import list_planned, list_recent, list_runs
from cronstack_infra.ops.onetime import list_plans, schedule_of, wiring_of, wirings
from tests.cronstack.stage import NOON, scheduled_event
from tests.ops.shop import Shop

HOUR = timedelta(hours=1)


class Handler:
    """A handler that fails while ``fine`` is False."""

    def __init__(self) -> None:
        self.fine = True
        self.ran: list[tuple[str, int]] = []

    def stats(self, run: Run) -> None:
        self.ran.append((run.occurrence, run.attempt))
        if not self.fine:
            raise ValueError("rain")


@pytest.fixture
def handler(shop: Shop) -> Handler:
    handler = Handler()
    shop.deploy(lambda run: handler.stats(run), schedule=declared_by_code())
    return handler


def event(shop: Shop, number: int = 0) -> dict[str, Any]:
    """Return the event of a schedule."""
    got = shop.scheduler.get_schedule(GroupName="shop-once", Name=shop.plans()[number])
    read: dict[str, Any] = json.loads(got["Target"]["Input"])
    return read


def test_a_job_is_found_by_the_stacks_outputs(shop: Shop, handler: Handler) -> None:
    shop.outputs["Something"] = '{"job": "stats"}'
    plan = shop.once().schedule("stats", key="order-1", after=HOUR, input={"order": 1})
    assert (plan.outcome, plan.status) == ("planned", "planned")
    (name,) = shop.plans()
    assert schedule_of(wiring_of(shop.deployment, "stats"), plan) == f"shop-once/{name}"
    assert parse_event(event(shop), "stats").input == {"order": 1}
    assert list(wirings(shop.deployment)) == ["stats"]


def test_an_error_for_a_job_that_code_may_not_schedule_lists_the_others(shop: Shop, handler: Handler) -> None:
    shop.deploy(lambda run: None, "rate(1 hour)", name="hourly")
    with pytest.raises(OperationError) as refused:
        shop.once().schedule("hourly", key="a", after=HOUR)
    assert "'hourly'" in str(refused.value)
    assert "It may schedule: stats." in str(refused.value)
    with pytest.raises(OperationError, match="Did you mean stats"):
        shop.once().get("stat", "a")


def test_an_output_of_another_version_is_an_error(shop: Shop, handler: Handler) -> None:
    shop.outputs["Once01234567"] = '{"job": "stats", "way": "new"}'
    with pytest.raises(OperationError, match="Once01234567"):
        wirings(shop.deployment)


def test_plans_are_listed_by_job_key_and_status(shop: Shop, handler: Handler) -> None:
    shop.deploy(lambda run: None, name="other", schedule=declared_by_code())
    once = shop.once()
    for job, key in (("stats", "a/1"), ("stats", "b/1"), ("other", "a/2")):
        once.schedule(job, key=key, after=HOUR)
    once.cancel("stats", "a/1")
    assert sorted(plan.key for plan in list_plans(once, ["stats", "other"])) == ["a/1", "a/2", "b/1"]
    assert [plan.key for plan in list_plans(once, ["stats"], prefix="b")] == ["b/1"]
    assert [plan.key for plan in list_plans(once, ["stats", "other"], prefix="a", status="planned")] == ["a/2"]


def test_plans_do_not_hide_runs(shop: Shop, handler: Handler) -> None:
    once = shop.once()
    for number in range(30):
        once.schedule("stats", key=f"order-{number}", after=(number + 1) * HOUR)
    for hour in range(30):
        shop.invoke(scheduled_event(NOON - hour * 60_000))
    known: dict[str, Any] = {"now": shop.now, "since": None}
    arguments = (shop.stage.dynamodb, shop.deployment, ["stats"])
    rows, following = list_recent(*arguments, most=20, **known)
    assert [row.key for row in rows[:5]] == [f"order-{number}" for number in (4, 3, 2, 1, 0)]
    assert [row.status for row in rows[5:]] == ["succeeded"] * 15
    assert following is not None
    assert following.key == "order-5"
    assert [row.key for row in list_planned(*arguments, most=2, **known)] == ["order-0", "order-1"]
    (only,), following = list_recent(*arguments, most=1, **known)
    assert following is not None
    assert (only.status, following.key) == ("succeeded", "order-0")
    rows, following = list_recent(*arguments, most=50, **known)
    assert following is not None
    assert ([row.status for row in rows], following.key) == (["planned"] * 20 + ["succeeded"] * 30, "order-20")
    assert list_recent(*arguments, most=60, **known).following is None


def test_runs_by_key_are_in_the_order_of_their_times(shop: Shop, handler: Handler) -> None:
    for number in (3, 1, 2):
        shop.once().schedule("stats", key=f"order-{number}", after=number * HOUR)
    shop.invoke(scheduled_event())
    rows = list_runs(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=9)
    assert [row.key for row in rows] == ["order-3", "order-2", "order-1", ""]
    assert (rows[0].as_json()["key"], rows[0].as_json()["due"]) == ("order-3", "2026-01-01T15:00:00Z")


# -- dead letters ------------------------------------------------------------------------------------------------------
def undelivered(shop: Shop, event: object) -> None:
    """Send a dead letter as Scheduler does."""
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody=json.dumps(request))


def letters(shop: Shop) -> list[DeadLetter]:
    return list_letters(shop.stage.sqs, shop.deployment, poll=0)


def redrive_all(shop: Shop) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, wait=60))


def test_a_dead_run_of_a_key_is_redriven_as_its_next_attempt(shop: Shop, handler: Handler) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    of = event(shop)
    shop.sleep(3600)
    handler.fine = False
    shop.invoke(of)
    shop.sleep(600)
    (letter,) = letters(shop)
    assert (letter.occurrence, letter.contents.attempt) == (planned_id("order-1"), 3)
    assert letter.as_json()["key"] == "order-1"
    handler.fine = True
    (result,) = redrive_all(shop)
    assert (result.detail, result.status) == ("attempt 4: succeeded", "succeeded")
    assert letters(shop) == []


def test_an_undelivered_plan_starts_after_its_start_deadline(shop: Shop, handler: Handler) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    of = event(shop)
    shop.sleep(10 * 3600)
    undelivered(shop, of)
    (result,) = redrive_all(shop)
    assert (result.detail, result.status) == ("first attempt: succeeded", "succeeded")
    assert handler.ran == [(planned_id("order-1"), 1)]


def test_a_letter_of_a_plan_that_was_moved_is_deleted_and_nothing_runs(shop: Shop, handler: Handler) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    undelivered(shop, event(shop))
    shop.once().move("stats", "order-1", after=5 * HOUR)
    (result,) = redrive_all(shop)
    assert (result.accepted, result.status) == (True, "")
    assert result.detail == "nothing to do: it was moved, and is planned for 2026-01-01T17:00:00Z"
    assert (handler.ran, letters(shop)) == ([], [])


def test_a_letter_of_a_cancelled_plan_is_deleted(shop: Shop, handler: Handler) -> None:
    shop.once().schedule("stats", key="order-1", after=HOUR)
    undelivered(shop, event(shop))
    shop.once().cancel("stats", "order-1")
    assert [result.detail for result in redrive_all(shop)] == ["nothing to do: it was cancelled"]
    assert (handler.ran, letters(shop)) == ([], [])
