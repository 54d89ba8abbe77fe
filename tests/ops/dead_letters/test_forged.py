"""A letter only names an occurrence: the ledger and the deployed schedules decide its state and input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack import cron, once
from cronstack.event import planned_event
from cronstack.ledger.partitions import plan_key
from cronstack.occurrence import payload_hash, planned_id, print_time
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from tests.cronstack.stage import NOON, TABLE, scheduled_event
from tests.ops.shop import FixableHandler, Shop

HOUR = 3_600_000
DAY = 24 * HOUR
ID = "t-2026-01-01T12:00:00Z"
TRIGGER = "m-01KDWABCDEFGHJKMNPQRSTVWXY"
FORGED = {"days": -100_000}
OWN = {"days": 90}
BY_HAND = {"by": "operator", "kind": "trigger", "requested": print_time(NOON), "occurrence": TRIGGER}
REVISION = NOON - DAY


@pytest.fixture
def handler(shop: Shop) -> FixableHandler:
    handler = FixableHandler()
    shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)", schedule=[cron("0 * * * *"), once()], input=OWN)
    return handler


def forge(shop: Shop, due: int = NOON, **fields: Any) -> None:
    """Send a letter with a forged event, as Scheduler would send it."""
    send(shop, scheduled_event(due, **({"input": FORGED} | fields)))


def send(shop: Shop, event: object) -> None:
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody=json.dumps(request))


def redrive_all(shop: Shop, **options: Any) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options))


def letters_left(shop: Shop) -> int:
    return len(list_letters(shop.stage.sqs, shop.deployment, poll=0))


def die(shop: Shop, handler: FixableHandler, event: object) -> None:
    """Let a run die, and delete its letter."""
    handler.fixed = False
    shop.functions.invoke(FunctionName="shop-stats", InvocationType="Event", Payload=json.dumps(event).encode())
    shop.sleep(600)
    assert len(shop.stage.letters()) == 1
    handler.fixed = True
    handler.ran.clear()


def plan(shop: Shop, status: str = "planned", due: int = NOON - HOUR, *, event: str | None = None, **row: Any) -> None:
    """Write a plan of the key "k", as a planner can: with any attributes."""
    text = planned_event("stats", "k", REVISION, due=due, input=OWN) if event is None else event
    values = {"status": status, "due": due, "revision": REVISION, "event": text, "payload": payload_hash(OWN), "v": 1}
    item = {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value} for name, value in (values | row).items()
    }
    shop.stage.dynamodb.put_item(TableName=TABLE, Item=plan_key("stats", "k") | item)


# -- a run -------------------------------------------------------------------------------------------------------------
def test_a_dead_run_gets_its_own_input_again(shop: Shop, handler: FixableHandler) -> None:
    die(shop, handler, scheduled_event(input={"own": 1}))
    forge(shop)
    (result,) = redrive_all(shop, wait=60)
    assert handler.ran == [(ID, 4, {"own": 1})]
    assert (result.input, result.source) == ({"own": 1}, "the ledger")
    (note,) = result.notes
    assert note == 'the letter has input {"days": -100000}, but the ledger has {"own": 1}, which was used'


def test_a_trigger_with_a_run_gets_the_input_and_the_time_of_its_run(shop: Shop, handler: FixableHandler) -> None:
    die(shop, handler, scheduled_event(**BY_HAND, input={"own": 1}))
    forge(shop, NOON - DAY, **BY_HAND)
    (result,) = redrive_all(shop)
    assert handler.ran == [(TRIGGER, 4, {"own": 1})]
    assert any(
        "has the due time 2025-12-31T12:00:00Z, but the ledger has 2026-01-01T12:00:00Z" in note
        for note in result.notes
    )


def test_the_numbers_of_a_letter_are_ignored(shop: Shop, handler: FixableHandler) -> None:
    die(shop, handler, scheduled_event(input={"own": 1}))
    forge(shop, by="operator", kind="redrive", redrive=1, requested="2100-01-01T00:00:00Z")
    assert [result.detail for result in redrive_all(shop)] == ["attempt 4"]
    sent = shop.functions.invoked[-1]
    assert (sent["redrive"], sent["requested"] < "2026-01-02") == (3, True)


KILLED = {"status": "running", "attempt": 1, "limit": 3, "due": NOON, "expires": NOON - 10_000, "holder": "h"}


@pytest.mark.parametrize(
    ("claimed", "letter", "source"),
    [
        (OWN, FORGED, "the schedule shop-stats.1"),
        ({"by": "hand"}, {"by": "hand"}, "the letter, whose input has the hash that the ledger stores"),
        ({"by": "hand"}, FORGED, ""),
    ],
    ids=["of the schedule", "of the letter", "of neither"],
)
def test_a_killed_run_without_an_event_gets_only_an_input_with_its_hash(
    shop: Shop, handler: FixableHandler, claimed: dict[str, Any], letter: dict[str, Any], source: str
) -> None:
    shop.stage.change(f"run#{ID}", **KILLED, payload=payload_hash(claimed))
    forge(shop, input=letter)
    (result,) = redrive_all(shop)
    assert (result.accepted, result.source) == (bool(source), source)
    assert handler.ran == ([(ID, 2, claimed)] if source else [])
    if not source:
        assert "cronstack trigger stats --input '{...}'" in result.remedy
        assert letters_left(shop) == 1


def test_a_foreign_event_in_a_row_is_not_sent(shop: Shop, handler: FixableHandler) -> None:
    event = json.dumps(scheduled_event(input=FORGED))
    shop.stage.change(f"run#{ID}", **KILLED | {"status": "dead"}, payload=payload_hash({"own": 1}), event=event)
    forge(shop)
    (result,) = redrive_all(shop)
    assert (result.accepted, handler.ran) == (False, [])


# -- no run: the schedules ---------------------------------------------------------------------------------------------
def test_a_scheduled_time_gets_the_input_of_its_schedule(shop: Shop, handler: FixableHandler) -> None:
    forge(shop)
    (result,) = redrive_all(shop)
    assert handler.ran == [(ID, 1, OWN)]
    assert (result.source, result.input) == ("the schedule shop-stats.1", OWN)
    assert "the letter has input" in result.notes[0]


@pytest.mark.parametrize(
    ("due", "fields", "why"),
    [
        (NOON + 1000, {}, "2026-01-01T12:00:01Z is in the future"),
        (NOON + HOUR, {}, "2026-01-01T13:00:00Z is in the future"),
        (NOON - 1000, {}, "no deployed schedule of stats has 2026-01-01T11:59:59Z"),
        (NOON - 17 * DAY, {}, "it would be refused (TooOld)"),
        (NOON, {"by": "operator", "kind": "backfill", "requested": print_time(NOON), "generation": 2}, "generation"),
        (NOON, BY_HAND, "only the letter has its input"),
        (NOON, {"key": "k", "revision": 1}, "the ledger has no plan of its key"),
    ],
    ids=["a second ahead", "an hour ahead", "no instant", "too old", "generation", "trigger", "key"],
)
def test_a_letter_that_neither_ledger_nor_schedule_confirms_stays_with_a_remedy(
    shop: Shop, handler: FixableHandler, due: int, fields: dict[str, Any], why: str
) -> None:
    shop.stage.now = NOON - 2000 if due == NOON + 1000 else NOON
    forge(shop, due, **fields)
    (result,) = redrive_all(shop)
    assert not result.accepted
    assert why in result.detail
    assert "cronstack " in result.remedy
    commands = [part.split(". ")[0] for part in result.remedy.split("cronstack ")[1:]]
    assert not any("-100000" in command for command in commands), "a command to copy has no input of the letter"
    assert (handler.ran, shop.functions.invoked, letters_left(shop)) == ([], [], 1)


def test_a_schedule_that_is_disabled_has_no_times(shop: Shop, handler: FixableHandler) -> None:
    schedule = shop.scheduler.get_schedule(Name="shop-stats.1", GroupName="shop")
    names = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
    shop.scheduler.update_schedule(**{name: schedule[name] for name in names}, State="DISABLED")
    forge(shop)
    (result,) = redrive_all(shop)
    assert (result.accepted, "is disabled" in result.detail, handler.ran) == (False, True, [])


@pytest.mark.parametrize("by_scheduler", [True, False])
def test_a_time_of_a_rate_is_accepted_only_from_scheduler(shop: Shop, by_scheduler: bool) -> None:
    handler = FixableHandler()
    shop.deploy(lambda run: handler(run), "rate(5 minutes)", input=OWN)
    if by_scheduler:
        forge(shop)
    else:
        with shop.sent_by("arn:aws:iam::123456789012:role/once"):  # no role of the deployed stack
            forge(shop)
    (result,) = redrive_all(shop)
    assert result.accepted is by_scheduler
    assert handler.ran == ([(ID, 1, OWN)] if by_scheduler else [])
    assert by_scheduler or "only Scheduler can confirm" in result.detail


# -- no run: the plan --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["planned", "begun"])
@pytest.mark.parametrize("age", [HOUR, 20 * DAY])
def test_a_key_gets_the_input_of_its_plan(shop: Shop, handler: FixableHandler, status: str, age: int) -> None:
    plan(shop, status, NOON - age, begun=NOON - HOUR)
    forge(shop, key="k", revision=REVISION)
    (result,) = redrive_all(shop)
    assert handler.ran == [(planned_id("k"), 1, OWN)]
    assert (result.source, result.detail) == ("the plan", "first attempt")


@pytest.mark.parametrize(
    ("row", "revision", "accepted", "detail"),
    [
        ({"status": "cancelled"}, REVISION, True, "nothing to do: it was cancelled"),
        (
            {"status": "missed"},
            REVISION - 1,
            True,
            "nothing to do: it was moved, and was missed then, which has its own letter",
        ),
        ({}, REVISION - 1, True, "nothing to do: it was moved, and is planned for 2026-01-01T11:00:00Z"),
        ({"status": "begun"}, REVISION - 1, True, "nothing to do: it was moved, and has started"),
        ({}, REVISION + 1, False, "the letter has revision"),
        ({"due": NOON + HOUR}, REVISION, False, "it is planned for 2026-01-01T13:00:00Z, which is in the future"),
        ({"event": "{}"}, REVISION, False, "its plan contains no event that Cronstack wrote"),
        ({"event": "[" * 100_000}, REVISION, False, "its plan contains no event that Cronstack wrote"),
        ({"event": json.dumps(scheduled_event(input=FORGED))}, REVISION, False, "its plan contains no event"),
        (
            {"status": "begun", "due": NOON - 20 * DAY, "begun": NOON - 19 * DAY},
            REVISION,
            False,
            "it would be refused (TooOld)",
        ),
        ({"v": 99, "status": "new"}, REVISION, False, "its row was written by version 99"),
        ({"payload": "of another"}, REVISION, False, "its plan contains no event that Cronstack wrote"),
    ],
    ids=[
        "cancelled",
        "moved and missed",
        "moved",
        "moved and started",
        "a later revision",
        "ahead",
        "no event",
        "too deep",
        "of another occurrence",
        "too old",
        "newer",
        "of another input",
    ],
)
def test_a_key_that_its_plan_does_not_confirm_does_not_run(
    shop: Shop, handler: FixableHandler, row: dict[str, Any], revision: int, accepted: bool, detail: str
) -> None:
    plan(shop, **row)
    forge(shop, key="k", revision=revision)
    (result,) = redrive_all(shop)
    assert (result.accepted, handler.ran, shop.functions.invoked) == (accepted, [], [])
    assert result.detail.startswith(detail)
    assert letters_left(shop) == (0 if accepted else 1)
    assert accepted or result.remedy


def test_a_planner_chooses_the_input_of_its_key_and_nothing_else(shop: Shop, handler: FixableHandler) -> None:
    """Planners can write anything into a plan. The event that is sent is still of this key."""
    other = planned_event("stats", "k", 7, due=NOON + DAY, input={"chosen": 1})
    of_an_operator = {"by": "operator", "kind": "redrive", "requested": "2020-01-01T00:00:00Z"}
    plan(shop, event=json.dumps(json.loads(other) | of_an_operator), payload=payload_hash({"chosen": 1}))
    forge(shop, key="k", revision=REVISION)
    redrive_all(shop)
    (sent,) = shop.functions.invoked
    assert (sent["key"], sent["revision"], sent["scheduled"]) == ("k", REVISION, print_time(NOON - HOUR))
    assert sent["requested"] >= "2026-01-01"
    assert handler.ran == [(planned_id("k"), 1, {"chosen": 1})]


# -- dry run ----------------------------------------------------------------------------------------------------------
def test_a_dry_run_decides_and_changes_nothing(shop: Shop, handler: FixableHandler) -> None:
    forge(shop)
    forge(shop, NOON + HOUR)
    for _ in range(2):
        first, second = redrive_all(shop, dry_run=True)
        assert (first.accepted, first.detail, first.input) == (True, "would be sent: attempt 1", OWN)
        assert "the letter has input" in first.notes[0]
        assert not second.accepted
    assert (handler.ran, shop.functions.invoked, letters_left(shop)) == ([], [], 2)


# -- renamed -----------------------------------------------------------------------------------------------------------
def rename(shop: Shop, handler: FixableHandler) -> None:
    """Deploy the job as "daily" with its schedules, and remove the old name."""
    del shop.functions.jobs["shop-stats"]
    shop.scheduler.delete_schedule(Name="shop-stats.1", GroupName="shop")
    shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)", name="daily", schedule=once(), input={"new": 1})


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"own": 1}),
        ({"due": NOON - HOUR}, {"new": 1}),
        ({"due": NOON - 1000}, None),
        (BY_HAND, None),
    ],
    ids=["by the old name's run", "by the new name's schedule", "by nothing", "a trigger"],
)
def test_a_renamed_job_is_decided_by_the_same_rules(
    shop: Shop, handler: FixableHandler, fields: dict[str, Any], expected: dict[str, Any] | None
) -> None:
    die(shop, handler, scheduled_event(input={"own": 1}))
    rename(shop, handler)
    forge(shop, **fields)
    (result,) = redrive_all(shop, job="stats", as_job="daily")
    assert result.input == expected
    assert [input for _, _, input in handler.ran] == ([] if expected is None else [expected])


def test_a_renamed_jobs_key_is_planned_with_the_input_of_the_old_plan(shop: Shop, handler: FixableHandler) -> None:
    plan(shop)
    rename(shop, handler)
    forge(shop, key="k", revision=REVISION)
    (result,) = redrive_all(shop, job="stats", as_job="daily")
    assert result.accepted
    assert shop.once().get("daily", "k").input == OWN
