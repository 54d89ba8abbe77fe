"""Topic and alarms: few, on metrics that AWS documents, each with its actions, its help and a command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cronstack.errors import DeclarationError
from tests.infra.aws.alarms.documented_metrics import is_documented
from tests.infra.conftest import Synthesize
from tests.tools.template import ACCOUNT, REGION, name_of, of_type, properties, resolved

Template = dict[str, Any]
ONE_JOB = "@job(schedule=rate('1 hour'))\ndef nightly(run): ..."
MAIL = "ops@example.com"
ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:ops"


def alarms_of(template: Template) -> dict[str, dict[str, Any]]:
    return {key: properties(template, key) for key in of_type(template, "AWS::CloudWatch::Alarm")}


def metrics_of(alarm: dict[str, Any]) -> Iterator[tuple[str, str, frozenset[str], tuple[str, ...]]]:
    """Yield namespace, name, dimensions and their values of each metric that an alarm reads."""
    stats = [query["MetricStat"]["Metric"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
    for metric in stats or [alarm]:
        dimensions = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
        yield metric["Namespace"], metric["MetricName"], frozenset(dimensions), tuple(dimensions.values())


@pytest.fixture
def one_job(synthesize: Synthesize) -> Template:
    return synthesize(ONE_JOB, cronstack__watchdog="true")


def test_the_smallest_stack_has_one_alarm_for_each_job(one_job: Template, synthesize: Synthesize) -> None:
    """Its jobs are the watchdog and one of the user."""
    assert set(alarms_of(one_job)) == {"SharedWorkAlarm", "SharedWatchdogAlarm"}
    assert len(of_type(one_job, "AWS::Scheduler::Schedule")) == 2
    assert set(alarms_of(synthesize(ONE_JOB, cronstack__watchdog="false"))) == {"SharedWorkAlarm"}


def test_alarms_read_only_metrics_that_aws_documents(one_job: Template) -> None:
    read = [metric for alarm in alarms_of(one_job).values() for metric in metrics_of(alarm)]
    assert len(read) == 9, "each costs 0.10 dollars a month: update the costs in METRICS.md"
    for namespace, name, dimensions, _ in read:
        assert is_documented(namespace, name, dimensions), (namespace, name, dimensions)


def test_the_alarm_on_work_reads_both_queues_and_all_three_groups(one_job: Template) -> None:
    read = set(metrics_of(alarms_of(one_job)["SharedWorkAlarm"]))
    queues = [name_of(one_job, f"Shared{origin}DeadLetters") for origin in ("Handler", "Delivery")]
    letters = "ApproximateNumberOfMessagesVisible"
    lost = ("InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount")
    assert read == {
        *(("AWS/SQS", letters, frozenset({"QueueName"}), (queue,)) for queue in queues),
        *(
            ("AWS/Scheduler", metric, frozenset({"ScheduleGroup"}), (group,))
            for metric in lost
            for group in ("shop", "shop-carriers", "shop-once")
        ),
    }


def test_the_alarm_on_work_starts_at_one_letter_or_lost_event_also_if_other_metrics_have_no_data(
    one_job: Template,
) -> None:
    alarm = alarms_of(one_job)["SharedWorkAlarm"]
    [total] = [query for query in alarm["Metrics"] if query.get("ReturnData")]
    ids = [query["Id"] for query in alarm["Metrics"] if query is not total]
    assert total["Expression"] == " + ".join(f"FILL({id}, 0)" for id in ids)
    assert len(alarm["Metrics"]) <= 10, "CloudWatch's limit of one alarm"
    assert {query["MetricStat"]["Period"] for query in alarm["Metrics"] if query is not total} == {60}
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (1, 5)


def test_silence_of_the_watchdog_is_an_alarm(one_job: Template) -> None:
    alarm = alarms_of(one_job)["SharedWatchdogAlarm"]
    assert list(metrics_of(alarm)) == [("Cronstack", "WatchdogPasses", frozenset({"Stack"}), ("shop",))]
    assert alarm["TreatMissingData"] == "breaching"
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["Statistic"]) == ("LessThanThreshold", 1, "Sum")
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 900
    assert alarm["DatapointsToAlarm"] == alarm["EvaluationPeriods"]


def test_every_alarm_notifies_of_its_start_and_end_and_has_a_help_page_and_a_command(one_job: Template) -> None:
    topic = resolved(one_job, one_job["Outputs"]["AlarmTopic"]["Value"])
    for alarm in alarms_of(one_job).values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
        assert re.search(
            r"^shop: .*Run: cronstack .*Help: cronstack incidents help [a-z-]+$", alarm["AlarmDescription"]
        )
        assert len(alarm["AlarmDescription"]) <= 1024, "CloudWatch's limit"


def test_alarms_of_the_account_may_publish_to_the_topic_and_no_others(one_job: Template) -> None:
    [policy] = of_type(one_job, "AWS::SNS::TopicPolicy")
    found = properties(one_job, policy)
    topic = resolved(one_job, one_job["Outputs"]["AlarmTopic"]["Value"])
    assert found["Topics"] == [topic]
    assert found["PolicyDocument"]["Statement"] == [
        {
            "Sid": "AlarmsMayPublish",
            "Effect": "Allow",
            "Principal": {"Service": "cloudwatch.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": topic,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:*"},
            },
        }
    ]


def test_a_mail_address_gets_a_subscription(synthesize: Synthesize) -> None:
    template = synthesize(ONE_JOB, **{"cronstack__alarms-to": MAIL})
    [mail] = of_type(template, "AWS::SNS::Subscription")
    topic = resolved(template, template["Outputs"]["AlarmTopic"]["Value"])
    assert properties(template, mail) == {"Protocol": "email", "Endpoint": MAIL, "TopicArn": topic}


def test_the_arn_of_a_topic_replaces_the_own_topic(synthesize: Synthesize) -> None:
    template = synthesize(ONE_JOB, **{"cronstack__alarms-to": ARN, "cronstack__watchdog": "true"})
    assert not of_type(template, "AWS::SNS::Topic")
    assert template["Outputs"]["AlarmTopic"]["Value"] == ARN
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms_of(template).values()} == {(ARN,)}
    functions = [properties(template, key) for key in of_type(template, "AWS::Lambda::Function")]
    [watchdog] = [function for function in functions if function.get("FunctionName") == "shop-watchdog"]
    assert watchdog["Environment"]["Variables"]["CRONSTACK_ALARM_TOPIC"] == ARN


def test_a_topic_of_the_cdk_gets_the_right_of_alarms(tmp_path: Any) -> None:
    import aws_cdk as cdk
    from aws_cdk import aws_sns as sns

    from cronstack_infra.aws import CronstackStack

    (tmp_path / "functions/jobs").mkdir(parents=True)
    app = cdk.App(outdir=str(tmp_path / "out"), builtin_cloud_formation_validation=False)
    other = cdk.Stack(app, "other")
    topic = sns.Topic(other, "Ops")
    CronstackStack(app, "shop", jobs=(), functions_root=tmp_path / "functions", alarms_to=topic)
    app.synth()
    theirs = json.loads((tmp_path / "out/other.template.json").read_text())
    [policy] = of_type(theirs, "AWS::SNS::TopicPolicy")
    assert properties(theirs, policy)["PolicyDocument"]["Statement"][0]["Sid"] == "AlarmsMayPublish"


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("alarms-to", "ops", "mail address"),
        ("alarms-to", "ops@example", "mail address"),
        ("alarms-to", "a@example.com, b@example.com", "mail address"),
        ("alarms-to", "arn:aws:sns:eu-central-1:1:ops", "ARN of a standard topic"),
        ("alarms-to", f"{ARN}.fifo", "ARN of a standard topic"),
        ("alarms-to", "arn:aws:sqs:eu-central-1:123456789012:ops", "ARN of a standard topic"),
        ("metrics", "jobs", "stack, job, none"),
        ("watchdog", "yes", "true, false, always"),
        ("dashboard", "1", "true, false"),
        ("tracing", "on", "true, false"),
    ],
)
def test_a_bad_value_is_refused_with_the_valid_ones(synthesize: Synthesize, key: str, value: str, remedy: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        synthesize(ONE_JOB, **{f"cronstack__{key}": value})
    assert str(caught.value).startswith(f"cdk.json: context \"cronstack:{key}\" is '{value}'")
    assert remedy in caught.value.remedy
