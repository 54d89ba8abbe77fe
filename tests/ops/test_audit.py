"""Actions of operators are rows of the ledger, in the order of their times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import boto3

from cronstack.entropy import seeded
from cronstack_infra.ops.audit import Action, Operator, actions_between, caller, record
from tests.ops.shop import Shop

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
ADA = Operator("arn:aws:iam::123456789012:user/ada", "the supplier is down")


def _action(job: str, minutes: int, action: str = "pause") -> Action:
    return Action(job, action, NOON + timedelta(minutes=minutes), ADA, {"passed_over": minutes})


def test_actions_are_listed_by_job_and_span(shop: Shop) -> None:
    dynamodb, ledger = boto3.client("dynamodb"), shop.deployment.ledger
    for action in (_action("remind", 0), _action("remind", 5, "resume"), _action("remind", 9), _action("other", 1)):
        record(dynamodb, ledger, action)
    found = [*actions_between(dynamodb, ledger, "remind", NOON, NOON + timedelta(minutes=5))]
    assert found == [_action("remind", 5, "resume"), _action("remind", 0)]
    oldest_first = actions_between(dynamodb, ledger, "remind", NOON, NOON + timedelta(days=1), newest_first=False)
    assert [action.details["passed_over"] for action in oldest_first] == [0, 5, 9]


def test_a_request_that_is_sent_again_writes_no_second_row(shop: Shop) -> None:
    dynamodb = boto3.client("dynamodb")
    for _ in range(2):
        record(dynamodb, shop.deployment.ledger, _action("remind", 0), randomness=seeded(1))
    assert len([*actions_between(dynamodb, shop.deployment.ledger, "remind", NOON, NOON)]) == 1


def test_the_caller_is_the_identity_of_the_credentials(shop: Shop) -> None:
    assert caller(boto3.client("sts"), "why").by.startswith("arn:aws:")


def test_a_span_that_ends_before_it_begins_has_no_actions(shop: Shop) -> None:
    dynamodb = boto3.client("dynamodb")
    record(dynamodb, shop.deployment.ledger, _action("remind", 0))
    assert [*actions_between(dynamodb, shop.deployment.ledger, "remind", NOON, NOON - timedelta(minutes=1))] == []
