"""AWS::Events::Rule in a template: created, changed, renamed, removed, refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.local.apis.rules_stage import MINUTE, RULE, START, received

Deploy = Callable[..., str]


@pytest.fixture
def cloud() -> Iterator[VirtualCloud]:
    with VirtualCloud(START) as virtual:
        yield virtual


@pytest.fixture
def deploy(cloud: VirtualCloud) -> Deploy:
    """Return a function that deploys resources as one stack and returns its status."""
    client = cloud.client("cloudformation")

    def deployed(**resources: Any) -> str:
        body = json.dumps({"Resources": {"Queue": QUEUE_RESOURCE, **resources}})
        existing = client.describe_stacks()["Stacks"]
        (client.update_stack if existing else client.create_stack)(StackName="s", TemplateBody=body)
        return str(client.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])

    return deployed


QUEUE_RESOURCE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "plain"}}


def rule_resource(**properties: Any) -> dict[str, Any]:
    target = {"Id": "queue", "Arn": {"Fn::GetAtt": ["Queue", "Arn"]}, "RetryPolicy": {"MaximumRetryAttempts": "3"}}
    defaults = {"ScheduleExpression": "rate(1 minute)", "Targets": [target], **properties}
    return {"Type": "AWS::Events::Rule", "Properties": defaults}


def test_a_rule_of_a_template_fires_is_updated_and_deleted(cloud: VirtualCloud, deploy: Deploy) -> None:
    events = cloud.client("events")
    assert deploy(Rule=rule_resource(Tags=[{"Key": "a", "Value": "b"}])) == "CREATE_COMPLETE"
    [rule] = events.list_rules()["Rules"]
    assert events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    cloud.advance(MINUTE)
    assert len(received(cloud, "plain")) == 1

    assert deploy(Rule=rule_resource(State="DISABLED")) == "UPDATE_COMPLETE"
    cloud.advance(MINUTE)
    assert received(cloud, "plain") == []

    assert deploy(Rule=rule_resource(Name="nightly", Targets=[])) == "UPDATE_COMPLETE"
    [renamed] = events.list_rules()["Rules"]
    assert (renamed["Name"], renamed["State"]) == ("nightly", "ENABLED")
    cloud.advance(MINUTE)
    assert received(cloud, "plain") == []

    assert deploy() == "UPDATE_COMPLETE"
    assert events.list_rules()["Rules"] == []


def test_ref_and_arn_of_a_rule(cloud: VirtualCloud, deploy: Deploy) -> None:
    shown = {"Type": "String", "Value": {"Fn::Sub": "${Rule} ${Rule.Arn}"}, "Name": "shown"}
    assert deploy(Rule=rule_resource(), Shown={"Type": "AWS::SSM::Parameter", "Properties": shown}) == "CREATE_COMPLETE"
    name, arn = cloud.client("ssm").get_parameter(Name="shown")["Parameter"]["Value"].split()
    assert name.startswith("s-Rule-")
    assert arn == RULE.format(name)


def test_a_rule_with_a_refused_target_is_not_created(cloud: VirtualCloud, deploy: Deploy) -> None:
    bad = {"Id": "x", "Arn": "arn:aws:states:us-east-1:123456789012:stateMachine:s"}
    assert deploy() == "CREATE_COMPLETE"
    assert deploy(Rule=rule_resource(Targets=[bad])) == "UPDATE_ROLLBACK_COMPLETE"
    assert cloud.client("events").list_rules()["Rules"] == []


@pytest.mark.parametrize(
    ("properties", "why"),
    [
        ({"EventPattern": {"source": ["shop"]}}, "rules with an EventPattern are not supported"),
        ({"EventBusName": "mine"}, "another event bus than the default one"),
    ],
)
def test_patterns_and_other_buses_are_refused_with_advice(deploy: Deploy, properties: Any, why: str) -> None:
    with pytest.raises(ClientError, match=why):
        deploy(Rule=rule_resource(**properties))
