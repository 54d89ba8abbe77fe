"""A deployed stack on moto, for operators' commands: outputs, a function, a ledger, queues and groups."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from cronstack.onetime.schedules import Wiring
from cronstack.settings import PLANS
from cronstack_infra import names
from cronstack_infra.ops.deployment import Deployment, find_deployment
from tests.cronstack.stage import FUNCTION, TABLE, WAY, Stage

WIRING = Wiring(
    "stats",
    TABLE,
    names.once_group("shop"),
    "arn:aws:iam::123456789012:role/once",
    f"{FUNCTION}:{PLANS}",
    WAY.dead_letters,
)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A ledger and two queues, named by the outputs of a stack."""
    import boto3

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        stage = Stage()
        delivery = stage.sqs.create_queue(QueueName="delivery")["QueueUrl"]
        outputs = {
            names.OUTPUT_LEDGER: TABLE,
            names.OUTPUT_DELIVERY_DEAD_LETTERS: delivery,
            names.OUTPUT_HANDLER_DEAD_LETTERS: stage.queue,
            names.OUTPUT_GROUP: "shop",
            names.once_output("stats"): WIRING.text(),
        }
        template = {
            "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName="shop", TemplateBody=json.dumps(template))
        template.pop("Outputs")
        cloudformation.create_stack(StackName="foreign", TemplateBody=json.dumps(template))
        found = find_deployment(cloudformation, "shop")
        assert found == Deployment("shop", TABLE, delivery, stage.queue, "shop")
        stage.scheduler.create_schedule_group(Name=WIRING.group)
        role = boto3.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        boto3.client("lambda").create_function(
            FunctionName="shop-stats",
            Runtime="python3.13",
            Role=role,
            Handler="jobs.stats.stats",
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
            Environment={"Variables": {"CRONSTACK_STACK": "shop"}},
        )
        yield stage
