"""The queue of delivery dead letters is replaced while plans and retries wait. Each still runs, or ends as a letter.

CloudFormation creates the new queue, changes the roles, and keeps the old queue. Existing one-time schedules keep the
old queue's ARN. Their letters go there, if their roles can still send to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack_infra import names
from cronstack_infra.demo.payments import Payments
from cronstack_infra.testing.cloud import Cloud
from tests.tools.payment_wire import answered_by

JOB = "capture_payment"
AT = datetime(2026, 1, 5, 14, tzinfo=UTC)
pytestmark = pytest.mark.cronstack(jobs="examples", only=["checkout", JOB], start="2026-01-05T12:00:30")


@pytest.fixture
def payments() -> Iterator[Payments]:
    """A service that always answers order-2 with an error."""
    service = Payments(lambda order, number: order == "order-2")
    with answered_by(service):
        yield service


def plan(cloud: Cloud, key: str, at: datetime = AT) -> None:
    assert cloud.once.schedule(JOB, key=key, at=at, input={"order": key, "cents": 100}).outcome == "planned"


def replace_queue(cloud: Cloud) -> str:
    """Deploy the stack with another name of the queue. Return the URL of the old queue."""
    stack, cloudformation = cloud.stack.deployment.stack, cloud.client("cloudformation")
    template = cloudformation.get_template(StackName=stack)["TemplateBody"]
    template = json.loads(template) if isinstance(template, str) else template
    old = cloud.stack.deployment.delivery_dead_letters
    template["Resources"][names.QUEUE_IDS["delivery"]]["Properties"]["QueueName"] = "another"
    cloudformation.update_stack(
        StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    assert described["StackStatus"] == "UPDATE_COMPLETE", described
    assert names.stack_outputs(described)[names.OUTPUT_DELIVERY_DEAD_LETTERS].endswith("/another")
    return old


def letters(cloud: Cloud, queue: str) -> list[dict[str, Any]]:
    found = cloud.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(message["Body"]) for message in found]


def test_a_waiting_plan_still_runs(cloud: Cloud, payments: Payments) -> None:
    plan(cloud, "order-1")
    replace_queue(cloud)
    cloud.advance(until=AT)
    cloud.advance(minutes=2)
    assert [run.status for run in cloud.runs(JOB)] == ["succeeded"]


def test_undeliverable_events_end_in_the_replaced_queue(cloud: Cloud, payments: Payments) -> None:
    """One plan and one retry. A carrier brings the next attempt."""
    plan(cloud, "order-1")
    plan(cloud, "order-2", AT - timedelta(seconds=20))
    cloud.advance(until=AT - timedelta(seconds=15))
    assert [(run.status, run.after is None) for run in cloud.runs(JOB)] == [("retrying", False), ("planned", True)]
    old, stack = replace_queue(cloud), cloud.stack.deployment.stack
    assert names.origin_of_queue(stack, old.rpartition("/")[2]) == "delivery"
    cloud.client("lambda").delete_function(FunctionName=names.function_name(stack, JOB))
    cloud.advance(minutes=10)
    found = [json.loads(letter["Payload"]) for letter in letters(cloud, old)]
    assert sorted((event["job"], event["key"]) for event in found) == [(JOB, "order-1"), (JOB, "order-2")]
