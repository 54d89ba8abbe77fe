"""A backfill that is killed at any request, and is then run again, loses and doubles nothing."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta

import boto3
import pytest

from cronstack.errors import OperationError
from cronstack_infra.ops.audit import Operator, actions_between
from cronstack_infra.ops.backfill import BackfillPlan, Filled, Kind, carry_out, plan_backfill
from cronstack_infra.ops.backfill.recording import find_backfill, find_same, plan_to_continue, record_backfill
from cronstack_infra.ops.deployment import Clients
from tests.cronstack.stage import scheduled_event
from tests.ops.killed import SHARES, kills, new_shop
from tests.ops.shop import FixableHandler, Shop, utc

FIRST, LAST = utc(2025, 12, 28), utc(2026, 1, 1)
DAYS = (28, 29, 30, 31)
each_share = pytest.mark.parametrize("share", range(SHARES))


def plan(shop: Shop, kind: Kind, clients: Clients) -> BackfillPlan:
    return plan_backfill(clients, shop.deployment, "stats", kind, first=FIRST, last=LAST, now=shop.now)


def backfill(shop: Shop, kind: Kind, clients: Clients | None = None) -> list[Filled]:
    """Act as the command does: continue the same backfill if there is one, else record a new one."""
    clients = clients or shop.clients
    of = plan(shop, kind, clients)
    same = find_same(clients, shop.deployment, of, now=shop.now) if kind == "all" else None
    if same is not None:
        of = plan_to_continue(clients, shop.deployment, "stats", same, now=shop.now)
    elif of.missing:
        record_backfill(clients, shop.deployment, of, now=shop.now)
    return list(carry_out(clients, shop.deployment, of, clock=shop.clock, sleep=shop.sleep))


class Prepared:
    """A job with a run in each state. ``ran``: how often each occurrence has run since."""

    def __init__(self) -> None:
        self.handler = FixableHandler()

    def __call__(self, shop: Shop) -> None:
        handler = self.handler = FixableHandler()
        shop.deploy(lambda run: handler(run), "cron(0 6 * * ? *)", retries=0, overlap="allow")
        now = shop.stage.now
        for day, fixed in ((28, True), (29, False)):
            shop.stage.now, handler.fixed = int(utc(2025, 12, day, 6).timestamp() * 1000), fixed
            shop.invoke(scheduled_event(shop.stage.now))
        shop.stage.now, handler.fixed = now, True
        shop.invoke(scheduled_event(int(utc(2025, 12, 30, 6).timestamp() * 1000)))
        handler.ran.clear()

    @property
    def ran(self) -> Counter[str]:
        return Counter(name for name, _, _ in self.handler.ran)


EXPECTED: dict[Kind, list[str]] = {
    "missing": ["t-2025-12-30T06:00:00Z", "t-2025-12-31T06:00:00Z"],
    "failed": ["t-2025-12-29T06:00:00Z", "t-2025-12-30T06:00:00Z"],
    "all": [
        "t-2025-12-28T06:00:00Z~2",
        "t-2025-12-29T06:00:00Z~2",
        "t-2025-12-30T06:00:00Z~2",
        "t-2025-12-31T06:00:00Z",
    ],
}


@each_share
@pytest.mark.parametrize("kind", ["missing", "failed", "all"])
def test_the_same_command_continues_after_a_kill_at_any_request(kind: Kind, share: int) -> None:
    prepared, where = Prepared(), ""
    for shop, where in kills(lambda shop, clients: backfill(shop, kind, clients), prepared, share):
        backfill(shop, kind)
        assert prepared.ran == Counter(EXPECTED[kind]), where
    assert where, "the command was killed at least once"


@pytest.mark.parametrize("kind", ["missing", "failed", "all"])
def test_the_same_command_twice_doubles_nothing(kind: Kind) -> None:
    prepared = Prepared()
    with new_shop() as shop:
        prepared(shop)
        for _ in range(2):
            backfill(shop, kind)
        assert prepared.ran == Counter(EXPECTED[kind])


@each_share
def test_resume_runs_what_was_planned_and_has_not_run(share: int) -> None:
    """Of failed runs, too, that fail again: the same plan does not start them a second time."""
    prepared = Prepared()

    def fail(shop: Shop, clients: Clients) -> None:
        prepared.handler.fixed = False
        backfill(shop, "failed", clients)

    for shop, where in kills(fail, prepared, share):
        recorded = [*actions_between(shop.stage.dynamodb, shop.deployment.ledger, "stats", utc(2025, 1, 1), shop.now)]
        if recorded:
            found = find_backfill(shop.clients, shop.deployment, "stats", recorded[0].id, now=shop.now)
            of = plan_to_continue(shop.clients, shop.deployment, "stats", found, now=shop.now)
            list(carry_out(shop.clients, shop.deployment, of, clock=shop.clock, sleep=shop.sleep))
            assert prepared.ran == Counter(EXPECTED["failed"]), where
            done = plan_to_continue(shop.clients, shop.deployment, "stats", found, now=shop.now)
            assert done.missing == (), where
            assert [each.earlier_result for each in done.planned if each.aimed] == ["dead: RetriesExhausted"] * 2
        else:
            assert prepared.ran == Counter(), f"{where}: nothing runs before it is recorded"


def test_the_record_has_who_when_why_and_the_span() -> None:
    with new_shop() as shop:
        Prepared()(shop)
        of = plan(shop, "all", shop.clients)
        recorded = record_backfill(shop.clients, shop.deployment, of, now=shop.now, reason="as Ada asked")
        (action,) = actions_between(
            shop.stage.dynamodb, shop.deployment.ledger, "stats", shop.now, shop.now + timedelta(seconds=1)
        )
        who = boto3.client("sts").get_caller_identity()["Arn"]
        assert (action.id, action.action, action.operator) == (recorded.id, "backfill", Operator(who, "as Ada asked"))
        assert {name: action.details[name] for name in ("kind", "from", "to", "count")} == {
            "kind": "all",
            "from": "2025-12-28T00:00:00Z",
            "to": "2026-01-01T00:00:00Z",
            "count": 4,
        }
        assert find_backfill(shop.clients, shop.deployment, "stats", recorded.id, now=shop.now) == recorded
        assert plan_to_continue(shop.clients, shop.deployment, "stats", recorded, now=shop.now) == of


def test_a_schedule_that_changed_since_gives_new_instants_the_aim_of_their_neighbours() -> None:
    with new_shop() as shop:
        Prepared()(shop)
        recorded = record_backfill(shop.clients, shop.deployment, plan(shop, "all", shop.clients), now=shop.now)
        assert [recorded.aim_of(utc(2025, 12, day, 7)) for day in DAYS] == [
            recorded.aim_of(utc(2025, 12, day, 6)) for day in DAYS
        ]
        assert recorded.aim_of(utc(2025, 12, 27)) is None


@pytest.mark.parametrize("id", ["", "x", "01KDWABCDEFGHJKMNPQRSTVWXY", "U" * 26, "7" * 26])
def test_an_unknown_id_is_refused(id: str) -> None:
    with new_shop() as shop:
        Prepared()(shop)
        with pytest.raises(OperationError, match=re.escape(f"the ledger has no backfill {id} of stats")):
            find_backfill(shop.clients, shop.deployment, "stats", id, now=shop.now)


def test_a_backfill_whose_runs_may_have_expired_is_not_continued() -> None:
    """The ledger keeps a run for 35 days after its end. What had ended would run again."""
    with new_shop() as shop:
        Prepared()(shop)
        recorded = record_backfill(shop.clients, shop.deployment, plan(shop, "all", shop.clients), now=shop.now)
        later = shop.now + timedelta(days=35)
        assert find_backfill(shop.clients, shop.deployment, "stats", recorded.id, now=later) == recorded
        with pytest.raises(OperationError, match=r"is older than 35 days.*\n.*cronstack backfill stats all --from"):
            find_backfill(shop.clients, shop.deployment, "stats", recorded.id, now=later + timedelta(seconds=1))
