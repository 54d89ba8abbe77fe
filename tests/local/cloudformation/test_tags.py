"""Tags of a stack, which CloudFormation adds to all its taggable resources."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, function, get, queue, ref, role, schedule, scheduler_role, table
from tests.tools.drift import drift


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def deploy(stack: Stack, resources: dict[str, Any], tags: dict[str, str] | None, **blocks: Any) -> str:
    """Deploy with a change set, as ``cdk deploy --tags`` does."""
    named = {"StackName": stack.name, "ChangeSetName": "tags"}
    stack.cloudformation.create_change_set(
        **named,
        ChangeSetType="UPDATE" if stack.exists() else "CREATE",
        TemplateBody=json.dumps({"Resources": resources, **blocks}),
        Capabilities=["CAPABILITY_IAM"],
        **({} if tags is None else {"Tags": tag_list(tags)}),
    )
    if stack.cloudformation.describe_change_set(**named)["Status"] == "FAILED":
        stack.cloudformation.delete_change_set(**named)
        return "no changes"
    stack.cloudformation.execute_change_set(**named)
    stack.cloudformation.delete_change_set(**named)
    return stack.status()


def queue_tags(stack: Stack, name: str = "Queue") -> dict[str, str]:
    return dict(stack.cloud.client("sqs").list_queue_tags(QueueUrl=stack.physical(name)).get("Tags", {}))


MAY_POLL = role()
MAY_POLL["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = "sqs:*"
EVERYTHING: dict[str, Any] = {
    "Role": MAY_POLL,
    "SchedulerRole": scheduler_role(),
    "Queue": queue(Tags=tag_list({"own": "1"})),
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {}},
    "Table": table(),
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}},
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
    "Function": function(),
    "Mapping": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"FunctionName": ref("Function"), "EventSourceArn": get("Queue", "Arn")},
    },
    "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {}},
    "Schedule": schedule(get("Function", "Arn")),
    "Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "v"}},
    "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": "x"}},
    "Key": {
        "Type": "AWS::KMS::Key",
        "Properties": {
            "KeyPolicy": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}],
            }
        },
    },
    "User": {"Type": "AWS::IAM::User", "Properties": {}},
    "Alarm": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "MetricName": "Errors",
            "Namespace": "AWS/Lambda",
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 1,
        },
    },
    "Composite": {
        "Type": "AWS::CloudWatch::CompositeAlarm",
        "Properties": {"AlarmRule": {"Fn::Sub": "ALARM(${Alarm})"}},
    },
}
NOT_TAGGED = {"Schedule"}


def tags_of_all(stack: Stack) -> dict[str, dict[str, str]]:
    def client(service: str) -> Any:
        return stack.cloud.client(service)

    def arn(name: str, service: str, between: str) -> str:
        return f"arn:aws:{service}:us-east-1:123456789012:{between}{stack.physical(name)}"

    def alarm(name: str) -> Any:
        return client("cloudwatch").list_tags_for_resource(ResourceARN=arn(name, "cloudwatch", "alarm:"))["Tags"]

    def of_bucket() -> Any:
        try:
            return client("s3").get_bucket_tagging(Bucket=stack.physical("Bucket"))["TagSet"]
        except ClientError:  # the bucket has no tags
            return []

    lambda_, iam = client("lambda"), client("iam")
    group = client("scheduler").get_schedule_group(Name=stack.physical("Group"))["Arn"]
    mapping = lambda_.get_event_source_mapping(UUID=stack.physical("Mapping"))["EventSourceMappingArn"]
    parameter = {"ResourceType": "Parameter", "ResourceId": stack.physical("Parameter")}
    tags: dict[str, Any] = {
        "Alarm": alarm("Alarm"),
        "Bucket": of_bucket(),
        "Composite": alarm("Composite"),
        "Function": lambda_.get_function(FunctionName=stack.physical("Function")).get("Tags", {}),
        "Group": client("scheduler").list_tags_for_resource(ResourceArn=group)["Tags"],
        "Key": client("kms").list_resource_tags(KeyId=stack.physical("Key"))["Tags"],
        "Logs": client("logs").list_tags_log_group(logGroupName=stack.physical("Logs"))["tags"],
        "Mapping": lambda_.list_tags(Resource=mapping)["Tags"],
        "Parameter": client("ssm").list_tags_for_resource(**parameter)["TagList"],
        "Queue": queue_tags(stack),
        "Role": iam.list_role_tags(RoleName=stack.physical("Role"))["Tags"],
        "SchedulerRole": iam.list_role_tags(RoleName=stack.physical("SchedulerRole"))["Tags"],
        "Secret": client("secretsmanager").describe_secret(SecretId=stack.physical("Secret")).get("Tags", []),
        "Table": client("dynamodb").list_tags_of_resource(ResourceArn=arn("Table", "dynamodb", "table/"))["Tags"],
        "Topic": client("sns").list_tags_for_resource(ResourceArn=stack.physical("Topic"))["Tags"],
        "User": iam.list_user_tags(UserName=stack.physical("User"))["Tags"],
    }
    return {
        name: value if isinstance(value, dict) else dict(tag.values() for tag in value) for name, value in tags.items()
    }


def test_all_taggable_resources_get_the_tags_of_their_stack(stack: Stack) -> None:
    def expected(**tags: str) -> dict[str, dict[str, str]]:
        return {name: tags | ({"own": "1"} if name == "Queue" else {}) for name in EVERYTHING if name not in NOT_TAGGED}

    assert deploy(stack, EVERYTHING, {"team": "ops", "stage": "test"}) == "CREATE_COMPLETE", stack.reasons()
    assert tags_of_all(stack) == expected(team="ops", stage="test")
    before = {name: stack.physical(name) for name in EVERYTHING}
    assert [line for line in drift(stack.cloud.client, stack.name) if "no reader for" not in line] == []
    assert deploy(stack, EVERYTHING, {"team": "ops", "stage": "test"}) == "no changes"
    assert deploy(stack, EVERYTHING, {"team": "dev"}) == "UPDATE_COMPLETE", stack.reasons()
    assert tags_of_all(stack) == expected(team="dev")
    assert {name: stack.physical(name) for name in EVERYTHING} == before
    touched = {name for name, status in stack.events() if status == "UPDATE_COMPLETE"}
    assert touched == {*EVERYTHING, stack.name} - NOT_TAGGED
    assert [line for line in drift(stack.cloud.client, stack.name) if "no reader for" not in line] == []
    assert deploy(stack, EVERYTHING, {}) == "UPDATE_COMPLETE", stack.reasons()
    assert tags_of_all(stack) == expected()
    stack.delete()
    assert not stack.exists()


def test_a_resources_own_tag_has_priority(stack: Stack) -> None:
    resources = {"Queue": queue(Tags=tag_list({"team": "mine"})), "Other": queue()}
    deploy(stack, resources, {"team": "ops"})
    assert (queue_tags(stack), queue_tags(stack, "Other")) == ({"team": "mine"}, {"team": "ops"})
    body = stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"]
    assert "Tags" not in body["Resources"]["Other"].get("Properties", {})
    assert drift(stack.cloud.client, stack.name) == []
    stack.cloud.client("sqs").untag_queue(QueueUrl=stack.physical("Other"), TagKeys=["team"])
    assert [line.split(":")[0] for line in drift(stack.cloud.client, stack.name)] == ["Other (AWS"]
    assert deploy(stack, {"Queue": queue(), "Other": queue()}, {"team": "ops"}) == "UPDATE_COMPLETE"
    assert queue_tags(stack) == {"team": "ops"}


def test_omitted_tags_stay_and_an_empty_list_removes_them(stack: Stack) -> None:
    deploy(stack, {"Queue": queue()}, {"team": "ops"})
    assert deploy(stack, {"Queue": queue()}, None) == "no changes"
    assert deploy(stack, {"Queue": queue(DelaySeconds=1)}, None) == "UPDATE_COMPLETE"
    assert (queue_tags(stack), stack.describe()["Tags"]) == ({"team": "ops"}, tag_list({"team": "ops"}))
    assert deploy(stack, {"Queue": queue(DelaySeconds=1)}, {}) == "UPDATE_COMPLETE"
    assert (queue_tags(stack), stack.describe().get("Tags", [])) == ({}, [])


def test_tags_of_a_failed_update_are_restored(stack: Stack) -> None:
    deploy(stack, {"Queue": queue()}, {"team": "ops"})
    bad = {"Queue": queue(), "Bad": {**queue(QueueName="not a name"), "DependsOn": "Queue"}}
    assert deploy(stack, bad, {"team": "dev"}) == "UPDATE_ROLLBACK_COMPLETE"
    assert (queue_tags(stack), stack.describe()["Tags"]) == ({"team": "ops"}, tag_list({"team": "ops"}))
    assert deploy(stack, {"Queue": queue()}, {"team": "ops"}) == "no changes"


def test_without_change_sets(stack: Stack) -> None:
    cloudformation, body = stack.cloudformation, json.dumps({"Resources": {"Queue": queue()}})
    cloudformation.create_stack(StackName=stack.name, TemplateBody=body, Tags=tag_list({"team": "ops"}))
    assert queue_tags(stack) == {"team": "ops"}
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloudformation.update_stack(StackName=stack.name, TemplateBody=body)
    cloudformation.update_stack(StackName=stack.name, TemplateBody=body, Tags=tag_list({"team": "dev"}))
    assert (queue_tags(stack), stack.describe()["Tags"]) == ({"team": "dev"}, tag_list({"team": "dev"}))
    cloudformation.update_stack(StackName=stack.name, TemplateBody=body, Tags=[])
    assert queue_tags(stack) == {}
