"""Updates that replace a resource by a new one, and the names that prevent it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, Template, get, queue, role, table

REFUSED = (
    "CloudFormation cannot update a stack when a custom-named resource requires replacing."
    " Rename {} and update the stack again."
)
KEY = {"AttributeName": "pk", "AttributeType": "N"}
EMPTY = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def managed_policy(**properties: Any) -> Template:
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allow]}
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document, **properties}}


def global_table(**properties: Any) -> Template:
    given = table(Replicas=[{"Region": "us-east-1"}], **properties)["Properties"]
    return {"Type": "AWS::DynamoDB::GlobalTable", "Properties": given}


def named_role(**properties: Any) -> Template:
    return {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": EMPTY, **properties}}


def ecr(**properties: Any) -> Template:
    return {"Type": "AWS::ECR::Repository", "Properties": properties}


def document(**properties: Any) -> Template:
    content = {"schemaVersion": "2.2", "description": "d", "mainSteps": []}
    given = {"Content": content, "DocumentFormat": "JSON", "DocumentType": "Command"}
    return {"Type": "AWS::SSM::Document", "Properties": given | properties}


def security_group(**properties: Any) -> Template:
    return {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "one", **properties}}


REPLACED: list[tuple[Callable[..., Template], str, dict[str, Any]]] = [
    (table, "TableName", {"AttributeDefinitions": [KEY]}),
    (
        table,
        "TableName",
        {
            "KeySchema": [{"AttributeName": "sk", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "sk", "AttributeType": "S"}],
        },
    ),
    (global_table, "TableName", {"AttributeDefinitions": [KEY]}),
    (named_role, "RoleName", {"Path": "/other/"}),
    (managed_policy, "ManagedPolicyName", {"Description": "other"}),
    (ecr, "RepositoryName", {"EncryptionConfiguration": {"EncryptionType": "KMS"}}),
    (document, "Name", {"DocumentType": "Automation"}),
    (security_group, "GroupName", {"GroupDescription": "two"}),
]


@pytest.mark.parametrize(("make", "name", "change"), REPLACED, ids=lambda part: getattr(part, "__name__", None))
def test_a_custom_named_resource_is_not_replaced(
    stack: Stack, make: Callable[..., Template], name: str, change: dict[str, Any]
) -> None:
    custom = {name: f"{stack.name}-custom"}
    assert stack.deploy({"Named": make(**custom)}) == "CREATE_COMPLETE", stack.reasons()
    before = stack.physical("Named")
    assert stack.deploy({"Named": make(**custom, **change)}) == "UPDATE_ROLLBACK_COMPLETE"
    assert ("Named", "UPDATE_FAILED") in stack.events()
    assert stack.reasons() == [REFUSED.format(custom[name])]
    assert stack.physical("Named") == before


@pytest.mark.parametrize(("make", "name", "change"), REPLACED, ids=lambda part: getattr(part, "__name__", None))
def test_a_new_name_permits_the_replacement(
    stack: Stack, make: Callable[..., Template], name: str, change: dict[str, Any]
) -> None:
    assert stack.deploy({"Named": make(**{name: f"{stack.name}-one"})}) == "CREATE_COMPLETE"
    assert stack.deploy({"Named": make(**{name: f"{stack.name}-two"}, **change)}) == "UPDATE_COMPLETE", stack.reasons()


def test_a_generated_name_permits_the_replacement(stack: Stack) -> None:
    stack.deploy({"Table": table()})
    before = stack.physical("Table")
    assert stack.deploy({"Table": table(AttributeDefinitions=[KEY])}) == "UPDATE_COMPLETE"
    assert stack.physical("Table") != before
    described = stack.cloud.client("dynamodb").describe_table(TableName=stack.physical("Table"))["Table"]
    assert described["AttributeDefinitions"] == [KEY]


def test_a_custom_named_table_keeps_its_data_when_its_key_changes(stack: Stack) -> None:
    dynamodb, name = stack.cloud.client("dynamodb"), f"{stack.name}-data"
    stack.deploy({"Table": table(TableName=name)})
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "kept"}})
    assert stack.deploy({"Table": table(TableName=name, AttributeDefinitions=[KEY])}) == "UPDATE_ROLLBACK_COMPLETE"
    assert dynamodb.scan(TableName=name)["Items"] == [{"pk": {"S": "kept"}}]
    described = dynamodb.describe_table(TableName=name)["Table"]
    assert described["AttributeDefinitions"] == [{"AttributeName": "pk", "AttributeType": "S"}]


def test_a_new_index_on_a_new_attribute_does_not_replace(stack: Stack) -> None:
    attributes = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "other")]
    index = {
        "IndexName": "other",
        "KeySchema": [{"AttributeName": "other", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    name = f"{stack.name}-indexed"
    stack.deploy({"Table": table(TableName=name)})
    changed = table(TableName=name, AttributeDefinitions=attributes, GlobalSecondaryIndexes=[index])
    assert stack.deploy({"Table": changed}) == "UPDATE_COMPLETE"


def test_a_part_of_the_name_permits_the_replacement(stack: Stack) -> None:
    """A metric filter is identified by its group and its name."""
    groups = {name: {"Type": "AWS::Logs::LogGroup", "Properties": {}} for name in ("One", "Two")}

    def deploy(group: str) -> str:
        properties = {
            "FilterName": f"{stack.name}-filter",
            "LogGroupName": {"Ref": group},
            "FilterPattern": "x",
            "MetricTransformations": [{"MetricName": "m", "MetricNamespace": "n", "MetricValue": "1"}],
        }
        return stack.deploy({**groups, "Filter": {"Type": "AWS::Logs::MetricFilter", "Properties": properties}})

    assert deploy("One") == "CREATE_COMPLETE"
    assert deploy("Two") == "UPDATE_COMPLETE"


def test_a_named_resource_that_the_local_cloud_cannot_update_is_not_replaced(stack: Stack) -> None:
    """On AWS the roles of an instance profile change in place; moto 5.2.5 cannot update one."""
    roles = {"Role": role(), "Other": role()}

    def profile(of: str, **properties: Any) -> Template:
        return {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": of}], **properties}}

    named = {"InstanceProfileName": f"{stack.name}-profile"}
    assert stack.deploy({**roles, "Profile": profile("Role", **named)}) == "CREATE_COMPLETE"
    assert stack.deploy({**roles, "Profile": profile("Other", **named)}) == "UPDATE_ROLLBACK_COMPLETE"
    [reason] = stack.reasons()
    assert reason.startswith("The local cloud cannot update AWS::IAM::InstanceProfile in place")
    assert f"Rename {named['InstanceProfileName']}" in reason


def test_two_zones_may_have_one_name(stack: Stack) -> None:
    """moto 5.2.5 replaces a zone at each change."""

    def zone(comment: str) -> Template:
        properties = {"Name": f"{stack.name}.example.", "HostedZoneConfig": {"Comment": comment}}
        return {"Type": "AWS::Route53::HostedZone", "Properties": properties}

    assert stack.deploy({"Zone": zone("one")}) == "CREATE_COMPLETE"
    assert stack.deploy({"Zone": zone("two")}) == "UPDATE_COMPLETE", stack.reasons()


def test_a_resource_named_after_another_is_replaced_with_it(stack: Stack) -> None:
    """The name changes with the resource that it refers to."""

    def resources(name: str) -> dict[str, Template]:
        return {
            "Queue": queue(QueueName=f"{stack.name}-{name}"),
            "Table": table(TableName={"Fn::Sub": "${Queue.QueueName}-table"}, AttributeDefinitions=[KEY])
            if name == "two"
            else table(TableName={"Fn::Sub": "${Queue.QueueName}-table"}),
        }

    assert stack.deploy(resources("one"), Outputs={"Arn": {"Value": get("Table", "Arn")}}) == "CREATE_COMPLETE"
    assert stack.deploy(resources("two"), Outputs={"Arn": {"Value": get("Table", "Arn")}}) == "UPDATE_COMPLETE"
    assert stack.outputs()["Arn"].endswith(f"table/{stack.name}-two-table")
