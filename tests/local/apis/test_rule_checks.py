"""The checks of PutRule and PutTargets for scheduled rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.local.apis.rules_stage import QUEUE, START, put

BAD_EXPRESSIONS = [
    "rate(10 seconds)",
    "rate(1 minutes)",
    "rate(1 days)",
    "rate(10 minute)",
    "rate()",
    "rate(0 minutes)",
    "rate( 10 minutes )",
    "rate(10 MINUTES)",
    "cron(0 1 * * * *)",
    "cron(71 8 1 * ? *)",
    "cron(INVALID)",
    "at(2027-01-01T00:00:00)",
    "every day",
]
TARGET = {"Id": "1", "Arn": QUEUE.format("plain")}
BAD_TARGETS: list[tuple[dict[str, Any], str]] = [
    ({"Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:s"}, "Lambda, SQS and SNS only"),
    ({"Arn": "arn:aws:sqs:us-east-1:123456789012:a.fifo"}, "SqsParameters must be specified for target: 1"),
    ({"Input": "hello"}, "JSON syntax error in input for target 1"),
    ({"Input": "{}", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer must be provided"),
    ({"InputPath": "detail"}, "Invalid InputPath for target 1"),
    ({"InputTransformer": {"InputTemplate": '"<none>"'}}, "contains invalid placeholder none"),
    ({"RetryPolicy": {"MaximumRetryAttempts": 186}}, "less than or equal to 185"),
    ({"DeadLetterConfig": {"Arn": QUEUE.format("a.fifo")}}, "standard SQS queue"),
    ({"Id": "a b"}, "regular expression pattern"),
]


@pytest.fixture(scope="module")
def shared() -> Iterator[VirtualCloud]:
    with VirtualCloud(START) as cloud:
        put(cloud, "existing")
        yield cloud


@pytest.mark.parametrize("expression", BAD_EXPRESSIONS)
def test_bad_expressions_are_refused(shared: VirtualCloud, expression: str) -> None:
    with pytest.raises(ClientError, match=r"ValidationException.*Parameter ScheduleExpression is not valid\."):
        shared.client("events").put_rule(Name="bad", ScheduleExpression=expression)


@pytest.mark.parametrize(("target", "message"), BAD_TARGETS)
def test_bad_targets_are_refused(shared: VirtualCloud, target: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        shared.client("events").put_targets(Rule="existing", Targets=[TARGET | target])
    assert shared.client("events").list_targets_by_rule(Rule="existing")["Targets"] == []


def test_a_rule_has_five_targets_at_most(shared: VirtualCloud) -> None:
    targets = [TARGET | {"Id": str(number)} for number in range(6)]
    with pytest.raises(ClientError, match="LimitExceededException"):
        shared.client("events").put_targets(Rule="existing", Targets=targets)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"EventBusName": "mine"}, "supported only on the default event bus"),
        ({"EventPattern": '{"source":["shop"]}'}, "Move the event pattern to a second rule"),
        ({"Name": "a b"}, "regular expression pattern"),
    ],
)
def test_rules_that_cannot_have_a_schedule(shared: VirtualCloud, more: dict[str, str], message: str) -> None:
    given: dict[str, Any] = {"Name": "bad", "ScheduleExpression": "rate(1 minute)", **more}
    with pytest.raises(ClientError, match=f"ValidationException.*{message}"):
        shared.client("events").put_rule(**given)
