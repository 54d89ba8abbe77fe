"""Dead letters of a job that has a new name: sent to it on request; what stays names the command that helps."""

from __future__ import annotations

import json
import shlex
from datetime import datetime
from typing import Any

import pytest

from cronstack import once
from cronstack.errors import OperationError
from cronstack.event import LARGEST
from cronstack.occurrence import planned_id
from cronstack.run import Run
from cronstack_infra.cli import run as cronstack
from cronstack_infra.ops.backfill import carry_out, plan_backfill
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from cronstack_infra.ops.runs import find_run
from tests.cronstack.stage import NOON, scheduled_event
from tests.ops.shop import Shop

ID = "t-2026-01-01T12:00:00Z"
TRIGGER = "m-01KDWABCDEFGHJKMNPQRSTVWXY"
DAY = 24 * 3_600_000


class Handler:
    """A handler that fails until the code is fixed."""

    def __init__(self) -> None:
        self.fixed = False
        self.ran: list[tuple[str, str, int, Any]] = []

    def stats(self, run: Run) -> None:
        self.ran.append((run.job, run.occurrence, run.attempt, run.input))
        if not self.fixed:
            raise ValueError("no")


@pytest.fixture
def handler(shop: Shop) -> Handler:
    handler = Handler()
    shop.deploy(lambda run: handler.stats(run), "cron(0 * * * ? *)")
    return handler


def die(shop: Shop, event: object) -> None:
    """Deliver an event and let the time of its attempts pass."""
    shop.functions.invoke(FunctionName="shop-stats", InvocationType="Event", Payload=json.dumps(event).encode())
    shop.sleep(600)


def rename(shop: Shop, handler: Handler, **policies: Any) -> None:
    """Deploy the job under the name "daily", with its error fixed, and remove the old name."""
    del shop.functions.jobs["shop-stats"]
    shop.deploy(lambda run: handler.stats(run), name="daily", **policies)
    handler.fixed = True
    handler.ran.clear()


def driven(shop: Shop, **options: Any) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options))


def letters(shop: Shop) -> list[tuple[str, str]]:
    return [(one.job, one.contents.reason) for one in list_letters(shop.stage.sqs, shop.deployment, poll=0)]


def test_a_letter_of_a_renamed_job_stays_and_names_the_option(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    rename(shop, handler)
    for options in ({}, {"job": "stats"}):
        (one,) = driven(shop, **options)
        assert (one.accepted, one.detail) == (False, "no job 'stats' in the stack shop; it stays")
        assert "cronstack dead-letters redrive stats --as NEWNAME" in one.remedy
        assert "Deployed jobs: daily." in one.remedy
    assert handler.ran == []


def test_it_runs_under_the_new_name_as_the_same_occurrence(shop: Shop, handler: Handler) -> None:
    trigger = {"by": "operator", "kind": "trigger", "requested": "2026-01-01T12:00:00Z", "occurrence": TRIGGER}
    die(shop, scheduled_event(input={"day": 1}))
    die(shop, scheduled_event(**trigger, input={"day": 2}))
    rename(shop, handler)
    results = driven(shop, job="stats", as_job="daily", wait=60)
    assert [(one.accepted, one.detail) for one in results] == [(True, "first attempt: succeeded")] * 2
    assert handler.ran == [("daily", ID, 1, {"day": 1}), ("daily", TRIGGER, 1, {"day": 2})]
    assert letters(shop) == []


def test_it_dies_under_the_new_name_with_a_letter_of_that_name(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    rename(shop, handler)
    handler.fixed = False
    (one,) = driven(shop, job="stats", as_job="daily", wait=3600)
    assert one.status == "dead"
    assert letters(shop) == [("daily", "RetriesExhausted")]
    handler.fixed = True
    assert [one.status for one in driven(shop, wait=60)] == ["succeeded"]
    assert handler.ran[-1] == ("daily", ID, 4, {})


def test_copies_of_a_letter_run_once_under_the_new_name(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    (letter,) = list_letters(shop.stage.sqs, shop.deployment, poll=0)
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=letter.body)
    rename(shop, handler)
    assert [one.accepted for one in driven(shop, job="stats", as_job="daily")] == [True, True]
    assert len(handler.ran) == 1


@pytest.mark.parametrize("name", ["stats", "daily"])
def test_what_has_finished_under_either_name_is_not_run_again(shop: Shop, handler: Handler, name: str) -> None:
    die(shop, scheduled_event())
    rename(shop, handler)
    shop.stage.change(f"run#{ID}", job=name, status="succeeded", attempt=4, limit=6, due=NOON)
    (one,) = driven(shop, job="stats", as_job="daily")
    assert one.accepted
    assert "nothing to do" in one.detail
    assert handler.ran == []
    assert letters(shop) == []


def test_letters_of_a_job_that_is_deployed_never_go_to_another_one(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    shop.deploy(lambda run: handler.stats(run), name="daily")
    handler.ran.clear()
    (one,) = driven(shop, job="stats", as_job="daily")
    assert (one.accepted, one.remedy) == (False, "Redrive it without --as.")
    assert handler.ran == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"job": "stats", "as_job": "dayly"}, r"(?s)no job 'dayly'.*Did you mean daily\?"),
        ({"job": "stat", "as_job": "daily"}, "no dead letters of a job 'stat'"),
    ],
)
def test_a_name_that_does_not_exist_changes_nothing(
    shop: Shop, handler: Handler, options: dict[str, str], message: str
) -> None:
    die(shop, scheduled_event())
    rename(shop, handler)
    with pytest.raises(OperationError, match=message):
        driven(shop, **options)
    assert letters(shop) == [("stats", "RetriesExhausted")]


def fire(shop: Shop) -> Any:
    """Return the event of the plan, whose schedule deletes itself."""
    (name,) = shop.plans()
    event = json.loads(shop.scheduler.get_schedule(GroupName="shop-once", Name=name)["Target"]["Input"])
    shop.scheduler.delete_schedule(GroupName="shop-once", Name=name)
    return event


def schedule_and_die(shop: Shop, handler: Handler) -> None:
    """Have code schedule the job, and let that run die."""
    shop.deploy(lambda run: handler.stats(run), schedule=once())
    shop.once().schedule("stats", key="order-1", after=60, input={"order": 1})
    event = fire(shop)
    shop.stage.now += 60_000
    die(shop, event)


def test_what_code_had_scheduled_is_planned_anew_under_the_new_name(shop: Shop) -> None:
    handler = Handler()
    schedule_and_die(shop, handler)
    rename(shop, handler, schedule=once())
    (one,) = driven(shop, job="stats", as_job="daily")
    assert one.accepted
    assert one.detail.startswith("planned as daily 'order-1' for 2026-01-01T12:")
    assert letters(shop) == []
    plan = shop.once().get("daily", "order-1")
    assert (plan.status, plan.input) == ("planned", {"order": 1})
    assert (plan.at - shop.now).total_seconds() < 60


def test_what_code_had_scheduled_stays_where_code_may_not_schedule_the_new_name(shop: Shop) -> None:
    handler = Handler()
    schedule_and_die(shop, handler)
    rename(shop, handler)
    (one,) = driven(shop, job="stats", as_job="daily")
    assert (one.accepted, "@job(schedule=once())" in one.remedy) == (False, True)
    assert letters(shop) == [("stats", "RetriesExhausted")]


# -- every letter that stays -------------------------------------------------------------------------------------------
def undelivered(shop: Shop, event: object) -> None:
    """As Scheduler writes what it could not deliver."""
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody=json.dumps(request))


OLD = scheduled_event(NOON - 20 * DAY)
BY_HAND = {"by": "operator", "kind": "trigger", "requested": "2025-12-12T12:00:00Z", "occurrence": TRIGGER}


def largest_event() -> dict[str, Any]:
    """An event that a job accepts, and to which a redrive cannot add a field."""
    event = {"cronstack": 1, "job": "stats", "scheduled": "2026-01-01T12:00:00Z", "input": {"x": ""}}
    return event | {"input": {"x": "y" * (LARGEST - len(json.dumps(event)))}}


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (OLD, "backfill stats --from 2025-12-12T12:00:00Z --to 2025-12-12T12:00:01Z --again"),
        (OLD | BY_HAND | {"input": {"a": "it's"}}, "trigger stats --input '{...}'"),
        (OLD | {"key": "order 1", "revision": 1}, "once schedule stats --key 'order 1' --in 1s --replace"),
        (scheduled_event(key="k", revision=1), "once schedule stats --key k --in 1s --replace"),
        (scheduled_event(scheduled="<aws.scheduler.x>"), "backfill stats --from"),
        (scheduled_event() | {"cronstack": 2}, "trigger stats --input '{...}'"),
        ("text", "dead-letters show"),
    ],
    ids=["too old", "too old by hand", "too old by code", "forgotten", "unreplaced", "another version", "foreign"],
)
@pytest.mark.parametrize("way", [die, undelivered])
def test_a_letter_that_stays_names_a_command_that_exists(
    shop: Shop, handler: Handler, way: Any, event: object, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    way(shop, event)
    for _ in range(2):
        (one,) = driven(shop)
        assert not one.accepted
        assert f"cronstack {command}" in one.remedy
    assert handler.ran == []
    words = shlex.split(command.replace("'{...}'", "'{}'"))
    if words[-1] not in ("--from", "show"):
        assert cronstack([*words, "--stack", "nowhere", "--local", "--port", "1"]) == 1, "its options are valid"
        assert "Usage" not in capsys.readouterr().err


def test_a_letter_whose_occurrence_ran_with_another_input_names_a_trigger(shop: Shop, handler: Handler) -> None:
    handler.fixed = True
    shop.functions.stage.change(f"run#{ID}", status="retrying", attempt=1, limit=3, due=NOON, payload="of another")
    die(shop, scheduled_event(input={"day": 2}))
    (one,) = driven(shop)
    assert one.detail == "it would be refused again (PayloadMismatch); it stays"
    assert "cronstack trigger stats --input '{...}'" in one.remedy, "a command to copy holds nothing of a letter"
    assert one.remedy.endswith("""Input in the letter, not checked: {"day": 2}""")


def test_a_letter_that_is_too_large_to_be_sent_again_stays(shop: Shop, handler: Handler) -> None:
    dead = {"status": "dead", "attempt": 3, "limit": 3, "due": NOON, "reported": NOON}
    shop.stage.change(f"run#{ID}", **dead, payload="", event=json.dumps(largest_event()))
    undelivered(shop, scheduled_event())
    undelivered(shop, scheduled_event(NOON - 3_600_000))
    handler.fixed = True
    found = {one.letter.occurrence: one for one in driven(shop)}
    large, other = found[ID], found["t-2026-01-01T11:00:00Z"]
    assert (large.accepted, "S3" in large.remedy) == (False, True)
    assert other.accepted, "one letter that stays stops no other one"


def test_the_remedy_of_a_letter_that_is_too_old_runs_its_occurrence(shop: Shop, handler: Handler) -> None:
    die(shop, OLD)
    (one,) = driven(shop)
    words = shlex.split(one.remedy.partition("cronstack ")[2])
    first, last = (datetime.fromisoformat(words[words.index(option) + 1]) for option in ("--from", "--to"))
    handler.fixed = True
    plan = plan_backfill(shop.clients, shop.deployment, "stats", first=first, last=last, now=shop.now, again=True)
    (filled,) = carry_out(shop.clients, shop.deployment, plan, clock=shop.clock, sleep=shop.sleep)
    assert filled.ended.status == "succeeded"
    assert find_run(shop.stage.dynamodb, shop.deployment, "stats", "t-2025-12-12T12:00:00Z~2", shop.now) is not None


def test_a_missed_key_is_planned_anew_under_the_new_name_once(shop: Shop) -> None:
    handler = Handler()
    handler.fixed = True
    shop.deploy(lambda run: handler.stats(run), schedule=once())
    shop.once().schedule("stats", key="order-1", after=60, input={"order": 1})
    event = fire(shop)
    shop.stage.now += 90_000_000
    shop.invoke(event)
    (body,) = shop.stage.letters()
    for _ in range(2):
        shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=json.dumps(body))
    rename(shop, handler, schedule=once())
    first, second = driven(shop, job="stats", as_job="daily")
    assert first.detail.startswith("planned as daily 'order-1' for 2026-01-02T13:")
    assert second.detail == "a copy: this command has redriven its occurrence already"
    shop.stage.now += 1000
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=json.dumps(body))
    (third,) = driven(shop, job="stats", as_job="daily")
    assert third.detail.endswith(", and is planned already")
    planned = fire(shop)
    shop.sleep(60)
    shop.invoke(planned)
    assert handler.ran == [("daily", planned_id("order-1"), 1, {"order": 1})]
    assert shop.once().get("daily", "order-1").status == "begun"
