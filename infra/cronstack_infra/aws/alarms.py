"""The topic of a stack, and its alarms: as few as notify of everything.

The watchdog notifies of each problem by job and cause, and publishes to the topic itself. So two alarms suffice, one
for each job of the smallest stack, which has the watchdog and one job:

  - ``watchdog``: no pass has finished for 15 minutes. Nothing else notices the silence of the watchdog. It is an alarm
    of its own, because another problem that lasts must not hide it.
  - ``work``: a dead letter exists, or Scheduler has dropped an event. It does not depend on the code of Cronstack, and
    notifies within minutes. While it is on, it hides further letters. The watchdog reports these, each by its job.

``Dead`` and ``Missed`` have no alarm: a dead or missed run has a dead letter. ``Failures`` has none: an attempt that
fails has a further attempt, or ends as a dead letter. Throttled invocations have none: Scheduler repeats them, and
drops an event when its time is up. A dropped event is a dead letter as well. If it cannot be sent to its queue, the
event is lost, and only ``InvocationsFailedToBeSentToDeadLetterCount`` shows it.

CloudWatch charges an alarm for each metric that it reads: 0.10 dollars a month.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from aws_cdk import Annotations, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from cronstack.telemetry import metrics
from cronstack.watchdog.texts import HELP
from cronstack_infra import names
from cronstack_infra.aws import logical_ids
from cronstack_infra.aws.checks.options import ALARMS_TO_CONTEXT, Operations
from cronstack_infra.aws.foundation import Foundation

MINUTE: Final = 60
"""Seconds of a period of the alarm ``work``."""
SPAN: Final = 5
"""Minutes that the alarm ``work`` looks back. Metrics may come minutes late, and a late value must count, too."""
PASS: Final = 300
"""Seconds between two passes of the watchdog."""
SILENT: Final = 3
"""Passes without a heartbeat until the alarm ``watchdog`` starts."""
PASSES: Final = "WatchdogPasses"
"""Metric that the watchdog writes at the end of a finished pass."""
SCHEDULER: Final = ("InvocationDroppedCount", "InvocationsFailedToBeSentToDeadLetterCount")
"""Metrics of each group of schedules that the alarm ``work`` reads."""


class Alarms(logical_ids.Owner):
    """The topic and the alarms of one stack."""

    topic: sns.ITopic
    """The topic to which alarms and the watchdog publish."""

    def __init__(self, scope: Construct, id: str, *, foundation: Foundation, operations: Operations) -> None:
        super().__init__(scope, id)
        self.topic = self._topic(operations)
        self.by_name = {"work": self._work(foundation)}
        if operations.watchdog:
            self.by_name["watchdog"] = self._watchdog()

    def logical_id(self, kind: str) -> str:
        return logical_ids.of_stack(kind)

    # -- topic ---------------------------------------------------------------------------------------------------------
    def _topic(self, operations: Operations) -> sns.ITopic:
        to, stack = operations.alarms_to, Stack.of(self)
        if to is not None and operations.mail is None:
            topic = sns.Topic.from_topic_arn(self, "Given", to) if isinstance(to, str) else to
            topic.add_to_resource_policy(self._may_publish(topic))  # no effect on a topic that is only referenced
            return topic
        own = sns.Topic(self, "AlarmTopic", display_name=f"Alarms of {stack.stack_name}"[:100])
        own.add_to_resource_policy(self._may_publish(own))
        self.fix(own, "AlarmTopic")
        self.fix(own.node.find_child("Policy"), "AlarmTopicPolicy")
        if operations.mail is not None:
            mail = sns.CfnSubscription(
                self, "AlarmMail", protocol="email", endpoint=operations.mail, topic_arn=own.topic_arn
            )
            self.fix(mail, "AlarmMail")
        elif str(self.node.try_get_context("cronstack:local")).lower() != "true":
            Annotations.of(stack).add_info(
                f'alarms of {stack.stack_name} have no subscriber yet: set "{ALARMS_TO_CONTEXT}" in cdk.json to a mail '
                "address or to the ARN of a topic"
            )
        return own

    def _may_publish(self, topic: sns.ITopic) -> iam.PolicyStatement:
        """Allow the alarms of this account and Region to publish. The watchdog's role has the right itself."""
        stack = Stack.of(self)
        alarms = stack.format_arn(service="cloudwatch", resource="alarm:*")
        return iam.PolicyStatement(
            sid="AlarmsMayPublish",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": alarms}},
        )

    # -- alarms --------------------------------------------------------------------------------------------------------
    def _work(self, foundation: Foundation) -> cloudwatch.CfnAlarm:
        reads = list(_reads(foundation))
        total = cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id="total",
            expression=" + ".join(f"FILL({read.id}, 0)" for read in reads),
            label="dead letters and lost events",
            return_data=True,
        )
        return self._alarm(
            "WorkAlarm",
            "Work has failed or was lost: a dead letter exists, or Scheduler has dropped an event. "
            "Run: cronstack dead-letters list, then cronstack incidents list.",
            "dead-letters",
            metrics=[*reads, total],
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            evaluation_periods=SPAN,
            datapoints_to_alarm=1,
            treat_missing_data="notBreaching",
        )

    def _watchdog(self) -> cloudwatch.CfnAlarm:
        return self._alarm(
            "WatchdogAlarm",
            f"The watchdog has finished no pass for {SILENT * PASS // 60} minutes, so nothing reports missed runs. "
            f"Run: cronstack logs {names.WATCHDOG} --since 1h, then cronstack runs {names.WATCHDOG}.",
            "watchdog-silent",
            namespace=metrics.NAMESPACE,
            metric_name=PASSES,
            dimensions=[_dimension(metrics.STACK, Stack.of(self).stack_name)],
            statistic="Sum",
            period=PASS,
            threshold=1,
            comparison_operator="LessThanThreshold",
            evaluation_periods=SILENT,
            datapoints_to_alarm=SILENT,
            treat_missing_data="breaching",
        )

    def _alarm(self, id: str, what: str, cause: str, **how: Any) -> cloudwatch.CfnAlarm:
        """Create an alarm that notifies of its start and of its end. ``cause``: the section of the help page."""
        alarm = cloudwatch.CfnAlarm(
            self,
            id,
            alarm_description=f"{Stack.of(self).stack_name}: {what} Help: {HELP} {cause}",
            alarm_actions=[self.topic.topic_arn],
            ok_actions=[self.topic.topic_arn],
            **how,
        )
        self.fix(alarm, id)
        return alarm


def _reads(foundation: Foundation) -> Iterator[cloudwatch.CfnAlarm.MetricDataQueryProperty]:
    """Yield the metrics of the alarm ``work``: of both queues, and of the three groups of schedules."""
    for origin, queue in (("handler", foundation.handler_dead_letters), ("delivery", foundation.delivery_dead_letters)):
        dimension = _dimension("QueueName", queue.queue_name)
        yield _read(origin, "AWS/SQS", "ApproximateNumberOfMessagesVisible", [dimension], "Maximum")
    groups = {"declared": foundation.group, "carriers": foundation.carriers, "plans": foundation.once_group}
    for name, group in groups.items():
        for number, metric in enumerate(SCHEDULER, start=1):
            dimension = _dimension("ScheduleGroup", group.schedule_group_name)
            yield _read(f"{name}{number}", "AWS/Scheduler", metric, [dimension], "Sum")


def _read(
    id: str, namespace: str, metric: str, dimensions: Sequence[cloudwatch.CfnAlarm.DimensionProperty], statistic: str
) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    form = cloudwatch.CfnAlarm
    return form.MetricDataQueryProperty(
        id=id,
        return_data=False,
        metric_stat=form.MetricStatProperty(
            metric=form.MetricProperty(namespace=namespace, metric_name=metric, dimensions=[*dimensions]),
            period=MINUTE,
            stat=statistic,
        ),
    )


def _dimension(name: str, value: str) -> cloudwatch.CfnAlarm.DimensionProperty:
    return cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value)
