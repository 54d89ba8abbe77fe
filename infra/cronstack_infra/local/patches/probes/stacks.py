"""Probes of CloudFormation: stacks, templates and change sets."""

from __future__ import annotations

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import client, code_of, fails

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {}}
ONE_QUEUE = json.dumps({"Resources": {"Q": QUEUE}})


def _deploy(template: dict[str, Any], kind: str = "CREATE", parameters: Any = (), name: str = "stack") -> None:
    """Deploy as the CDK does: create a change set, execute it, delete it."""
    cloudformation = client("cloudformation")
    named = {"StackName": name, "ChangeSetName": f"deploy-{name}"}
    body = json.dumps(template)
    cloudformation.create_change_set(**named, ChangeSetType=kind, TemplateBody=body, Parameters=list(parameters))
    cloudformation.execute_change_set(**named)
    cloudformation.delete_change_set(**named)


@probe
def change_sets_do_not_register_exports() -> bool:
    """An export of a stack that a change set created is not listed."""
    _deploy({"Resources": {"Q": QUEUE}, "Outputs": {"Url": {"Value": {"Ref": "Q"}, "Export": {"Name": "url"}}}})
    return bool(client("cloudformation").list_exports()["Exports"] == [])


@probe
def a_deleted_change_set_is_described_with_another_code() -> bool:
    """DescribeChangeSet of a deleted change set fails with another code than ChangeSetNotFound."""
    _deploy({"Resources": {"Q": QUEUE}})
    try:
        client("cloudformation").describe_change_set(StackName="stack", ChangeSetName="deploy-stack")
    except ClientError as error:
        return error.response["Error"]["Code"] != "ChangeSetNotFound"
    return True


@probe
def deleting_an_unknown_change_set_is_a_server_error() -> bool:
    """DeleteChangeSet of a change set that does not exist raises in moto."""
    named = {"StackName": "stack", "ChangeSetName": "nothing"}
    return fails(lambda: client("cloudformation").delete_change_set(**named), UnboundLocalError)


@probe
def a_second_change_set_makes_a_second_stack() -> bool:
    """Two change sets of one new stack make two stacks."""
    cloudformation, body = client("cloudformation"), json.dumps({"Resources": {"Q": QUEUE}})
    for name in ("one", "two"):
        cloudformation.create_change_set(StackName="s", ChangeSetName=name, ChangeSetType="CREATE", TemplateBody=body)
    return len(cloudformation.describe_stacks()["Stacks"]) == 2


@probe
def the_previous_value_is_the_resolved_one() -> bool:
    """An update with the previous value of an SSM parameter uses the value as a name, and raises in moto."""
    client("ssm").put_parameter(Name="/version", Value="30", Type="String")
    parameters = {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"}}
    _deploy({"Parameters": parameters, "Resources": {"Q": QUEUE}})
    previous = [{"ParameterKey": "Version", "UsePreviousValue": True}]
    more = {"Parameters": parameters, "Resources": {"Q": QUEUE, "R": QUEUE}}
    return fails(lambda: _deploy(more, "UPDATE", previous), AttributeError)


@probe
def a_removed_resource_is_not_created_when_it_comes_back() -> bool:
    """A resource that was removed from a template and added again is not created."""
    both = {"Resources": {"Q": QUEUE, "R": {**QUEUE, "Properties": {"QueueName": "back"}}}}
    _deploy(both)
    _deploy({"Resources": {"Q": QUEUE}}, "UPDATE")
    _deploy(both, "UPDATE")
    return "QueueUrls" not in client("sqs").list_queues(QueueNamePrefix="back")


@probe
def describing_a_deleted_stack_creates_its_resources() -> bool:
    """DescribeStacks of a deleted stack creates its resources again."""
    client("cloudformation").create_stack(
        StackName="s", TemplateBody=json.dumps({"Resources": {"Q": QUEUE}, "Outputs": {"U": {"Value": {"Ref": "Q"}}}})
    )
    stack_id = client("cloudformation").describe_stacks()["Stacks"][0]["StackId"]
    _deploy({"Resources": {"Q": QUEUE, "R": QUEUE}, "Outputs": {"U": {"Value": {"Ref": "Q"}}}}, "UPDATE", name="s")
    client("cloudformation").delete_stack(StackName="s")
    client("cloudformation").describe_stacks(StackName=stack_id)
    client("cloudformation").list_stack_resources(StackName=stack_id)
    return bool(client("sqs").list_queues().get("QueueUrls"))


@probe
def a_failing_create_is_not_rolled_back() -> bool:
    """A resource that cannot be created makes the call fail; the others remain."""
    bad = {**QUEUE, "Properties": {"QueueName": "not a name"}}
    return fails(lambda: _deploy({"Resources": {"Q": QUEUE, "Bad": bad}}), ClientError)


@probe
def an_unknown_type_deploys() -> bool:
    """A stack with a type that does not exist deploys successfully."""
    _deploy({"Resources": {"Q": QUEUE, "X": {"Type": "AWS::Made::Up"}}})
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    return [stack["StackStatus"] for stack in stacks] == ["CREATE_COMPLETE"]


@probe
def types_are_missing() -> bool:
    """Types that this kit's templates use are missing."""
    from moto.cloudformation.parsing import get_model_map

    ours = (
        "CloudWatch::Alarm Lambda::EventInvokeConfig SNS::Subscription SNS::TopicPolicy SQS::QueuePolicy "
        "Scheduler::Schedule Scheduler::ScheduleGroup"
    )
    return not {f"AWS::{name}" for name in ours.split()} & set(get_model_map())


@probe
def a_table_loses_recovery_and_time_to_live() -> bool:
    """A table of a template loses its time to live."""
    properties = {
        "TableName": "t",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
    }
    _deploy({"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}})
    time_to_live = client("dynamodb").describe_time_to_live(TableName="t")["TimeToLiveDescription"]
    return bool(time_to_live["TimeToLiveStatus"] == "DISABLED")


@probe
def a_queue_keeps_its_delay_over_an_update() -> bool:
    """An update of a queue's delay has no effect."""
    _deploy({"Resources": {"Q": {**QUEUE, "Properties": {"QueueName": "q"}}}})
    _deploy({"Resources": {"Q": {**QUEUE, "Properties": {"QueueName": "q", "DelaySeconds": 9}}}}, "UPDATE")
    response = client("sqs").get_queue_attributes(QueueUrl="q", AttributeNames=["DelaySeconds"])
    return bool(response["Attributes"]["DelaySeconds"] == "0")


@probe
def a_default_list_is_one_text() -> bool:
    """The default of a list parameter is one string."""
    second = {**QUEUE, "Properties": {"QueueName": {"Fn::Select": [1, {"Ref": "Names"}]}}}
    names = {"Names": {"Type": "CommaDelimitedList", "Default": "one,two"}}
    _deploy({"Parameters": names, "Resources": {"Q": second}})
    return "QueueUrls" not in client("sqs").list_queues(QueueNamePrefix="two")


@probe
def a_template_of_json_is_parsed_as_yaml() -> bool:
    """Parsing a JSON template takes many times longer than json.loads."""
    from moto.cloudformation.models import Stack

    text = json.dumps({"Resources": {f"Q{number}": QUEUE for number in range(100)}})
    start = time.perf_counter()
    json.loads(text)
    loaded = time.perf_counter()
    Stack.parse_template(text)
    return time.perf_counter() - loaded > 20 * (loaded - start)


@probe
def a_parameter_is_shown_by_its_resolved_value() -> bool:
    """DescribeStacks shows the value of an SSM parameter in place of its name."""
    client("ssm").put_parameter(Name="/version", Value="30", Type="String")
    parameters = {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"}}
    _deploy({"Parameters": parameters, "Resources": {"Q": QUEUE}})
    (shown,) = client("cloudformation").describe_stacks()["Stacks"][0]["Parameters"]
    return bool(shown["ParameterValue"] == "30")


@probe
def a_stack_with_a_used_export_is_deleted() -> bool:
    """A stack is deleted although another one imports its export."""
    exports = {"Url": {"Value": {"Ref": "Q"}, "Export": {"Name": "url"}}}
    user = {**QUEUE, "Properties": {"Tags": [{"Key": "other", "Value": {"Fn::ImportValue": "url"}}]}}
    cloudformation = client("cloudformation")
    template = {"Resources": {"Q": QUEUE}, "Outputs": exports}
    cloudformation.create_stack(StackName="one", TemplateBody=json.dumps(template))
    cloudformation.create_stack(StackName="two", TemplateBody=json.dumps({"Resources": {"Q": user}}))
    return code_of(lambda: cloudformation.delete_stack(StackName="one")) == "" and _is_deleted("one")


def _is_deleted(name: str) -> bool:
    return code_of(lambda: client("cloudformation").describe_stacks(StackName=name)) == "ValidationError"


@probe
def an_update_without_a_change_is_carried_out() -> bool:
    """UpdateStack succeeds with the same template in another notation; AWS raises "No updates are to be performed"."""
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=ONE_QUEUE)
    same = json.dumps(json.loads(ONE_QUEUE), indent=4)
    return code_of(lambda: cloudformation.update_stack(StackName="s", TemplateBody=same)) == ""


@probe
def on_failure_is_ignored() -> bool:
    """A failing CreateStack raises in the call and leaves no failed stack, whatever OnFailure is."""
    bad = {**QUEUE, "Properties": {"QueueName": "not a name"}}
    request = {"StackName": "s", "TemplateBody": json.dumps({"Resources": {"Bad": bad}}), "OnFailure": "DO_NOTHING"}
    return code_of(lambda: client("cloudformation").create_stack(**request)) != ""


@probe
def a_rollback_cannot_be_asked_for() -> bool:
    """RollbackStack is not implemented."""
    return _is_not_implemented("rollback_stack")


@probe
def a_rollback_cannot_be_continued() -> bool:
    """ContinueUpdateRollback is not implemented."""
    return _is_not_implemented("continue_update_rollback")


def _is_not_implemented(call: str) -> bool:
    cloudformation = client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=ONE_QUEUE)
    return fails(lambda: getattr(cloudformation, call)(StackName="s"), NotImplementedError)


def _change_set(name: str, stack: str, kind: str = "CREATE") -> None:
    request = {"StackName": stack, "ChangeSetName": name, "ChangeSetType": kind, "TemplateBody": ONE_QUEUE}
    client("cloudformation").create_change_set(**request)


@probe
def an_executed_change_set_leaves_the_others_executable() -> bool:
    """A change set of a stack is still available after the execution of another one."""
    cloudformation = client("cloudformation")
    _deploy({"Resources": {"Q": QUEUE, "R": QUEUE}})
    for name in ("one", "two"):
        _change_set(name, "stack", "UPDATE")
    cloudformation.execute_change_set(StackName="stack", ChangeSetName="one")
    named = {"StackName": "stack", "ChangeSetName": "two"}
    return code_of(lambda: cloudformation.describe_change_set(**named)) == ""


@probe
def change_sets_of_all_stacks_are_listed() -> bool:
    """ListChangeSets of one stack lists those of another."""
    _change_set("one", "first")
    _change_set("two", "second")
    return len(client("cloudformation").list_change_sets(StackName="first")["Summaries"]) == 2


@probe
def a_template_url_of_another_address_is_not_read() -> bool:
    """A TemplateURL of an address other than AWS's own or localhost is not found."""
    s3 = client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="t.json", Body=ONE_QUEUE.encode())

    def creates(name: str, host: str) -> bool:
        request = {"StackName": name, "TemplateURL": f"{host}/templates/t.json"}
        try:
            client("cloudformation").create_stack(**request)
        except Exception:  # of any type: moto's server errors have many types
            return False
        return True

    return creates("one", "https://s3.amazonaws.com") and not creates("two", "http://127.0.0.1:4570")
