"""Dead letters of a renamed job are sent to its new name on request; each letter that stays has a command as remedy."""

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


def redrive_all(shop: Shop, **options: Any) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options))


def letters(shop: Shop) -> list[tuple[str, str]]:
    return [(letter.job, letter.contents.reason) for letter in list_letters(shop.stage.sqs, shop.deployment, poll=0)]


def test_a_letter_of_a_renamed_job_stays_and_its_remedy_has_the_option(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    rename(shop, handler)
    for options in ({}, {"job": "stats"}):
        (result,) = redrive_all(shop, **options)
        assert (result.accepted, result.detail) == (False, "no job 'stats' in the stack shop; it stays")
        assert "cronstack dead-letters redrive stats --as NEWNAME" in result.remedy
        assert "Deployed jobs: daily." in result.remedy
    assert handler.ran == []


def test_it_runs_under_the_new_name_as_the_same_occurrence(shop: Shop, handler: Handler) -> None:
    trigger = {"by": "operator", "kind": "trigger", "requested": "2026-01-01T12:00:00Z", "occurrence": TRIGGER}
    die(shop, scheduled_event(input={"day": 1}))
    die(shop, scheduled_event(**trigger, input={"day": 2}))
    rename(shop, handler)
    results = redrive_all(shop, job="stats", as_job="daily", wait=60)
    assert [(result.accepted, result.detail) for result in results] == [(True, "first attempt: succeeded")] * 2
    assert handler.ran == [("daily", ID, 1, {"day": 1}), ("daily", TRIGGER, 1, {"day": 2})]
    assert letters(shop) == []


def test_it_dies_under_the_new_name_with_a_letter_of_that_name(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    rename(shop, handler)
    handler.fixed = False
    (result,) = redrive_all(shop, job="stats", as_job="daily", wait=3600)
    assert result.status == "dead"
    assert letters(shop) == [("daily", "RetriesExhausted")]
    handler.fixed = True
    assert [result.status for result in redrive_all(shop, wait=60)] == ["succeeded"]
    assert handler.ran[-1] == ("daily", ID, 4, {})


def test_copies_of_a_letter_run_once_under_the_new_name(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    (letter,) = list_letters(shop.stage.sqs, shop.deployment, poll=0)
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=letter.body)
    rename(shop, handler)
    assert [result.accepted for result in redrive_all(shop, job="stats", as_job="daily")] == [True, True]
    assert len(handler.ran) == 1


@pytest.mark.parametrize("name", ["stats", "daily"])
def test_a_finished_occurrence_under_either_name_does_not_run_again(shop: Shop, handler: Handler, name: str) -> None:
    die(shop, scheduled_event())
    rename(shop, handler)
    shop.stage.change(f"run#{ID}", job=name, status="succeeded", attempt=4, limit=6, due=NOON)
    (result,) = redrive_all(shop, job="stats", as_job="daily")
    assert result.accepted
    assert "nothing to do" in result.detail
    assert handler.ran == []
    assert letters(shop) == []


def test_letters_of_a_job_that_is_deployed_never_go_to_another_one(shop: Shop, handler: Handler) -> None:
    die(shop, scheduled_event())
    shop.deploy(lambda run: handler.stats(run), name="daily")
    handler.ran.clear()
    (result,) = redrive_all(shop, job="stats", as_job="daily")
    assert (result.accepted, result.remedy) == (False, "Redrive it without --as.")
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
        redrive_all(shop, **options)
    assert letters(shop) == [("stats", "RetriesExhausted")]


def fire(shop: Shop) -> Any:
    """Return the event of the plan, whose schedule deletes itself."""
    (name,) = shop.plans()
    event = json.loads(shop.scheduler.get_schedule(GroupName="shop-once", Name=name)["Target"]["Input"])
    shop.scheduler.delete_schedule(GroupName="shop-once", Name=name)
    return event


def schedule_and_die(shop: Shop, handler: Handler) -> None:
    """Schedule the job by code, and let the run die."""
    shop.deploy(lambda run: handler.stats(run), schedule=once())
    shop.once().schedule("stats", key="order-1", after=60, input={"order": 1})
    event = fire(shop)
    shop.stage.now += 60_000
    die(shop, event)


def test_a_key_is_planned_again_under_the_new_name(shop: Shop) -> None:
    handler = Handler()
    schedule_and_die(shop, handler)
    rename(shop, handler, schedule=once())
    (result,) = redrive_all(shop, job="stats", as_job="daily")
    assert result.accepted
    assert result.detail.startswith("planned as daily 'order-1' for 2026-01-01T12:")
    assert letters(shop) == []
    plan = shop.once().get("daily", "order-1")
    assert (plan.status, plan.input) == ("planned", {"order": 1})
    assert (plan.at - shop.now).total_seconds() < 60


def test_a_key_stays_if_code_may_not_schedule_the_new_name(shop: Shop) -> None:
    handler = Handler()
    schedule_and_die(shop, handler)
    rename(shop, handler)
    (result,) = redrive_all(shop, job="stats", as_job="daily")
    assert (result.accepted, "@job(schedule=once())" in result.remedy) == (False, True)
    assert letters(shop) == [("stats", "RetriesExhausted")]


# -- letters that stay ------------------------------------------------------------------------------------------------
def undelivered(shop: Shop, event: object) -> None:
    """Send a dead letter as Scheduler does."""
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody=json.dumps(request))


OLD = scheduled_event(NOON - 20 * DAY)
BY_HAND = {"by": "operator", "kind": "trigger", "requested": "2025-12-12T12:00:00Z", "occurrence": TRIGGER}


def largest_event() -> dict[str, Any]:
    """Return an event that a job accepts, and that is too large for the fields of a redrive."""
    event = {"cronstack": 1, "job": "stats", "scheduled": "2026-01-01T12:00:00Z", "input": {"x": ""}}
    return event | {"input": {"x": "y" * (LARGEST - len(json.dumps(event)))}}


@pytest.mark.parametrize(
    ("event", "command"),
    [
        (OLD, "backfill stats all --from 2025-12-12T12:00:00Z --to 2025-12-12T12:00:01Z"),
        (OLD | BY_HAND | {"input": {"a": "it's"}}, "trigger stats --input '{...}'"),
        (OLD | {"key": "order 1", "revision": 1}, "once schedule stats --key 'order 1' --in 1s --replace"),
        (scheduled_event(key="k", revision=1), "once schedule stats --key k --in 1s --replace"),
        (scheduled_event(scheduled="<aws.scheduler.x>"), "backfill stats --from"),
        (scheduled_event() | {"cronstack": 2}, "trigger stats --input '{...}'"),
        ("text", "dead-letters show"),
    ],
    ids=["too old", "too old by hand", "too old by code", "unknown key", "unreplaced", "another version", "foreign"],
)
@pytest.mark.parametrize("way", [die, undelivered])
def test_the_remedy_of_a_letter_that_stays_is_a_valid_command(
    shop: Shop, handler: Handler, way: Any, event: object, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    way(shop, event)
    for _ in range(2):
        (result,) = redrive_all(shop)
        assert not result.accepted
        assert f"cronstack {command}" in result.remedy
    assert handler.ran == []
    words = shlex.split(command.replace("'{...}'", "'{}'"))
    if words[-1] not in ("--from", "show"):
        assert cronstack([*words, "--stack", "missing", "--local", "--port", "1"]) == 1, "its options are valid"
        assert "Usage" not in capsys.readouterr().err


def test_the_remedy_after_a_run_with_another_input_is_a_trigger(shop: Shop, handler: Handler) -> None:
    handler.fixed = True
    shop.functions.stage.change(f"run#{ID}", status="retrying", attempt=1, limit=3, due=NOON, payload="of another")
    die(shop, scheduled_event(input={"day": 2}))
    (result,) = redrive_all(shop)
    assert result.detail == "it would be refused again (PayloadMismatch); it stays"
    assert "cronstack trigger stats --input '{...}'" in result.remedy, "a command to copy has no input of a letter"
    assert result.remedy.endswith("""Input in the letter, not checked: {"day": 2}""")


def test_a_letter_that_is_too_large_to_be_sent_again_stays(shop: Shop, handler: Handler) -> None:
    dead = {"status": "dead", "attempt": 3, "limit": 3, "due": NOON, "reported": NOON}
    shop.stage.change(f"run#{ID}", **dead, payload="", event=json.dumps(largest_event()))
    undelivered(shop, scheduled_event())
    undelivered(shop, scheduled_event(NOON - 3_600_000))
    handler.fixed = True
    results = {result.letter.occurrence: result for result in redrive_all(shop)}
    large, other = results[ID], results["t-2026-01-01T11:00:00Z"]
    assert (large.accepted, "S3" in large.remedy) == (False, True)
    assert other.accepted, "a letter that stays stops no other letter"


def test_the_remedy_of_a_letter_that_is_too_old_runs_its_occurrence(shop: Shop, handler: Handler) -> None:
    die(shop, OLD)
    (result,) = redrive_all(shop)
    words = shlex.split(result.remedy.partition("cronstack ")[2])
    first, last = (datetime.fromisoformat(words[words.index(option) + 1]) for option in ("--from", "--to"))
    handler.fixed = True
    plan = plan_backfill(shop.clients, shop.deployment, "stats", "all", first=first, last=last, now=shop.now)
    (filled,) = carry_out(shop.clients, shop.deployment, plan, clock=shop.clock, sleep=shop.sleep)
    assert filled.ended.status == "succeeded"
    assert find_run(shop.stage.dynamodb, shop.deployment, "stats", "t-2025-12-12T12:00:00Z~2", shop.now) is not None


def test_a_missed_key_is_planned_again_under_the_new_name_once(shop: Shop) -> None:
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
    first, second = redrive_all(shop, job="stats", as_job="daily")
    assert first.detail.startswith("planned as daily 'order-1' for 2026-01-02T13:")
    assert second.detail == "a copy: this command has redriven its occurrence already"
    shop.stage.now += 1000
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=json.dumps(body))
    (third,) = redrive_all(shop, job="stats", as_job="daily")
    assert third.detail.endswith(", and is planned already")
    planned = fire(shop)
    shop.sleep(60)
    shop.invoke(planned)
    assert handler.ran == [("daily", planned_id("order-1"), 1, {"order": 1})]
    assert shop.once().get("daily", "order-1").status == "begun"
