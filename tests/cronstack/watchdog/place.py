"""A watched stack in this process: moto has its ledger, schedules, queues, metrics and topic.

The template and the functions are objects of this module, because moto runs no functions. A test sets the clock, writes
rows, and lets the watchdog pass. A queue that is subscribed to the topic receives the notifications.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

from moto.core import DEFAULT_ACCOUNT_ID
from moto.scheduler.models import scheduler_backends

from cronstack.deployed.form import deployed_form
from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.event import scheduled_input
from cronstack.guard import carrier
from cronstack.ledger.items import encode, read_run
from cronstack.ledger.partitions import lease_key, open_list, plan_key, plan_partition, run_key
from cronstack.occurrence import planned_id, print_time, scheduled_id, to_datetime, to_milliseconds
from cronstack.timetable.instants import parse
from cronstack.watchdog.scene import PassReport, Scene
from cronstack.watchdog.watching import one_pass
from tests.tools.ledger import create_ledger

STACK, TABLE, CARRIERS = "shop", "ledger", "shop-carriers"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WORK = "arn:aws:lambda:us-east-1:123456789012:function:"


def at(text: str) -> int:
    """Return the epoch milliseconds of a time in UTC, "2026-11-30 06:00"."""
    return to_milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


class KilledError(BaseException):
    """The process of the watchdog was killed."""


class Notice(NamedTuple):
    """A notification as the subscriber has received it."""

    subject: str
    body: str
    attributes: dict[str, str]

    @property
    def line(self) -> str:
        """The kind, the job and the cause."""
        given = self.attributes
        return " ".join(filter(None, (given["kind"], given.get("job", "-"), given["cause"])))


@cache
def client(service: str) -> Any:
    import boto3

    make: Any = boto3.client
    return make(service)


def _nothing() -> None:
    """Do nothing."""


class Client:
    """A boto3 client whose requests are counted, and that can be killed before or after one of them."""

    def __init__(self, place: Place, service: str, wrapped: Any) -> None:
        self._place, self._service, self._wrapped = place, service, wrapped
        self.exceptions = getattr(wrapped, "exceptions", None)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:
            place = self._place
            place.requests.append((f"{self._service} {method}", parameters))
            place.countdown -= 1
            if f"{self._service} {method}" == place.hook[0]:
                hook, place.hook = place.hook[1], ("", _nothing)
                hook()
            if place.countdown == 0 and not place.kills_after:
                raise KilledError
            answer = getattr(self._wrapped, method)(**parameters)
            place.answers.append(answer)
            if place.countdown == 0:
                raise KilledError
            return answer

        return call


class Place:
    """One stack. ``now``: epoch milliseconds. ``connect`` returns a client by the name of its service."""

    role = "arn:aws:iam::123456789012:role/scheduler"
    """Of its schedules."""

    def __init__(self, now: int, connect: Callable[[str], Any] = client) -> None:
        self.now = now
        self._connect = connect
        self.jobs: dict[str, JobMetadata] = {}
        self.status = "UPDATE_COMPLETE"
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[Any] = []
        self.countdown, self.kills_after = 0, False
        self.hook: tuple[str, Callable[[], None]] = ("", _nothing)
        self.invoked: list[dict[str, Any]] = []
        self.skew = 0
        self.metrics: dict[str, float] = {}
        """Values of Lambda's metrics in the last hour, of every function."""
        self._ids = (f"01TEST{number:020}" for number in itertools.count(1))
        dynamodb, sqs, sns = self._connect("dynamodb"), self._connect("sqs"), self._connect("sns")
        create_ledger(dynamodb, TABLE)
        for group in (STACK, CARRIERS, "shop-once"):
            self._connect("scheduler").create_schedule_group(Name=group)
        self.queues = tuple(sqs.create_queue(QueueName=f"shop-{name}")["QueueUrl"] for name in ("delivery", "handler"))
        self._inbox = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        self.topic = sns.create_topic(Name="alarms")["TopicArn"]
        inbox = sqs.get_queue_attributes(QueueUrl=self._inbox, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=inbox)
        self.scene = Scene(STACK, TABLE, self.topic, STACK, CARRIERS, self.queues)

    # -- the clients ---------------------------------------------------------------------------------------------------
    def clients(self, service: str) -> Any:
        own = service in ("cloudformation", "lambda", "cloudwatch")
        return Client(self, service, self if own else self._connect(service))

    def get_template(self, *, StackName: str) -> dict[str, Any]:
        resources: dict[str, Any] = {}
        for name, job in self.jobs.items():
            resources[f"{name}Function"] = {
                "Type": "AWS::Lambda::Function",
                "Metadata": {"Cronstack": job.to_json()},
                "Properties": {"FunctionName": f"{StackName}-{name}"},
            }
            for number in range(1, len(job.schedules) + 1):
                resources[f"{name}Schedule{number}"] = {
                    "Type": "AWS::Scheduler::Schedule",
                    "Properties": {
                        "Name": f"{StackName}-{name}.{number}",
                        "Target": {"Input": scheduled_input(name, {"shop": 1})},
                    },
                }
        return {"TemplateBody": {"Resources": resources}}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        return {"Stacks": [{"StackName": StackName, "StackStatus": self.status}]}

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:
        assert InvocationType == "Event"
        self.invoked.append({"function": FunctionName, **json.loads(Payload)})
        return {"StatusCode": 202}

    def get_metric_data(
        self, *, MetricDataQueries: list[Any], StartTime: datetime, EndTime: datetime
    ) -> dict[str, Any]:
        assert 3600 <= (EndTime - StartTime).total_seconds() <= 3 * 3600 + 300
        results = []
        for query in MetricDataQueries:
            metric = query["MetricStat"]["Metric"]
            value = self.metrics.get(metric["MetricName"])
            results.append({"Id": query["Id"], "Values": [] if value is None else [value]})
        return {"MetricDataResults": results}

    # -- the stack -----------------------------------------------------------------------------------------------------
    def deploy(self, name: str, *expressions: str, zone: str = "UTC", **fields: Any) -> None:
        """Create or replace a job. Its schedules are changed now, if they differ."""
        window, start, end = (
            fields.pop(key, default) for key, default in (("window", 0), ("start", None), ("end", None))
        )
        schedules = tuple(ScheduleMetadata(text, zone, start, end, window) for text in expressions)
        old = self.jobs.get(name)
        new = self.jobs[name] = JobMetadata(name, schedules, **fields)
        if old is None or (old.schedules, old.enabled) != (new.schedules, new.enabled):
            self.remove_schedules(name)
            for number in range(1, len(schedules) + 1):
                self.create(new, number)

    def remove(self, name: str) -> None:
        del self.jobs[name]
        self.remove_schedules(name)

    def remove_schedules(self, name: str) -> None:
        listed = self._connect("scheduler").list_schedules(GroupName=STACK)["Schedules"]
        for schedule in listed:
            if schedule["Name"].startswith(f"{STACK}-{name}."):
                self._connect("scheduler").delete_schedule(GroupName=STACK, Name=schedule["Name"])

    def edit(self, name: str, **changes: Any) -> None:
        """Change a schedule by hand, as in the console."""
        got = self._connect("scheduler").get_schedule(GroupName=STACK, Name=name)
        fields = (
            "FlexibleTimeWindow",
            "GroupName",
            "Name",
            "ScheduleExpression",
            "ScheduleExpressionTimezone",
            "Target",
        )
        kept = {field: got[field] for field in (*fields, "State") if field in got}
        self._connect("scheduler").update_schedule(**(kept | changes))
        self._modified(name)

    def create(self, job: JobMetadata, number: int) -> None:
        """Create a declared schedule in Scheduler."""
        given = job.schedules[number - 1]
        bounds: dict[str, Any] = {
            bound: datetime.fromisoformat(text) if (text := getattr(given, bound)) else None
            for bound in ("start", "end")
        }
        form = deployed_form(parse(given.expression, timezone=given.timezone, **bounds))
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": given.window} if given.window else {"Mode": "OFF"}
        name = f"{STACK}-{job.job}.{number}"
        self._connect("scheduler").create_schedule(
            Name=name,
            GroupName=STACK,
            ScheduleExpression=form.expression,
            ScheduleExpressionTimezone=form.timezone,
            State="ENABLED" if job.enabled else "DISABLED",
            FlexibleTimeWindow=window,
            Target={
                "Arn": f"{WORK}{STACK}-{job.job}",
                "RoleArn": self.role,
                "Input": scheduled_input(job.job, {"shop": 1}),
            },
        )
        self._modified(name)

    def _modified(self, name: str) -> None:
        """Set the time of the last change: moto uses the clock of this machine."""
        group = scheduler_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].schedule_groups[STACK]
        schedule: Any = group.schedules[name]
        schedule.creation_date = schedule.last_modified_date = self.now / 1000

    # -- the ledger ----------------------------------------------------------------------------------------------------
    def run(self, job: str, due: int | str, status: str = "succeeded", *, when: int = 0, **fields: Any) -> str:
        """Write a run. ``due``: epoch milliseconds, or the id of an occurrence that is due ``when``. Return its id."""
        occurrence = scheduled_id(due) if isinstance(due, int) else due
        when = due if isinstance(due, int) else when or self.now
        values: dict[str, Any] = {"status": status, "due": when, "attempt": 1, "v": 1, "holder": "h"}
        if status in ("running", "succeeded", "dead", "retrying"):
            values |= {"started": when, "expires": when + 67_000}
        if status in ("succeeded", "dead", "missed", "retrying", "crashed"):
            values |= {"ended": when + 5_000}
        if status in ("dead", "missed"):
            values |= {"reported": when + 6_000}
        if status in ("retrying", "crashed", "buffered", "missed", "dead"):
            values |= {"listed": open_list(job, occurrence)}
        self._put(run_key(job, occurrence), values | fields)
        return occurrence

    def plan(self, job: str, key: str, due: int, status: str = "planned", **fields: Any) -> str:
        """Write a plan. Return the id of its occurrence."""
        values = {"status": status, "due": due, "revision": due - DAY, "listed": plan_partition(job, key), "v": 1}
        self._put(plan_key(job, key), values | fields)
        return planned_id(key)

    def lease(self, job: str, **fields: Any) -> None:
        self._put(lease_key(job), {"fence": 1, "v": 1} | fields)

    def carrier(self, job: str, occurrence: str, due: int, brings_at: int) -> None:
        """Create a carrier that brings an occurrence."""
        event = json.dumps({"cronstack": 1, "job": job, "scheduled": print_time(due), "input": {}})
        self._connect("scheduler").create_schedule(
            Name=carrier.name(job, occurrence, "plain", "slot", 1),
            GroupName=CARRIERS,
            ScheduleExpression=f"at({print_time(brings_at)[:-1]})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"{WORK}{STACK}-{job}", "RoleArn": self.role, "Input": event},
        )

    def letter(self) -> None:
        self._connect("sqs").send_message(QueueUrl=self.queues[1], MessageBody="{}")

    def empty_queues(self) -> None:
        for queue in self.queues:
            self._connect("sqs").purge_queue(QueueUrl=queue)

    def read_run(self, job: str, occurrence: str) -> Any:
        key = run_key(job, occurrence)
        return read_run(self._connect("dynamodb").get_item(TableName=TABLE, Key=key).get("Item"))

    def incidents(self) -> list[str]:
        """Return the open incidents, as "job cause"."""
        items = self._connect("dynamodb").scan(TableName=TABLE)["Items"]
        rows = [item for item in items if item["pk"]["S"] == "watch" and item["sk"]["S"] != "snapshot"]
        shown = [f"{row['job']['S'] or '-'} {row['cause']['S']}" for row in rows if row["status"]["S"] == "open"]
        return sorted(shown)

    def _put(self, key: dict[str, Any], values: dict[str, Any]) -> None:
        item = key | {name: encode(value) for name, value in values.items()}
        self._connect("dynamodb").put_item(TableName=TABLE, Item=item)

    # -- the watchdog --------------------------------------------------------------------------------------------------
    def look(self) -> PassReport:
        """Let the watchdog pass once, now."""
        self.requests.clear()
        self.answers.clear()
        return one_pass(
            self.clients,
            self.scene,
            now=self.now,
            ulid=lambda: next(self._ids),
            aws_time=(lambda answer: self.now + self.skew) if self.skew else None,
        )

    def look_until(self, end: int, step: int = 5 * MINUTE, before: Callable[[], None] = lambda: None) -> list[str]:
        """Let the watchdog pass every five minutes until a time. Return the notifications, as lines with the time."""
        lines = []
        while step > 0 and self.now + step <= end:
            self.now += step
            before()
            self.look()
            lines += [f"{to_datetime(self.now):%H:%M} {notice.line}" for notice in self.notices()]
        return lines

    def notices(self) -> list[Notice]:
        """Return what the subscriber has received since the last call."""
        found = []
        while (
            messages := self._connect("sqs")
            .receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10)
            .get("Messages")
        ):
            for message in messages:
                body = json.loads(message["Body"])
                given = {name: value["Value"] for name, value in body["MessageAttributes"].items()}
                found.append(Notice(body["Subject"], body["Message"], given))
                self._connect("sqs").delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])
        return found

    def look_at(self, *times: str, before: Callable[[], None] = lambda: None) -> list[str]:
        """Let the watchdog pass at some times of 30 November. Return the notifications, as lines with the time."""
        lines = []
        for time in times:
            lines += self.look_until(at(f"2026-11-30 {time}"), at(f"2026-11-30 {time}") - self.now, before)
        return lines

    def lines(self) -> list[str]:
        return [notice.line for notice in self.notices()]

    def count(self) -> Counter[str]:
        """Return the number of requests of the last pass, by operation."""
        return Counter(name for name, _ in self.requests)

    def at_request(self, name: str, hook: Callable[[], None]) -> None:
        """Call ``hook`` once, before the next request of this name."""
        self.hook = name, hook

    def forget(self) -> None:
        """Delete the rows of the watchdog."""
        for item in self._connect("dynamodb").scan(TableName=TABLE)["Items"]:
            if item["pk"]["S"] == "watch":
                self._connect("dynamodb").delete_item(TableName=TABLE, Key={"pk": item["pk"], "sk": item["sk"]})

    @contextmanager
    def killed_at(self, request: int, *, after: bool) -> Iterator[None]:
        """Kill the watchdog at its n-th request, from 1, before or after it was carried out."""
        self.countdown, self.kills_after = request, after
        try:
            yield
        except KilledError:
            pass
        finally:
            self.countdown = 0
