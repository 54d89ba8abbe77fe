"""What was missed has a dead letter of its own origin, and a redrive starts it once, whatever has happened since."""

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
from tests.ops.strays.looking import found, mended

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


def driven(shop: Shop, **options: Any) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options))


def copy(shop: Shop, letter: DeadLetter) -> None:
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=letter.body)


def status(shop: Shop) -> tuple[str, str]:
    """Of the plan, and of the run."""
    return shop.stage.plan(KEY)["status"], shop.stage.item(f"run#{planned_id(KEY)}")["status"]


# -- reported ----------------------------------------------------------------------------------------------------------
def test_a5_what_is_missed_has_a_letter_and_a_redrive_runs_it_once(shop: Shop, handler: FixableHandler) -> None:
    """Rule: a miss is reported by a dead letter of origin "missed". Its redrive starts the run, however late it is."""
    event = miss(shop)
    (letter,) = letters(shop)
    told = letter.contents
    assert (told.origin, told.job, letter.key, told.attempt, told.reason) == ("missed", "stats", KEY, 0, "Missed")
    assert told.error.startswith("it could not start within 86400 s after 2026-01-01T13:00:00Z")
    assert (told.event, letter.as_json()["origin"]) == (event, "missed")
    assert [len(letters(shop, origin=origin)) for origin in ("missed", "handler")] == [1, 0]
    assert (handler.ran, status(shop)) == ([], ("missed", "missed"))
    (one,) = driven(shop, origin="missed", wait=60)
    assert (one.accepted, one.detail, one.status) == (True, "attempt 1: succeeded", "succeeded")
    assert (one.input, one.source) == (GIVEN, "the ledger")
    assert shop.functions.invoked[-1]["redrive"] == 0
    assert handler.ran == [(planned_id(KEY), 1, GIVEN)]
    assert (status(shop), letters(shop), driven(shop)) == (("begun", "succeeded"), [], [])


def test_a5_a_missed_time_of_a_schedule_is_redriven(shop: Shop, handler: FixableHandler) -> None:
    """Rule: what has no key is reported and redriven in the same way."""
    event = scheduled_event(shop.stage.now)
    shop.stage.now += int(DAY.total_seconds() * 1000) + 60_000
    shop.invoke(event)
    (letter,) = letters(shop)
    assert (letter.contents.origin, letter.occurrence) == ("missed", "t-2026-01-01T12:00:00Z")
    assert [one.detail for one in driven(shop, wait=60)] == ["attempt 1: succeeded"]
    assert handler.ran == [("t-2026-01-01T12:00:00Z", 1, {})]


def test_what_was_missed_in_the_slot_is_redriven(shop: Shop) -> None:
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
    assert [one.detail for one in driven(shop, wait=600)] == ["attempt 1: succeeded"]
    assert [(name, attempt) for name, attempt, _ in handler.ran] == [("t-2026-01-01T12:00:00Z", 1)]


def test_thousands_of_misses_are_one_cause(shop: Shop, handler: FixableHandler) -> None:
    for number in range(3):
        miss(shop, f"order-{number}", late=DAY * (number + 1))
    (cause,) = summarise(letters(shop))
    assert (cause.letters, cause.origin, cause.reason, cause.error) == (3, "missed", "Missed", TOO_LATE)


# -- several letters, and what has gone on since -----------------------------------------------------------------------
def test_copies_of_a_miss_are_redriven_once(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    (letter,) = letters(shop)
    copy(shop, letter)
    first, second = driven(shop, wait=60)
    assert (first.status, second.detail) == ("succeeded", "a copy: this command has redriven its occurrence already")
    copy(shop, letter)
    (third,) = driven(shop)
    assert (third.accepted, third.detail) == (True, "nothing to do: it has succeeded already")
    assert (len(handler.ran), letters(shop)) == (1, [])


def test_a_miss_that_was_redriven_and_failed_is_left_to_its_retries_and_to_its_own_letter(
    shop: Shop, handler: FixableHandler
) -> None:
    miss(shop)
    (letter,) = letters(shop)
    handler.fixed = False
    assert [one.detail for one in driven(shop)] == ["attempt 1"]
    copy(shop, letter)
    (one,) = driven(shop)
    assert (one.accepted, one.detail) == (
        True,
        "nothing to do: it was started since it was missed, and is retrying",
    )
    shop.sleep(3600)
    copy(shop, letter)
    (dead, copied) = sorted(letters(shop), key=lambda each: each.contents.origin)
    assert [each.contents.origin for each in (dead, copied)] == ["handler", "missed"]
    (one,) = driven(shop, ids=[copied.id])
    assert one.detail == (
        "nothing to do: it was started since it was missed, and is dead; its death has its own letter"
    )
    handler.fixed = True
    assert [one.detail for one in driven(shop, wait=60)] == ["attempt 4: succeeded"]


def move(shop: Shop) -> None:
    assert shop.once().move("stats", KEY, after=HOUR).outcome == "moved"


def move_and_begin(shop: Shop) -> None:
    move(shop)
    shop.stage.change(f"plan#{KEY}", status="begun", begun=shop.stage.now)


def move_and_cancel(shop: Shop) -> None:
    move(shop)
    assert shop.once().cancel("stats", KEY).outcome == "cancelled"


@pytest.mark.parametrize(
    ("act", "stands"),
    [
        (move, "is planned for 2026-01-02T14:01:00Z"),
        (move_and_begin, "has begun"),
        (move_and_cancel, "was cancelled"),
    ],
)
def test_a_miss_that_was_planned_anew_is_not_redriven(
    shop: Shop, handler: FixableHandler, act: Any, stands: str
) -> None:
    miss(shop)
    act(shop)
    before = len(shop.functions.invoked)
    (one,) = driven(shop)
    assert one.accepted
    assert one.detail == f"nothing to do: after it was missed it was planned again, and {stands}"
    assert (handler.ran, shop.functions.invoked[before:], letters(shop)) == ([], [], [])


def test_of_two_misses_of_a_key_the_letter_of_the_last_one_counts(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    move(shop)
    event = fire(shop)
    shop.stage.now += 26 * 3_600_000
    shop.invoke(event)
    first, second = driven(shop, wait=60)
    assert first.detail == "nothing to do: it was moved, and was missed then, which has its own letter"
    assert (second.detail, len(handler.ran)) == ("attempt 1: succeeded", 1)


# -- crashes -----------------------------------------------------------------------------------------------------------
def test_a_redrive_that_was_killed_after_it_has_begun_the_plan_is_repeated(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    (letter,) = letters(shop)
    shop.stage.change(f"plan#{KEY}", status="begun")
    copy(shop, letter)
    first, _ = driven(shop, wait=60)
    assert (first.status, len(handler.ran), status(shop)) == ("succeeded", 1, ("begun", "succeeded"))


def test_a_missed_plan_without_a_run_is_started(shop: Shop, handler: FixableHandler) -> None:
    """Its row was deleted by hand. The plan alone knows of the miss, and has the input."""
    miss(shop)
    shop.stage.delete(f"run#{planned_id(KEY)}")
    assert [one.detail for one in driven(shop, dry_run=True)] == ["would be sent: attempt 1"]
    (one,) = driven(shop, wait=60)
    assert (one.status, one.source, handler.ran) == ("succeeded", "the plan", [(planned_id(KEY), 1, GIVEN)])
    assert status(shop) == ("begun", "succeeded")


def test_a_miss_whose_plan_is_forgotten_stays_with_its_remedy(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    shop.stage.delete(f"plan#{KEY}")
    (one,) = driven(shop)
    assert (one.accepted, "has no plan of its key" in one.detail) == (False, True)
    assert f"cronstack once schedule stats --key {KEY} --in 1s --replace" in one.remedy


def test_a_miss_whose_letter_nothing_sends_is_found_and_sent(shop: Shop, handler: FixableHandler) -> None:
    """Killed between the miss and its letter, and Lambda's deliveries are used up."""
    event = miss(shop)
    shop.stage.letters()
    shop.stage.change(f"run#{planned_id(KEY)}", reported=None)
    shop.stage.now += 20 * 60_000
    (stray,) = found(shop)
    assert (stray.kind, stray.what, stray.fix) == ("run", "missed, and nothing brings it back", "invoke")
    assert mended(shop) == ["invoked again"]
    (letter,) = letters(shop)
    assert (letter.contents.origin, letter.contents.event) == ("missed", event)
    assert found(shop) == []
    shop.stage.change(f"run#{planned_id(KEY)}", reported=None)
    move(shop)
    shop.stage.now += 20 * 60_000
    assert found(shop) == [], "planned anew, it needs no letter"


# -- listed ------------------------------------------------------------------------------------------------------------
def test_a_missed_run_is_listed_with_its_reason_and_its_remedy(shop: Shop, handler: FixableHandler) -> None:
    miss(shop)
    (row,) = list_runs(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=20, status="missed")
    assert (row.key, row.status, row.reason, row.attempt) == (KEY, "missed", "too_late", 0)
    assert row.error.startswith("Missed: it could not start within 86400 s")
    assert row.as_json()["remedy"] == "cronstack dead-letters redrive stats --origin missed"
    driven(shop, wait=60)
    (row,) = list_runs(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=20)
    assert (row.status, row.reason, row.error, row.remedy) == ("succeeded", "", "", "")


@pytest.mark.parametrize("later", [0, 2 * 3_600_000], ids=["ahead", "past"])
def test_a_missed_key_that_was_planned_anew_is_listed_as_planned(
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
