"""On the local cloud, a subscriber of the topic receives one notification of each kind, and one all-clear.

The watchdog passes in this process, at times of the test. All its requests go by HTTP to the local cloud, except those
for the template and the metrics of Lambda: no stack is deployed here (``test_stack_with_all_options`` deploys one).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from cronstack import clock
from cronstack_infra.local.client import LocalCloud
from tests.cronstack.watchdog.place import DAY, HOUR, TABLE, Place
from tests.cronstack.watchdog.scenarios import JOB, SCENARIOS, Scenario, begin, find, solve


class LocalPlace(Place):
    """A watched stack on the local cloud. Its time is in the future, because schedules are changed at the real time."""

    def __init__(self, cloud: LocalCloud) -> None:
        connect: Any = cache(cloud.client)
        trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.role = connect("iam").create_role(RoleName="scheduler", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        super().__init__(clock.now_ms(), connect)
        self._let_the_topic_send()
        self.next_morning()

    def next_morning(self) -> None:
        """Start again two days later at 05:00 UTC, with no rows, jobs, messages and metrics."""
        self.now = (self.now // DAY + 2) * DAY + 5 * HOUR
        for name in list(self.jobs):
            self.remove(name)
        dynamodb = self._connect("dynamodb")
        for item in dynamodb.scan(TableName=TABLE)["Items"]:
            dynamodb.delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})
        self.notices()
        self.metrics = {}

    def _let_the_topic_send(self) -> None:
        sqs = self._connect("sqs")
        url = sqs.get_queue_url(QueueName="inbox")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": self.topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def _modified(self, name: str) -> None:
        """Do nothing: the real time of the change is before the time of the test."""


@pytest.fixture(scope="module")
def place() -> Iterator[LocalPlace]:
    with LocalCloud.start() as cloud:
        yield LocalPlace(cloud)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.cause for scenario in SCENARIOS])
def test_a_subscriber_receives_one_alert_and_one_all_clear(place: LocalPlace, scenario: Scenario) -> None:
    place.next_morning()
    begin(place)
    find(place, scenario)
    job = "-" if scenario.of_stack else JOB
    # An occurrence with another problem may be late, too.
    assert [line for line in place.lines() if scenario.cause == "late" or not line.endswith(" late")] == [
        f"alert {job} {scenario.cause}"
    ]
    solve(place, scenario)
    assert place.lines().count(f"clear {job} {scenario.cause}") == 1
    assert place.incidents() == []
