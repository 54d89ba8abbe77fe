"""Change sets, parameters, exports and refusals that the cdk CLI depends on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, get, listed, queue, ref


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def make_change_set(stack: Stack, template: dict[str, Any], kind: str = "CREATE") -> None:
    stack.cloudformation.create_change_set(
        StackName=stack.name, ChangeSetName="deploy", ChangeSetType=kind, TemplateBody=json.dumps(template)
    )


def test_describing_a_deleted_change_set_fails_with_the_code_the_cli_waits_for(stack: Stack) -> None:
    named = {"StackName": stack.name, "ChangeSetName": "deploy"}
    make_change_set(stack, {"Resources": {"Queue": queue()}})
    stack.cloudformation.delete_change_set(**named)
    with pytest.raises(ClientError) as refused:
        stack.cloudformation.describe_change_set(**named)
    assert refused.value.response["Error"]["Code"] == "ChangeSetNotFound"
    stack.cloudformation.delete_change_set(**named)  # a second deletion is not an error


def test_change_sets_of_one_name_belong_to_their_stacks(local_cloud: LocalCloud) -> None:
    one, two = Stack.new(local_cloud), Stack.new(local_cloud)
    make_change_set(one, {"Resources": {"One": queue()}})
    make_change_set(two, {"Resources": {"Two": queue()}})
    for stack, name in ((one, "One"), (two, "Two")):
        described = stack.cloudformation.describe_change_set(StackName=stack.name, ChangeSetName="deploy")
        assert [change["ResourceChange"]["LogicalResourceId"] for change in described["Changes"]] == [name]
    one.cloudformation.execute_change_set(StackName=one.name, ChangeSetName="deploy")
    assert (one.status(), two.status()) == ("CREATE_COMPLETE", "REVIEW_IN_PROGRESS")


def test_the_next_change_set_uses_the_stack_under_review(stack: Stack) -> None:
    template = {"Resources": {"Queue": queue()}}
    make_change_set(stack, template)
    make_change_set(stack, template)
    stacks = listed(stack.cloudformation, "describe_stacks", "Stacks")
    assert [found["StackName"] for found in stacks].count(stack.name) == 1
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="deploy")
    with pytest.raises(ClientError, match="already exists"):
        make_change_set(stack, template)


def test_use_previous_value_keeps_the_name_of_an_ssm_parameter(stack: Stack) -> None:
    """cdk passes BootstrapVersion, an SSM parameter, with UsePreviousValue at each update."""
    stack.cloud.client("ssm").put_parameter(Name=f"/{stack.name}/version", Value="30", Type="String")
    declared = {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{stack.name}/version"}}
    previous = [{"ParameterKey": "Version", "UsePreviousValue": True}]
    resources = {"Queue": queue(QueueName={"Fn::Sub": stack.name + "-${Version}"})}
    assert stack.deploy(resources, Parameters=declared) == "CREATE_COMPLETE"
    assert stack.physical("Queue").endswith(f"{stack.name}-30")
    assert stack.deploy(resources, Parameters=declared, parameters=previous) == "no changes"
    more = {**resources, "More": queue()}
    assert stack.deploy(more, Parameters=declared, parameters=previous) == "UPDATE_COMPLETE"


def test_parameter_store_is_read_at_each_change_set(stack: Stack) -> None:
    name = f"/{stack.name}/setting"
    declared = {"Setting": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": name}}
    resources = {"Queue": queue(VisibilityTimeout={"Ref": "Setting"})}
    with pytest.raises(ClientError, match=rf"Unable to fetch parameters \[{name}\] from parameter store"):
        stack.deploy(resources, Parameters=declared)
    ssm, sqs = stack.cloud.client("ssm"), stack.cloud.client("sqs")

    def timeout() -> str:
        request = {"QueueUrl": stack.physical("Queue"), "AttributeNames": ["VisibilityTimeout"]}
        return str(sqs.get_queue_attributes(**request)["Attributes"]["VisibilityTimeout"])

    ssm.put_parameter(Name=name, Value="30", Type="String")
    assert stack.deploy(resources, Parameters=declared) == "CREATE_COMPLETE"
    assert stack.describe()["Parameters"] == [
        {"ParameterKey": "Setting", "ParameterValue": name, "ResolvedValue": "30"}
    ]
    assert (timeout(), stack.deploy(resources, Parameters=declared)) == ("30", "no changes")
    ssm.put_parameter(Name=name, Value="60", Type="String", Overwrite=True)
    assert stack.deploy(resources, Parameters=declared) == "UPDATE_COMPLETE"
    assert (timeout(), stack.deploy(resources, Parameters=declared)) == ("60", "no changes")


def test_no_echo_parameters_are_masked(stack: Stack) -> None:
    declared = {"Secret": {"Type": "String", "NoEcho": True}, "Other": {"Type": "Number", "Default": 3}}
    given = [{"ParameterKey": "Secret", "ParameterValue": "hush"}]
    assert stack.deploy({"Queue": queue()}, Parameters=declared, parameters=given) == "CREATE_COMPLETE"
    shown = {item["ParameterKey"]: item["ParameterValue"] for item in stack.describe()["Parameters"]}
    assert shown == {"Secret": "****", "Other": "3"}


def test_exports_are_seen_by_other_stacks_and_kept_while_used(local_cloud: LocalCloud) -> None:
    base, user = Stack.new(local_cloud), Stack.new(local_cloud)
    export = f"{base.name}-arn"
    outputs = {"Arn": {"Value": get("Queue", "Arn"), "Export": {"Name": export}}}
    base.deploy({"Queue": queue()}, Outputs=outputs)
    resources = {
        "Queue": queue(RedrivePolicy={"deadLetterTargetArn": {"Fn::ImportValue": export}, "maxReceiveCount": 3})
    }
    assert user.deploy(resources) == "CREATE_COMPLETE"
    assert base.deploy({"Queue": queue()}) == "UPDATE_ROLLBACK_COMPLETE"
    base.delete()
    assert base.status() == "DELETE_FAILED"
    assert f"in use by {user.name}" in base.describe()["StackStatusReason"]
    user.delete()
    base.delete()
    assert not base.exists()


def test_an_export_belongs_to_one_stack(local_cloud: LocalCloud) -> None:
    first, second = Stack.new(local_cloud), Stack.new(local_cloud)
    outputs = {"Url": {"Value": ref("Queue"), "Export": {"Name": f"{first.name}-url"}}}
    assert first.deploy({"Queue": queue()}, Outputs=outputs) == "CREATE_COMPLETE"
    assert second.deploy({"Queue": queue()}, Outputs=outputs) == "ROLLBACK_COMPLETE"
    assert "already exported" in second.describe()["StackStatusReason"]


def test_create_and_update_without_change_sets(stack: Stack) -> None:
    def body(**properties: Any) -> str:
        return json.dumps({"Resources": {"Queue": queue(**properties)}})

    stack.cloudformation.create_stack(StackName=stack.name, TemplateBody=body())
    assert stack.status() == "CREATE_COMPLETE"
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body(DelaySeconds=3))
    assert stack.status() == "UPDATE_COMPLETE"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body(DelaySeconds=3))
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body(QueueName="not a name"))
    assert stack.status() == "UPDATE_ROLLBACK_COMPLETE"


def test_yaml_is_read_too(stack: Stack) -> None:
    template = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\nOutputs:\n  Arn:\n    Value: !GetAtt Queue.Arn\n"
    stack.cloudformation.create_stack(StackName=stack.name, TemplateBody=template)
    assert stack.outputs()["Arn"].startswith("arn:aws:sqs:")


REFUSED = [
    ({"X": {"Type": "AWS::Made::Up"}}, r"Unrecognized resource types: \[AWS::Made::Up\]"),
    ({"X": {"Type": "Custom::Thing"}}, r"types: \[Custom::Thing\].*no ServiceToken"),
    ({"X": queue(QueueName={"Fn::Cidr": ["10.0.0.0/8", 1, 1]})}, r"does not support the functions \[Fn::Cidr\]"),
    ({"X": queue(QueueName=ref("Missing"))}, r"Unresolved resource dependencies \[Missing\]"),
    ({"X": queue(QueueName={"Fn::Sub": "a-${Missing.Arn}"})}, r"Unresolved resource dependencies \[Missing\]"),
    ({"X": {**queue(), "DependsOn": "Y"}, "Y": {**queue(), "DependsOn": "X"}}, r"Circular dependency"),
    ({}, r"At least one Resources member"),
]


@pytest.mark.parametrize(("resources", "message"), REFUSED)
def test_refused_when_the_change_set_is_created(stack: Stack, resources: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message) as refused:
        make_change_set(stack, {"Resources": resources})
    assert refused.value.response["Error"]["Code"] == "ValidationError"
    assert not stack.exists()


def test_an_unknown_attribute_fails_the_deployment(stack: Stack) -> None:
    assert stack.deploy({"A": queue(), "B": queue(QueueName=get("A", "Colour"))}) == "ROLLBACK_COMPLETE"
    assert "Colour" in stack.reasons()[0]


def test_changed_tags_of_the_stack_are_a_change(stack: Stack) -> None:
    """``cdk deploy --tags owner=you`` with nothing else changed."""
    stack.deploy({"Queue": queue()})
    named, tags = {"StackName": stack.name, "ChangeSetName": "tags"}, [{"Key": "owner", "Value": "you"}]
    template = json.dumps({"Resources": {"Queue": queue()}})
    stack.cloudformation.create_change_set(**named, ChangeSetType="UPDATE", TemplateBody=template, Tags=tags)
    assert stack.cloudformation.describe_change_set(**named)["Status"] == "CREATE_COMPLETE"
    stack.cloudformation.execute_change_set(**named)
    assert stack.describe()["Tags"] == tags
    assert stack.deploy({"Queue": queue()}) == "no changes"


def change_set(stack: Stack, name: str, resources: dict[str, Any], **more: Any) -> None:
    body = json.dumps({"Resources": resources})
    stack.cloudformation.create_change_set(StackName=stack.name, ChangeSetName=name, TemplateBody=body, **more)


def refused(stack: Stack, name: str) -> tuple[str, str]:
    """Execute a change set that is refused. Return the code and message of the error."""
    with pytest.raises(ClientError) as error:
        stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName=name)
    details = error.value.response["Error"]
    return details["Code"], details["Message"]


def test_the_execution_of_a_change_set_deletes_the_others(local_cloud: LocalCloud) -> None:
    stack, other = Stack.new(local_cloud), Stack.new(local_cloud)
    for each in (stack, other):
        each.deploy({"Queue": queue()})
        for number in (1, 2, 3):
            change_set(each, f"delay-{number}", {"Queue": queue(DelaySeconds=number)})
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="delay-2")
    for name in ("delay-1", "delay-3"):
        assert refused(stack, name) == ("ChangeSetNotFound", f"ChangeSet [{name}] does not exist")
    [kept] = stack.cloudformation.list_change_sets(StackName=stack.name)["Summaries"]
    assert (kept["ChangeSetName"], kept["ExecutionStatus"]) == ("delay-2", "EXECUTE_COMPLETE")
    assert len(other.cloudformation.list_change_sets(StackName=other.name)["Summaries"]) == 3


def test_a_change_set_is_obsolete_after_a_direct_update(stack: Stack) -> None:
    stack.deploy({"Queue": queue()})
    change_set(stack, "old", {"Queue": queue(DelaySeconds=1)})
    body = json.dumps({"Resources": {"Queue": queue(DelaySeconds=2)}})
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body)
    described = stack.cloudformation.describe_change_set(StackName=stack.name, ChangeSetName="old")
    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "OBSOLETE")
    code, message = refused(stack, "old")
    assert code == "InvalidChangeSetStatus"
    assert message.endswith("cannot be executed in its current execution status of [OBSOLETE]")
    assert stack.status() == "UPDATE_COMPLETE"


def test_a_change_set_is_executed_once_and_never_without_changes(stack: Stack) -> None:
    stack.deploy({"Queue": queue()})
    change_set(stack, "nothing", {"Queue": queue()})
    assert refused(stack, "nothing")[1].endswith("cannot be executed in its current status of [FAILED]")
    change_set(stack, "once", {"Queue": queue(DelaySeconds=1)})
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="once")
    assert refused(stack, "once")[1].endswith(
        "cannot be executed in its current execution status of [EXECUTE_COMPLETE]"
    )


def test_the_change_sets_of_a_deleted_stack_are_gone(stack: Stack) -> None:
    stack.deploy({"Queue": queue()})
    change_set(stack, "old", {"Queue": queue(DelaySeconds=1)})
    stack.delete()
    assert refused(stack, "old")[0] == "ChangeSetNotFound"


def test_the_default_type_of_a_change_set_is_update(stack: Stack) -> None:
    with pytest.raises(ClientError) as error:
        change_set(stack, "first", {"Queue": queue()})
    details = error.value.response["Error"]
    assert (details["Code"], details["Message"]) == ("ValidationError", f"Stack [{stack.name}] does not exist")
    assert not stack.exists()
    stack.deploy({"Queue": queue()})
    change_set(stack, "second", {"Queue": queue(DelaySeconds=1)})
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="second")
    assert stack.status() == "UPDATE_COMPLETE"


def test_an_import_is_refused(stack: Stack) -> None:
    with pytest.raises(ClientError, match="does not support change sets of the type IMPORT"):
        change_set(stack, "import", {"Queue": queue()}, ChangeSetType="IMPORT")
    assert not stack.exists()
