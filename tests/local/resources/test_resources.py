"""The services have the state of the template: each of our types, created, updated and removed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, function, get, queue, ref, role, schedule, scheduler_role, table

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def scheduled(stack: Stack, **properties: Any) -> dict[str, Any]:
    return {
        "SchedulerRole": scheduler_role(),
        "Queue": queue(),
        "Dead": queue(),
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": stack.name}},
        "Schedule": schedule(get("Queue", "Arn"), Name=f"{stack.name}.1", **properties),
    }


def get_schedule(stack: Stack, group: str = "default") -> dict[str, Any]:
    described: dict[str, Any] = stack.cloud.client("scheduler").get_schedule(Name=f"{stack.name}.1", GroupName=group)
    return described


def test_a_schedule_with_all_properties_and_with_the_defaults(stack: Stack) -> None:
    target = {
        "Arn": get("Queue", "Arn"),
        "RoleArn": get("SchedulerRole", "Arn"),
        "Input": '{"at":"<aws.scheduler.scheduled-time>"}',
        "RetryPolicy": {"MaximumEventAgeInSeconds": "3600", "MaximumRetryAttempts": 5},
        "DeadLetterConfig": {"Arn": get("Dead", "Arn")},
    }
    everything = {
        "GroupName": ref("Group"),
        "Description": "all of it",
        "State": "DISABLED",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "StartDate": "2190-01-01T00:00:00Z",
        "EndDate": "2191-01-01T00:00:00.000Z",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "Target": target,
    }
    assert stack.deploy(scheduled(stack, **everything)) == "CREATE_COMPLETE"
    stored = get_schedule(stack, stack.name)
    assert (stored["State"], stored["Description"]) == ("DISABLED", "all of it")
    assert stored["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert (stored["StartDate"].year, stored["EndDate"].year) == (2190, 2191)
    assert stored["FlexibleTimeWindow"] == {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    assert stored["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 5}
    assert stored["Target"]["DeadLetterConfig"]["Arn"].endswith(stack.physical("Dead").rpartition("/")[2])
    assert stored["Target"]["Input"] == '{"at":"<aws.scheduler.scheduled-time>"}'
    assert stack.deploy(scheduled(stack, GroupName=ref("Group"))) == "UPDATE_COMPLETE"
    stored = get_schedule(stack, stack.name)
    assert (stored["State"], stored["ScheduleExpressionTimezone"]) == ("ENABLED", "UTC")
    assert stored["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert not {"Description", "StartDate", "EndDate"} & set(stored)
    assert "DeadLetterConfig" not in stored["Target"]
    assert stored["ActionAfterCompletion"] == "NONE"
    stack.delete()
    groups = stack.cloud.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    assert stack.name not in [group["Name"] for group in groups]


def test_errors_of_schedules_on_aws_are_errors_here(stack: Stack) -> None:
    outputs = {"Arn": {"Value": get("Schedule", "Arn")}}
    assert stack.deploy(scheduled(stack), Outputs=outputs) == "CREATE_COMPLETE"
    assert stack.outputs()["Arn"].endswith(f":schedule/default/{stack.name}.1")
    assert stack.deploy(scheduled(stack, GroupName=ref("Group"))) == "UPDATE_ROLLBACK_COMPLETE"
    assert "group of a schedule cannot be changed" in stack.reasons()[-1]
    assert get_schedule(stack)["GroupName"] == "default"
    other = Stack.new(stack.cloud)
    assert other.deploy(scheduled(other, GroupName=ref("Group")), Outputs=outputs) == "ROLLBACK_COMPLETE"
    assert "Unable to retrieve Arn attribute" in other.describe()["StackStatusReason"]


def test_schedule_names_are_unique_and_generated_short(stack: Stack) -> None:
    resources = scheduled(stack)
    resources["Again"] = {**schedule(get("Queue", "Arn"), Name=f"{stack.name}.1"), "DependsOn": "Schedule"}
    assert stack.deploy(resources) == "ROLLBACK_COMPLETE"
    assert f"identifier '{stack.name}.1' already exists" in stack.reasons()[0]
    other, long = Stack.new(stack.cloud), "ScheduleWithAVeryLongLogicalName" * 3
    named = {"SchedulerRole": scheduler_role(), "Queue": queue(), long: schedule(get("Queue", "Arn"))}
    assert other.deploy(named) == "CREATE_COMPLETE"
    assert len(other.physical(long)) <= 64


def test_names_of_roles_are_unique_in_an_account(stack: Stack) -> None:
    """A role of another stack with this name, in any case of letters, fails the deployment."""
    named = scheduler_role()
    named["Properties"]["RoleName"] = f"{stack.name}-Role"
    assert stack.deploy({"Named": named}) == "CREATE_COMPLETE"
    other = Stack.new(stack.cloud)
    for name in (f"{stack.name}-Role", f"{stack.name}-role"):
        named["Properties"]["RoleName"] = name
        assert other.deploy({"Named": named}) == "ROLLBACK_COMPLETE"
        assert "already exists" in other.reasons()[-1]
        other.delete()
    stack.delete()
    assert other.deploy({"Named": named}) == "CREATE_COMPLETE", "the name is available again"


def test_a_function_with_all_properties_and_with_the_defaults(stack: Stack) -> None:
    name = f"{stack.name}-f"
    everything = function(
        FunctionName=name,
        Architectures=["arm64"],
        Description="all of it",
        DeadLetterConfig={"TargetArn": get("Queue", "Arn")},
        Environment={"Variables": {"A": "1"}},
        EphemeralStorage={"Size": "1024"},
        LoggingConfig={"LogFormat": "JSON", "LogGroup": "/elsewhere"},
        MemorySize="512",
        ReservedConcurrentExecutions=0,
        Tags=[{"Key": "team", "Value": "ops"}],
        Timeout="60",
        TracingConfig={"Mode": "Active"},
    )
    client = stack.cloud.client("lambda")
    assert stack.deploy({"Role": role(), "Queue": queue(), "Function": everything}) == "CREATE_COMPLETE"
    stored = client.get_function_configuration(FunctionName=name)
    assert stored["Architectures"] == ["arm64"]
    assert stored["DeadLetterConfig"]["TargetArn"].startswith("arn:aws:sqs:")
    assert stored["Environment"] == {"Variables": {"A": "1"}}
    assert stored["EphemeralStorage"] == {"Size": 1024}
    assert stored["LoggingConfig"] == {"LogFormat": "JSON", "LogGroup": "/elsewhere"}
    assert (stored["MemorySize"], stored["Timeout"], stored["TracingConfig"]) == (512, 60, {"Mode": "Active"})
    assert client.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 0
    assert client.list_tags(Resource=stored["FunctionArn"])["Tags"] == {"team": "ops"}
    before = stored["CodeSha256"]
    plain = function(code="def handler(event, context): return 2", FunctionName=name, Environment={})
    assert stack.deploy({"Role": role(), "Queue": queue(), "Function": plain}) == "UPDATE_COMPLETE"
    stored = client.get_function_configuration(FunctionName=name)
    assert stored["CodeSha256"] != before
    assert not {"DeadLetterConfig", "Environment"} & set(stored)
    assert (stored["Architectures"], stored["Description"], stored["MemorySize"]) == (["x86_64"], "", 128)
    assert (stored["Timeout"], stored["EphemeralStorage"]) == (3, {"Size": 512})
    assert stored["TracingConfig"] == {"Mode": "PassThrough"}
    assert stored["LoggingConfig"]["LogFormat"] == "Text"
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)
    assert client.list_tags(Resource=stored["FunctionArn"])["Tags"] == {}


def test_a_function_with_unsupported_properties_is_refused(stack: Stack) -> None:
    durable = function(DurableConfig={"ExecutionTimeout": 60})
    assert stack.deploy({"Role": role(), "Function": durable}) == "ROLLBACK_COMPLETE"
    assert "does not carry out durable functions" in stack.reasons()[0]


def test_updates_of_an_event_invoke_config(stack: Stack) -> None:
    def resources(**properties: Any) -> dict[str, Any]:
        config = {"FunctionName": ref("Function"), "Qualifier": "$LATEST", **properties}
        return {
            "Role": role(),
            "Queue": queue(),
            "Function": function(FunctionName=f"{stack.name}-f"),
            "Config": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": config},
        }

    def stored() -> dict[str, Any]:
        return {**stack.cloud.client("lambda").get_function_event_invoke_config(FunctionName=f"{stack.name}-f")}

    destination = {"OnFailure": {"Destination": get("Queue", "Arn")}}
    stack.deploy(resources(MaximumRetryAttempts=0, MaximumEventAgeInSeconds="60", DestinationConfig=destination))
    first = stored()
    assert (first["MaximumRetryAttempts"], first["MaximumEventAgeInSeconds"]) == (0, 60)
    assert first["DestinationConfig"]["OnFailure"]["Destination"].startswith("arn:aws:sqs:")
    stack.deploy(resources(MaximumRetryAttempts=1))
    second = stored()
    assert second["MaximumRetryAttempts"] == 1
    assert not second.get("DestinationConfig", {}).get("OnFailure")


def test_a_table_with_recovery_and_time_to_live(stack: Stack) -> None:
    client = stack.cloud.client("dynamodb")
    recovery = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
    live = {"AttributeName": "ttl", "Enabled": True}
    stack.deploy({"Table": table(PointInTimeRecoverySpecification=recovery, TimeToLiveSpecification=live)})
    name = stack.physical("Table")

    def states() -> tuple[str, str]:
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
        return recovery, client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]["TimeToLiveStatus"]

    assert states() == ("ENABLED", "ENABLED")
    client.put_item(TableName=name, Item={"pk": {"S": "kept"}})
    assert stack.deploy({"Table": table(DeletionProtectionEnabled=False, Tags=[])}) == "UPDATE_COMPLETE"
    assert stack.physical("Table") == name
    assert states() == ("DISABLED", "DISABLED")
    assert client.get_item(TableName=name, Key={"pk": {"S": "kept"}})["Item"]


def test_a_table_has_each_of_its_tags_once(stack: Stack) -> None:
    client = stack.cloud.client("dynamodb")

    def deployed(**tags: str) -> list[dict[str, str]]:
        stack.deploy({"Table": table(Tags=[{"Key": key, "Value": value} for key, value in tags.items()])})
        arn = client.describe_table(TableName=stack.physical("Table"))["Table"]["TableArn"]
        stored: list[dict[str, str]] = client.list_tags_of_resource(ResourceArn=arn)["Tags"]
        return stored

    assert deployed(team="a", stage="b") == [{"Key": "team", "Value": "a"}, {"Key": "stage", "Value": "b"}]
    assert deployed(team="c") == [{"Key": "team", "Value": "c"}]


def test_a_queue_policy_is_set_kept_over_updates_and_cleared(stack: Stack) -> None:
    policy = {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [ref("Queue")], "PolicyDocument": POLICY},
    }
    sqs = stack.cloud.client("sqs")

    def stored() -> Any:
        response = sqs.get_queue_attributes(QueueUrl=stack.physical("Queue"), AttributeNames=["Policy"])
        return json.loads(response.get("Attributes", {}).get("Policy", "null"))

    stack.deploy({"Queue": queue(), "Policy": policy})
    assert stored() == POLICY
    stack.deploy({"Queue": queue(DelaySeconds=5), "Policy": policy})
    assert stored() == POLICY
    stack.deploy({"Queue": queue(DelaySeconds=5)})
    assert stored() is None


def test_ref_of_a_queue_is_its_local_url_and_redrive_changes(stack: Stack) -> None:
    redrive = {"deadLetterTargetArn": get("Dead", "Arn"), "maxReceiveCount": 3}
    outputs = {"Url": {"Value": ref("Queue")}, "UrlToo": {"Value": get("Queue", "QueueUrl")}}
    stack.deploy({"Dead": queue(), "Queue": queue(RedrivePolicy=redrive)}, Outputs=outputs)
    url = stack.outputs()["Url"]
    assert url.startswith(stack.cloud.endpoint)
    assert stack.outputs()["UrlToo"] == url
    sqs = stack.cloud.client("sqs")
    assert sqs.get_queue_url(QueueName=url.rpartition("/")[2])["QueueUrl"] == url
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 3
    stack.deploy({"Dead": queue(), "Queue": queue()})
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])


def test_alarm(stack: Stack) -> None:
    def alarm(**properties: Any) -> dict[str, Any]:
        defaults = {
            "Namespace": "AWS/SQS",
            "MetricName": "ApproximateNumberOfMessagesVisible",
            "Dimensions": [{"Name": "QueueName", "Value": "dead"}],
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": "1",
            "Period": 60,
            "Statistic": "Maximum",
            "Threshold": 0,
        }
        return {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {**defaults, **properties}}}

    client = stack.cloud.client("cloudwatch")
    stack.deploy(alarm(TreatMissingData="notBreaching"), Outputs={"Arn": {"Value": get("Alarm", "Arn")}})
    name = stack.physical("Alarm")
    stored = client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert stored["AlarmArn"] == stack.outputs()["Arn"]
    assert (stored["Threshold"], stored["EvaluationPeriods"], stored["TreatMissingData"]) == (0.0, 1, "notBreaching")
    stack.deploy(alarm(Threshold="2.5"))
    assert client.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["Threshold"] == 2.5
    stack.delete()
    assert client.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []


def test_topic_with_policy_and_subscription_delivers(stack: Stack) -> None:
    open_ = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": get("Queue", "Arn"),
        "Condition": {"ArnEquals": {"aws:SourceArn": ref("Topic")}},
    }
    resources = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {}},
        "Queue": queue(),
        "Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": [ref("Topic")], "PolicyDocument": POLICY}},
        "Open": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [ref("Queue")], "PolicyDocument": {"Version": "2012-10-17", "Statement": [open_]}},
        },
        "Subscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": ref("Topic"),
                "Protocol": "sqs",
                "Endpoint": get("Queue", "Arn"),
                "RawMessageDelivery": "true",
                "FilterPolicy": {"kind": ["wanted"]},
            },
        },
    }
    stack.deploy(resources)
    sns, sqs, topic = stack.cloud.client("sns"), stack.cloud.client("sqs"), stack.physical("Topic")
    assert json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]) == POLICY
    for kind in ("other", "wanted"):
        attributes = {"kind": {"DataType": "String", "StringValue": kind}}
        sns.publish(TopicArn=topic, Message=kind, MessageAttributes=attributes)
    received = sqs.receive_message(QueueUrl=stack.physical("Queue"), MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in received] == ["wanted"]
    del resources["Subscription"], resources["Policy"]
    stack.deploy(resources)
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]) != POLICY


def test_generated_names_of_fifo_queues_and_topics_end_in_fifo(stack: Stack) -> None:
    resources = {
        "Queue": queue(FifoQueue=True, ContentBasedDeduplication=True),
        "Dead": queue(FifoQueue="true"),
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True}},
        "Plain": queue(),
    }
    assert stack.deploy(resources) == "CREATE_COMPLETE"
    assert all(stack.physical(name).endswith(".fifo") for name in ("Queue", "Dead", "Topic"))
    assert not stack.physical("Plain").endswith(".fifo")
    response = stack.cloud.client("sqs").get_queue_attributes(QueueUrl=stack.physical("Queue"), AttributeNames=["All"])
    assert response["Attributes"]["FifoQueue"] == "true"
    stack.delete()
    assert not stack.exists()


def test_mail_is_sent_from_an_identity_of_the_stack_and_from_no_other(stack: Stack) -> None:
    identity = {"Type": "AWS::SES::EmailIdentity", "Properties": {"EmailIdentity": "sender@stack.example"}}
    assert stack.deploy({"Sender": identity}) == "CREATE_COMPLETE"
    assert stack.physical("Sender") == "sender@stack.example"
    ses = stack.cloud.client("ses")

    def send(sender: str) -> None:
        message = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "Is it you?"}}}
        ses.send_email(Source=sender, Destination={"ToAddresses": ["ann@example.com"]}, Message=message)

    send("The shop <sender@stack.example>")
    with pytest.raises(ClientError, match="Email address not verified"):
        send("other@example.com")
    feedback = {"FeedbackAttributes": {"EmailForwardingEnabled": False}}
    identity["Properties"] |= feedback  # type: ignore[operator]  # inferred as object: the values of identity differ
    assert stack.deploy({"Sender": identity}) == "UPDATE_COMPLETE"
    send("sender@stack.example")
    assert Stack.new(stack.cloud).deploy({"Sender": identity}) == "ROLLBACK_COMPLETE", "the identity exists"
    stack.delete()
    with pytest.raises(ClientError, match="Email address not verified"):
        send("sender@stack.example")


def test_types_that_are_only_recorded(stack: Stack) -> None:
    resources = {
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {}},
        "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": ref("Bucket"), "PolicyDocument": POLICY}},
        "Metadata": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2"}},
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    }
    assert stack.deploy(resources) == "CREATE_COMPLETE"
    stack.cloud.client("s3").put_object(Bucket=stack.physical("Bucket"), Key="x", Body=b"x")
    stack.cloud.client("s3").delete_object(Bucket=stack.physical("Bucket"), Key="x")
    stack.delete()
    assert not stack.exists()
