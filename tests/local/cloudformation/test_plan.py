"""The changes that a change set lists before its execution, and templates that change nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, Template, function, get, queue, ref, role, table

Change = dict[str, Any]
AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def planned(
    stack: Stack, resources: dict[str, Any], *, values: bool = False, parameters: Any = (), **blocks: Any
) -> dict[str, Change]:
    """Return the changes of a change set, by logical id."""
    named = {"StackName": stack.name, "ChangeSetName": "plan"}
    stack.cloudformation.create_change_set(
        **named,
        ChangeSetType="UPDATE" if stack.exists() else "CREATE",
        TemplateBody=json.dumps({"Resources": resources, **blocks}),
        Parameters=list(parameters),
        Capabilities=["CAPABILITY_IAM"],
    )
    described = stack.cloudformation.describe_change_set(**named, IncludePropertyValues=values)
    stack.cloudformation.delete_change_set(**named)
    return {change["ResourceChange"]["LogicalResourceId"]: change["ResourceChange"] for change in described["Changes"]}


def with_function(code: str, **properties: Any) -> dict[str, Template]:
    return {"Role": role(), "Function": function(f"def handler(event, context): return {code}", **properties)}


def test_a_change_of_code_only_lists_the_property(stack: Stack) -> None:
    stack.deploy(with_function("1"))
    assert planned(stack, with_function("2")) == {
        "Function": {
            "Action": "Modify",
            "LogicalResourceId": "Function",
            "PhysicalResourceId": stack.physical("Function"),
            "ResourceType": "AWS::Lambda::Function",
            "Replacement": "False",
            "Scope": ["Properties"],
            "Details": [
                {
                    "Target": {"Attribute": "Properties", "Name": "Code", "RequiresRecreation": "Never"},
                    "Evaluation": "Static",
                    "ChangeSource": "DirectModification",
                }
            ],
        }
    }


def test_values_are_listed_on_request(stack: Stack) -> None:
    stack.deploy({"Queue": queue(DelaySeconds=1, Tags=[{"Key": "a", "Value": "1"}])})
    changed = {"Queue": queue(VisibilityTimeout=7, Tags=[{"Key": "a", "Value": "2"}])}
    change = planned(stack, changed, values=True)["Queue"]
    before, after = json.loads(change["BeforeContext"]), json.loads(change["AfterContext"])
    assert before == {"Properties": {"DelaySeconds": "1", "Tags": [{"Key": "a", "Value": "1"}]}}
    assert after == {"Properties": {"VisibilityTimeout": "7", "Tags": [{"Key": "a", "Value": "2"}]}}
    targets = {detail["Target"]["Path"]: detail["Target"] for detail in change["Details"]}
    assert {
        path: (t.get("BeforeValue"), t.get("AfterValue"), t["AttributeChangeType"]) for path, t in targets.items()
    } == {
        "/Properties/DelaySeconds": ("1", None, "Remove"),
        "/Properties/VisibilityTimeout": (None, "7", "Add"),
        "/Properties/Tags/0/Value": ("1", "2", "Modify"),
    }


def test_a_new_and_a_removed_resource_are_listed(stack: Stack) -> None:
    stack.deploy({"Old": queue(), "Kept": {**queue(), "DeletionPolicy": "Retain"}})
    changes = planned(stack, {"New": queue(DelaySeconds=3)}, values=True)
    assert {name: (change["Action"], change.get("PolicyAction")) for name, change in changes.items()} == {
        "New": ("Add", None),
        "Old": ("Remove", "Delete"),
        "Kept": ("Remove", "Retain"),
    }
    assert json.loads(changes["New"]["AfterContext"]) == {"Properties": {"DelaySeconds": "3"}}
    assert "PhysicalResourceId" not in changes["New"]


def test_a_replacement_and_its_dependants_are_listed(stack: Stack) -> None:
    def resources(name: str) -> dict[str, Template]:
        return {
            "Dead": queue(QueueName=f"{stack.name}-{name}"),
            "Queue": queue(RedrivePolicy={"deadLetterTargetArn": get("Dead", "Arn"), "maxReceiveCount": 3}),
            "Other": queue(QueueName=f"{stack.name}-other"),
        }

    stack.deploy(resources("one"))
    changes = planned(stack, resources("two"), values=True)
    assert set(changes) == {"Dead", "Queue"}
    assert (changes["Dead"]["Replacement"], changes["Dead"]["PolicyAction"]) == ("True", "ReplaceAndDelete")
    assert changes["Dead"]["Details"][0]["Target"]["RequiresRecreation"] == "Always"
    [detail] = changes["Queue"]["Details"]
    assert (detail["Evaluation"], detail["ChangeSource"], detail["CausingEntity"]) == (
        "Dynamic",
        "ResourceAttribute",
        "Dead.Arn",
    )
    assert detail["Target"]["AfterValue"] == AFTER_APPLY
    assert detail["Target"]["Path"] == "/Properties/RedrivePolicy/deadLetterTargetArn"


def test_a_table_with_a_generated_name_lists_its_replacement(stack: Stack) -> None:
    stack.deploy({"Table": table()})
    retyped = table(AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "N"}])
    change = planned(stack, {"Table": {**retyped, "UpdateReplacePolicy": "Retain"}})["Table"]
    assert (change["Replacement"], change["PolicyAction"]) == ("True", "ReplaceAndRetain")
    assert sorted(change["Scope"]) == ["Properties", "UpdateReplacePolicy"]


def test_another_value_of_a_parameter_names_the_parameter(stack: Stack) -> None:
    declared = {"Delay": {"Type": "Number", "Default": 1}, "Hidden": {"Type": "String", "Default": "x", "NoEcho": True}}
    resources = {"Queue": queue(DelaySeconds=ref("Delay"), Tags=[{"Key": "secret", "Value": ref("Hidden")}])}
    stack.deploy(resources, Parameters=declared)
    given = [
        {"ParameterKey": "Delay", "ParameterValue": "2"},
        {"ParameterKey": "Hidden", "ParameterValue": "very-secret"},
    ]
    change = planned(stack, resources, Parameters=declared, parameters=given, values=True)["Queue"]
    causes = {
        (detail["Target"]["Name"], detail["ChangeSource"], detail["CausingEntity"]) for detail in change["Details"]
    }
    assert causes == {("DelaySeconds", "ParameterReference", "Delay"), ("Tags", "ParameterReference", "Hidden")}
    assert "very-secret" not in json.dumps(change)


def test_a_changed_value_in_parameter_store_is_a_change(stack: Stack) -> None:
    ssm, name = stack.cloud.client("ssm"), f"/{stack.name}/delay"
    ssm.put_parameter(Name=name, Value="1", Type="String")
    resources = {"Queue": queue(DelaySeconds=f"{{{{resolve:ssm:{name}}}}}")}
    stack.deploy(resources)
    assert planned(stack, resources) == {}
    ssm.put_parameter(Name=name, Value="2", Type="String", Overwrite=True)
    change = planned(stack, resources, values=True)["Queue"]
    assert (change["Details"][0]["Target"]["BeforeValue"], change["Details"][0]["Target"]["AfterValue"]) == ("1", "2")


def test_tags_of_the_stack_are_listed_as_tags(stack: Stack) -> None:
    stack.deploy({"Queue": queue()})
    named, tags = {"StackName": stack.name, "ChangeSetName": "plan"}, [{"Key": "owner", "Value": "you"}]
    template = json.dumps({"Resources": {"Queue": queue()}})
    stack.cloudformation.create_change_set(**named, ChangeSetType="UPDATE", TemplateBody=template, Tags=tags)
    [change] = stack.cloudformation.describe_change_set(**named)["Changes"]
    assert change["ResourceChange"]["Scope"] == ["Tags"]


BASE = {"Queue": queue(), "Other": queue()}
PARAMETERS = {"Used": {"Type": "String", "Default": "a"}}
NOTHING: list[dict[str, Any]] = [
    {},
    {"Description": "Other words"},
    {"Metadata": {"Other": "words"}},
    {"Conditions": {"Unused": {"Fn::Equals": ["a", "a"]}}},
    {"Mappings": {"Unused": {"a": {"b": "c"}}}},
    {"Parameters": {"Unused": {"Type": "String", "Default": "x"}}},
    {"Resources": {"Other": queue(), "Queue": queue()}},
    {"Resources": {"Queue": {**queue(), "DependsOn": "Other"}, "Other": queue()}},
    {"Resources": {**BASE, "Never": {**queue(), "Condition": "No"}}, "Conditions": {"No": {"Fn::Equals": ["a", "b"]}}},
]


@pytest.mark.parametrize("blocks", NOTHING, ids=lambda blocks: "+".join(blocks) or "same")
def test_an_update_that_changes_nothing_is_refused(stack: Stack, blocks: dict[str, Any]) -> None:
    stack.cloudformation.create_stack(StackName=stack.name, TemplateBody=json.dumps({"Resources": BASE}))
    changed = {"Resources": BASE, **blocks}
    with pytest.raises(ClientError) as refused:
        stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=json.dumps(changed))
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert refused.value.response["Error"]["Message"] == "No updates are to be performed."
    assert stack.status() == "CREATE_COMPLETE"
    resources = changed.pop("Resources")
    assert stack.deploy(resources, **changed) == "no changes"


SOMETHING: list[dict[str, Any]] = [
    {"Outputs": {"Name": {"Value": get("Queue", "QueueName")}}},
    {"Resources": {**BASE, "Queue": {**queue(), "DeletionPolicy": "Retain"}}},
    {"Resources": {**BASE, "Queue": {**queue(), "Metadata": {"a": 1}}}},
    {"Resources": {"Queue": queue()}},
    {"Resources": {**BASE, "Queue": {**queue(), "Condition": "No"}}, "Conditions": {"No": {"Fn::Equals": ["a", "b"]}}},
]


@pytest.mark.parametrize("blocks", SOMETHING, ids=lambda blocks: "+".join(blocks))
def test_an_update_of_anything_deployed_is_carried_out(stack: Stack, blocks: dict[str, Any]) -> None:
    stack.cloudformation.create_stack(StackName=stack.name, TemplateBody=json.dumps({"Resources": BASE}))
    body = json.dumps({"Resources": BASE, **blocks})
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body)
    assert stack.status() == "UPDATE_COMPLETE"


def test_another_value_of_an_unused_parameter_changes_nothing(stack: Stack) -> None:
    given = {"StackName": stack.name, "TemplateBody": json.dumps({"Resources": BASE, "Parameters": PARAMETERS})}
    stack.cloudformation.create_stack(**given)
    other = [{"ParameterKey": "Used", "ParameterValue": "b"}]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.cloudformation.update_stack(**given, Parameters=other)


def test_an_omitted_parameter_has_its_default_again(stack: Stack) -> None:
    body = json.dumps(
        {
            "Resources": {"Queue": queue(DelaySeconds=ref("Used"))},
            "Parameters": {"Used": {**PARAMETERS["Used"], "Default": "1"}},
        }
    )
    given = [{"ParameterKey": "Used", "ParameterValue": "2"}]
    stack.cloudformation.create_stack(StackName=stack.name, TemplateBody=body, Parameters=given)
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body)
    assert stack.describe()["Parameters"] == [{"ParameterKey": "Used", "ParameterValue": "1"}]


def test_an_update_needs_a_template_and_known_parameters(stack: Stack) -> None:
    stack.deploy({"Queue": queue()})
    previous = [{"ParameterKey": "None", "UsePreviousValue": True}]
    for given, message in (
        ({}, "Either Template URL or Template Body must be specified."),
        ({"UsePreviousTemplate": True, "Parameters": previous}, "for a parameter key not in the previous template"),
    ):
        with pytest.raises(ClientError, match=message) as refused:
            stack.cloudformation.update_stack(StackName=stack.name, **given)
        assert refused.value.response["Error"]["Code"] == "ValidationError"
