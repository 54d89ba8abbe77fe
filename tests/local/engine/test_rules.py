"""Scheduled rules of EventBridge in the engine: instants, the event, several targets, failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack_infra.local.engine.values import Deliver, ScheduleConfig, SendRecord, Target, TargetError
from tests.local.engine.stage import BROKEN, FUNCTION, QUEUE, Stage

RULE = "arn:aws:events:us-east-1:123456789012:rule/nightly"
TOPIC = "arn:aws:sns:us-east-1:123456789012:news"
DENIED = TargetError("NO_PERMISSIONS", "not allowed", 403)


def rule(expression: str, *targets: Target, **fields: Any) -> ScheduleConfig:
    return ScheduleConfig(RULE, expression, targets or (Target(FUNCTION, ""),), **fields)


def put(stage: Stage, config: ScheduleConfig) -> None:
    stage.engine.put_schedule(config, stage.now)
    stage.step()


def delivered(stage: Stage) -> list[Deliver]:
    return [effect for effect in stage.effects if isinstance(effect, Deliver)]


def test_a_rate_fires_first_one_period_after_the_rule_was_created() -> None:
    stage = Stage("12:00:30")
    put(stage, rule("rate(5 minutes)"))
    stage.until("12:11:00")
    assert [deliver.scheduled.strftime("%H:%M:%S") for deliver in delivered(stage)] == ["12:05:30", "12:10:30"]


def test_a_cron_fires_in_utc() -> None:
    stage = Stage("12:00:00")
    put(stage, rule("cron(15 12 * * ? *)"))
    stage.until("13:00:00")
    assert [deliver.scheduled.isoformat() for deliver in delivered(stage)] == ["2026-11-23T12:15:00+00:00"]


def test_all_targets_get_the_same_eventbridge_event() -> None:
    stage = Stage("12:00:00")
    put(stage, rule("rate(1 minute)", Target(FUNCTION, ""), Target(QUEUE, ""), Target(TOPIC, "")))
    stage.until("12:01:00")
    texts = [deliver.payload for deliver in delivered(stage)]
    assert [deliver.target.arn for deliver in delivered(stage)] == [FUNCTION, QUEUE, TOPIC]
    assert len(set(texts)) == 1
    event = json.loads(texts[0])
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-23T12:01:00Z",
        "region": "us-east-1",
        "resources": [RULE],
        "detail": {},
    }
    stage.until("12:02:00")
    assert json.loads(delivered(stage)[-1].payload)["id"] != json.loads(texts[0])["id"]


def test_each_target_has_its_own_input() -> None:
    stage = Stage("12:00:00")
    template = {"InputPathsMap": {"at": "$.time"}, "InputTemplate": '"at <at>"'}
    targets = (
        Target(FUNCTION, "", input='{"a": 1}'),
        Target(QUEUE, "", parameters={"InputPath": "$.detail-type"}),
        Target(TOPIC, "", parameters={"InputTransformer": template}),
    )
    put(stage, rule("rate(1 minute)", *targets))
    stage.until("12:01:00")
    assert [deliver.payload for deliver in delivered(stage)] == [
        '{"a": 1}',
        '"Scheduled Event"',
        '"at 2026-11-23T12:01:00Z"',
    ]


def test_a_refused_target_affects_no_other_and_its_event_goes_to_its_own_queue() -> None:
    stage = Stage("12:00:00")
    stage.reply = lambda deliver: DENIED if deliver.target.arn == FUNCTION else None
    put(stage, rule("rate(1 minute)", Target(FUNCTION, "", dead_letters=QUEUE), Target(TOPIC, "")))
    stage.until("12:01:30")
    assert [deliver.target.arn for deliver in delivered(stage)] == [FUNCTION, TOPIC]
    [letter] = [effect for effect in stage.effects if isinstance(effect, SendRecord)]
    assert (letter.origin, letter.destination, letter.role_arn) == ("delivery", QUEUE, None)
    assert json.loads(letter.body)["resources"] == [RULE]
    assert {name: value for name, (_, value) in letter.attributes.items()} == {
        "RULE_ARN": RULE,
        "TARGET_ARN": FUNCTION,
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": "not allowed",
        "RETRY_ATTEMPTS": "0",
    }


def test_a_failing_target_is_retried_by_its_retry_policy() -> None:
    stage = Stage("12:00:00")
    stage.reply = lambda deliver: BROKEN
    put(stage, rule("cron(1 12 * * ? *)", Target(FUNCTION, "", max_retries=2, dead_letters=QUEUE)))
    stage.until("13:00:00")
    assert [deliver.attempt for deliver in delivered(stage)] == [1, 2, 3]
    [letter] = [effect for effect in stage.effects if isinstance(effect, SendRecord)]
    assert letter.attributes["EXHAUSTED_RETRY_CONDITION"][1] == "MaximumRetryAttempts"
    assert letter.attributes["RETRY_ATTEMPTS"][1] == "2"


def test_an_input_that_is_not_json_becomes_a_dead_letter() -> None:
    stage = Stage("12:00:00")
    broken = {"InputTransformer": {"InputTemplate": '{"a": <aws.events.event> x}'}}
    put(stage, rule("rate(1 minute)", Target(FUNCTION, "", dead_letters=QUEUE, parameters=broken)))
    stage.until("12:01:00")
    assert delivered(stage) == []
    [letter] = [effect for effect in stage.effects if isinstance(effect, SendRecord)]
    assert letter.reason == "INVALID_JSON"


@pytest.mark.parametrize("targets", [(), (Target(FUNCTION, ""), Target(QUEUE, ""))])
def test_other_targets_do_not_move_the_instants_of_a_rate(targets: tuple[Target, ...]) -> None:
    stage = Stage("12:00:00")
    put(stage, ScheduleConfig(RULE, "rate(5 minutes)", ()))
    stage.until("12:02:00")
    put(stage, ScheduleConfig(RULE, "rate(5 minutes)", targets))
    stage.until("12:05:00")
    assert [deliver.scheduled.strftime("%H:%M") for deliver in delivered(stage)] == ["12:05"] * len(targets)


def test_a_disabled_rule_does_not_fire() -> None:
    stage = Stage("12:00:00")
    put(stage, rule("rate(1 minute)", enabled=False))
    stage.until("12:10:00")
    assert delivered(stage) == []
    put(stage, rule("rate(1 minute)"))
    stage.until("12:11:00")
    assert len(delivered(stage)) == 1
