"""SenderId as a second check: a letter of another job's role is refused; a letter of an unknown role is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack import cron, once
from cronstack.event import planned_event
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from tests.cronstack.stage import NOON, WAY, scheduled_event
from tests.ops.shop import ROLE, SCHEDULER_ROLE, Shop, role_arn

KEY = json.loads(planned_event("stats", "k", 1, due=NOON, input={}))


@pytest.fixture
def ran(shop: Shop) -> list[str]:
    ran: list[str] = []
    shop.deploy(lambda run: ran.append(run.occurrence), "cron(0 * * * ? *)", schedule=[cron("0 * * * *"), once()])
    shop.deploy(lambda run: None, "cron(0 * * * ? *)", name="other")
    return ran


def send(shop: Shop, role: str, event: object) -> None:
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    with shop.sent_by(role):
        shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody=json.dumps(request))


def redrive_all(shop: Shop, **options: Any) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options))


@pytest.mark.parametrize(
    ("role", "event", "sender", "refusal"),
    [
        (SCHEDULER_ROLE, scheduled_event(), "Scheduler, for the declared schedules", ""),
        (role_arn("shop-stats"), scheduled_event(), "the role of the job stats", ""),
        (
            role_arn("shop-other"),
            scheduled_event(),
            "the role of the job other",
            "it was sent by the role of the job other, but names the job stats; it stays",
        ),
        (ROLE, KEY, "the plans' role of the job stats", ""),
        (
            ROLE,
            scheduled_event(),
            "the plans' role of the job stats",
            "it was sent by the plans' role of the job stats, but names t-2026-01-01T12:00:00Z, which is not a plan;"
            " it stays",
        ),
        (
            "AIDAANN",
            scheduled_event(),
            "the user AIDAANN",
            "it was sent by the user AIDAANN, which is not a role of this stack; it stays",
        ),
        ("AROAGONE:session", scheduled_event(), "unknown", ""),
    ],
    ids=["Scheduler", "own role", "another job's role", "own plans", "plans for a schedule", "a user", "unknown"],
)
def test_the_sender_of_a_letter_is_checked(
    shop: Shop, ran: list[str], role: str, event: object, sender: str, refusal: str
) -> None:
    send(shop, role, event)
    (result,) = redrive_all(shop)
    assert result.sender == sender
    assert (result.detail == refusal) is bool(refusal)
    assert ran == ([] if refusal or event is KEY else ["t-2026-01-01T12:00:00Z"])
    assert ("its sender is unknown" in result.notes) is (sender == "unknown")
    if refusal:
        assert "--any-sender" in result.remedy
        (result,) = redrive_all(shop, any_sender=True)
        assert result.accepted
        assert ran == ["t-2026-01-01T12:00:00Z"]


def test_the_carriers_role_of_a_job_may_send_only_letters_of_the_job(shop: Shop, ran: list[str]) -> None:
    carrier_role = role_arn("other-carriers")
    shop.make_role(carrier_role)
    shop.functions.carrier_roles["shop-other"] = carrier_role
    send(shop, WAY.role, scheduled_event())
    send(shop, carrier_role, scheduled_event(NOON - 3_600_000))
    own, foreign = sorted(redrive_all(shop), key=lambda result: not result.accepted)
    assert (own.sender, foreign.sender) == (
        "the carriers' role of the job stats",
        "the carriers' role of the job other",
    )
    assert (own.accepted, foreign.accepted) == (True, False)


def test_senders_that_cannot_be_checked_are_reported_once(
    shop: Shop, ran: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetRole")

    for hour in range(3):
        send(shop, role_arn("shop-other"), scheduled_event(NOON - hour * 3_600_000))
    monkeypatch.setattr(shop.iam, "get_role", denied)
    warnings: list[str] = []
    results = redrive_all(shop, warn=warnings.append)
    assert [(result.accepted, result.sender) for result in results] == [(True, "not checked")] * 3
    assert warnings == ["the senders of the letters were not checked: your credentials may not call iam:GetRole"]


def test_a_letter_of_a_renamed_job_has_an_unknown_sender(shop: Shop, ran: list[str]) -> None:
    send(shop, role_arn("shop-stats"), scheduled_event())
    del shop.functions.jobs["shop-stats"]
    shop.iam.delete_role(RoleName="shop-stats")
    shop.deploy(lambda run: ran.append(run.job), "cron(0 * * * ? *)", name="daily")
    (result,) = redrive_all(shop, job="stats", as_job="daily")
    assert (result.accepted, result.sender, ran) == (True, "unknown", ["daily"])
