"""What moto 5.2.5 does wrong and the local cloud mends. Run as a program, it prints which of it is still so.

Each function returns True while moto has the defect. When one returns False, the mend it names can go.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {}}
ONCE = Config(retries={"total_max_attempts": 1})


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1", config=ONCE)


def deploy(template: dict[str, Any], kind: str = "CREATE", parameters: Any = (), name: str = "stack") -> None:
    cloudformation = client("cloudformation")
    named = {"StackName": name, "ChangeSetName": f"deploy-{name}"}
    body = json.dumps(template)
    cloudformation.create_change_set(**named, ChangeSetType=kind, TemplateBody=body, Parameters=list(parameters))
    cloudformation.execute_change_set(**named)
    cloudformation.delete_change_set(**named)


def fails(call: Callable[[], object], fault: type[Exception] = Exception) -> bool:
    try:
        call()
    except fault:
        return True
    return False


def change_sets_do_not_register_exports() -> bool:
    """cloudformation/stacks.py: deploy"""
    deploy({"Resources": {"Q": QUEUE}, "Outputs": {"Url": {"Value": {"Ref": "Q"}, "Export": {"Name": "url"}}}})
    return client("cloudformation").list_exports()["Exports"] == []


def a_deleted_change_set_is_described_with_another_code() -> bool:
    """cloudformation/change_sets.py: find"""
    deploy({"Resources": {"Q": QUEUE}})
    try:
        client("cloudformation").describe_change_set(StackName="stack", ChangeSetName="deploy-stack")
    except ClientError as error:
        return error.response["Error"]["Code"] != "ChangeSetNotFound"
    return True


def deleting_an_unknown_change_set_is_a_server_error() -> bool:
    """cloudformation/change_sets.py: _answer_delete"""
    named = {"StackName": "stack", "ChangeSetName": "nothing"}
    return fails(lambda: client("cloudformation").delete_change_set(**named), UnboundLocalError)


def a_second_change_set_makes_a_second_stack() -> bool:
    """cloudformation/change_sets.py: _stack_for"""
    cloudformation, body = client("cloudformation"), json.dumps({"Resources": {"Q": QUEUE}})
    for name in ("one", "two"):
        cloudformation.create_change_set(StackName="s", ChangeSetName=name, ChangeSetType="CREATE", TemplateBody=body)
    return len(cloudformation.describe_stacks()["Stacks"]) == 2


def the_previous_value_is_the_resolved_one() -> bool:
    """cloudformation/stacks.py: unresolved_parameters"""
    client("ssm").put_parameter(Name="/version", Value="30", Type="String")
    slots = {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"}}
    deploy({"Parameters": slots, "Resources": {"Q": QUEUE}})
    previous = [{"ParameterKey": "Version", "UsePreviousValue": True}]
    more = {"Parameters": slots, "Resources": {"Q": QUEUE, "R": QUEUE}}
    return fails(lambda: deploy(more, "UPDATE", previous), AttributeError)


def a_removed_resource_is_not_created_when_it_comes_back() -> bool:
    """cloudformation/provision.py: Change"""
    both = {"Resources": {"Q": QUEUE, "R": {**QUEUE, "Properties": {"QueueName": "back"}}}}
    deploy(both)
    deploy({"Resources": {"Q": QUEUE}}, "UPDATE")
    deploy(both, "UPDATE")
    return "QueueUrls" not in client("sqs").list_queues(QueueNamePrefix="back")


def a_destroyed_stack_rises_again_when_described() -> bool:
    """cloudformation/provision.py: Resources.__getitem__"""
    client("cloudformation").create_stack(
        StackName="s", TemplateBody=json.dumps({"Resources": {"Q": QUEUE}, "Outputs": {"U": {"Value": {"Ref": "Q"}}}})
    )
    stack_id = client("cloudformation").describe_stacks()["Stacks"][0]["StackId"]
    deploy({"Resources": {"Q": QUEUE, "R": QUEUE}, "Outputs": {"U": {"Value": {"Ref": "Q"}}}}, "UPDATE", name="s")
    client("cloudformation").delete_stack(StackName="s")
    client("cloudformation").describe_stacks(StackName=stack_id)
    client("cloudformation").list_stack_resources(StackName=stack_id)
    return bool(client("sqs").list_queues().get("QueueUrls"))


def a_failing_create_is_not_rolled_back() -> bool:
    """cloudformation/stacks.py: deploy"""
    bad = {**QUEUE, "Properties": {"QueueName": "not a name"}}
    return fails(lambda: deploy({"Resources": {"Q": QUEUE, "Bad": bad}}))


def an_unknown_type_deploys() -> bool:
    """cloudformation/template.py: check"""
    deploy({"Resources": {"Q": QUEUE, "X": {"Type": "AWS::Made::Up"}}})
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    return [stack["StackStatus"] for stack in stacks] == ["CREATE_COMPLETE"]


def types_are_missing() -> bool:
    """resources/: all but Function, Queue and Table"""
    from moto.cloudformation.parsing import get_model_map

    ours = (
        "CloudWatch::Alarm Lambda::EventInvokeConfig SNS::Subscription SNS::TopicPolicy SQS::QueuePolicy "
        "Scheduler::Schedule Scheduler::ScheduleGroup"
    )
    return not {f"AWS::{name}" for name in ours.split()} & set(get_model_map())


def a_table_loses_recovery_and_time_to_live() -> bool:
    """resources/stores.py: Table"""
    properties = {
        "TableName": "t",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True},
    }
    deploy({"Resources": {"T": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}})
    found = client("dynamodb").describe_time_to_live(TableName="t")["TimeToLiveDescription"]
    return bool(found["TimeToLiveStatus"] == "DISABLED")


def a_queue_keeps_its_delay_over_an_update() -> bool:
    """resources/stores.py: Queue"""
    deploy({"Resources": {"Q": {**QUEUE, "Properties": {"QueueName": "q"}}}})
    deploy({"Resources": {"Q": {**QUEUE, "Properties": {"QueueName": "q", "DelaySeconds": 9}}}}, "UPDATE")
    found = client("sqs").get_queue_attributes(QueueUrl="q", AttributeNames=["DelaySeconds"])
    return bool(found["Attributes"]["DelaySeconds"] == "0")


def send_message_invokes() -> bool:
    """sqs.py: Forgetful"""
    from moto.sqs.models import sqs_backends

    client("sqs").create_queue(QueueName="q")
    asked: list[bool] = []

    class Mapping:
        @property
        def enabled(self) -> bool:
            asked.append(True)
            return False

    sqs_backends["123456789012"]["us-east-1"].queues["q"].lambda_event_source_mappings["arn"] = Mapping()  # type: ignore
    client("sqs").send_message(QueueUrl="q", MessageBody="x")
    return bool(asked)


def table() -> Any:
    dynamodb = client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName="t", Item={"pk": {"S": "a"}, "n": {"N": "1234567890123456789012345678901234567.8"}})
    return dynamodb


def addition(number: str, **more: Any) -> dict[str, Any]:
    return {
        "TableName": "t",
        "Key": {"pk": {"S": "a"}},
        "UpdateExpression": "ADD n :x",
        "ExpressionAttributeValues": {":x": {"N": number}},
        **more,
    }


def a_request_token_is_ignored() -> bool:
    """dynamodb/transactions.py: Tokens"""
    dynamodb = table()
    dynamodb.transact_write_items(TransactItems=[{"Update": addition("1")}], ClientRequestToken="t")
    return not fails(
        lambda: dynamodb.transact_write_items(TransactItems=[{"Update": addition("2")}], ClientRequestToken="t")
    )


def a_transaction_replaces_the_table_by_a_copy() -> bool:
    """dynamodb/transactions.py: transact"""
    from moto.dynamodb.models import dynamodb_backends

    dynamodb = table()
    before = dynamodb_backends["123456789012"]["us-east-1"].tables["t"]
    refused = addition("1", ConditionExpression="attribute_not_exists(pk)")
    assert fails(lambda: dynamodb.transact_write_items(TransactItems=[{"Update": refused}]), ClientError)
    return dynamodb_backends["123456789012"]["us-east-1"].tables["t"] is not before


def a_number_compared_with_a_string_is_a_server_error() -> bool:
    """dynamodb/conditions.py"""
    dynamodb, values = table(), {":x": {"N": "1"}, ":s": {"S": "x"}}
    strange = addition("1", ConditionExpression="n < :s", ExpressionAttributeValues=values)
    return fails(lambda: dynamodb.update_item(**strange), TypeError)


def an_addition_loses_digits() -> bool:
    """dynamodb/numbers.py"""
    dynamodb = table()
    dynamodb.update_item(**addition("1"))
    found = dynamodb.get_item(TableName="t", Key={"pk": {"S": "a"}})["Item"]["n"]["N"]
    return bool(found != "1234567890123456789012345678901234568.8")


def a_queue_loses_its_policy() -> bool:
    """sqs.py: _keeping_the_policy"""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": '{"Version": "2012-10-17"}'})["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
    return "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def what_was_sent_yesterday_cannot_be_put_back() -> bool:
    """sqs.py: hidden_anew"""
    from moto.sqs.models import sqs_backends

    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = sqs_backends["123456789012"]["us-east-1"].queues["q"]._messages
    message.sent_timestamp -= 13 * 3_600_000
    receipt = sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]
    given = {"QueueUrl": url, "ReceiptHandle": receipt, "VisibilityTimeout": 0}
    return fails(lambda: sqs.change_message_visibility(**given), ClientError)


def policies_of_aws_are_not_there() -> bool:
    """identities.py"""
    iam = client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    return fails(lambda: iam.attach_role_policy(RoleName="r", PolicyArn=arn), ClientError)


def a_default_list_is_one_text() -> bool:
    """cloudformation/parameters.py"""
    second = {**QUEUE, "Properties": {"QueueName": {"Fn::Select": [1, {"Ref": "Names"}]}}}
    names = {"Names": {"Type": "CommaDelimitedList", "Default": "one,two"}}
    deploy({"Parameters": names, "Resources": {"Q": second}})
    return "QueueUrls" not in client("sqs").list_queues(QueueNamePrefix="two")


DEFECTS: tuple[Callable[[], bool], ...] = (
    change_sets_do_not_register_exports,
    a_deleted_change_set_is_described_with_another_code,
    deleting_an_unknown_change_set_is_a_server_error,
    a_second_change_set_makes_a_second_stack,
    the_previous_value_is_the_resolved_one,
    a_removed_resource_is_not_created_when_it_comes_back,
    a_destroyed_stack_rises_again_when_described,
    a_failing_create_is_not_rolled_back,
    an_unknown_type_deploys,
    types_are_missing,
    a_table_loses_recovery_and_time_to_live,
    a_queue_keeps_its_delay_over_an_update,
    send_message_invokes,
    a_request_token_is_ignored,
    a_transaction_replaces_the_table_by_a_copy,
    a_number_compared_with_a_string_is_a_server_error,
    an_addition_loses_digits,
    a_queue_loses_its_policy,
    policies_of_aws_are_not_there,
    a_default_list_is_one_text,
)


def main() -> None:
    warnings.simplefilter("ignore")
    found = {}
    for defect in DEFECTS:
        with mock_aws():
            found[defect.__name__] = defect()
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
