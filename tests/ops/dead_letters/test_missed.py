"""A missed occurrence has a dead letter of origin 'missed', and a redrive starts it once, whatever happened since."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cronstack import cron, once
from cronstack.event import parse_event
from cronstack.occurrence import planned_id
from cronstack_infra.ops.dead_letters.letters import TOO_LATE, DeadLetter, summarise
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.onetime import find_key, list_keys
from cronstack_infra.ops.runs import find_key as find_row
from cronstack_infra.ops.runs import find_run
from tests.cronstack.stage import scheduled_event
from tests.ops.shop import FixableHandler, Shop
from tests.ops.strays.finding import find_strays, fix_all

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEY = "order-1"
GIVEN = {"order": 1}


@pytest.fixture
def handler(shop: Shop) -> FixableHandler:
    handler = FixableHandler()
    shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)", schedule=[cron("0 * * * ? *", timezone="UTC"), once()])
    return handler


def fire(shop: Shop) -> dict[str, Any]:
    """Return the event of the plan, whose schedule deletes itself."""
    (name,) = shop.plans()
    event: dict[str, Any] = json.loads(shop.scheduler.get_schedule(GroupName="shop-once", Name=name)["Target"]["Input"])
    shop.scheduler.delete_schedule(GroupName="shop-once", Name=name)
    return event


def miss(shop: Shop, key: str = KEY, late: timedelta = DAY) -> dict[str, Any]:
    """Plan the key, and deliver its event after its start deadline. Return the event."""
    shop.once().schedule("stats", key=key, after=HOUR, input=GIVEN)
    event = fire(shop)
    shop.stage.now += int((HOUR + late).total_seconds() * 1000) + 60_000
    shop.invoke(event)
    return event


def letters(shop: Shop, **options: Any) -> list[DeadLetter]:
    return list_letters(shop.stage.sqs, shop.deployment, poll=0, **options)


def redrive_all(shop: Shop, **options: Any) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options))


def copy(shop: Shop, letter: DeadLetter) -> None:
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=letter.body)


def status(shop: Shop) -> tuple[str, str]:
    """Return the status of the plan and of the run."""
    return shop.stage.plan(KEY)["status"], shop.stage.item(f"run#{planned_id(KEY)}")["status"]


# -- reported ----------------------------------------------------------------------------------------------------------
def test_a5_a_missed_plan_has_a_letter_and_a_redrive_runs_it_once(shop: Shop, handler: FixableHandler) -> None:
    """Rule: a miss is reported by a dead letter of origin "missed". Its redrive starts the run, however late it is."""
    event = miss(shop)
    (letter,) = letters(shop)
    contents = letter.contents
    assert (contents.origin, contents.job, letter.key, contents.attempt, contents.reason) == (
        "missed",
        "stats",
        KEY,
        0,
        "Missed",
    )
    assert contents.error.startswith("it could not start within 86400 s after 2026-01-01T13:00:00Z")
    assert (contents.event, letter.as_json()["origin"]) == (event, "missed")
    assert [len(letters(shop, origin=origin)) for origin in ("missed", "handler")] == [1, 0]
    assert (handler.ran, status(shop)) == ([], ("missed", "missed"))
    (result,) = redrive_all(shop, origin="missed", wait=60)
    assert (result.accepted, result.detail, result.status) == (True, "attempt 1: succeeded", "succeeded")
    assert (result.input, result.source) == (GIVEN, "the ledger")
    assert shop.functions.invoked[-1]["redrive"] == 0
    assert handler.ran == [(planned_id(KEY), 1, GIVEN)]
    assert (status(shop), letters(shop), redrive_all(shop)) == (("begun", "succeeded"), [], [])


def test_a5_a_missed_time_of_a_schedule_is_redriven(shop: Shop, handler: FixableHandler) -> None:
    """Rule: an occurrence without a key is reported and redriven in the same way."""
    event = scheduled_event(shop.stage.now)
    shop.stage.now += int(DAY.total_seconds() * 1000) + 60_000
    shop.invoke(event)
    (letter,) = letters(shop)
    assert (letter.contents.origin, letter.occurrence) == ("missed", "t-2026-01-01T12:00:00Z")
    assert [result.detail for result in redrive_all(shop, wait=60)] == ["attempt 1: succeeded"]
    assert handler.ran == [("t-2026-01-01T12:00:00Z", 1, {})]


def test_a_miss_in_the_slot_is_redriven(shop: Shop) -> None:
    handler = FixableHandler()
    policies: dict[str, Any] = {"overlap": "buffer_one", "start_deadline": 180, "timeout": 600}
    shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)", **policies)
    event, before = scheduled_event(shop.stage.now), scheduled_event(shop.stage.now - 3_600_000)
    busy = shop.stage.delivery(parse_event(before, "stats"), overlap="buffer_one", seconds=600).until("Work")
    shop.invoke(event)
    shop.sleep(300)
    (letter,) = letters(shop)
    assert letter.contents.origin == "missed"
    busy.finish()
    assert [result.detail for result in redrive_all(shop, wait=600)] == ["attempt 1: succeeded"]
    assert [(name, attempt) for name, attempt, _ in handler.ran] == [("t-2026-01-01T12:00:00Z", 1)]


def test_thousands_of_misses_are_one_cause(shop: Shop, handler: FixableHandler) -> None:
    for number in range(3):
        miss(shop, f"order-{number}", late=DAY * (number + 1))
    (cause,) = summarise(letters(shop))
    assert (cause.letters, cause.origin, cause.reason, cause.error) == (3, "missed", "Missed", TOO_LATE)


# -- several letters, and later changes ----------------------------------------------------------------------------
def test_copies_of_a_miss_are_redriven_once(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    (letter,) = letters(shop)
    copy(shop, letter)
    first, second = redrive_all(shop, wait=60)
    assert (first.status, second.detail) == ("succeeded", "a copy: this command has redriven its occurrence already")
    copy(shop, letter)
    (third,) = redrive_all(shop)
    assert (third.accepted, third.detail) == (True, "nothing to do: it has succeeded already")
    assert (len(handler.ran), letters(shop)) == (1, [])


def test_a_redriven_miss_that_failed_is_left_to_its_retries_and_its_new_letter(
    shop: Shop, handler: FixableHandler
) -> None:
    miss(shop)
    (letter,) = letters(shop)
    handler.fixed = False
    assert [result.detail for result in redrive_all(shop)] == ["attempt 1"]
    copy(shop, letter)
    (result,) = redrive_all(shop)
    assert (result.accepted, result.detail) == (
        True,
        "nothing to do: it was started since it was missed, and is retrying",
    )
    shop.sleep(3600)
    copy(shop, letter)
    (dead, copied) = sorted(letters(shop), key=lambda each: each.contents.origin)
    assert [each.contents.origin for each in (dead, copied)] == ["handler", "missed"]
    (result,) = redrive_all(shop, ids=[copied.id])
    assert result.detail == (
        "nothing to do: it was started since it was missed, and is dead; its death has its own letter"
    )
    handler.fixed = True
    assert [result.detail for result in redrive_all(shop, wait=60)] == ["attempt 4: succeeded"]


def move(shop: Shop) -> None:
    assert shop.once().move("stats", KEY, after=HOUR).outcome == "moved"


def move_and_start(shop: Shop) -> None:
    move(shop)
    shop.stage.change(f"plan#{KEY}", status="begun", begun=shop.stage.now)


def move_and_cancel(shop: Shop) -> None:
    move(shop)
    assert shop.once().cancel("stats", KEY).outcome == "cancelled"


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (move, "is planned for 2026-01-02T14:01:00Z"),
        (move_and_start, "has started"),
        (move_and_cancel, "was cancelled"),
    ],
)
def test_a_miss_that_was_planned_again_is_not_redriven(
    shop: Shop, handler: FixableHandler, act: Any, state: str
) -> None:
    miss(shop)
    act(shop)
    before = len(shop.functions.invoked)
    (result,) = redrive_all(shop)
    assert result.accepted
    assert result.detail == f"nothing to do: after it was missed it was planned again, and {state}"
    assert (handler.ran, shop.functions.invoked[before:], letters(shop)) == ([], [], [])


def test_only_the_last_letter_of_two_misses_of_a_key_is_redriven(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    move(shop)
    event = fire(shop)
    shop.stage.now += 26 * 3_600_000
    shop.invoke(event)
    first, second = redrive_all(shop, wait=60)
    assert first.detail == "nothing to do: it was moved, and was missed then, which has its own letter"
    assert (second.detail, len(handler.ran)) == ("attempt 1: succeeded", 1)


# -- crashes -----------------------------------------------------------------------------------------------------------
def test_a_redrive_that_was_killed_after_it_started_the_plan_is_repeated(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    (letter,) = letters(shop)
    shop.stage.change(f"plan#{KEY}", status="begun")
    copy(shop, letter)
    first, _ = redrive_all(shop, wait=60)
    assert (first.status, len(handler.ran), status(shop)) == ("succeeded", 1, ("begun", "succeeded"))


def test_a_missed_plan_without_a_run_is_started(shop: Shop, handler: FixableHandler) -> None:
    """The row was deleted by hand. Only the plan records the miss, and has the input."""
    miss(shop)
    shop.stage.delete(f"run#{planned_id(KEY)}")
    assert [result.detail for result in redrive_all(shop, dry_run=True)] == ["would be sent: attempt 1"]
    (result,) = redrive_all(shop, wait=60)
    assert (result.status, result.source, handler.ran) == ("succeeded", "the plan", [(planned_id(KEY), 1, GIVEN)])
    assert status(shop) == ("begun", "succeeded")


def test_a_miss_without_its_plan_stays_with_its_remedy(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    shop.stage.delete(f"plan#{KEY}")
    (result,) = redrive_all(shop)
    assert (result.accepted, "has no plan of its key" in result.detail) == (False, True)
    assert f"cronstack once schedule stats --key {KEY} --in 1s --replace" in result.remedy


def test_a_missing_letter_of_a_miss_is_found_and_sent(shop: Shop, handler: FixableHandler) -> None:
    """The process was killed between the miss and its letter, and Lambda's deliveries are used up."""
    event = miss(shop)
    shop.stage.letters()
    shop.stage.change(f"run#{planned_id(KEY)}", reported=None)
    shop.stage.now += 20 * 60_000
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.what, stray.fix) == ("run", "missed, and nothing brings it back", "invoke")
    assert fix_all(shop) == ["invoked again"]
    (letter,) = letters(shop)
    assert (letter.contents.origin, letter.contents.event) == ("missed", event)
    assert find_strays(shop) == []
    shop.stage.change(f"run#{planned_id(KEY)}", reported=None)
    move(shop)
    shop.stage.now += 20 * 60_000
    assert find_strays(shop) == [], "planned again, it needs no letter"


# -- listed ------------------------------------------------------------------------------------------------------------
def test_a_missed_run_is_listed_with_its_reason_and_its_remedy(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    (row,) = list_runs(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=20, status="missed")
    assert (row.key, row.status, row.reason, row.attempt) == (KEY, "missed", "too_late", 0)
    assert row.error.startswith("Missed: it could not start within 86400 s")
    assert row.as_json()["remedy"] == "cronstack dead-letters redrive stats --origin missed"
    redrive_all(shop, wait=60)
    (row,) = list_runs(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=20)
    assert (row.status, row.reason, row.error, row.remedy) == ("succeeded", "", "", "")


@pytest.mark.parametrize("later", [0, 2 * 3_600_000], ids=["ahead", "past"])
def test_a_missed_key_that_was_planned_again_is_listed_as_planned(
    shop: Shop, handler: FixableHandler, later: int
) -> None:
    miss(shop)
    move(shop)
    shop.stage.now += later
    table, now = shop.stage.dynamodb, shop.now
    listed = list_runs(table, shop.deployment, ["stats"], now=now, most=20)
    assert [(row.key, row.status) for row in listed] == [(KEY, "planned")]
    assert list_runs(table, shop.deployment, ["stats"], now=now, most=20, status="missed") == []
    found_row = find_row(table, shop.deployment, "stats", KEY, now)
    assert found_row is not None
    assert found_row.status == "planned"
    assert find_key(table, shop.deployment, shop.once(), "stats", KEY, now).status == "planned"
    for status_of, keys in (("missed", []), (None, [KEY]), ("planned", [KEY])):
        of = list_keys(table, shop.deployment, shop.once(), ["stats"], now=now, status=status_of)
        assert [key.plan.key for key in of] == keys
    assert find_run(table, shop.deployment, "stats", planned_id(KEY), now) is not None
