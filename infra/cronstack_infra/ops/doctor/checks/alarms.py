"""The alarms of the stack: whether they can notify, which topics they use, and which of them are in ALARM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cronstack_infra.ops.doctor.drift.compare import command
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.requests import NotRead
from cronstack_infra.ops.doctor.scene import Scene

KINDS: Final = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
MOST: Final = 100
"""Names in one request."""
TO: Final = 'set "cronstack:alarms-to" in cdk.json to an address or a topic, then: cronstack cdk deploy'


@dataclass(frozen=True)
class Facts:
    """Alarms as CloudWatch describes them, and the subscriptions of their topics."""

    alarms: Sequence[Mapping[str, Any]]
    topics: Mapping[str, Sequence[Mapping[str, Any]] | NotRead | None] = field(default_factory=dict)
    """Subscriptions by the ARN of the topic; None if the topic does not exist."""


def check(scene: Scene) -> Iterator[Finding | NotRead]:
    """Yield alarms without a receiver, and alarms that are in ALARM."""
    return judge(read(scene))


def read(scene: Scene) -> Facts:
    requests, names = scene.requests, [resource.id for resource in scene.stack.resources(*KINDS)]
    alarms: list[Mapping[str, Any]] = []
    for first in range(0, len(names), MOST):
        chunk, types = names[first : first + MOST], ["MetricAlarm", "CompositeAlarm"]
        answer = requests.ask("cloudwatch", "describe_alarms", AlarmNames=chunk, AlarmTypes=types) or {}
        alarms += [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]
    arns = sorted({arn for alarm in alarms for arn in alarm.get("AlarmActions", ()) if ":sns:" in arn})

    def subscriptions(arn: str) -> Sequence[Mapping[str, Any]] | None:
        if requests.ask("sns", "get_topic_attributes", TopicArn=arn) is None:
            return None
        return list(requests.pages("sns", "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn))

    return Facts(alarms, dict(zip(arns, requests.each(subscriptions, arns), strict=True)))


def judge(facts: Facts) -> Iterator[Finding | NotRead]:
    for alarm in facts.alarms:
        yield from _of_alarm(alarm)
    for arn, subscriptions in facts.topics.items():
        if isinstance(subscriptions, NotRead):
            yield subscriptions
        else:
            yield from _of_topic(arn, subscriptions)


def _of_alarm(alarm: Mapping[str, Any]) -> Iterator[Finding]:
    name = str(alarm["AlarmName"])
    where = f"alarm {name}"
    if not alarm.get("AlarmActions"):
        why = "It only changes its color in the console: a failure stays unseen."
        yield Finding("warning", where, "it has no action", why, TO)
    elif not alarm.get("ActionsEnabled", True):
        remedy = command("aws", "cloudwatch", "enable-alarm-actions", "--alarm-names", name)
        yield Finding("error", where, "its actions are disabled", "A failure stays unseen.", remedy)
    if alarm.get("StateValue") == "ALARM":
        about = str(alarm.get("AlarmDescription") or "What it watches has happened.")
        read = [entry["MetricStat"]["Metric"] for entry in alarm.get("Metrics", ()) if "MetricStat" in entry]
        letters = "AWS/SQS" in {metric.get("Namespace") for metric in (alarm, *read)}
        remedy = "cronstack dead-letters list" if letters else "cronstack incidents list"
        yield Finding("error", where, "it is in ALARM", about, remedy)


def _of_topic(arn: str, subscriptions: Sequence[Mapping[str, Any]] | None) -> Iterator[Finding]:
    where, subscribe = f"topic {arn.rpartition(':')[2]}", ("aws", "sns", "subscribe", "--topic-arn", arn)
    if subscriptions is None:
        why = "The alarms that notify it have no receiver."
        yield Finding("error", where, "alarms notify it, and it does not exist", why, TO)
        return
    waiting = [entry for entry in subscriptions if not str(entry["SubscriptionArn"]).startswith("arn:")]
    for entry in waiting:
        protocol, address = str(entry.get("Protocol", "")), str(entry.get("Endpoint", ""))
        again = command(*subscribe, "--protocol", protocol, "--notification-endpoint", address)
        why = "SNS sends nothing to it before it is confirmed, and deletes it after a few days."
        remedy = f"open the link that SNS has sent, or let SNS send it again: {again}"
        yield Finding("warning", where, f"the subscription of {address} is not confirmed", why, remedy)
    if len(waiting) == len(subscriptions):
        remedy = command(*subscribe, "--protocol", "email", "--notification-endpoint", "ops@example.com")
        why = "Alarms are sent to it, and reach no person."
        yield Finding("error", where, "it has no confirmed subscriber", why, remedy)
