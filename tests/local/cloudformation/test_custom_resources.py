"""Custom resources: the response of their function decides, also in a rollback, a cleanup and a deletion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, Template, function, get, queue, ref, role

RESPONDING = """
import json, time, urllib.request

def handler(event, context):
    print("REQUEST " + json.dumps(event | {"at": time.time_ns()}), flush=True)
    options = event["ResourceProperties"]
    if event["RequestType"] == options.get("Silent"):
        return
    if event["RequestType"] == options.get("Raise"):
        raise ValueError("out of order")
    answer = {
        "Status": "FAILED" if event["RequestType"] == options.get("Fail") else "SUCCESS",
        "Reason": "no more room",
        "PhysicalResourceId": options.get("Id", "thing"),
        "Data": {"Colour": options.get("Colour", "red")},
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
        **json.loads(options.get("More", "{}")),
    }
    data = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], data, {"Content-Type": ""}, method="PUT")
    urllib.request.urlopen(request).read()
"""


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def resources(**options: Any) -> Template:
    thing = {"Type": "Custom::Thing", "Properties": {"ServiceToken": get("Function", "Arn"), **options}}
    return {"Role": role(), "Function": function(RESPONDING), "Thing": thing}


def broken() -> Template:
    """Return a resource that fails after the update of the custom one."""
    return {"X": {**queue(QueueName="not/valid"), "DependsOn": "Thing"}}


OUTPUTS = {"Outputs": {"Id": {"Value": ref("Thing")}, "Colour": {"Value": get("Thing", "Colour")}}}


def requests(stack: Stack, function: str) -> list[dict[str, Any]]:
    """Return the function's requests in the order of its clock: two sandboxes may log in the same millisecond."""
    logs = stack.cloud.client("logs")
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    lines = [event["message"].partition("REQUEST ")[2] for event in events if "REQUEST " in event["message"]]
    return sorted((json.loads(line) for line in lines), key=lambda event: event["at"])


def steps(stack: Stack, function: str) -> list[tuple[str, str]]:
    return [(request["RequestType"], request.get("PhysicalResourceId", "")) for request in requests(stack, function)]


def test_created_updated_and_deleted(stack: Stack) -> None:
    assert stack.deploy(resources(Id="first", Size=3, Deep={"On": True}), **OUTPUTS) == "CREATE_COMPLETE"
    assert stack.outputs() == {"Id": "first", "Colour": "red"}
    assert stack.deploy(resources(Id="first", Size=3, Deep={"On": True}), **OUTPUTS) == "no changes"
    assert stack.deploy(resources(Id="first", Colour="blue"), **OUTPUTS) == "UPDATE_COMPLETE"
    assert stack.outputs() == {"Id": "first", "Colour": "blue"}
    name = stack.physical("Function")
    stack.delete()
    assert not stack.exists()
    create, update, delete = requests(stack, name)
    assert (create["RequestType"], create["ResourceType"]) == ("Create", "Custom::Thing")
    assert create["ResourceProperties"]["Size"] == "3"
    assert create["ResourceProperties"]["Deep"] == {"On": "true"}
    assert update["OldResourceProperties"] == create["ResourceProperties"]
    assert (update["PhysicalResourceId"], delete["PhysicalResourceId"]) == ("first", "first")
    assert delete["ResourceProperties"] == update["ResourceProperties"]


def test_a_new_physical_id_is_a_replacement(stack: Stack) -> None:
    stack.deploy(resources(Id="first"))
    assert stack.deploy(resources(Id="second")) == "UPDATE_COMPLETE"
    assert stack.physical("Thing") == "second"
    assert steps(stack, stack.physical("Function")) == [("Create", ""), ("Update", "first"), ("Delete", "first")]


def test_a_failed_creation_is_deleted_in_the_rollback(stack: Stack) -> None:
    thing = {**resources(Id="half", Fail="Create"), "Function": function(RESPONDING, FunctionName="refusing")}
    assert stack.deploy(thing) == "ROLLBACK_COMPLETE"
    (reason,) = [text for text in stack.reasons() if "no more room" in text]
    assert reason.startswith(
        "Received response status [FAILED] from custom resource. Message returned: no more room (R"
    )
    assert steps(stack, "refusing") == [("Create", ""), ("Delete", "half")]


def test_a_failed_update_is_rolled_back(stack: Stack) -> None:
    stack.deploy(resources(Colour="red"), **OUTPUTS)
    assert stack.deploy(resources(Colour="blue", Fail="Update"), **OUTPUTS) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.outputs()["Colour"] == "red"
    _, update, rollback = requests(stack, stack.physical("Function"))
    assert rollback["ResourceProperties"] == update["OldResourceProperties"]
    assert rollback["OldResourceProperties"] == update["ResourceProperties"]


def test_a_replacement_is_rolled_back(stack: Stack) -> None:
    stack.deploy(resources(Id="first"))
    assert stack.deploy({**resources(Id="second"), **broken()}) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.physical("Thing") == "first"
    assert steps(stack, stack.physical("Function")) == [
        ("Create", ""),
        ("Update", "first"),
        ("Update", "second"),
        ("Delete", "second"),
    ]


def test_a_failed_deletion_keeps_the_stack(stack: Stack) -> None:
    stack.deploy(resources(Fail="Delete"))
    stack.delete()
    assert stack.status() == "DELETE_FAILED"
    assert "no more room" in stack.reasons()[-1]
    assert stack.physical("Function")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"Raise": "Create"}, "out of order"),
        ({"Silent": "Create", "ServiceTimeout": 1}, "did not receive a response from your Custom Resource"),
        ({"More": json.dumps({"PhysicalResourceId": ""})}, "doesn't contain PhysicalResourceId"),
        ({"More": json.dumps({"StackId": "x"})}, "Invalid StackId"),
        ({"Colour": "x" * 4096}, "Response object is too long"),
    ],
)
def test_a_missing_or_invalid_response(stack: Stack, options: Template, reason: str) -> None:
    assert stack.deploy(resources(**options)) in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
    assert reason in stack.reasons()[0]


def test_the_stack_is_in_progress_while_the_function_runs(stack: Stack) -> None:
    code = RESPONDING.replace(
        'options = event["ResourceProperties"]',
        """options = dict(event["ResourceProperties"])
    import boto3
    cloudformation = boto3.client("cloudformation")
    options["Colour"] = cloudformation.describe_stacks(StackName=event["StackId"])["Stacks"][0]["StackStatus"]
    try:
        cloudformation.delete_stack(StackName=event["StackId"])
    except Exception as refused:
        options["Colour"] += " " + str(refused)""",
    )
    stack.deploy({**resources(), "Function": function(code, Timeout=30)}, **OUTPUTS)
    assert stack.outputs()["Colour"].startswith("CREATE_IN_PROGRESS ")
    assert stack.outputs()["Colour"].endswith("cannot be deleted while in status CREATE_IN_PROGRESS")


def test_a_topic_as_service_token_is_refused(stack: Stack) -> None:
    thing = {"Type": "Custom::Thing", "Properties": {"ServiceToken": "arn:aws:sns:us-east-1:123456789012:topic"}}
    assert stack.deploy({"Queue": queue(), "Thing": thing}) == "ROLLBACK_COMPLETE"
    assert "invokes Lambda functions only" in stack.reasons()[0]


def test_data_with_no_echo_is_not_shown(stack: Stack) -> None:
    options = {"Colour": "s3cret", "More": json.dumps({"NoEcho": True})}
    stack.deploy({**resources(**options), "Queue": queue(Tags=[{"Key": "colour", "Value": get("Thing", "Colour")}])})
    change_set = {"StackName": stack.name, "ChangeSetName": "look"}
    stack.cloudformation.create_change_set(
        **change_set,
        ChangeSetType="UPDATE",
        TemplateBody=json.dumps({"Resources": resources()}),
        Capabilities=["CAPABILITY_IAM"],
    )
    shown = stack.cloudformation.describe_change_set(**change_set, IncludePropertyValues=True)
    assert "s3cret" not in json.dumps([change for change in shown["Changes"] if "Queue" in str(change)], default=str)
