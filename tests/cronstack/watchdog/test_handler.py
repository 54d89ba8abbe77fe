"""The watchdog is a job like others: behind the guard, with a heartbeat only after a finished pass."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from cronstack import clock
from cronstack.errors import CronstackError
from cronstack.occurrence import print_time
from cronstack.settings import Settings
from cronstack.watchdog.handler import client, watchdog
from cronstack.watchdog.scene import ALARM_TOPIC, Scene, topic_of
from tests.cronstack.watchdog.place import CARRIERS, STACK, TABLE, Place


class Context:
    """The context that Lambda gives to an invocation."""

    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:shop-watchdog"
    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 240_000


@pytest.fixture
def lines(place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Deploy a stack without jobs, set the environment, and return a call that invokes the function."""
    template = {"Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}}}
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))
    arn = "arn:aws:sqs:us-east-1:123456789012:shop-delivery"
    settings = Settings(TABLE, place.queues[1], STACK, CARRIERS, "arn:aws:iam::123456789012:role/carrier", arn)
    for name, value in {**settings.environment(), ALARM_TOPIC: place.topic}.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()

    def invoke() -> tuple[Any, list[dict[str, Any]]]:
        capsys.readouterr()
        due = print_time(clock.now_ms() // 60_000 * 60_000)
        answer = watchdog({"cronstack": 1, "job": "watchdog", "scheduled": due, "input": {}}, Context())
        return answer, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return invoke


def test_a_pass_writes_a_heartbeat(lines: Any) -> None:
    answer, written = lines()
    assert answer["cronstack"] == "succeeded"
    beat = next(line for line in written if line.get("message") == "pass finished")
    assert beat["WatchdogPasses"] == 1
    assert "Incidents" not in beat, "a metric of 0 costs as much as any other"
    assert beat["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "WatchdogPasses"}]


def test_a_pass_that_fails_writes_none(lines: Any) -> None:
    boto3.client("cloudformation").delete_stack(StackName=STACK)
    answer, written = lines()
    assert answer["cronstack"] == "dead"
    assert not [line for line in written if "WatchdogPasses" in line]


def test_the_declaration_fits_its_interval() -> None:
    assert watchdog.name == "watchdog"
    assert watchdog.schedules[0].expression == "cron(0/5 * * * ? *)"
    assert (watchdog.timeout, watchdog.start_deadline, watchdog.retries) == (240, 240, 0)
    assert watchdog.handler == "cronstack.watchdog.handler.watchdog"


def test_the_scene_is_that_of_the_stack() -> None:
    settings = Settings("table", "https://sqs/1/shop-h", "shop", "shop-carriers", "role", "arn:aws:sqs:eu:1:shop-d")
    scene = Scene.of(settings, "arn:topic")
    assert scene == Scene(
        "shop", "table", "arn:topic", "shop", "shop-carriers", ("https://sqs/1/shop-d", "https://sqs/1/shop-h")
    )


def test_without_a_topic_the_function_fails() -> None:
    with pytest.raises(CronstackError, match=f"{ALARM_TOPIC} is not set"):
        topic_of({})
