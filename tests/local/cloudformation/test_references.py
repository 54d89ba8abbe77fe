"""Dynamic references: what stands in Parameter Store and Secrets Manager, put into the properties of resources."""

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
    made = Stack.new(local_cloud)
    keep(made, "one")
    return made


def keep(stack: Stack, value: str, kind: Any = "String") -> None:
    name = f"/{stack.name}/kept"
    stack.cloud.client("ssm").put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)


def kept(stack: Stack, version: str = "") -> str:
    return f"{{{{resolve:ssm:/{stack.name}/kept{version}}}}}"


def secret(stack: Stack, rest: str = "", identifier: str = "") -> str:
    return f"{{{{resolve:secretsmanager:{identifier or stack.name}{rest}}}}}"


def parameter(value: Any, **properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **properties}}


def held(stack: Stack, logical: str = "P") -> str:
    found = stack.cloud.client("ssm").get_parameter(Name=stack.physical(logical))
    return str(found["Parameter"]["Value"])


def test_a_parameter_anywhere_in_a_string(stack: Stack) -> None:
    keep(stack, "two")
    values = {
        "Whole": kept(stack),
        "Pinned": kept(stack, ":1"),
        "Middle": f"A={kept(stack, ':1')}_B={kept(stack)}!",
        "Joined": {"Fn::Join": ["", ["{{resolve:", "ssm:/", ref("AWS::StackName"), "/kept:1}}"]]},
        "Sub": {"Fn::Sub": "x-{{resolve:ssm:/${AWS::StackName}/${What}}}"},
        "SplitBefore": {"Fn::Select": [2, {"Fn::Split": [":", kept(stack)]}]},
    }
    slots = {"What": {"Type": "String", "Default": "kept"}}
    assert stack.deploy({n: parameter(v) for n, v in values.items()}, Parameters=slots) == "CREATE_COMPLETE"
    got = {name: held(stack, name) for name in values}
    assert got.pop("SplitBefore") == f"/{stack.name}/kept}}}}", "functions are carried out before references"
    assert got == {"Whole": "two", "Pinned": "one", "Middle": "A=one_B=two!", "Joined": "one", "Sub": "x-two"}


def test_in_lists_and_maps_and_not_in_what_is_shown(stack: Stack) -> None:
    env = {"Variables": {"SETTING": kept(stack), "OTHER": f"[{kept(stack)}]"}}
    resources = {"Role": role(), "F": function(Environment=env, Tags=[{"Key": "k", "Value": kept(stack)}])}
    outputs = {"Shown": {"Value": kept(stack)}}
    assert stack.deploy(resources, Outputs=outputs) == "CREATE_COMPLETE", stack.reasons()
    client = stack.cloud.client("lambda")
    found = client.get_function(FunctionName=stack.physical("F"))
    assert found["Configuration"]["Environment"]["Variables"] == {"SETTING": "one", "OTHER": "[one]"}
    assert found["Tags"]["k"] == "one"
    assert stack.outputs() == {"Shown": kept(stack)}, "an output is no property"
    body = stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"]
    assert json.dumps(body).count(kept(stack)) == 4
    assert drift(stack.cloud.client, stack.name) == []
    client.update_function_configuration(FunctionName=stack.physical("F"), Environment={"Variables": {"SETTING": "x"}})
    assert len(drift(stack.cloud.client, stack.name)) == 1


def test_a_parameter_is_looked_up_at_each_deploy(stack: Stack) -> None:
    resources = {"P": parameter(kept(stack)), "Pinned": parameter(kept(stack, ":1"))}
    stack.deploy(resources)
    assert stack.deploy(resources) == "no changes"
    keep(stack, "two")
    assert stack.deploy(resources) == "UPDATE_COMPLETE", "the same template, another value"
    assert (held(stack), held(stack, "Pinned")) == ("two", "one")
    assert ("Pinned", "UPDATE_COMPLETE") not in stack.events()
    keep(stack, "three")
    body = json.dumps({"Resources": resources})
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body)
    assert held(stack) == "three"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body)


def test_a_name_that_is_referred_to_replaces(stack: Stack) -> None:
    resources = {"Q": queue(QueueName=f"{stack.name}-{kept(stack)}")}
    stack.deploy(resources)
    keep(stack, "two")
    assert stack.deploy(resources) == "UPDATE_COMPLETE"
    assert stack.physical("Q").endswith(f"{stack.name}-two")
    assert len(stack.cloud.client("sqs").list_queues(QueueNamePrefix=stack.name)["QueueUrls"]) == 1
    keep(stack, "three")
    assert stack.deploy({**resources, "Bad": {**queue(QueueName="not a name"), "DependsOn": "Q"}}) != "UPDATE_COMPLETE"
    assert stack.physical("Q").endswith(f"{stack.name}-two")


def test_a_default_that_is_a_reference_is_pinned(stack: Stack) -> None:
    resources, outputs = {"P": parameter(ref("Setting"))}, {"Setting": {"Value": ref("Setting")}}
    with pytest.raises(ClientError, match="Template error: parameter Setting should not contain ssm versionless"):
        stack.deploy(resources, Parameters={"Setting": {"Type": "String", "Default": kept(stack)}})
    slots = {"Setting": {"Type": "String", "Default": kept(stack, ":1")}}
    assert stack.deploy(resources, Parameters=slots, Outputs=outputs) == "CREATE_COMPLETE"
    assert (held(stack), stack.outputs()["Setting"]) == ("one", "one")


REFUSED = [
    ("{{resolve:ssm:/nobody}}", r"Parameters: \[ssm:/nobody\] cannot be found\."),
    ("{{resolve:ssm:/NAME/kept:99}}", r"Parameters: \[ssm:/NAME/kept:99\] cannot be found\."),
    ("{{resolve:ssm:/NAME/kept:prod}}", r"Incorrect format is used in the following SSM reference: \[{{resolve:ssm:"),
    ("x{{resolve:ssm-secure:/x:1}}", r"SSM Secure reference is not supported in: \[AWS::SSM::Parameter/Properties/V"),
    ("{{resolve:vault:x}}", r"not resolved by the local cloud: \{\{resolve:vault:x\}\}"),
]


@pytest.mark.parametrize(("reference", "said"), REFUSED)
def test_refused_when_the_change_set_is_made(stack: Stack, reference: str, said: str) -> None:
    with pytest.raises(ClientError, match=said.replace("NAME", stack.name)) as refused:
        stack.deploy({"P": parameter(reference.replace("NAME", stack.name))})
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert not stack.exists()


def test_what_functions_put_together_fails_its_resource(stack: Stack) -> None:
    def joined(kind: str, name: str) -> dict[str, Any]:
        return {"P": parameter({"Fn::Join": ["", ["{{resolve:", kind, ":", name, "}}"]]})}

    assert stack.deploy(joined("ssm", "/nobody")) == "ROLLBACK_COMPLETE"
    assert stack.reasons() == ["Parameters: [ssm:/nobody] cannot be found."]
    other = Stack.new(stack.cloud)
    assert other.deploy(joined("ssm-secure", "/x")) == "ROLLBACK_COMPLETE"
    assert "SSM Secure reference is not supported" in other.reasons()[0]


def test_what_is_kept_secret_is_not_for_a_plain_reference(stack: Stack) -> None:
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
    assert {name: held(stack, name) for name in values} == {name: value for name, (_, value) in values.items()}
    assert drift(stack.cloud.client, stack.name) == []


def test_a_secret_is_read_when_its_resource_is_updated_and_only_then(stack: Stack) -> None:
    client = stack.cloud.client("secretsmanager")
    client.create_secret(Name=stack.name, SecretString='{"user":"u1"}')
    user = secret(stack, ":SecretString:user::")
    stack.deploy({"P": parameter(user)})
    client.put_secret_value(SecretId=stack.name, SecretString='{"user":"u2"}')
    assert stack.deploy({"P": parameter(user)}) == "no changes"
    assert stack.deploy({"P": parameter(user), "Q": queue()}) == "UPDATE_COMPLETE"
    assert held(stack) == "u1"
    assert stack.deploy({"P": parameter(user, Description="new"), "Q": queue()}) == "UPDATE_COMPLETE"
    assert held(stack) == "u2"


def test_a_secret_of_the_same_stack(stack: Stack) -> None:
    made = {"SecretStringTemplate": '{"user":"me"}', "GenerateStringKey": "password"}
    resources = {
        "P": parameter({"Fn::Join": ["", ["{{resolve:secretsmanager:", ref("Secret"), ":SecretString:user::}}"]]}),
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": made}},
    }
    assert stack.deploy(resources) == "CREATE_COMPLETE", stack.reasons()
    assert held(stack) == "me"
    stack.delete()
    assert not stack.exists()


SECRETS = [
    (":SecretString:nobody::", "Could not find a value associated with JSONKey in SecretString"),
    (":SecretString:user:AWSPENDING", "Secrets Manager can't find the specified secret"),
    (":SecretBinary:user", "Incorrect format"),
]


@pytest.mark.parametrize(("rest", "said"), SECRETS)
def test_a_secret_that_is_not_there_fails_its_resource(stack: Stack, rest: str, said: str) -> None:
    client = stack.cloud.client("secretsmanager")
    client.create_secret(Name=stack.name, SecretString='{"user":"u"}')
    assert stack.deploy({"P": parameter(secret(stack, rest))}) == "ROLLBACK_COMPLETE"
    assert ("P", "CREATE_FAILED") in stack.events()
    assert said in stack.reasons()[0]
    other = Stack.new(stack.cloud)
    assert other.deploy({"P": parameter(secret(other))}) == "ROLLBACK_COMPLETE"
    assert "Secrets Manager can't find the specified secret." in other.reasons()[0]
    client.put_secret_value(SecretId=stack.name, SecretString="plain")
    last = Stack.new(stack.cloud)
    assert last.deploy({"P": parameter(secret(stack, ":SecretString:user"))}) == "ROLLBACK_COMPLETE"
    assert last.reasons() == ["Could not parse SecretString JSON"]


def test_a_listed_value_may_be_a_secret_and_is_judged_when_it_is_read(stack: Stack) -> None:
    client = stack.cloud.client("secretsmanager")
    client.create_secret(Name=stack.name, SecretString='{"type":"StringList","bad":"Colour"}')
    of = {"P": parameter("a,b", Type=secret(stack, ":SecretString:type"))}
    assert stack.deploy(of) == "CREATE_COMPLETE", stack.reasons()
    bad = {"P": parameter("a,b", Type=secret(stack, ":SecretString:bad"))}
    assert stack.deploy(bad) == "UPDATE_ROLLBACK_COMPLETE"
    assert "#/Type: Colour is not a valid enum value" in stack.reasons()[0]
