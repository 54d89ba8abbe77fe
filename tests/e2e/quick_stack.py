"""A stack that boto3 creates in a quick cloud, with the names of a deployed stack: ledger, queues, carriers, functions.

For tests that need the deployed form of the code, without the duration of a deployment by the cdk CLI.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cronstack.event import scheduled_input
from cronstack.ledger.items import read_plan, read_run
from cronstack.ledger.partitions import PK
from cronstack.onetime.schedules import Wiring
from cronstack.settings import PLANS, Settings
from cronstack_infra import names
from cronstack_infra.aws.packaging import BuildTarget, stage
from cronstack_infra.local.environment import ACCOUNT, REGION
from cronstack_infra.ops.deployment import Deployment
from tests.local.quick_cloud import Cloud
from tests.tools.ledger import create_ledger

LEDGER = "ledger"


def deployed_code(package: str, folder: Path, functions: Path = Path(__file__).parent) -> bytes:
    """Return the zip file that a deployment of FUNCTIONS/PACKAGE uploads to Lambda."""
    target = BuildTarget(python="3.13", architecture="x86_64", here=True)
    staged = stage(functions, package, folder / "code", target=target, state=folder, progress=print)
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in sorted(staged.rglob("*.py")):
            archive.write(file, file.relative_to(staged))
    return data.getvalue()


class QuickStack:
    """A stack of one package's jobs."""

    def __init__(self, cloud: Cloud, package: str, code: bytes) -> None:
        self.cloud, self.package, self._code = cloud, package, code
        self._roles: dict[str, str] = {}
        create_ledger(cloud.client("dynamodb"), LEDGER)
        self._letters, self._letters_arn = cloud.queue("letters")
        delivery, self._delivery_arn = cloud.queue("delivery")
        self._carriers = names.carriers_group(package)
        cloud.client("scheduler").create_schedule_group(Name=self._carriers)
        self.deployment = Deployment(package, LEDGER, delivery, self._letters, names.group_name(package))
        cloud.client("scheduler").create_schedule_group(Name=self.deployment.group)

    def settings(self, role: str) -> Settings:
        return Settings(LEDGER, self._letters, self.package, self._carriers, role, self._delivery_arn)

    def function(self, job: str, module: str = "", *, name: str = "", **fields: Any) -> str:
        """Create the function of a job. Return its ARN. By default, the module is named like the job."""
        name = name or names.function_name(self.package, job)
        role = self.carrier_role(job)
        properties = {
            "Code": {"ZipFile": self._code},
            "Handler": f"{self.package}.{module or job}.{job}",
            "MemorySize": 256,
            "Environment": {"Variables": self.settings(role).environment()},
        }
        arn = self.cloud.function(name, "", **(properties | fields))
        self.cloud.client("lambda").put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": self._letters_arn}}
        )
        return arn

    def carrier_role(self, job: str) -> str:
        """Create the role with which a job's carriers invoke its function. Return its ARN."""
        if job not in self._roles:
            name = names.function_name(self.package, job)
            group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{self._carriers}"
            function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
            self._roles[job] = self.cloud.role(
                f"{name}-carrier",
                "scheduler.amazonaws.com",
                {"Action": "lambda:InvokeFunction", "Resource": function},
                {"Action": "sqs:SendMessage", "Resource": self._delivery_arn},
                condition={"StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": group}},
            )
        return self._roles[job]

    def wiring(self, job: str, function: str) -> Wiring:
        """Create the schedule group and the alias of a job's function (an ARN). Return the wiring of the job."""
        group = names.once_group(self.package)
        self.cloud.client("scheduler").create_schedule_group(Name=group)
        functions = self.cloud.client("lambda")
        functions.create_alias(FunctionName=function, Name=PLANS, FunctionVersion="$LATEST")
        functions.put_function_event_invoke_config(
            FunctionName=function, Qualifier=PLANS, DestinationConfig={"OnFailure": {"Destination": self._letters_arn}}
        )
        return Wiring(job, LEDGER, group, self.cloud.scheduler_role, f"{function}:{PLANS}", self._delivery_arn)

    def schedule_once(self, job: str, due: datetime, **input: Any) -> None:
        """Create a schedule of a job with one due time in the past, so that it never fires."""
        name, scheduler = names.function_name(self.package, job), self.cloud.client("scheduler")
        scheduler.create_schedule(
            Name=names.schedule_name(self.package, job, 1),
            GroupName=self.deployment.group,
            ScheduleExpression="rate(1 day)",
            StartDate=due,
            EndDate=due + timedelta(hours=1),
            FlexibleTimeWindow={"Mode": "OFF"},
            BuildTarget={
                "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
                "RoleArn": self.cloud.scheduler_role,
                "Input": scheduled_input(job, input),
            },
        )

    def schedule_names(self) -> list[str]:
        """Return the names of all existing schedules outside the default group."""
        pages = self.cloud.client("scheduler").get_paginator("list_schedules").paginate()
        return [
            schedule["Name"] for page in pages for schedule in page["Schedules"] if schedule["GroupName"] != "default"
        ]

    def invoke(self, job: str, moment: datetime, **input: Any) -> str:
        """Invoke a function with an event, as Scheduler does. Return the occurrence."""
        event = {"cronstack": 1, "job": job, "scheduled": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "input": input}
        name = names.function_name(self.package, job)
        self.cloud.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
        return f"t-{event['scheduled']}"

    def runs(self, job: str) -> dict[str, Any]:
        """Return the ledger's runs of a job by occurrence."""
        rows = [*self._rows("job", job), *self._rows("run", job)]
        return {run.occurrence: run for row in rows if (run := read_run(row)) is not None}

    def plans(self, job: str) -> dict[str, str]:
        """Return the status of each plan of a job by key."""
        return {plan.key: plan.status for row in self._rows("plan", job) if (plan := read_plan(row)) is not None}

    def _rows(self, kind: str, job: str) -> Iterator[Any]:
        for page in self.cloud.client("dynamodb").get_paginator("scan").paginate(TableName=LEDGER):
            yield from (item for item in page["Items"] if item[PK]["S"].split("#")[:2] == [kind, job])

    def lease(self, job: str) -> Mapping[str, Any]:
        """Return the lease item of a job as DynamoDB returns it."""
        key = {"pk": {"S": f"job#{job}"}, "sk": {"S": "lease"}}
        item = self.cloud.client("dynamodb").get_item(TableName=LEDGER, Key=key, ConsistentRead=True)
        lease: Mapping[str, Any] = item.get("Item", {})
        return lease

    def delete_lease(self, job: str) -> None:
        """Delete the lease item of a job, as if the job had never run."""
        key = {"pk": {"S": f"job#{job}"}, "sk": {"S": "lease"}}
        self.cloud.client("dynamodb").delete_item(TableName=LEDGER, Key=key)

    def letters(self) -> list[dict[str, Any]]:
        """Receive and delete the handlers' dead letters."""
        return [json.loads(body) for body in self._receive_all(self._letters)]

    def undelivered(self) -> list[str]:
        """Receive and delete Scheduler's dead letters."""
        return self._receive_all(self.deployment.delivery_dead_letters)

    def _receive_all(self, url: str) -> list[str]:
        sqs, bodies = self.cloud.client("sqs"), []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def await_true(self, what: str, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Poll until a condition holds. The ledger sends no notification of a change."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
            time.sleep(0.1)


def this_second() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def lines_of(effects: Path) -> list[dict[str, Any]]:
    """Return the lines that the handlers wrote outside the cloud."""
    return [json.loads(line) for line in effects.read_text().splitlines()] if effects.exists() else []
