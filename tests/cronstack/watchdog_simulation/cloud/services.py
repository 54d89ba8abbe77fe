"""CloudFormation, SQS, CloudWatch and SNS, as far as the watchdog asks them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from cronstack.occurrence import to_datetime, to_milliseconds
from tests.cronstack.watchdog_simulation.cloud.clients import Answer, ServiceError
from tests.cronstack.watchdog_simulation.cloud.functions import DELIVERY_LETTERS, HANDLER_LETTERS, STACK
from tests.cronstack.watchdog_simulation.cloud.virtual_time import SECOND, VirtualTime

TOPIC: Final = f"arn:aws:sns:us-east-1:123456789012:{STACK}-alarms"
METRIC_DELAY: Final = 90 * SECOND
"""Milliseconds after which CloudWatch shows a value."""
LONGEST_MESSAGE: Final = 256 * 1024


class Letter(NamedTuple):
    """A message in a queue of dead letters."""

    sent: int
    body: str


class Queues:
    """The two queues of dead letters."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.letters: dict[str, list[Letter]] = {HANDLER_LETTERS: [], DELIVERY_LETTERS: []}

    def send(self, url: str, body: str) -> Answer:
        self.letters[url].append(Letter(self._time.now, body))
        return {"MessageId": str(len(self.letters[url]))}

    def drop(self, url: str, body: str) -> None:
        self.letters[url] = [letter for letter in self.letters[url] if letter.body != body]

    def age(self, url: str) -> int:
        """Return the age of the oldest letter in milliseconds; 0 without one."""
        return max((self._time.now - letter.sent for letter in self.letters[url]), default=0)

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        assert operation == "GetQueueAttributes", f"the watchdog has no right to sqs:{operation}"
        letters = self.letters.get(parameters["QueueUrl"])
        if letters is None:
            raise ServiceError("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        arn = f"arn:aws:sqs:us-east-1:123456789012:{parameters['QueueUrl'].rpartition('/')[2]}"
        every = {
            "QueueArn": arn,
            "ApproximateNumberOfMessages": str(len(letters)),
            "ApproximateNumberOfMessagesNotVisible": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
            "MessageRetentionPeriod": "1209600",
            "CreatedTimestamp": "1760000000",
            "VisibilityTimeout": "30",
        }
        asked = parameters.get("AttributeNames") or []
        names = list(every) if "All" in asked else asked
        return {"Attributes": {name: every[name] for name in names}}


class Point(NamedTuple):
    """A value of a metric of one function."""

    at: int
    function: str
    value: float


class Metrics:
    """CloudWatch. ``points``: values of Lambda's metrics, by the name of the metric."""

    def __init__(self, time: VirtualTime, queues: Queues) -> None:
        self._time, self._queues = time, queues
        self.points: dict[str, list[Point]] = {}

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        assert operation == "GetMetricData", f"the watchdog has no right to cloudwatch:{operation}"
        first, last = parameters["StartTime"], parameters["EndTime"]
        assert isinstance(first, datetime)
        assert first < last, "the start must be before the end"
        ids = [query["Id"] for query in parameters["MetricDataQueries"]]
        assert len(set(ids)) == len(ids) <= 500, "each query needs its own id, at most 500"
        assert all(name[0].islower() and name.replace("_", "a").isalnum() for name in ids), ids
        results = [self._result(query, first, last) for query in parameters["MetricDataQueries"]]
        return {"MetricDataResults": results, "Messages": []}

    def _result(self, query: Mapping[str, Any], first: datetime, last: datetime) -> Answer:
        metric = query["MetricStat"]["Metric"]
        period = query["MetricStat"]["Period"]
        name, values = metric["MetricName"], {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        points: list[tuple[int, float]]
        if name == "ApproximateAgeOfOldestMessage":
            assert (metric["Namespace"], list(values)) == ("AWS/SQS", ["QueueName"]), metric
            (url,) = [url for url in self._queues.letters if url.endswith(f"/{values['QueueName']}")]
            age = self._queues.age(url)
            # CloudWatch has a point each minute, and a minute late.
            points = [(self._time.now - 60 * SECOND, max(0, age / SECOND - 60))] if age else []
        else:
            assert metric["Namespace"] == "AWS/Lambda", metric
            assert list(values) in ([], ["FunctionName"]), "Lambda has no metric with these dimensions"
            function = values.get("FunctionName", "")
            shown_since = self._time.now - METRIC_DELAY
            points = [
                (point.at, point.value)
                for point in self.points.get(name, [])
                if function in ("", point.function) and point.at <= shown_since
            ]
        buckets: dict[int, list[float]] = {}
        for at, value in points:
            if first <= to_datetime(at) < last:
                buckets.setdefault((at - to_milliseconds(first)) // (period * SECOND), []).append(value)
        whole: Any = {"Sum": sum, "Maximum": max}[query["MetricStat"]["Stat"]]
        shown = [
            (to_datetime(to_milliseconds(first) + number * period * SECOND), float(whole(buckets[number])))
            for number in sorted(buckets, reverse=True)  # the default: the newest value first
        ]
        return {
            "Id": query["Id"],
            "Label": name,
            "StatusCode": "Complete",
            "Timestamps": [at for at, _ in shown],
            "Values": [value for _, value in shown],
        }


class Notification(NamedTuple):
    """One message that the watchdog has published."""

    at: int
    subject: str
    text: str
    attributes: Mapping[str, str]
    number: int = 0
    """The number of the pass."""


class Topic:
    """SNS. It refuses what SNS refuses."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.published: list[Notification] = []
        self.sender = 0
        """The number of the pass that publishes now."""

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        assert operation == "Publish", f"the watchdog has no right to sns:{operation}"
        if parameters.get("TopicArn") != TOPIC:
            raise ServiceError("NotFoundException", "Topic does not exist", 404)
        subject, message = parameters.get("Subject", ""), parameters["Message"]
        if not subject or len(subject) > 100 or not subject.isascii() or not subject.isprintable():
            raise ServiceError("InvalidParameterException", "Invalid parameter: Subject")
        if not message or len(message.encode()) > LONGEST_MESSAGE:
            raise ServiceError("InvalidParameterException", "Invalid parameter: Message")
        attributes = {}
        for name, value in parameters.get("MessageAttributes", {}).items():
            if value["DataType"] not in ("String", "Number", "String.Array") or not value.get("StringValue"):
                raise ServiceError("InvalidParameterValueException", f"Invalid attribute {name}")
            attributes[name] = value["StringValue"]
        self.published.append(Notification(self._time.now, subject, message, attributes, self.sender))
        return {"MessageId": f"00000000-0000-4000-8000-{len(self.published):012}"}
