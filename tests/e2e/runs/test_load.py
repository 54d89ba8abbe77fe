"""A thousand schedules due in one minute, and fifty functions at once: each fires once, and the delay is printed.

900 schedules have a queue as target, 100 a function whose code runs. All are due within five seconds.
"""

from __future__ import annotations

import json
import queue
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from tests.local.quick_cloud import Cloud

SCHEDULES = 1000
TO_FUNCTIONS = 100
FUNCTIONS = 50
ECHO = "def handler(event, context): return event['n']"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(1)\n    return event['n']"


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    events: queue.Queue[dict[str, Any]] = queue.Queue()
    with LocalCloud.start(on_event=events.put) as local:
        yield Cloud(local, events)


def in_parallel(work: Any, items: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, items))


def test_a_thousand_schedules_of_one_minute_fire_once_each(cloud: Cloud) -> None:
    url, arn = cloud.queue("crowd")
    echo = cloud.function("echo", ECHO)
    scheduler = cloud.client("scheduler")
    due = datetime.now(UTC) + timedelta(seconds=30)
    began = time.monotonic()

    def make(number: int) -> None:
        at = due + timedelta(seconds=number % 5)
        scheduler.create_schedule(
            Name=f"crowd{number}",
            ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": echo if number < TO_FUNCTIONS else arn,
                "RoleArn": cloud.scheduler_role,
                "Input": json.dumps({"n": number}),
            },
        )

    in_parallel(make, range(SCHEDULES))
    made = time.monotonic() - began
    assert datetime.now(UTC) < due, f"making {SCHEDULES} schedules took {made:.1f} s, too long for this test"
    fired: list[dict[str, Any]] = []
    while len(fired) < SCHEDULES:
        event = cloud.next_event(60)
        fired += [event] if event["event"] == "fired" else []
    finished = Counter(cloud.await_end("echo", TO_FUNCTIONS))
    assert {firing["schedule"] for firing in fired} == {
        f"arn:aws:scheduler:us-east-1:123456789012:schedule/default/crowd{number}" for number in range(SCHEDULES)
    }
    lates = [
        (datetime.fromisoformat(firing["at"]) - datetime.fromisoformat(firing["scheduled"])).total_seconds()
        for firing in fired
    ]
    print(
        f"{SCHEDULES} schedules made in {made:.1f} s; late: median {statistics.median(lates):.3f} s, "
        f"most {max(lates):.3f} s"
    )
    assert max(lates) < 60
    assert finished == Counter(str(number) for number in range(TO_FUNCTIONS))
    assert Counter(received(cloud, url)) == Counter(range(TO_FUNCTIONS, SCHEDULES))
    assert len(cloud.events("fired")) == SCHEDULES
    assert cloud.events("retry") + cloud.events("dropped") + cloud.events("fault") == []


def test_fifty_functions_at_once_run_once_each(cloud: Cloud) -> None:
    scheduler = cloud.client("scheduler")
    arns = [cloud.function(f"slow{number}", SLOW) for number in range(FUNCTIONS)]
    due = datetime.now(UTC) + timedelta(seconds=12)

    def make(number: int) -> None:
        scheduler.create_schedule(
            Name=f"slow{number}",
            ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": arns[number], "RoleArn": cloud.scheduler_role, "Input": json.dumps({"n": number})},
        )

    in_parallel(make, range(FUNCTIONS))
    ends = {f"slow{number}": cloud.await_end(f"slow{number}", 1) for number in range(FUNCTIONS)}
    assert ends == {f"slow{number}": [str(number)] for number in range(FUNCTIONS)}
    slow = [event for event in cloud.past_events if "slow" in event.get("function", "")]
    starts = sorted(at(event) for event in slow if event["event"] == "started")
    stops = sorted(at(event) for event in slow if event["event"] == "finished")
    together = max(sum(begin <= moment for begin in starts) - sum(end < moment for end in stops) for moment in starts)
    print(f"{FUNCTIONS} functions: up to {together} at once, done {(stops[-1] - due).total_seconds():.1f} s after due")
    assert len(starts) == FUNCTIONS


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["at"])


def received(cloud: Cloud, url: str) -> list[int]:
    """Receive and delete all messages of a queue. Return their numbers."""
    sqs, numbers = cloud.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        numbers += [json.loads(message["Body"])["n"] for message in messages]
        entries = [
            {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]} for index, message in enumerate(messages)
        ]
        sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return numbers
