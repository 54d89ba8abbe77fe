"""Templates of L2 constructs and handwritten ones: functions, conditions, and less common types."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, function, get, queue, ref, role, table
from tests.tools.drift import drift


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def parameter(value: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}


def value_of(stack: Stack, logical: str) -> str:
    response = stack.cloud.client("ssm").get_parameter(Name=stack.physical(logical))
    return str(response["Parameter"]["Value"])


FUNCTIONS: list[tuple[Any, str]] = [
    ({"Fn::Select": [1, {"Fn::Split": [",", "a,b,c"]}]}, "b"),
    ({"Fn::Join": ["-", ["x", ref("Stage"), {"Fn::Select": ["0", ref("Zones")]}]]}, "x-prod-one"),
    ({"Fn::FindInMap": ["Sizes", ref("Stage"), "memory"]}, "512"),
    ({"Fn::If": ["IsProd", "big", "small"]}, "big"),
    ({"Fn::If": ["IsNotProd", "small", {"Fn::If": ["IsBoth", "both", "one"]}]}, "both"),
    ({"Fn::Base64": "text"}, base64.b64encode(b"text").decode()),
    ({"Fn::Sub": "${AWS::Region} ${!Literal} ${Stage}"}, "us-east-1 ${Literal} prod"),
    ({"Fn::Sub": ["${a}/${Queue.QueueName}", {"a": ref("Stage")}]}, "prod/{queue}"),
    ({"Fn::ToJsonString": {"a": [1, ref("Stage")]}}, '{"a":[1,"prod"]}'),
    ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
]


def test_intrinsic_functions(stack: Stack) -> None:
    values = {f"P{number}": parameter(value) for number, (value, _) in enumerate(FUNCTIONS)}
    blocks: dict[str, Any] = {
        "Parameters": {
            "Stage": {"Type": "String", "Default": "prod", "AllowedValues": ["prod", "test"]},
            "Zones": {"Type": "CommaDelimitedList", "Default": "one,two"},
        },
        "Mappings": {"Sizes": {"prod": {"memory": "512"}, "test": {"memory": "128"}}},
        "Conditions": {
            "IsProd": {"Fn::Equals": [ref("Stage"), "prod"]},
            "IsNotProd": {"Fn::Not": [{"Condition": "IsProd"}]},
            "IsBoth": {
                "Fn::And": [{"Condition": "IsProd"}, {"Fn::Or": [{"Condition": "IsNotProd"}, {"Fn::Equals": [1, 1]}]}]
            },
        },
    }
    assert stack.deploy({"Queue": queue(), **values}, **blocks) == "CREATE_COMPLETE", stack.reasons()
    name = stack.physical("Queue").rpartition("/")[2]
    actual = [
        value_of(stack, f"P{number}").replace('": [', '":[').replace(", ", ",") for number in range(len(FUNCTIONS))
    ]
    assert actual == [expected.replace("{queue}", name) for _, expected in FUNCTIONS]


BAD_PARAMETERS = [
    ({"Type": "String"}, {}, "must have values"),
    ({"Type": "String", "AllowedValues": ["a", "b"]}, {"P": "c"}, "'P' must be one of AllowedValues"),
    ({"Type": "String", "AllowedPattern": "[a-z]+"}, {"P": "A"}, "must match pattern"),
    ({"Type": "String", "MinLength": 2, "ConstraintDescription": "two"}, {"P": "a"}, "satisfy constraint: two"),
    ({"Type": "Number", "MaxValue": "3"}, {"P": "4"}, "not greater than 3"),
    ({"Type": "Number"}, {"P": "x"}, "must be a number"),
    ({"Type": "String", "Default": "x"}, {"Q": "x"}, r"\[Q\] do not exist in the template"),
]


@pytest.mark.parametrize(("declared", "given", "message"), BAD_PARAMETERS)
def test_parameters_are_validated(stack: Stack, declared: dict[str, Any], given: dict[str, str], message: str) -> None:
    values = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    with pytest.raises(ClientError, match=message):
        stack.deploy({"Queue": queue()}, Parameters={"P": declared}, parameters=values)
    assert not stack.exists()


def test_no_value_omits_the_property(stack: Stack) -> None:
    delay = {"Fn::If": ["Slow", 9, ref("AWS::NoValue")]}
    condition = {"Slow": {"Fn::Equals": [ref("AWS::Region"), "no-region"]}}
    assert stack.deploy({"Queue": queue(DelaySeconds=delay)}, Conditions=condition) == "CREATE_COMPLETE"
    response = stack.cloud.client("sqs").get_queue_attributes(QueueUrl=stack.physical("Queue"), AttributeNames=["All"])
    assert response["Attributes"]["DelaySeconds"] == "0"


REFUSED = [
    ("AWS::StepFunctions::StateMachine", "state machines do not run"),
    ("AWS::Events::EventBus", "invoke their targets yourself"),
    ("AWS::Lambda::Url", "function URLs are not supported"),
    ("AWS::CloudFormation::Stack", "nested stacks"),
    ("AWS::ApiGateway::RestApi", "workloads of ApiGateway do not run"),
    ("Custom::CDKBucketDeployment", "it has no ServiceToken"),
    ("AWS::Made::Up", "this type is not supported"),
]


@pytest.mark.parametrize(("kind", "why"), REFUSED)
def test_refused_with_the_reason(stack: Stack, kind: str, why: str) -> None:
    with pytest.raises(ClientError, match=rf"Unrecognized resource types: \[{kind}\].*{why}"):
        stack.deploy({"Queue": queue(), "X": {"Type": kind, "Properties": {}}})
    assert not stack.exists()


def test_versions_and_aliases_follow_the_code(stack: Stack) -> None:
    def resources(text: str, version: str) -> dict[str, Any]:
        return {
            "Role": role(),
            "Function": function(f"def handler(event, context): return '{text}'"),
            version: {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": ref("Function")}},
            "Live": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "FunctionName": ref("Function"),
                    "FunctionVersion": get(version, "Version"),
                    "Name": "live",
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {"Action": "lambda:InvokeFunction", "FunctionName": ref("Live"), "Principal": "*"},
            },
        }

    client = stack.cloud.client("lambda")
    assert stack.deploy(resources("one", "V1")) == "CREATE_COMPLETE", stack.reasons()
    alias = stack.physical("Live")
    assert alias.endswith(":live")
    assert client.invoke(FunctionName=alias)["Payload"].read() == b'"one"'
    assert stack.deploy(resources("two", "V2")) == "UPDATE_COMPLETE", stack.reasons()
    assert stack.physical("Live") == alias
    assert client.invoke(FunctionName=alias)["Payload"].read() == b'"two"'
    assert stack.physical("V2").endswith(":2")
    name = stack.physical("Function")
    versions = [entry["Version"] for entry in client.list_versions_by_function(FunctionName=name)["Versions"]]
    assert versions == ["$LATEST", "2"]
    stack.delete()
    assert not stack.exists()


def test_a_secret_is_generated_once(stack: Stack) -> None:
    def secret(**more: Any) -> dict[str, Any]:
        generated = {"SecretStringTemplate": '{"user":"me"}', "GenerateStringKey": "password", "PasswordLength": "20"}
        properties = {"GenerateSecretString": generated, **more}
        return {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": properties}}

    client = stack.cloud.client("secretsmanager")
    assert stack.deploy(secret()) == "CREATE_COMPLETE", stack.reasons()
    arn = stack.physical("Secret")
    before = json.loads(client.get_secret_value(SecretId=arn)["SecretString"])
    assert (before["user"], len(before["password"])) == ("me", 20)
    assert stack.deploy(secret(Description="new")) == "UPDATE_COMPLETE", stack.reasons()
    assert stack.physical("Secret") == arn
    assert json.loads(client.get_secret_value(SecretId=arn)["SecretString"]) == before
    stack.delete()
    with pytest.raises(ClientError):
        client.describe_secret(SecretId=arn)


def test_a_key_is_kept_when_its_policy_changes(stack: Stack) -> None:
    def key(action: str, **more: Any) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": action, "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        return {"Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy, **more}}}

    assert stack.deploy(key("kms:*", EnableKeyRotation=True)) == "CREATE_COMPLETE", stack.reasons()
    before = stack.physical("Key")
    assert drift(stack.cloud.client, stack.name) == []
    assert stack.deploy(key("kms:Decrypt", Description="x")) == "UPDATE_COMPLETE", stack.reasons()
    assert stack.physical("Key") == before
    assert drift(stack.cloud.client, stack.name) == []


def test_log_retention_of_an_l2_function(stack: Stack) -> None:
    name = f"/aws/lambda/{stack.name}"

    def retention(days: int) -> dict[str, Any]:
        properties = {"ServiceToken": "arn:x", "LogGroupName": name, "RetentionInDays": days}
        return {"Retention": {"Type": "Custom::LogRetention", "Properties": properties}}

    def current_retention() -> int:
        groups = stack.cloud.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        return int(groups[0]["retentionInDays"])

    assert stack.deploy(retention(7)) == "CREATE_COMPLETE", stack.reasons()
    assert current_retention() == 7
    assert stack.deploy(retention(30)) == "UPDATE_COMPLETE"
    assert current_retention() == 30


def test_the_role_of_an_l2_function_has_awss_managed_policy(stack: Stack) -> None:
    arn = {
        "Fn::Join": ["", ["arn:", ref("AWS::Partition"), ":iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]]
    }
    definition = role()
    definition["Properties"]["ManagedPolicyArns"] = [arn]
    assert stack.deploy({"Role": definition}) == "CREATE_COMPLETE", stack.reasons()
    assert drift(stack.cloud.client, stack.name) == []
    definition["Properties"]["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/NoSuchPolicy"]
    assert stack.deploy({"Role": definition}) == "UPDATE_ROLLBACK_COMPLETE"
    assert drift(stack.cloud.client, stack.name) == []


def test_a_global_table_of_one_region(stack: Stack) -> None:
    plain = table()["Properties"]
    replica = {"Region": ref("AWS::Region"), "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}

    def tables(*regions: Any) -> dict[str, Any]:
        replicas = [replica, *({"Region": region} for region in regions)]
        return {"Table": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": {**plain, "Replicas": replicas}}}

    assert stack.deploy(tables()) == "CREATE_COMPLETE", stack.reasons()
    name = stack.physical("Table")
    backups = stack.cloud.client("dynamodb").describe_continuous_backups(TableName=name)
    assert "ENABLED" in json.dumps(
        backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"], default=str
    )
    assert stack.deploy(tables("eu-central-1")) == "UPDATE_ROLLBACK_COMPLETE"
    assert "creates a table in its stack's region only" in stack.reasons()[0]


def test_a_protected_table_is_not_deleted(stack: Stack) -> None:
    """Neither with its stack nor by DeleteTable. An update removes the protection."""

    def protected(on: bool, policy: str) -> dict[str, Any]:
        replicas = [{"Region": ref("AWS::Region"), "DeletionProtectionEnabled": on}]
        properties = {**table()["Properties"], "Replicas": replicas}
        return {"Table": {"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties, "DeletionPolicy": policy}}

    assert stack.deploy(protected(True, "Delete")) == "CREATE_COMPLETE", stack.reasons()
    client, name = stack.cloud.client("dynamodb"), stack.physical("Table")
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        client.delete_table(TableName=name)
    assert stack.deploy(protected(False, "Delete")) == "UPDATE_COMPLETE"
    stack.delete()
    assert name not in client.list_tables()["TableNames"]


@pytest.mark.parametrize(
    ("policy", "status"), [("Retain", "ROLLBACK_COMPLETE"), ("RetainExceptOnCreate", "ROLLBACK_FAILED")]
)
def test_a_protected_table_of_a_failed_create(stack: Stack, policy: str, status: str) -> None:
    """RetainExceptOnCreate would delete the table, but the protection prevents it."""
    replicas = [{"Region": ref("AWS::Region"), "DeletionProtectionEnabled": True}]
    properties = {**table()["Properties"], "Replicas": replicas}
    kept = {"Type": "AWS::DynamoDB::GlobalTable", "Properties": properties, "DeletionPolicy": policy}
    bad = {**queue(QueueName="not a name"), "DependsOn": ["Kept"]}
    assert stack.deploy({"Kept": kept, "Bad": bad}) == status


def test_retained_resources_stay_after_a_rollback_and_a_replacement(stack: Stack) -> None:
    bad = {**queue(QueueName="not a name"), "DependsOn": ["Kept", "Gone"]}
    kept = {**queue(QueueName=f"{stack.name}-kept"), "DeletionPolicy": "Retain"}
    gone = {**queue(QueueName=f"{stack.name}-gone"), "DeletionPolicy": "RetainExceptOnCreate"}
    assert stack.deploy({"Kept": kept, "Gone": gone, "Bad": bad}) == "ROLLBACK_COMPLETE"
    assert ("Kept", "DELETE_SKIPPED") in stack.events()
    urls = stack.cloud.client("sqs").list_queues(QueueNamePrefix=stack.name)["QueueUrls"]
    assert [url.rpartition("-")[2] for url in urls] == ["kept"]
    other = Stack.new(stack.cloud)
    for name in ("one", "two"):
        named = {**queue(QueueName=f"{other.name}-{name}"), "UpdateReplacePolicy": "Retain"}
        other.deploy({"Queue": named})
    assert ("Queue", "DELETE_SKIPPED") in other.events()
    assert len(stack.cloud.client("sqs").list_queues(QueueNamePrefix=other.name)["QueueUrls"]) == 2
    assert (other.name, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS") in other.events()
