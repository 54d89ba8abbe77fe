"""The names and dimensions of CloudWatch metrics, typed from AWS's pages on 30 November 2026.

Only those of our own namespace come from our page. A name that AWS does not document never has data, so an alarm on it
would never start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SCHEDULER_PAGE: Final = "https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html"
SQS_PAGE: Final = (
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
)
LAMBDA_PAGE: Final = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
LAMBDA_DIMENSIONS_PAGE: Final = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html"

_GROUP: Final = (frozenset({"ScheduleGroup"}),)
_QUEUE: Final = (frozenset({"QueueName"}),)
_FUNCTION: Final = (frozenset({"FunctionName"}), frozenset({"FunctionName", "Resource"}), frozenset[str]())
_STACK: Final = (frozenset({"Stack"}), frozenset({"Stack", "Job"}))

DOCUMENTED: Final[Mapping[str, Mapping[str, tuple[frozenset[str], ...]]]] = {
    "AWS/Scheduler": dict.fromkeys(
        (
            "InvocationAttemptCount",
            "TargetErrorCount",
            "TargetErrorThrottledCount",
            "InvocationThrottleCount",
            "InvocationDroppedCount",
            "InvocationsSentToDeadLetterCount",
            "InvocationsFailedToBeSentToDeadLetterCount",
        ),
        _GROUP,
    ),
    "AWS/SQS": dict.fromkeys(
        (
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfEmptyReceives",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesReceived",
            "NumberOfMessagesSent",
            "SentMessageSize",
        ),
        _QUEUE,
    ),
    "AWS/Lambda": dict.fromkeys(
        (
            "Invocations",
            "Errors",
            "DeadLetterErrors",
            "DestinationDeliveryFailures",
            "Throttles",
            "Duration",
            "ConcurrentExecutions",
            "AsyncEventsReceived",
            "AsyncEventAge",
            "AsyncEventsDropped",
        ),
        _FUNCTION,
    ),
    "Cronstack": dict.fromkeys(
        (
            "Runs",
            "Failures",
            "Dead",
            "Missed",
            "Skipped",
            "StartLag",
            "Waited",
            "Duration",
            "NearTimeout",
            "WatchdogPasses",
            "Incidents",
        ),
        _STACK,
    ),
}
"""By namespace and name: the sets of dimensions with which the metric exists."""


def is_documented(namespace: str, metric: str, dimensions: frozenset[str]) -> bool:
    return dimensions in DOCUMENTED.get(namespace, {}).get(metric, ())
