"""Dynamic references to Parameter Store and Secrets Manager in the properties of resources."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, function, queue, ref, role
from tests.tools.drift import drift


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    created = Stack.new(local_cloud)
    put(created, "one")
    return created


def put(stack: Stack, value: str, kind: Any = "String") -> None:
    name = f"/{stack.name}/reference"
    stack.cloud.client("ssm").put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)


def reference(stack: Stack, version: str = "") -> str:
    return f"{{{{resolve:ssm:/{stack.name}/reference{version}}}}}"


def secret(stack: Stack, rest: str = "", identifier: str = "") -> str:
    return f"{{{{resolve:secretsmanager:{identifier or stack.name}{rest}}}}}"


def parameter(value: Any, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **properties}}


def value_of(stack: Stack, logical: str = "P") -> str:
    response = stack.cloud.client("ssm").get_parameter(Name=stack.physical(logical))
    return str(response["Parameter"]["Value"])


def test_a_parameter_anywhere_in_a_string(stack: Stack) -> None:
    put(stack, "two")
    values = {
        "Whole": reference(stack),
        "Pinned": reference(stack, ":1"),
        "Middle": f"A={reference(stack, ':1')}_B={reference(stack)}!",
        "Joined": {"Fn::Join": ["", ["{{resolve:", "ssm:/", ref("AWS::StackName"), "/reference:1}}"]]},
        "Sub": {"Fn::Sub": "x-{{resolve:ssm:/${AWS::StackName}/${What}}}"},
        "SplitBefore": {"Fn::Select": [2, {"Fn::Split": [":", reference(stack)]}]},
    }
    declared = {"What": {"Type": "String", "Default": "reference"}}
    assert stack.deploy({n: parameter(v) for n, v in values.items()}, Parameters=declared) == "CREATE_COMPLETE"
    actual = {name: value_of(stack, name) for name in values}
    assert actual.pop("SplitBefore") == f"/{stack.name}/reference}}}}", "functions are evaluated before references"
    assert actual == {"Whole": "two", "Pinned": "one", "Middle": "A=one_B=two!", "Joined": "one", "Sub": "x-two"}


def test_references_in_lists_maps_and_outputs(stack: Stack) -> None:
    env = {"Variables": {"SETTING": reference(stack), "OTHER": f"[{reference(stack)}]"}}
    resources = {"Role": role(), "F": function(Environment=env, Tags=[{"Key": "k", "Value": reference(stack)}])}
    outputs = {"Shown": {"Value": reference(stack)}}
    assert stack.deploy(resources, Outputs=outputs) == "CREATE_COMPLETE", stack.reasons()
    client = stack.cloud.client("lambda")
    response = client.get_function(FunctionName=stack.physical("F"))
    assert response["Configuration"]["Environment"]["Variables"] == {"SETTING": "one", "OTHER": "[one]"}
    assert response["Tags"]["k"] == "one"
    assert stack.outputs() == {"Shown": reference(stack)}, "outputs keep their references"
    body = stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"]
    assert json.dumps(body).count(reference(stack)) == 4
    assert drift(stack.cloud.client, stack.name) == []
    client.update_function_configuration(FunctionName=stack.physical("F"), Environment={"Variables": {"SETTING": "x"}})
    assert len(drift(stack.cloud.client, stack.name)) == 1


def test_a_parameter_is_read_at_each_deployment(stack: Stack) -> None:
    resources = {"P": parameter(reference(stack)), "Pinned": parameter(reference(stack, ":1"))}
    stack.deploy(resources)
    assert stack.deploy(resources) == "no changes"
    put(stack, "two")
    assert stack.deploy(resources) == "UPDATE_COMPLETE", "the same template, another value"
    assert (value_of(stack), value_of(stack, "Pinned")) == ("two", "one")
    assert ("Pinned", "UPDATE_COMPLETE") not in stack.events()
    put(stack, "three")
    body = json.dumps({"Resources": resources})
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body)
    assert value_of(stack) == "three"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body)


def test_a_changed_name_in_parameter_store_replaces(stack: Stack) -> None:
    resources = {"Q": queue(QueueName=f"{stack.name}-{reference(stack)}")}
    stack.deploy(resources)
    put(stack, "two")
    assert stack.deploy(resources) == "UPDATE_COMPLETE"
    assert stack.physical("Q").endswith(f"{stack.name}-two")
    assert len(stack.cloud.client("sqs").list_queues(QueueNamePrefix=stack.name)["QueueUrls"]) == 1
    put(stack, "three")
    assert stack.deploy({**resources, "Bad": {**queue(QueueName="not a name"), "DependsOn": "Q"}}) != "UPDATE_COMPLETE"
    assert stack.physical("Q").endswith(f"{stack.name}-two")


def test_a_default_that_is_a_reference_is_pinned(stack: Stack) -> None:
    resources, outputs = {"P": parameter(ref("Setting"))}, {"Setting": {"Value": ref("Setting")}}
    with pytest.raises(ClientError, match="Template error: parameter Setting should not contain ssm versionless"):
        stack.deploy(resources, Parameters={"Setting": {"Type": "String", "Default": reference(stack)}})
    declared = {"Setting": {"Type": "String", "Default": reference(stack, ":1")}}
    assert stack.deploy(resources, Parameters=declared, Outputs=outputs) == "CREATE_COMPLETE"
    assert (value_of(stack), stack.outputs()["Setting"]) == ("one", "one")


REFUSED = [
    ("{{resolve:ssm:/missing}}", r"Parameters: \[ssm:/missing\] cannot be found\."),
    ("{{resolve:ssm:/NAME/reference:99}}", r"Parameters: \[ssm:/NAME/reference:99\] cannot be found\."),
    (
        "{{resolve:ssm:/NAME/reference:prod}}",
        r"Incorrect format is used in the following SSM reference: \[{{resolve:ssm:",
    ),
    ("x{{resolve:ssm-secure:/x:1}}", r"SSM Secure reference is not supported in: \[AWS::SSM::Parameter/Properties/V"),
    ("{{resolve:vault:x}}", r"does not resolve dynamic references of this kind: \{\{resolve:vault:x\}\}"),
]


@pytest.mark.parametrize(("reference", "message"), REFUSED)
def test_refused_when_the_change_set_is_created(stack: Stack, reference: str, message: str) -> None:
    with pytest.raises(ClientError, match=message.replace("NAME", stack.name)) as refused:
        stack.deploy({"P": parameter(reference.replace("NAME", stack.name))})
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert not stack.exists()


def test_a_composed_reference_fails_its_resource(stack: Stack) -> None:
    def joined(kind: str, name: str) -> dict[str, Any]:
        return {"P": parameter({"Fn::Join": ["", ["{{resolve:", kind, ":", name, "}}"]]})}

    assert stack.deploy(joined("ssm", "/missing")) == "ROLLBACK_COMPLETE"
    assert stack.reasons() == ["Parameters: [ssm:/missing] cannot be found."]
    other = Stack.new(stack.cloud)
    assert other.deploy(joined("ssm-secure", "/x")) == "ROLLBACK_COMPLETE"
    assert "SSM Secure reference is not supported" in other.reasons()[0]


def test_a_plain_reference_to_a_secure_string_is_refused(stack: Stack) -> None:
    stack.cloud.client("ssm").put_parameter(Name=f"/{stack.name}/secure", Value="x", Type="SecureString")
    with pytest.raises(ClientError, match="Non-secure ssm prefix was used for secure parameter"):
        stack.deploy({"P": parameter(f"{{{{resolve:ssm:/{stack.name}/secure}}}}")})


def test_a_secret_whole_by_key_and_by_stage(stack: Stack) -> None:
    client = stack.cloud.client("secretsmanager")
    arn = client.create_secret(Name=stack.name, SecretString='{"user":"u1","port":1}')["ARN"]
    first = client.get_secret_value(SecretId=arn)["VersionId"]
    client.put_secret_value(SecretId=arn, SecretString='{"user":"u2","port":2}')
    values = {
        "Whole": (secret(stack), '{"user":"u2","port":2}'),
        "String": (secret(stack, ":SecretString"), '{"user":"u2","port":2}'),
        "Key": (secret(stack, ":SecretString:user"), "u2"),
        "AsTheCdkWritesIt": (secret(stack, ":SecretString:user::"), "u2"),
        "Number": (secret(stack, ":SecretString:port::"), "2"),
        "Previous": (secret(stack, ":SecretString:user:AWSPREVIOUS"), "u1"),
        "Version": (secret(stack, f":SecretString:user::{first}"), "u1"),
        "ByArn": (f"({secret(stack, ':SecretString:user::', arn)})", "(u2)"),
    }
    resources = {name: parameter(reference) for name, (reference, _) in values.items()}
    assert stack.deploy(resources) == "CREATE_COMPLETE", stack.reasons()
    assert {name: value_of(stack, name) for name in values} == {name: value for name, (_, value) in values.items()}
    assert drift(stack.cloud.client, stack.name) == []


def test_a_secret_is_read_only_when_its_resource_is_updated(stack: Stack) -> None:
    client = stack.cloud.client("secretsmanager")
    client.create_secret(Name=stack.name, SecretString='{"user":"u1"}')
    user = secret(stack, ":SecretString:user::")
    stack.deploy({"P": parameter(user)})
    client.put_secret_value(SecretId=stack.name, SecretString='{"user":"u2"}')
    assert stack.deploy({"P": parameter(user)}) == "no changes"
    assert stack.deploy({"P": parameter(user), "Q": queue()}) == "UPDATE_COMPLETE"
    assert value_of(stack) == "u1"
    assert stack.deploy({"P": parameter(user, Description="new"), "Q": queue()}) == "UPDATE_COMPLETE"
    assert value_of(stack) == "u2"


def test_a_secret_of_the_same_stack(stack: Stack) -> None:
    generated = {"SecretStringTemplate": '{"user":"me"}', "GenerateStringKey": "password"}
    resources = {
        "P": parameter({"Fn::Join": ["", ["{{resolve:secretsmanager:", ref("Secret"), ":SecretString:user::}}"]]}),
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": generated}},
    }
    assert stack.deploy(resources) == "CREATE_COMPLETE", stack.reasons()
    assert value_of(stack) == "me"
    stack.delete()
    assert not stack.exists()


SECRETS = [
    (":SecretString:missing::", "Could not find a value associated with JSONKey in SecretString"),
    (":SecretString:user:AWSPENDING", "Secrets Manager can't find the specified secret"),
    (":SecretBinary:user", "Incorrect format"),
]


@pytest.mark.parametrize(("rest", "message"), SECRETS)
def test_a_missing_secret_fails_its_resource(stack: Stack, rest: str, message: str) -> None:
    client = stack.cloud.client("secretsmanager")
    client.create_secret(Name=stack.name, SecretString='{"user":"u"}')
    assert stack.deploy({"P": parameter(secret(stack, rest))}) == "ROLLBACK_COMPLETE"
    assert ("P", "CREATE_FAILED") in stack.events()
    assert message in stack.reasons()[0]
    other = Stack.new(stack.cloud)
    assert other.deploy({"P": parameter(secret(other))}) == "ROLLBACK_COMPLETE"
    assert "Secrets Manager can't find the specified secret." in other.reasons()[0]
    client.put_secret_value(SecretId=stack.name, SecretString="plain")
    last = Stack.new(stack.cloud)
    assert last.deploy({"P": parameter(secret(stack, ":SecretString:user"))}) == "ROLLBACK_COMPLETE"
    assert last.reasons() == ["Could not parse SecretString JSON"]


def test_a_secret_is_checked_against_an_enum_after_reading(stack: Stack) -> None:
    client = stack.cloud.client("secretsmanager")
    client.create_secret(Name=stack.name, SecretString='{"type":"StringList","bad":"Colour"}')
    good = {"P": parameter("a,b", Type=secret(stack, ":SecretString:type"))}
    assert stack.deploy(good) == "CREATE_COMPLETE", stack.reasons()
    bad = {"P": parameter("a,b", Type=secret(stack, ":SecretString:bad"))}
    assert stack.deploy(bad) == "UPDATE_ROLLBACK_COMPLETE"
    assert "#/Type: Colour is not a valid enum value" in stack.reasons()[0]
