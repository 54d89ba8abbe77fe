"""The drift check itself: no output for a deployed stack, one line for each change made outside the template."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, function, get, queue, ref, role, schedule, scheduler_role, table
from tests.tools.drift import drift

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]}
EVERYTHING: dict[str, Any] = {
    "SchedulerRole": scheduler_role(),
    "Role": role(),
    "Dead": queue(),
    "Queue": queue(
        VisibilityTimeout=60, RedrivePolicy={"deadLetterTargetArn": get("Dead", "Arn"), "maxReceiveCount": 3}
    ),
    "QueuePolicy": {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [ref("Queue")], "PolicyDocument": POLICY},
    },
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "news"}},
    "Subscription": {
        "Type": "AWS::SNS::Subscription",
        "Properties": {"Protocol": "sqs", "Endpoint": get("Queue", "Arn"), "TopicArn": ref("Topic")},
    },
    "Table": table(
        TimeToLiveSpecification={"AttributeName": "ttl", "Enabled": True},
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    ),
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}},
    "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
    "Function": function(
        Timeout=60, Environment={"Variables": {"A": "1"}}, LoggingConfig={"LogGroup": ref("Logs")}, MemorySize=512
    ),
    "Invoke": {
        "Type": "AWS::Lambda::EventInvokeConfig",
        "Properties": {
            "FunctionName": ref("Function"),
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": 1,
            "DestinationConfig": {"OnFailure": {"Destination": get("Dead", "Arn")}},
        },
    },
    "Schedule": schedule(get("Function", "Arn"), Description="each year", State="DISABLED"),
    "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Tags": [{"Key": "a", "Value": "b"}]}},
    "Alarm": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "MetricName": "Errors",
            "Namespace": "AWS/Lambda",
            "Period": 60,
            "Statistic": "Sum",
            "Threshold": 1,
        },
    },
}


@pytest.fixture(scope="module")
def stack(local_cloud: LocalCloud) -> Stack:
    deployed = Stack.new(local_cloud)
    assert deployed.deploy(EVERYTHING) == "CREATE_COMPLETE", deployed.reasons()
    return deployed


def test_no_output_after_a_deployment(stack: Stack) -> None:
    assert drift(stack.cloud.client, stack.name) == []


def _queue(stack: Stack) -> None:
    attributes = {"VisibilityTimeout": "61"}
    stack.cloud.client("sqs").set_queue_attributes(QueueUrl=stack.physical("Queue"), Attributes=attributes)


def _function(stack: Stack) -> None:
    client = stack.cloud.client("lambda")
    client.update_function_configuration(FunctionName=stack.physical("Function"), Description="not in the template")


def _schedule(stack: Stack) -> None:
    scheduler, name = stack.cloud.client("scheduler"), stack.physical("Schedule")
    current = scheduler.get_schedule(Name=name)
    kept = ("FlexibleTimeWindow", "ScheduleExpression", "Target", "Description")
    scheduler.update_schedule(Name=name, State="ENABLED", **{member: current[member] for member in kept})


def _table(stack: Stack) -> None:
    specification = {"Enabled": False, "AttributeName": "ttl"}
    client = stack.cloud.client("dynamodb")
    client.update_time_to_live(TableName=stack.physical("Table"), TimeToLiveSpecification=specification)


def _role(stack: Stack) -> None:
    stack.cloud.client("iam").delete_role_policy(RoleName=stack.physical("SchedulerRole"), PolicyName="may")


def _bucket(stack: Stack) -> None:
    suspended = {"Status": "Suspended"}
    client = stack.cloud.client("s3")
    client.put_bucket_versioning(Bucket=stack.physical("Bucket"), VersioningConfiguration=suspended)


CHANGED = {
    "Bucket": (_bucket, "VersioningConfiguration"),
    "Function": (_function, "Description"),
    "Queue": (_queue, "VisibilityTimeout"),
    "Schedule": (_schedule, "State"),
    "SchedulerRole": (_role, "Policies"),
    "Table": (_table, "TimeToLiveSpecification"),
}


def test_a_line_for_each_change(stack: Stack) -> None:
    for change, _ in CHANGED.values():
        change(stack)
    lines = drift(stack.cloud.client, stack.name)
    assert sorted(line.split(" ")[0] for line in lines) == sorted(CHANGED)
    for line in lines:
        assert f": {CHANGED[line.split(' ')[0]][1]}: " in line
