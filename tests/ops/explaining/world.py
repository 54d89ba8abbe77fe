"""A deployed job in this process, to which a test plants one history. (See ``tests.ops.shop``.)

The runtime and the guard are the real ones; moto has the ledger, queues, schedules, the template and the log. The world
keeps no record of its own: what happened is what the history has planted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import boto3
from moto.logs.models import logs_backends
from moto.scheduler.models import scheduler_backends

from cronstack.declaration import Job, When, cron
from cronstack.deployed.form import deployed_form
from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.entropy import ulid
from cronstack.event import operator_event, parse_event, scheduled_input
from cronstack.occurrence import print_time, scheduled_id, to_datetime, to_milliseconds, trigger_id
from cronstack.run import Run
from cronstack.timetable.instants import Schedule, parse
from cronstack_infra import names
from cronstack_infra.ops.audit import Action, Operator, record
from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.gathering import gather
from tests.cronstack.stage import Stage, Stepped, scheduled_event
from tests.ops.shop import ACCOUNT_ID, STACK, Shop

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
ADA = Operator("arn:aws:iam::123456789012:user/ada", "the supplier was down")
REGION = "us-east-1"
Work = Callable[[Run], object]


class TimedLines(list[dict[str, Any]]):
    """The log lines of the stage, which also go to CloudWatch Logs, with the stage's time."""

    def __init__(self, write: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._write = write

    def append(self, line: dict[str, Any], /) -> None:
        super().append(line)
        self._write(line)


class World:
    """A shop with the job "stats", its clock, and the means to plant a history."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.shop = Shop(Stage())
        self.stage = self.shop.stage
        self.stage.randomness = Random(seed)
        self.zone = self.random.choice(ZONES)
        self.work: list[Work | None] = []
        """What the next calls of the handler do; None succeeds."""
        self._deployed: Job | None = None
        self.logs = boto3.client("logs")
        self._group = f"/aws/lambda/{names.function_name(STACK, 'stats')}"
        self.logs.create_log_group(logGroupName=self._group)
        self.logs.create_log_stream(logGroupName=self._group, logStreamName="a")
        self.stage.lines = TimedLines(self._log)
        day = datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=self.random.randrange(20))
        self.created = day - timedelta(days=60)
        self.schedule = self.daily()
        self.set(day)

    # -- time ----------------------------------------------------------------------------------------------------------
    @property
    def now(self) -> datetime:
        return to_datetime(self.stage.now)

    def set(self, now: datetime) -> None:
        self.stage.now = to_milliseconds(now)

    def some(self, least: int, most: int) -> timedelta:
        """Return a random number of seconds."""
        return timedelta(seconds=self.random.randint(least, most))

    # -- deployment ----------------------------------------------------------------------------------------------------
    def daily(self) -> When:
        """Return a schedule that is due once a day, at a time that no change of clocks skips or repeats."""
        fields = f"{self.random.randrange(60)} {self.random.randrange(5, 22)} * * ? *"
        return cron(fields, timezone=self.zone)

    def deploy(self, *schedules: When, enabled: bool = True, changed: datetime | None = None, **policies: Any) -> None:
        """Deploy the job with its schedules, by default the daily one. ``changed``: when they were last changed."""
        given = schedules or (self.schedule,)
        self._deployed = self.shop.deploy(self._handle, schedule=given, enabled=enabled, **policies)
        parsed = [read(when) for when in given if when.expression != "once()"]
        for number, schedule in enumerate(parsed, 1):
            self._create_schedule(number, schedule, enabled, changed)
        self.deploy_stack(parsed)

    def _handle(self, run: Run) -> object:
        work = self.work.pop(0) if self.work else None
        return None if work is None else work(run)

    def _create_schedule(self, number: int, schedule: Schedule, enabled: bool, changed: datetime | None) -> None:
        form, name = deployed_form(schedule), names.schedule_name(STACK, "stats", number)
        window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": schedule.window} if schedule.window else {"Mode": "OFF"}
        self.shop.scheduler.create_schedule(
            Name=name,
            GroupName=STACK,
            ScheduleExpression=form.expression,
            ScheduleExpressionTimezone=form.timezone,
            FlexibleTimeWindow=window,
            State="ENABLED" if enabled else "DISABLED",
            **({"Description": form.description} if form.description else {}),
            Target={
                "Arn": "arn:aws:lambda:us-east-1:123456789012:function:shop-stats",
                "RoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/scheduler",
                "Input": scheduled_input("stats", {}),
            },
        )
        stored = scheduler_backends[ACCOUNT_ID][REGION].schedule_groups[STACK].schedules[name]
        stored.creation_date = self.created.timestamp()  # moto uses the clock of this machine
        stored.last_modified_date = (changed or self.created).timestamp()

    def remove(self) -> None:
        """Remove the job from the stack. Its rows stay."""
        boto3.client("cloudformation").delete_stack(StackName=STACK)
        self.shop.functions.jobs.clear()
        self.shop.scheduler.delete_schedule(GroupName=STACK, Name=names.schedule_name(STACK, "stats", 1))
        self.deploy_stack([], deployed=False)

    def deploy_stack(self, schedules: list[Schedule], *, deployed: bool = True) -> None:
        """Create the stack. ``deployed``: its template has the job."""
        of, client = self._deployed, boto3.client("cloudformation")
        assert of is not None
        metadata = JobMetadata(
            of.name,
            tuple(ScheduleMetadata(s.expression, s.timezone, window=s.window) for s in schedules),
            of.enabled,
            of.by_code,
            of.overlap,
            of.retries,
            of.timeout,
            start_deadline=of.start_deadline,
            on_missed=of.on_missed,
            late_after=of.late_after,
        )
        function = {
            "Type": "AWS::Lambda::Function",
            "Condition": "Never",
            "Metadata": {"Cronstack": metadata.to_json()},
        }
        deployment = self.shop.deployment
        outputs = {
            names.OUTPUT_LEDGER: deployment.ledger,
            names.OUTPUT_DELIVERY_DEAD_LETTERS: deployment.delivery_dead_letters,
            names.OUTPUT_HANDLER_DEAD_LETTERS: deployment.handler_dead_letters,
            names.OUTPUT_GROUP: deployment.group,
            **self.shop.outputs,
        }
        template = {
            "Conditions": {"Never": {"Fn::Equals": ["a", "b"]}},
            "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}} | ({"Function": function} if deployed else {}),
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        client.create_stack(StackName=STACK, TemplateBody=json.dumps(template))

    def clients(self, service: str) -> Any:
        if service in ("cloudformation", "logs", "sns"):
            return boto3.client(service)
        return self.shop.clients(service)

    # -- instants ------------------------------------------------------------------------------------------------------
    def due(self, day: int = 0) -> datetime:
        """Return an instant of the daily schedule, some days after the first one."""
        instants = read(self.schedule).after(self.created + timedelta(days=80))
        for _ in range(day):
            next(instants)
        return next(instants)

    def earlier_days(self) -> None:
        """Let the two days before the first instant run, so that the ledger has other rows."""
        for day in (2, 1):
            self.fire(self.due() - timedelta(days=day))

    def local(self, instant: datetime) -> str:
        """Return an instant as an operator writes it: in the job's zone, with an offset, or as an occurrence."""
        where = read(self.schedule)._zone
        return self.random.choice(
            (f"{instant.astimezone(where):%Y-%m-%dT%H:%M}", print_time(to_milliseconds(instant)), occurrence(instant))
        )

    # -- what happens --------------------------------------------------------------------------------------------------
    def fire(self, due: datetime, *, after: timedelta = timedelta(seconds=3), event: Any = None) -> None:
        """Deliver Scheduler's event of an instant, some time after it."""
        self.set(due + after)
        self.shop.invoke(event or scheduled_event(to_milliseconds(due)))

    def start(self, due: datetime, *, after: timedelta = timedelta(seconds=3), event: Any = None) -> Stepped:
        """Deliver an event until its handler has started. Left there, its process is killed."""
        self.set(due + after)
        return self.deliver(event or scheduled_event(to_milliseconds(due))).until("Work")

    def deliver(self, event: Any) -> Stepped:
        of = self._deployed
        assert of is not None
        terms: dict[str, Any] = {"overlap": of.overlap, "limit": of.retries + 1, "start_deadline": of.start_deadline}
        return self.stage.delivery(parse_event(event, "stats"), seconds=of.timeout, **terms)

    def sleep(self, span: timedelta) -> None:
        """Advance the clock; carriers fire."""
        self.shop.sleep(span.total_seconds())

    def by_operator(self, kind: Any, due: datetime, *, recorded: bool = True, **fields: Any) -> str:
        """Do what an operator's command does: record the action, then invoke the function. Return the occurrence."""
        own = None
        if kind == "trigger" and fields.pop("now", False):
            own = trigger_id(ulid(self.stage.now, self.stage.randomness))
        name = own or occurrence(due, fields.get("generation", 1))
        if recorded:
            self.record(kind, {"occurrence": name})
        event = operator_event(
            "stats", kind, due=to_milliseconds(due), requested=self.stage.now, input={}, occurrence=own, **fields
        )
        self.shop.invoke(event)
        return name

    def record(self, action: str, details: dict[str, Any]) -> None:
        audited = Action("stats", action, self.now, ADA, details)
        record(self.stage.dynamodb, self.shop.deployment.ledger, audited)

    def pause(self) -> None:
        """Pause the job: two attributes of its lease row."""
        self.stage.change("lease", paused=self.stage.now, pause=json.dumps({"by": ADA.by, "reason": ADA.reason}))

    def fail_to_deliver(self, due: datetime, code: str = "AccessDeniedException") -> None:
        """Let Scheduler give up: it sends the request to the dead-letter queue."""
        self.letter_of(scheduled_event(to_milliseconds(due)), code)

    def letter_of(self, event: Any, code: str) -> None:
        body = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
        attributes = {"ERROR_CODE": code, "ERROR_MESSAGE": "not allowed", "RETRY_ATTEMPTS": "185"}
        self.stage.sqs.send_message(
            QueueUrl=self.shop.delivery,
            MessageBody=json.dumps(body),
            MessageAttributes={n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()},
        )

    def lose_carriers(self) -> None:
        self.stage.carriers()

    def _log(self, line: dict[str, Any]) -> None:
        group = logs_backends[ACCOUNT_ID][REGION].groups[self._group]  # PutLogEvents refuses old times
        group.put_log_events("a", [{"timestamp": self.stage.now, "message": json.dumps(line)}])

    def forget_logs(self) -> None:
        self.logs.delete_log_group(logGroupName=self._group)

    # -- the question --------------------------------------------------------------------------------------------------
    def facts(self, text: str | None = None, key: str | None = None) -> Facts:
        return gather(self.clients, STACK, "stats", text, key, now=self.now, poll=0)


def occurrence(due: datetime, generation: int = 1) -> str:
    return scheduled_id(to_milliseconds(due), generation)


def read(when: When) -> Schedule:
    return parse(
        when.expression, timezone=when.timezone or "UTC", start=when.start, end=when.end, window=when.window or 0
    )
