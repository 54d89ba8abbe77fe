"""A redrive, or a drop, that is killed at any request and run again: each occurrence runs once, and no letter stays."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from cronstack import cron, once
from cronstack_infra.ops.dead_letters.dropping import drop
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, not_found, redrive
from cronstack_infra.ops.deployment import Clients
from tests.cronstack.stage import scheduled_event
from tests.ops.killed import SHARES, kills, new_shop
from tests.ops.shop import FixableHandler, Shop

HOUR = 3_600_000
KEY = "order-1"
each_share = pytest.mark.parametrize("share", range(SHARES))


class Prepared:
    """A shop with letters of each origin. ``ran``: how often each occurrence has run since they were sent."""

    def __init__(self) -> None:
        self.handler = FixableHandler()

    def __call__(self, shop: Shop) -> None:
        handler = self.handler = FixableHandler()
        policies: dict[str, Any] = {"retries": 0, "overlap": "allow"}
        schedules = [cron("0 * * * ? *", timezone="UTC"), once()]
        shop.deploy(lambda run: handler(run), "cron(0 * * * ? *)", schedule=schedules, **policies)
        self.send(shop)
        handler.fixed = True
        handler.ran.clear()

    def send(self, shop: Shop) -> None:
        self.handler.fixed = False
        shop.invoke(scheduled_event(shop.stage.now))  # dead
        shop.invoke(scheduled_event(shop.stage.now - 48 * HOUR))  # missed
        undelivered(shop, scheduled_event(shop.stage.now - HOUR))
        undelivered(shop, scheduled_event(shop.stage.now - HOUR))  # a copy of it

    @property
    def ran(self) -> Counter[str]:
        return Counter(name for name, _, _ in self.handler.ran)


class PreparedKey(Prepared):
    """The letter of a plan that Scheduler could not deliver."""

    def send(self, shop: Shop) -> None:
        shop.once().schedule("stats", key=KEY, at=shop.now, past="run", input={"order": 1})
        (name,) = shop.plans()
        event = json.loads(shop.scheduler.get_schedule(GroupName="shop-once", Name=name)["Target"]["Input"])
        shop.scheduler.delete_schedule(GroupName="shop-once", Name=name)
        undelivered(shop, event)


OCCURRENCES = Counter(["t-2026-01-01T12:00:00Z", "t-2025-12-30T12:00:00Z", "t-2026-01-01T11:00:00Z"])


def undelivered(shop: Shop, event: dict[str, Any]) -> None:
    body = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody=json.dumps(body))


def redrive_all(shop: Shop, clients: Clients | None = None, **options: Any) -> list[Redriven]:
    given = {"clock": shop.clock, "sleep": shop.sleep, "poll": 0} | options
    return list(redrive(clients or shop.clients, shop.deployment, **given))


def letters(shop: Shop) -> list[DeadLetter]:
    return list_letters(shop.stage.sqs, shop.deployment, poll=0)


@each_share
def test_a_redrive_that_is_killed_at_any_request_loses_and_doubles_nothing(share: int) -> None:
    prepared, where = Prepared(), ""
    for shop, where in kills(lambda shop, clients: redrive_all(shop, clients), prepared, share):
        results = redrive_all(shop)
        assert prepared.ran == OCCURRENCES, where
        assert all(result.accepted for result in results), where
        assert letters(shop) == [], where
    assert where, "the command was killed at least once"


@pytest.mark.parametrize("origin", ["handler", "missed", "delivery"])
def test_each_origin_alone(origin: str) -> None:
    with new_shop() as shop:
        prepared = Prepared()
        prepared(shop)
        assert len(redrive_all(shop, origin=origin)) == (2 if origin == "delivery" else 1)
        assert len(prepared.ran) == 1


@each_share
def test_runs_that_fail_again_keep_one_letter_each(share: int) -> None:
    """The kill may come between the death of the redriven run and the deletion of its old letter."""

    def fail(shop: Shop, clients: Clients) -> None:
        prepared.handler.fixed = False
        redrive_all(shop, clients)

    prepared = Prepared()
    for shop, where in kills(fail, prepared, share):
        prepared.handler.fixed = True
        prepared.handler.ran.clear()
        results = redrive_all(shop)
        assert all(result.accepted for result in results), where
        assert letters(shop) == [], where
        done = [shop.stage.item(f"run#{occurrence}")["status"] for occurrence in OCCURRENCES]
        assert done == ["succeeded"] * 3, where
        assert set(prepared.ran.values()) <= {1}, where


@each_share
def test_the_plan_of_a_key_runs_once(share: int) -> None:
    prepared = PreparedKey()
    for shop, where in kills(lambda shop, clients: redrive_all(shop, clients), prepared, share):
        redrive_all(shop)
        assert list(prepared.ran.values()) == [1], where
        assert letters(shop) == [], where


@each_share
def test_a_redrive_that_waits_for_each_run(share: int) -> None:
    prepared = PreparedKey()
    for shop, where in kills(lambda shop, clients: redrive_all(shop, clients, wait=60), prepared, share):
        redrive_all(shop, wait=60)
        assert list(prepared.ran.values()) == [1], where
        assert letters(shop) == [], where


@each_share
def test_a_drop_that_is_killed_has_shown_each_letter_that_it_has_deleted(share: int) -> None:
    shown: dict[str, str] = {}
    wanted: list[str] = []

    def prepare(shop: Shop) -> None:
        Prepared()(shop)
        shown.clear()
        wanted[:] = [letter.id for letter in letters(shop)]

    def run(shop: Shop, clients: Clients) -> None:
        def show(found: Any) -> None:
            shown.update({letter.id: letter.body for letter in found})

        drop(clients("sqs"), shop.deployment, wanted, poll=0, before=show)

    for shop, where in kills(run, prepare, share):
        left = {letter.id for letter in letters(shop)}
        assert {*wanted} - left <= {*shown}, where
        if left:
            run(shop, shop.clients)
        else:
            with pytest.raises(type(not_found("", ())), match="no dead letter"):
                run(shop, shop.clients)
        assert letters(shop) == [], where
        assert {*shown} == {*wanted}, where


def test_nothing_is_sent_or_deleted_when_the_action_cannot_be_recorded() -> None:
    def refuse(found: object) -> None:
        raise PermissionError("no row")

    with new_shop() as shop:
        prepared = Prepared()
        prepared(shop)
        before = len(letters(shop))
        with pytest.raises(PermissionError):
            redrive_all(shop, before=refuse)
        with pytest.raises(PermissionError):
            drop(shop.stage.sqs, shop.deployment, [letters(shop)[0].id], poll=0, before=refuse)
        assert (prepared.ran, len(letters(shop))) == (Counter(), before)
