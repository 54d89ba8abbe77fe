"""Scheduled rules of EventBridge in a local cloud on virtual time: their firings, and the payloads of their targets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.local.apis.rules_stage import (
    MINUTE,
    QUEUE,
    RULE,
    START,
    bodies,
    events_of,
    function,
    open_queue,
    permit,
    policy_for,
    put,
    queue,
    received,
    results,
    role,
)


@pytest.fixture
def cloud() -> Iterator[VirtualCloud]:
    with VirtualCloud(START) as cloud:
        yield cloud


def test_a_rule_invokes_a_function_that_allows_it(cloud: VirtualCloud) -> None:
    arn = function(cloud, "report")
    put(cloud, "nightly", {"Arn": arn})
    permit(cloud, "report", "nightly")
    cloud.advance(MINUTE)
    [event] = results(cloud, "report")
    assert event["time"] == "2026-11-23T12:01:00Z"
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
    assert event["resources"] == [RULE.format("nightly")]
    assert [event["schedule"] for event in events_of(cloud, "fired")] == [RULE.format("nightly")]


@pytest.mark.parametrize("permitted", [None, "another"])
def test_a_function_without_the_permission_is_not_invoked(cloud: VirtualCloud, permitted: str | None) -> None:
    arn = function(cloud, "report")
    put(cloud, "nightly", {"Arn": arn, "DeadLetterConfig": {"Arn": open_queue(cloud, "letters")}}, {"Arn": arn})
    if permitted:
        permit(cloud, "report", permitted)
    cloud.advance(MINUTE)
    assert results(cloud, "report") == []
    [letter] = received(cloud, "letters")
    assert json.loads(letter["Body"])["source"] == "aws.events"
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert letter["MessageAttributes"]["RULE_ARN"]["StringValue"] == RULE.format("nightly")
    [dropped] = events_of(cloud, "dropped")
    assert dropped["reason"] == "NO_PERMISSIONS"
    assert "Add an AWS::Lambda::Permission" in dropped["error"]


def test_a_permission_may_be_for_an_alias(cloud: VirtualCloud) -> None:
    function(cloud, "report")
    functions = cloud.client("lambda")
    version = functions.publish_version(FunctionName="report")["Version"]
    alias = functions.create_alias(FunctionName="report", Name="live", FunctionVersion=version)["AliasArn"]
    put(cloud, "nightly", {"Arn": alias})
    permit(cloud, "report", "nightly")
    cloud.advance(MINUTE)
    assert results(cloud, "report") == []
    functions.add_permission(
        FunctionName="report",
        Qualifier="live",
        StatementId="alias",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=RULE.format("nightly"),
    )
    cloud.advance(MINUTE)
    assert len(results(cloud, "report")) == 1


def test_a_rule_sends_to_queues_and_topics(cloud: VirtualCloud) -> None:
    sns = cloud.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=policy_for("events.amazonaws.com", "sns:Publish")
    )
    inbox = queue(cloud, "inbox", Policy=policy_for("sns.amazonaws.com", "sqs:SendMessage"))
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox, Attributes={"RawMessageDelivery": "true"})
    ordered = open_queue(cloud, "ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    put(
        cloud,
        "nightly",
        {"Arn": open_queue(cloud, "plain"), "Input": '{"a": 1}'},
        {"Arn": ordered, "SqsParameters": {"MessageGroupId": "g"}, "InputPath": "$.time"},
        {"Arn": topic, "InputTransformer": {"InputPathsMap": {"at": "$.time"}, "InputTemplate": '{"at": <at>}'}},
    )
    cloud.advance(MINUTE)
    assert bodies(cloud, "plain") == [{"a": 1}]
    assert bodies(cloud, "ordered.fifo") == ["2026-11-23T12:01:00Z"]
    assert bodies(cloud, "inbox") == [{"at": "2026-11-23T12:01:00Z"}]
    assert events_of(cloud, "note") == []


def test_a_message_that_a_policy_forbids_arrives_with_a_note(cloud: VirtualCloud) -> None:
    topic = cloud.client("sns").create_topic(Name="news")["TopicArn"]
    put(cloud, "nightly", {"Arn": queue(cloud, "plain")}, {"Arn": topic})
    cloud.advance(MINUTE)
    assert len(received(cloud, "plain")) == 1
    notes = [note["text"] for note in events_of(cloud, "note")]
    assert [("plain" in note, topic in note) for note in notes] == [(True, False), (False, True)]
    assert all("on AWS" in note and "does not let events.amazonaws.com in" in note for note in notes)


def test_a_target_with_a_role_is_called_as_that_role(cloud: VirtualCloud) -> None:
    plain = queue(cloud, "plain")
    send = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": plain}
    arns = [
        role(cloud, "may", "events.amazonaws.com", send),
        role(cloud, "may-not", "events.amazonaws.com"),
        role(cloud, "of-another", "scheduler.amazonaws.com", send),
    ]
    put(cloud, "nightly", *({"Arn": plain, "RoleArn": arn} for arn in arns))
    cloud.advance(MINUTE)
    assert len(received(cloud, "plain")) == 1
    assert [event["reason"] for event in events_of(cloud, "dropped")] == ["NO_PERMISSIONS", "FAILED_TO_ASSUME_ROLE"]
    assert "assumed-role/may-not" in events_of(cloud, "dropped")[0]["error"]
    assert events_of(cloud, "note") == []


@pytest.mark.parametrize("arn", [QUEUE.format("missing"), "arn:aws:lambda:us-east-1:123456789012:function:missing"])
def test_a_missing_target_is_not_retried(cloud: VirtualCloud, arn: str) -> None:
    put(cloud, "nightly", {"Arn": arn, "DeadLetterConfig": {"Arn": open_queue(cloud, "letters")}})
    cloud.advance(MINUTE)
    [letter] = received(cloud, "letters")
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"
    assert letter["MessageAttributes"]["RETRY_ATTEMPTS"]["StringValue"] == "0"


def test_disable_enable_remove_and_delete(cloud: VirtualCloud) -> None:
    events = cloud.client("events")
    put(cloud, "nightly", {"Arn": open_queue(cloud, "plain")})
    events.disable_rule(Name="nightly")
    cloud.advance(3 * MINUTE)
    assert received(cloud, "plain") == []
    events.enable_rule(Name="nightly")
    cloud.advance(MINUTE)
    assert len(received(cloud, "plain")) == 1
    with pytest.raises(ClientError, match="Rule can't be deleted since it has targets"):
        events.delete_rule(Name="nightly")
    events.remove_targets(Rule="nightly", Ids=["0"])
    cloud.advance(MINUTE)
    assert received(cloud, "plain") == []
    fired = len(events_of(cloud, "fired"))
    events.delete_rule(Name="nightly")
    cloud.advance(MINUTE)
    assert len(events_of(cloud, "fired")) == fired


def test_an_update_changes_the_schedule_and_keeps_the_targets(cloud: VirtualCloud) -> None:
    events = cloud.client("events")
    put(cloud, "nightly", {"Arn": open_queue(cloud, "plain")}, expression="cron(0 3 * * ? *)")
    events.put_rule(Name="nightly", ScheduleExpression="cron(10/30 * * * ? *)")
    cloud.advance(timedelta(hours=1))
    assert [body["time"][11:16] for body in bodies(cloud, "plain")] == ["12:10", "12:40"]
    assert events.list_targets_by_rule(Rule="nightly")["Targets"][0]["Arn"] == QUEUE.format("plain")
    events.put_rule(Name="nightly", ScheduleExpression="cron(10/30 * * * ? *)", State="DISABLED")
    cloud.advance(timedelta(hours=1))
    assert received(cloud, "plain") == []


def test_put_events_reaches_no_scheduled_rule(cloud: VirtualCloud) -> None:
    put(cloud, "nightly", {"Arn": open_queue(cloud, "plain")}, expression="cron(0 3 * * ? *)")
    entry = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
    assert cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    assert received(cloud, "plain") == []


def test_a_snapshot_restores_rules(cloud: VirtualCloud) -> None:
    put(cloud, "nightly", {"Arn": open_queue(cloud, "plain")})
    clean = cloud.snapshot()
    for _ in range(2):
        cloud.advance(2 * MINUTE)
        assert [body["time"][11:16] for body in bodies(cloud, "plain")] == ["12:01", "12:02"]
        cloud.restore(clean)
    cloud.jump(START + timedelta(days=1))
    cloud.advance(MINUTE)
    assert [body["time"] for body in bodies(cloud, "plain")] == ["2026-11-24T12:01:00Z"]
