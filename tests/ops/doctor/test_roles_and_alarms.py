"""Roles that lost rights or got some, and alarms without a receiver."""

from __future__ import annotations

import json

from cronstack_infra.ops.doctor.checks.catalog import CHECKS
from tests.ops.doctor.conftest import STACK, Doctor

EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def role_of(doctor: Doctor, job: str) -> str:
    got = doctor.cloud.client("lambda").get_function_configuration(FunctionName=f"{STACK}-{job}")
    return str(got["Role"]).rpartition("/")[2]


def topic(doctor: Doctor) -> str:
    (arn,) = [entry["TopicArn"] for entry in doctor.cloud.client("sns").list_topics()["Topics"]]
    return str(arn)


def handler_alarm(doctor: Doctor) -> str:
    return doctor.physical("SharedWorkAlarm")


def test_a_removed_policy_is_found_and_restored(doctor: Doctor) -> None:
    role = role_of(doctor, "sweeps")
    doctor.cloud.client("iam").delete_role_policy(RoleName=role, PolicyName="job")
    found = doctor.only("permissions")
    assert (found.severity, found.where) == ("error", f"role {role}")
    assert found.what.startswith("Policy.job is not set; the template has")
    doctor.carry_out(found.remedy)
    assert doctor.findings("permissions") == []


def test_a_policy_that_was_added_by_hand_is_found_and_removed(doctor: Doctor) -> None:
    role = role_of(doctor, "sweeps")
    doctor.cloud.client("iam").put_role_policy(RoleName=role, PolicyName="all", PolicyDocument=EVERYTHING)
    found = doctor.only("permissions")
    assert "the template has not set" in found.what
    assert "rights that the stack does not give" in found.why
    doctor.carry_out(found.remedy)
    assert doctor.findings("permissions") == []


def test_an_edited_trust_is_found_and_restored(doctor: Doctor) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    role = doctor.physical("SharedSchedulerRole")
    doctor.cloud.client("iam").update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    found = doctor.only("permissions")
    assert found.where == f"role {role}"
    assert found.what.startswith("Trust is")
    doctor.carry_out(found.remedy)
    assert doctor.findings("permissions") == []


def test_a_missing_role_is_found(doctor: Doctor) -> None:
    iam, role = doctor.cloud.client("iam"), role_of(doctor, "weekdays")
    iam.delete_role_policy(RoleName=role, PolicyName="job")
    iam.delete_role(RoleName=role)
    found = doctor.only("permissions")
    assert found.what == "it is in the template and does not exist: deleted by hand"


def test_an_edited_grant_is_found(doctor: Doctor) -> None:
    """The bucket's grant is a policy resource of its own; it belongs to the role."""
    role = role_of(doctor, "nightly")
    (name,) = [
        name for name in doctor.cloud.client("iam").list_role_policies(RoleName=role)["PolicyNames"] if name != "job"
    ]
    doctor.cloud.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=EVERYTHING)
    assert doctor.only("permissions").what.startswith(f"Policy.{name} is")


def test_an_alarm_without_action_and_one_that_is_disabled(doctor: Doctor) -> None:
    cloudwatch, name = doctor.cloud.client("cloudwatch"), handler_alarm(doctor)
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    found = doctor.only("alarms")
    assert (found.severity, found.what) == ("error", "its actions are disabled")
    doctor.carry_out(found.remedy)
    assert doctor.findings("alarms") == []
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    kept = ("AlarmName", "Metrics", "Threshold")
    others = ("EvaluationPeriods", "ComparisonOperator", "TreatMissingData")
    cloudwatch.put_metric_alarm(**{key: alarm[key] for key in (*kept, *others)})
    found = doctor.only("alarms")
    assert (found.where, found.what) == (f"alarm {name}", "it has no action")
    assert "cronstack:alarms-to" in found.remedy


def test_an_alarm_in_alarm(doctor: Doctor) -> None:
    cloudwatch, name = doctor.cloud.client("cloudwatch"), handler_alarm(doctor)
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a letter")
    found = doctor.only("alarms")
    assert (found.what, found.remedy) == ("it is in ALARM", "cronstack dead-letters list")
    assert "dead letter" in found.why


def test_a_topic_without_a_confirmed_subscriber(doctor: Doctor) -> None:
    sns, arn = doctor.cloud.client("sns"), topic(doctor)
    (entry,) = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    sns.unsubscribe(SubscriptionArn=entry["SubscriptionArn"])
    found = doctor.only("alarms")
    assert found.what == "it has no confirmed subscriber"
    assert found.remedy.startswith(f"aws sns subscribe --topic-arn {arn} --protocol email")


def test_a_deleted_topic(doctor: Doctor) -> None:
    doctor.cloud.client("sns").delete_topic(TopicArn=topic(doctor))
    assert doctor.only("alarms").what == "alarms notify it, and it does not exist"


def test_without_rights_each_check_names_the_actions_it_needs(doctor: Doctor) -> None:
    doctor.denied = {
        "get_role": "iam",
        "get_account_summary": "iam",
        "describe_alarms": "cloudwatch",
        "receive_message": "sqs",
        "list_schedules": "scheduler",
        "query": "dynamodb",
    }
    found = doctor.findings(*(check.name for check in CHECKS if check.name != "drift"))
    assert {finding.severity for finding in found} == {"unchecked"}
    assert {(finding.check, finding.what.rpartition(" ")[2]) for finding in found} == {
        ("permissions", "iam:GetRole"),
        ("alarms", "cloudwatch:DescribeAlarms"),
        ("strays", "scheduler:ListSchedules"),
        ("letters", "sqs:ReceiveMessage"),
        ("zones", "dynamodb:Query"),
        ("index", "dynamodb:Query"),
        ("quotas", "iam:GetAccountSummary"),
    }
