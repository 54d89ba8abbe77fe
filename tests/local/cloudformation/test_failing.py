"""Failed deployments without a rollback: kept, retried, rolled back on request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, Template, queue, ref, table

KEEP = {"DisableRollback": True}


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def bad(*needs: str) -> Template:
    return {**queue(QueueName="not a name"), "DependsOn": list(needs)}


def create(stack: Stack, resources: dict[str, Any], **more: Any) -> str:
    body = json.dumps({"Resources": resources})
    response = stack.cloudformation.create_stack(StackName=stack.name, TemplateBody=body, **more)
    described = stack.cloudformation.describe_stacks(StackName=response["StackId"])["Stacks"][0]
    return str(described["StackStatus"])


def update(stack: Stack, resources: dict[str, Any], **more: Any) -> str:
    body = json.dumps({"Resources": resources})
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body, **more)
    return stack.status()


def roll_back(stack: Stack, **more: Any) -> str:
    stack.cloudformation.rollback_stack(StackName=stack.name, **more)
    return stack.status()


def queues(stack: Stack) -> set[str]:
    listed = stack.cloud.client("sqs").list_queues(QueueNamePrefix=stack.name).get("QueueUrls", [])
    return {url.rpartition("/")[2].removeprefix(f"{stack.name}-") for url in listed}


def delay(stack: Stack, name: str) -> str:
    request = {"QueueUrl": stack.physical(name), "AttributeNames": ["DelaySeconds"]}
    return str(stack.cloud.client("sqs").get_queue_attributes(**request)["Attributes"]["DelaySeconds"])


def named(stack: Stack, name: str, **properties: Any) -> Template:
    return queue(QueueName=f"{stack.name}-{name}", **properties)


def message_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    assert error.value.response["Error"]["Code"] == "ValidationError"
    return str(error.value.response["Error"]["Message"])


@pytest.mark.parametrize("option", [KEEP, {"OnFailure": "DO_NOTHING"}])
def test_a_failed_creation_is_kept_and_rolled_back_on_request(stack: Stack, option: dict[str, Any]) -> None:
    assert create(stack, {"One": named(stack, "one"), "Bad": bad("One")}, **option) == "CREATE_FAILED"
    assert "[Bad: " in stack.describe()["StackStatusReason"]
    assert stack.describe()["DisableRollback"] is True
    assert queues(stack) == {"one"}
    assert roll_back(stack) == "ROLLBACK_COMPLETE"
    assert queues(stack) == set()
    assert stack.events()[-4:] == [
        (stack.name, "ROLLBACK_IN_PROGRESS"),
        ("One", "DELETE_IN_PROGRESS"),
        ("One", "DELETE_COMPLETE"),
        (stack.name, "ROLLBACK_COMPLETE"),
    ]


def test_an_update_continues_a_failed_creation(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one"), "Bad": bad("One")}, **KEEP)
    before = stack.physical("One")
    assert update(stack, {"One": named(stack, "one"), "Bad": named(stack, "fixed")}, **KEEP) == "UPDATE_COMPLETE"
    assert (stack.physical("One"), queues(stack)) == (before, {"one", "fixed"})
    assert update(stack, {"One": named(stack, "one")}) == "UPDATE_COMPLETE"
    assert queues(stack) == {"one"}


def test_a_failed_update_is_kept_and_rolled_back_on_request(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one", DelaySeconds=1), "Gone": named(stack, "gone")})
    template = stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"]
    changed = {"One": named(stack, "one", DelaySeconds=2), "Two": named(stack, "two"), "Bad": bad("One", "Two")}
    assert update(stack, changed, **KEEP) == "UPDATE_FAILED"
    assert (delay(stack, "One"), queues(stack)) == ("2", {"one", "two", "gone"})
    before = len(stack.events())
    assert roll_back(stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert (delay(stack, "One"), queues(stack)) == ("1", {"one", "gone"})
    assert stack.cloudformation.get_template(StackName=stack.name)["TemplateBody"] == template
    assert stack.events()[before:] == [
        (stack.name, "UPDATE_ROLLBACK_IN_PROGRESS"),
        ("One", "UPDATE_IN_PROGRESS"),
        ("One", "UPDATE_COMPLETE"),
        (stack.name, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("Two", "DELETE_IN_PROGRESS"),
        ("Two", "DELETE_COMPLETE"),
        (stack.name, "UPDATE_ROLLBACK_COMPLETE"),
    ]
    assert update(stack, {"One": named(stack, "one", DelaySeconds=3)}) == "UPDATE_COMPLETE"
    assert queues(stack) == {"one"}


def test_two_failed_updates_are_rolled_back_to_the_last_stable_state(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one", DelaySeconds=1)})
    for number in (2, 3):
        changed = {
            "One": named(stack, "one", DelaySeconds=number),
            "New": named(stack, "new", DelaySeconds=number),
            f"New{number}": named(stack, f"new{number}"),
            "Bad": bad("One", "New", f"New{number}"),
        }
        assert update(stack, changed, **KEEP) == "UPDATE_FAILED"
    assert (delay(stack, "One"), delay(stack, "New"), queues(stack)) == ("3", "3", {"one", "new", "new2", "new3"})
    assert roll_back(stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert (delay(stack, "One"), queues(stack)) == ("1", {"one"})


def test_a_resource_whose_update_failed_is_updated_again(stack: Stack) -> None:
    """Also if the template has the same definition as before the failure."""
    create(stack, {"One": named(stack, "one")})
    assert update(stack, {"One": named(stack, "one", RedrivePolicy="nothing")}, **KEEP) == "UPDATE_FAILED"
    before = len(stack.events())
    assert update(stack, {"One": named(stack, "one")}, **KEEP) == "UPDATE_COMPLETE"
    assert ("One", "UPDATE_COMPLETE") in stack.events()[before:]


def test_a_replacement_needs_a_rollback(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one")})
    assert update(stack, {"One": named(stack, "other")}, **KEEP) == "UPDATE_FAILED"
    assert stack.reasons()[0] == "Replacement type updates not supported on stack with disable-rollback."
    assert queues(stack) == {"one"}
    assert roll_back(stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert update(stack, {"One": named(stack, "other")}) == "UPDATE_COMPLETE"


def test_a_failed_stack_is_updated_without_rollback_only(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one"), "Bad": bad("One")}, **KEEP)
    with pytest.raises(ClientError) as error:
        update(stack, {"One": named(stack, "one")})
    assert message_of(error) == (
        "This stack is currently in a non-terminal [CREATE_FAILED] state. To update the stack from this state, please"
        " use the disable-rollback parameter with update-stack API. To rollback to the last known good state, use the"
        " rollback-stack API"
    )
    change_set = {"StackName": stack.name, "ChangeSetName": "retry"}
    body = json.dumps({"Resources": {"One": named(stack, "one")}})
    stack.cloudformation.create_change_set(**change_set, TemplateBody=body)
    with pytest.raises(ClientError, match="non-terminal"):
        stack.cloudformation.execute_change_set(**change_set)
    stack.cloudformation.execute_change_set(**change_set, **KEEP)
    assert stack.status() == "UPDATE_COMPLETE"


def test_the_same_template_retries(stack: Stack) -> None:
    resources = {"One": named(stack, "one", DelaySeconds=1)}
    create(stack, resources)
    changed = {"One": named(stack, "one", DelaySeconds=2), "Two": queue(QueueName=ref("Name"))}
    declared = {"Name": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{stack.name}/name"}}
    stack.cloud.client("ssm").put_parameter(Name=f"/{stack.name}/name", Value="not a name", Type="String")
    body = json.dumps({"Resources": changed, "Parameters": declared})
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body, **KEEP)
    assert stack.status() == "UPDATE_FAILED"
    stack.cloud.client("ssm").put_parameter(
        Name=f"/{stack.name}/name", Value=f"{stack.name}-two", Type="String", Overwrite=True
    )
    stack.cloudformation.update_stack(StackName=stack.name, TemplateBody=body, **KEEP)
    assert stack.status() == "UPDATE_COMPLETE"


@pytest.mark.parametrize("failing", [False, True])
def test_only_a_failed_stack_is_rolled_back(stack: Stack, failing: bool) -> None:
    create(stack, {"One": named(stack, "one"), **({"Bad": bad("One")} if failing else {})})
    with pytest.raises(ClientError, match="state and can not be rolled back"):
        roll_back(stack)


def test_a_failed_stack_is_deleted_completely(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one")})
    update(stack, {"One": named(stack, "one"), "Two": named(stack, "two"), "Bad": bad("Two")}, **KEEP)
    stack.delete()
    assert not stack.exists()
    assert queues(stack) == set()
    assert create(stack, {"One": named(stack, "one")}) == "CREATE_COMPLETE"


def test_a_failed_creation_is_deleted_on_request(stack: Stack) -> None:
    resources = {"One": named(stack, "one"), "Bad": bad("One")}
    assert create(stack, resources, OnFailure="DELETE") == "DELETE_COMPLETE"
    assert not stack.exists()
    assert queues(stack) == set()
    change_set = {"StackName": stack.name, "ChangeSetName": "first", "ChangeSetType": "CREATE"}
    body = json.dumps({"Resources": resources})
    stack.cloudformation.create_change_set(**change_set, OnStackFailure="DELETE", TemplateBody=body)
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="first")
    assert not stack.exists()
    stack.cloudformation.create_change_set(**change_set, OnStackFailure="DO_NOTHING", TemplateBody=body)
    stack.cloudformation.execute_change_set(StackName=stack.name, ChangeSetName="first")
    assert stack.status() == "CREATE_FAILED"


def test_contradicting_options_are_refused(stack: Stack) -> None:
    with pytest.raises(ClientError) as error:
        create(stack, {"One": named(stack, "one")}, **KEEP, OnFailure="DELETE")
    assert message_of(error) == "You can specify either DisableRollback or OnFailure, but not both."
    assert not stack.exists()


@pytest.mark.parametrize("removed", [False, True])
def test_retain_except_on_create_removes_retained_resources(stack: Stack, removed: bool) -> None:
    kept = {**named(stack, "kept"), "DeletionPolicy": "Retain"}
    resources = {"Kept": kept, "Bad": bad("Kept")}
    assert create(stack, resources, RetainExceptOnCreate=removed) == "ROLLBACK_COMPLETE"
    assert queues(stack) == (set() if removed else {"kept"})


def test_a_requested_rollback_removes_retained_resources_on_request(stack: Stack) -> None:
    kept = {**named(stack, "kept"), "DeletionPolicy": "Retain"}
    create(stack, {"Kept": kept, "Bad": bad("Kept")}, **KEEP)
    assert roll_back(stack, RetainExceptOnCreate=True) == "ROLLBACK_COMPLETE"
    assert queues(stack) == set()


def fail_rollback(stack: Stack) -> str:
    """Bring a stack to UPDATE_ROLLBACK_FAILED: its queue is deleted by hand while an update of it has failed."""
    create(stack, {"One": named(stack, "one"), "Two": named(stack, "two", DelaySeconds=1)})
    changed = {
        "One": named(stack, "one", DelaySeconds=2),
        "Two": named(stack, "two", DelaySeconds=2),
        "Bad": bad("One", "Two"),
    }
    update(stack, changed, **KEEP)
    stack.cloud.client("sqs").delete_queue(QueueUrl=stack.physical("One"))
    return roll_back(stack)


def continue_rollback(stack: Stack, **more: Any) -> str:
    stack.cloudformation.continue_update_rollback(StackName=stack.name, **more)
    return stack.status()


def test_a_failed_rollback_continues_after_its_cause_is_removed(stack: Stack) -> None:
    assert fail_rollback(stack) == "UPDATE_ROLLBACK_FAILED"
    assert delay(stack, "Two") == "1"
    with pytest.raises(ClientError, match="UPDATE_ROLLBACK_FAILED state and can not be updated"):
        update(stack, {"Two": named(stack, "two")})
    assert continue_rollback(stack) == "UPDATE_ROLLBACK_FAILED"
    stack.cloud.client("sqs").create_queue(QueueName=f"{stack.name}-one")
    assert continue_rollback(stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert update(stack, {"Two": named(stack, "two", DelaySeconds=3)}) == "UPDATE_COMPLETE"


@pytest.mark.parametrize("option", [{"ResourcesToSkip": ["One"]}, {"ForceRollback": True}])
def test_a_failed_rollback_continues_without_a_resource(stack: Stack, option: dict[str, Any]) -> None:
    fail_rollback(stack)
    with pytest.raises(ClientError, match=r"\[Two\] cannot be skipped"):
        continue_rollback(stack, ResourcesToSkip=["Two"])
    assert continue_rollback(stack, **option) == "UPDATE_ROLLBACK_COMPLETE"
    events = stack.cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    skipped = [
        event for event in events if event.get("ResourceStatusReason") == "Resource skipped during UpdateRollback"
    ]
    assert [(event["LogicalResourceId"], event["ResourceStatus"]) for event in skipped] == [("One", "UPDATE_COMPLETE")]


EXPRESS = {"DeploymentConfig": {"Mode": "EXPRESS"}}


def test_express_rolls_back_on_request_only(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one")}, **EXPRESS)
    assert stack.describe()["DeploymentConfig"] == {"Mode": "EXPRESS", "DisableRollback": True}
    changed = {"One": named(stack, "one"), "Bad": bad("One")}
    config = {"Mode": "EXPRESS", "DisableRollback": False}
    assert update(stack, changed, DeploymentConfig=config) == "UPDATE_ROLLBACK_COMPLETE"
    assert update(stack, changed, **EXPRESS) == "UPDATE_FAILED"


def test_a_stack_that_failed_in_express_continues_in_express(stack: Stack) -> None:
    create(stack, {"One": named(stack, "one")}, **EXPRESS)
    update(stack, {"One": named(stack, "one"), "Bad": bad("One")}, **EXPRESS)
    with pytest.raises(ClientError, match="RollbackStack is not supported for stacks that were last updated using"):
        roll_back(stack)
    with pytest.raises(ClientError, match="that used EXPRESS deployment mode with disable-rollback"):
        update(stack, {"One": named(stack, "one")}, **KEEP)
    body = json.dumps({"Resources": {"One": named(stack, "one")}})
    with pytest.raises(ClientError, match="that used EXPRESS deployment mode with disable-rollback"):
        stack.cloudformation.create_change_set(StackName=stack.name, ChangeSetName="x", TemplateBody=body)
    assert update(stack, {"One": named(stack, "one")}, **EXPRESS) == "UPDATE_COMPLETE"


def test_a_change_set_keeps_its_mode(stack: Stack) -> None:
    change_set = {"StackName": stack.name, "ChangeSetName": "express"}
    body = json.dumps({"Resources": {"Table": table(), "Bad": bad("Table")}})
    stack.cloudformation.create_change_set(**change_set, ChangeSetType="CREATE", TemplateBody=body, **EXPRESS)
    assert stack.cloudformation.describe_change_set(**change_set)["DeploymentConfig"] == {"Mode": "EXPRESS"}
    stack.cloudformation.execute_change_set(**change_set)
    assert stack.status() == "CREATE_FAILED"
