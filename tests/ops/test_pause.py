"""Pause and resume by operators, through the real guard."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from cronstack import once
from cronstack.errors import OperationError
from cronstack.ledger import pause_requests
from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.audit import actions_between
from cronstack_infra.ops.pause import Paused, pause, pause_of, pauses_of, resume
from cronstack_infra.ops.runs import find_run
from cronstack_infra.ops.trigger import trigger
from tests.cronstack.stage import TABLE, scheduled_event
from tests.ops.shop import FixableHandler, Shop, failure, utc

ULID = "01KDWABCDEFGHJKMNPQRSTVWXY"
HOUR = 3600


def paused(shop: Shop, reason: str = "wrong totals") -> Paused:
    return pause(shop.clients, shop.deployment, "stats", now=shop.now, reason=reason)


def fire(shop: Shop) -> None:
    """Let an hour pass, and send the event of its end."""
    shop.sleep(HOUR)
    shop.invoke(scheduled_event(shop.stage.now))


def test_a_pause_says_who_when_and_why_and_is_recorded_before_it_acts(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 * * * ? *)")
    made = paused(shop)
    assert made.is_new
    assert made.pause == pause_of(shop.stage.dynamodb, TABLE, "stats")
    assert (made.pause.at, made.pause.reason) == (shop.now, "wrong totals")
    assert ":123456789012:" in made.pause.by
    assert pauses_of(shop.stage.dynamodb, TABLE, ["stats", "other"]) == {"stats": made.pause}
    (action,) = actions_between(shop.stage.dynamodb, TABLE, "stats", shop.ago(hours=1), shop.now)
    assert (action.action, action.operator.reason, action.operator.by) == ("pause", "wrong totals", made.pause.by)


def test_without_its_record_nothing_is_paused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deploy(lambda run: None)

    def refuse(**_: object) -> None:
        raise failure("AccessDeniedException", "UpdateItem")

    class NoWrites:
        get_item = shop.stage.dynamodb.get_item
        update_item = staticmethod(refuse)
        exceptions = shop.stage.dynamodb.exceptions

    def clients(service: str) -> object:
        return NoWrites if service == "dynamodb" else shop.clients(service)

    with pytest.raises(Exception, match="AccessDenied"):
        pause(clients, shop.deployment, "stats", now=shop.now, reason="x")
    assert pause_of(shop.stage.dynamodb, TABLE, "stats") is None


def test_resume_counts_what_was_passed_over_and_prints_the_command(shop: Shop) -> None:
    ran: list[str] = []
    shop.deploy(lambda run: ran.append(run.occurrence), "cron(0 * * * ? *)")
    paused(shop)
    for _ in range(3):
        fire(shop)
    shop.sleep(HOUR)  # this event is late: it has no row yet
    resumed = resume(shop.clients, shop.deployment, "stats", now=shop.now + timedelta(seconds=1))
    assert ran == []
    assert resumed.passed_over.occurrences == tuple(utc(2026, 1, 1, hour) for hour in (13, 14, 15))
    assert resumed.passed_over.unrecorded == (utc(2026, 1, 1, 12), utc(2026, 1, 1, 16))
    assert resumed.passed_over.command("stats") == (
        "cronstack backfill stats missing --from 2026-01-01T12:00:00Z --to 2026-01-01T16:00:01Z"
    )
    assert pause_of(shop.stage.dynamodb, TABLE, "stats") is None
    shop.invoke(scheduled_event(shop.stage.now))
    assert ran == ["t-2026-01-01T16:00:00Z"], "the late event runs after the resume"
    actions = actions_between(shop.stage.dynamodb, TABLE, "stats", utc(2026, 1, 1), utc(2026, 1, 2), newest_first=False)
    assert [action.action for action in actions] == ["pause", "resume"]


def test_an_earlier_pause_and_what_ran_since_do_not_count(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 * * * ? *)")
    paused(shop)
    fire(shop)
    resume(shop.clients, shop.deployment, "stats", now=shop.now)
    shop.sleep(60)
    paused(shop)
    fire(shop)
    shop.functions.invoke(
        FunctionName="shop-stats",
        InvocationType="Event",
        Payload=json.dumps(again(shop)).encode(),
    )
    over = resume(shop.clients, shop.deployment, "stats", now=shop.now).passed_over
    assert over.occurrences == ()


def again(shop: Shop) -> dict[str, object]:
    """Return the event of a backfill, of the occurrence that is due now, while its job is paused."""
    from cronstack.event import operator_event

    now = shop.stage.now
    return operator_event("stats", "backfill", due=now, requested=now, input={}, generation=2, while_paused=True)


def test_plans_that_were_passed_over_are_listed_by_key(shop: Shop) -> None:
    ran: list[str] = []
    shop.deploy(lambda run: ran.append(run.key or ""), schedule=once())
    planner = shop.once()
    planner.schedule("stats", key="order-1", after=600)
    paused(shop)
    shop.sleep(601)
    for name in shop.plans():
        of = shop.scheduler.get_schedule(GroupName="shop-once", Name=name)
        shop.invoke(json.loads(of["Target"]["Input"]))
    over = resume(shop.clients, shop.deployment, "stats", now=shop.now).passed_over
    assert (over.keys, over.occurrences, over.command("stats"), ran) == (("order-1",), (), "", [])
    assert planner.get("stats", "order-1").status == "skipped"
    assert planner.move("stats", "order-1", after=60).outcome == "moved"


def test_a_second_pause_keeps_the_first_and_a_resume_of_a_running_job_changes_nothing(shop: Shop) -> None:
    shop.deploy(lambda run: None)
    first = paused(shop)
    shop.sleep(60)
    assert paused(shop, "another reason") == Paused(first.pause, is_new=False)
    assert resume(shop.clients, shop.deployment, "stats", now=shop.now).pause == first.pause
    assert resume(shop.clients, shop.deployment, "stats", now=shop.now).pause is None


def test_a_repeated_request_after_a_lost_answer_counts_as_new(shop: Shop) -> None:
    shop.deploy(lambda run: None)
    real = shop.stage.dynamodb

    class Twice:
        get_item, exceptions = real.get_item, real.exceptions

        @staticmethod
        def update_item(**parameters: object) -> object:
            real.update_item(**parameters)
            return real.update_item(**parameters)

    def clients(service: str) -> object:
        return Twice if service == "dynamodb" else shop.clients(service)

    assert pause(clients, shop.deployment, "stats", now=shop.now, reason="x").is_new


def test_a_resume_does_not_end_a_newer_pause(shop: Shop) -> None:
    shop.deploy(lambda run: None)
    paused(shop)
    real = shop.stage.dynamodb

    class PausedAgain:
        exceptions = real.exceptions
        update_item = real.update_item

        @staticmethod
        def get_item(**parameters: object) -> object:
            answer = real.get_item(**parameters)
            if "paused" in answer.get("Item", {}):
                before = int(answer["Item"]["paused"]["N"])
                real.update_item(**pause_requests.resume(TABLE, "stats", paused=before).parameters)
                again = pause_requests.pause(TABLE, "stats", now=before + 1, by="other", reason="again")
                real.update_item(**again.parameters)
            return answer

    def clients(service: str) -> object:
        return PausedAgain if service == "dynamodb" else shop.clients(service)

    with pytest.raises(OperationError, match="another operator"):
        resume(clients, shop.deployment, "stats", now=shop.now)
    assert pause_of(real, TABLE, "stats") is not None


def test_an_unknown_job_and_a_bad_reason_are_refused(shop: Shop) -> None:
    shop.deploy(lambda run: None)
    for act in (pause, resume):
        with pytest.raises(OperationError, match="no job 'statz'") as unknown:
            act(shop.clients, shop.deployment, "statz", now=shop.now, reason="x")
        assert unknown.value.remedy.startswith("Did you mean stats?")
    for reason in ("", "  ", "x" * 301):
        with pytest.raises(OperationError, match="characters"):
            paused(shop, reason)
    assert pause_of(shop.stage.dynamodb, TABLE, "stats") is None


def test_a_trigger_of_a_paused_job_is_refused_unless_asked_for(shop: Shop) -> None:
    handler = FixableHandler()
    shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)")
    paused(shop)
    with pytest.raises(OperationError, match=r"stats is paused since 2026-01-01 12:00 UTC by .*: wrong totals") as no:
        trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID)
    assert "--while-paused" in no.value.remedy
    assert handler.ran == []
    sent = trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID, while_paused=True)
    row = find_run(shop.stage.dynamodb, shop.deployment, "stats", sent.occurrence, shop.now)
    assert row is not None
    assert (row.status, len(handler.ran)) == ("succeeded", 1)


def test_a_retry_waits_for_the_resume_however_long(shop: Shop) -> None:
    handler = FixableHandler()
    handler.fixed = False
    shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)")
    shop.invoke(scheduled_event(shop.stage.now))
    paused(shop)
    shop.sleep(24 * HOUR)
    assert len(handler.ran) == 1
    handler.fixed = True
    resume(shop.clients, shop.deployment, "stats", now=shop.now)
    shop.sleep(330)
    row = find_run(shop.stage.dynamodb, shop.deployment, "stats", handler.ran[0][0], shop.now)
    assert row is not None
    assert (row.status, row.attempt, to_milliseconds(row.due)) == (
        "succeeded",
        2,
        shop.stage.now - 24 * HOUR * 1000 - 330_000,
    )
