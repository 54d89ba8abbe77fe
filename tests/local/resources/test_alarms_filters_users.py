"""Metric filters, composite alarms, groups and users: types that Cronstack itself does not use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, get, queue, ref
from tests.tools.drift import drift


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def part(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties}


def allows(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def metric_filter(group: Any = None, **properties: Any) -> dict[str, Any]:
    counted = {"MetricName": "Errors", "MetricNamespace": "Jobs", "MetricValue": "1"}
    given = {"LogGroupName": group or ref("Log"), "FilterPattern": "ERROR", "MetricTransformations": [counted]}
    return part("Logs::MetricFilter", **{**given, **properties})


def filters(stack: Stack, group: str) -> list[dict[str, Any]]:
    listed = stack.cloud.client("logs").describe_metric_filters(logGroupName=stack.physical(group))["metricFilters"]
    return [dict(item) for item in listed]


def test_updates_of_a_metric_filter(stack: Stack) -> None:
    log = {"Log": part("Logs::LogGroup"), "Other": part("Logs::LogGroup")}
    counted = {
        "MetricName": "Late",
        "MetricNamespace": "Jobs",
        "MetricValue": "$.late",
        "Unit": "Seconds",
        "Dimensions": [{"Key": "job", "Value": "$.job"}],
    }
    everything = metric_filter(FilterPattern="{ $.late = * }", MetricTransformations=[counted])
    outputs = {"Name": {"Value": ref("Filter")}}
    assert stack.deploy({**log, "Filter": everything}, Outputs=outputs) == "CREATE_COMPLETE", stack.reasons()
    [stored] = filters(stack, "Log")
    assert stack.outputs()["Name"] == stack.physical("Filter") == stored["filterName"]
    assert stored["filterPattern"] == "{ $.late = * }"
    assert stored["metricTransformations"] == [
        {
            "metricName": "Late",
            "metricNamespace": "Jobs",
            "metricValue": "$.late",
            "unit": "Seconds",
            "dimensions": {"job": "$.job"},
        }
    ]
    assert drift(stack.cloud.client, stack.name) == []
    plain = {**counted, "DefaultValue": "0"}
    plain.pop("Dimensions")
    assert stack.deploy({**log, "Filter": metric_filter(MetricTransformations=[plain])}) == "UPDATE_COMPLETE"
    [stored] = filters(stack, "Log")
    assert stored["metricTransformations"][0]["defaultValue"] == 0
    assert stack.physical("Filter") == stored["filterName"]
    assert drift(stack.cloud.client, stack.name) == []
    assert stack.deploy({**log, "Filter": metric_filter(ref("Other"))}) == "UPDATE_COMPLETE", (
        "the old filter is replaced"
    )
    assert (filters(stack, "Log"), len(filters(stack, "Other"))) == ([], 1)
    stack.cloud.client("logs").delete_metric_filter(
        filterName=stack.physical("Filter"), logGroupName=stack.physical("Other")
    )
    lines = drift(stack.cloud.client, stack.name)
    assert {line.split(" ")[0] for line in lines} == {"Filter"}
    stack.delete()
    assert not stack.exists()


FILTERS = [
    (metric_filter("/missing"), "log group does not exist"),
    (metric_filter(FieldSelectionCriteria="x"), "FieldSelectionCriteria"),
    (metric_filter(ApplyOnTransformedLogs="true"), "ApplyOnTransformedLogs"),
    (metric_filter(FilterName="a:b"), "filterName"),
    (metric_filter(MetricTransformations=[]), "metricTransformations"),
    (
        metric_filter(
            MetricTransformations=[
                {
                    "MetricName": "a",
                    "MetricNamespace": "b",
                    "MetricValue": "1",
                    "DefaultValue": 0,
                    "Dimensions": [{"Key": "a", "Value": "$.a"}],
                }
            ]
        ),
        "dimensions and default value are mutually exclusive properties",
    ),
]


@pytest.mark.parametrize(("given", "message"), FILTERS)
def test_a_metric_filter_is_refused(stack: Stack, given: dict[str, Any], message: str) -> None:
    assert stack.deploy({"Log": part("Logs::LogGroup"), "Filter": given}) == "ROLLBACK_COMPLETE"
    assert message in stack.reasons()[0]


def test_the_name_of_a_metric_filter_is_unique_in_its_group(stack: Stack) -> None:
    name = f"/jobs/{stack.name}"
    resources = {"Log": part("Logs::LogGroup", LogGroupName=name), "Filter": metric_filter(FilterName="errors")}
    assert stack.deploy(resources) == "CREATE_COMPLETE"
    other = Stack.new(stack.cloud)
    assert other.deploy({"Filter": metric_filter(name, FilterName="errors")}) == "ROLLBACK_COMPLETE"
    assert "already exists" in other.reasons()[0]
    assert len(filters(stack, "Log")) == 1, "the other stack has not deleted the filter"
    counted = {"metricName": "a", "metricNamespace": "b", "metricValue": "1"}
    stack.cloud.client("logs").put_metric_filter(
        logGroupName=name, filterName="by-hand", filterPattern="", metricTransformations=[counted]
    )
    stack.delete()
    assert stack.cloud.client("logs").describe_metric_filters(logGroupName=name)["metricFilters"] == []


def test_subscription_filters_are_refused(stack: Stack) -> None:
    with pytest.raises(ClientError, match="AWS::Logs::SubscriptionFilter: log lines are not delivered"):
        stack.deploy({"Filter": part("Logs::SubscriptionFilter")})


def alarm() -> dict[str, Any]:
    metric = {"Namespace": "Jobs", "MetricName": "Errors", "ComparisonOperator": "GreaterThanThreshold"}
    return part("CloudWatch::Alarm", **metric, EvaluationPeriods=1, Period=60, Statistic="Sum", Threshold=1)


def composite(*states: str, **properties: Any) -> dict[str, Any]:
    rule: list[Any] = ["("]
    for state in states or ("ALARM",):
        rule += [*([" OR NOT "] if len(rule) > 1 else []), f'{state}("', get("One", "Arn"), '")']
    return part("CloudWatch::CompositeAlarm", **{"AlarmRule": {"Fn::Join": ["", [*rule, ")"]]}, **properties})


def test_updates_of_a_composite_alarm(stack: Stack) -> None:
    client = stack.cloud.client("cloudwatch")
    topic = part("SNS::Topic")

    def described() -> dict[str, Any]:
        names, kinds = [stack.physical("All")], ["CompositeAlarm"]
        [alarm] = client.describe_alarms(AlarmNames=names, AlarmTypes=kinds)["CompositeAlarms"]
        return dict(alarm)

    def tags() -> list[dict[str, str]]:
        return [dict(tag) for tag in client.list_tags_for_resource(ResourceARN=described()["AlarmArn"])["Tags"]]

    everything = composite(
        "ALARM",
        "OK",
        ActionsEnabled="false",
        AlarmDescription="all of it",
        AlarmActions=[ref("Topic")],
        OKActions=[ref("Topic")],
        InsufficientDataActions=[ref("Topic")],
        Tags=[{"Key": "team", "Value": "ops"}],
    )
    resources = {"One": alarm(), "Topic": topic, "All": everything}
    outputs = {"Arn": {"Value": get("All", "Arn")}, "Name": {"Value": ref("All")}}
    assert stack.deploy(resources, Outputs=outputs) == "CREATE_COMPLETE", stack.reasons()
    first = described()
    assert stack.outputs() == {"Arn": first["AlarmArn"], "Name": first["AlarmName"]}
    assert first["AlarmRule"].startswith('(ALARM("arn:aws:cloudwatch:')
    assert first["AlarmRule"].count(" OR NOT OK(") == 1
    assert (first["ActionsEnabled"], first["AlarmDescription"]) == (False, "all of it")
    assert first["AlarmActions"] == first["OKActions"] == first["InsufficientDataActions"] == [stack.physical("Topic")]
    assert tags() == [{"Key": "team", "Value": "ops"}]
    assert drift(stack.cloud.client, stack.name) == []
    resources["All"] = composite()
    assert stack.deploy(resources) == "UPDATE_COMPLETE"
    second = described()
    assert (second["AlarmName"], second["ActionsEnabled"], tags()) == (first["AlarmName"], True, [])
    assert not second.get("AlarmActions")
    assert drift(stack.cloud.client, stack.name) == []
    resources["All"] = composite(AlarmName=f"{stack.name}-all")
    assert stack.deploy(resources) == "UPDATE_COMPLETE"
    assert client.describe_alarms(AlarmNames=[first["AlarmName"]])["CompositeAlarms"] == []
    assert described()["AlarmName"] == f"{stack.name}-all"
    client.delete_alarms(AlarmNames=[f"{stack.name}-all"])
    with pytest.raises(ValueError, match="unpack"):
        drift(stack.cloud.client, stack.name)
    stack.delete()
    assert not stack.exists()


COMPOSITES = [
    (composite(AlarmRule="ALARM(missing) OR ALARM(another)"), "as alarms [another, missing] in the alarm rule do not"),
    (composite(AlarmRule="ALARM("), "AlarmRule"),
    (composite(AlarmRule="TRUE FALSE"), "AlarmRule"),
    (composite(ActionsSuppressor="x"), "ActionsSuppressor"),
]


@pytest.mark.parametrize(("given", "message"), COMPOSITES)
def test_a_composite_alarm_is_refused(stack: Stack, given: dict[str, Any], message: str) -> None:
    assert stack.deploy({"One": alarm(), "All": given}) == "ROLLBACK_COMPLETE"
    assert message in stack.reasons()[0]


def test_groups_and_their_users(stack: Stack) -> None:
    iam = stack.cloud.client("iam")
    managed = part("IAM::ManagedPolicy", PolicyDocument=allows("s3:*"))

    def inline(**actions: str) -> list[dict[str, Any]]:
        return [{"PolicyName": name, "PolicyDocument": allows(action)} for name, action in actions.items()]

    def members(group: str) -> list[str]:
        return [user["UserName"] for user in iam.get_group(GroupName=stack.physical(group))["Users"]]

    def policies(group: str) -> tuple[list[str], list[str]]:
        name = stack.physical(group)
        attached = iam.list_attached_group_policies(GroupName=name)["AttachedPolicies"]
        return iam.list_group_policies(GroupName=name)["PolicyNames"], [policy["PolicyArn"] for policy in attached]

    resources = {
        "Managed": managed,
        "Ops": part(
            "IAM::Group", Path="/teams/", Policies=inline(one="s3:Get*", two="s3:*"), ManagedPolicyArns=[ref("Managed")]
        ),
        "Dev": part("IAM::Group", ManagedPolicyArns=["arn:aws:iam::aws:policy/IAMReadOnlyAccess"]),
        "Policy": part("IAM::Policy", PolicyName="p", PolicyDocument=allows("sns:*"), Groups=[ref("Dev")]),
        "Ann": part("IAM::User", Groups=[ref("Ops")]),
        "Bob": part("IAM::User"),
        "Members": part("IAM::UserToGroupAddition", GroupName=ref("Dev"), Users=[ref("Bob")]),
    }
    outputs = {"Arn": {"Value": get("Ops", "Arn")}, "Id": {"Value": get("Members", "Id")}}
    assert stack.deploy(resources, Outputs=outputs) == "CREATE_COMPLETE", stack.reasons()
    ann, bob, ops = (stack.physical(name) for name in ("Ann", "Bob", "Ops"))
    assert stack.outputs()["Arn"].endswith(f":group/teams/{ops}")
    assert stack.outputs()["Id"] == stack.physical("Members")
    assert (members("Ops"), members("Dev")) == ([ann], [bob])
    assert policies("Ops") == (["one", "two"], [stack.physical("Managed")])
    assert drift(stack.cloud.client, stack.name) == []
    resources |= {
        "Ops": part("IAM::Group", Path="/", Policies=inline(two="sqs:*")),
        "Ann": part("IAM::User", Groups=[ref("Dev")]),
        "Members": part("IAM::UserToGroupAddition", GroupName=ref("Ops"), Users=[ref("Bob")]),
    }
    assert stack.deploy(resources) == "UPDATE_COMPLETE", stack.reasons()
    assert stack.physical("Ops") == ops
    assert (members("Ops"), members("Dev"), policies("Ops")) == ([bob], [ann], (["two"], []))
    assert drift(stack.cloud.client, stack.name) == []
    iam.remove_user_from_group(GroupName=ops, UserName=bob)
    iam.put_group_policy(GroupName=ops, PolicyName="by-hand", PolicyDocument=json.dumps(allows("*")))
    assert len(drift(stack.cloud.client, stack.name)) == 2
    iam.delete_group_policy(GroupName=ops, PolicyName="by-hand")
    stack.delete()
    assert not stack.exists()
    assert {ann, bob} & {user["UserName"] for user in iam.list_users()["Users"]} == set()


def test_a_group_with_an_external_member_stays(stack: Stack) -> None:
    iam, name = stack.cloud.client("iam"), f"{stack.name}-group"
    assert stack.deploy({"Group": part("IAM::Group", GroupName=name), "Queue": queue()}) == "CREATE_COMPLETE"
    iam.create_user(UserName=stack.name)
    iam.add_user_to_group(GroupName=name, UserName=stack.name)
    assert stack.deploy({"Group": part("IAM::Group", GroupName=f"{name}-2"), "Queue": queue()}) == "UPDATE_COMPLETE"
    assert ("Group", "DELETE_FAILED") in stack.events()
    assert "must remove users from group first" in stack.reasons()[0]
    other = Stack.new(stack.cloud)
    assert other.deploy({"Group": part("IAM::Group", GroupName=name)}) == "ROLLBACK_COMPLETE"
    assert "already exists" in other.reasons()[0]
    last = Stack.new(stack.cloud)
    unknown = part("IAM::UserToGroupAddition", GroupName=name, Users=["unknown-user"])
    assert last.deploy({"Members": unknown}) == "ROLLBACK_COMPLETE"
    assert "unknown-user" in last.reasons()[0]


def test_a_user_with_all_properties_and_with_the_defaults(stack: Stack) -> None:
    iam, name = stack.cloud.client("iam"), f"{stack.name}-user"
    everything = part(
        "IAM::User",
        UserName=name,
        Path="/people/",
        Policies=[{"PolicyName": "one", "PolicyDocument": allows("s3:*")}],
        ManagedPolicyArns=["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
        LoginProfile={"Password": "a Password 1!", "PasswordResetRequired": "true"},
        Tags=[{"Key": "team", "Value": "ops"}],
    )
    outputs = {"Arn": {"Value": get("User", "Arn")}}
    assert stack.deploy({"User": everything}, Outputs=outputs) == "CREATE_COMPLETE", stack.reasons()
    assert stack.outputs()["Arn"].endswith(f":user/people/{name}")
    assert iam.get_user(UserName=name)["User"]["Tags"] == [{"Key": "team", "Value": "ops"}]
    assert iam.get_login_profile(UserName=name)["LoginProfile"]["PasswordResetRequired"] is True
    assert drift(stack.cloud.client, stack.name) == []
    assert stack.deploy({"User": part("IAM::User", UserName=name)}) == "UPDATE_COMPLETE", stack.reasons()
    assert iam.list_user_policies(UserName=name)["PolicyNames"] == []
    assert iam.list_attached_user_policies(UserName=name)["AttachedPolicies"] == []
    with pytest.raises(ClientError, match="not found"):
        iam.get_login_profile(UserName=name)
    assert drift(stack.cloud.client, stack.name) == []
    bounded = part(
        "IAM::User",
        UserName=name,
        PermissionsBoundary="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    )
    assert stack.deploy({"User": bounded}) == "UPDATE_ROLLBACK_COMPLETE"
    assert "PermissionsBoundary" in stack.reasons()[0]
    iam.create_access_key(UserName=name)
    stack.delete()
    assert "must delete access keys first" in stack.describe()["StackStatusReason"]


def test_a_dashboard_is_stored_updated_and_deleted(stack: Stack) -> None:
    def board(title: str) -> dict[str, Any]:
        body = json.dumps({"widgets": [{"type": "text", "properties": {"markdown": title}}]})
        return part("CloudWatch::Dashboard", DashboardName=stack.name, DashboardBody=body)

    cloudwatch = stack.cloud.client("cloudwatch")
    for title in ("first", "second"):
        stack.deploy({"Board": board(title), "Queue": part("SQS::Queue")})
        assert title in cloudwatch.get_dashboard(DashboardName=stack.name)["DashboardBody"]
    assert stack.physical("Board") == stack.name
    stack.deploy({"Queue": part("SQS::Queue")})
    assert stack.name not in {entry["DashboardName"] for entry in cloudwatch.list_dashboards()["DashboardEntries"]}
