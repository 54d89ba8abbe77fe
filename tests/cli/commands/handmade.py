"""A hand-made stack with the outputs of a Cronstack stack, for commands that check the deployed stack."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cronstack.errors import OperationError
from cronstack.ledger.items import encode
from cronstack.ledger.partitions import open_list, run_key
from cronstack_infra import names
from cronstack_infra.cli.commands.cdk.checks import before_destroy
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.project import Project
from tests.local.stacks import Stack, function, queue, ref, role, scheduler_role

LEDGER = {
    "Type": "AWS::DynamoDB::GlobalTable",
    "Properties": {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind}
            for name, kind in {"pk": "S", "sk": "S", "listed": "S", "due": "N"}.items()
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "listed",
                "KeySchema": [
                    {"AttributeName": "listed", "KeyType": "HASH"},
                    {"AttributeName": "due", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "Replicas": [{"Region": ref("AWS::Region")}],
    },
}


class Deployed:
    """A stack with the outputs of a Cronstack stack, one function, and the watchdog's function."""

    def __init__(self, cloud: LocalCloud, root: Path) -> None:
        self.cloud, self.stack, self.root = cloud, Stack.new(cloud), root
        (root / "functions" / "jobs").mkdir(parents=True)
        self.declare("nightly")
        (root / "cdk.json").write_text(json.dumps({"context": {"cronstack:project": self.stack.name}}))
        self.project = Project.find(root)
        groups = {
            id: {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": name(self.stack.name)}}
            for id, name in (("Once", names.once_group), ("Carriers", names.carriers_group))
        }
        variables = {"Variables": {"CRONSTACK_STACK": self.stack.name}}
        job, watchdog = (
            function(FunctionName=f"{self.stack.name}-{name}", Environment=variables)
            for name in ("nightly", names.WATCHDOG)
        )
        outputs = {
            names.OUTPUT_LEDGER: ref("Ledger"),
            names.OUTPUT_DELIVERY_DEAD_LETTERS: ref("Delivery"),
            names.OUTPUT_HANDLER_DEAD_LETTERS: ref("Handler"),
            names.OUTPUT_GROUP: "default",
        }
        resources: dict[str, Any] = {"Ledger": LEDGER, "Delivery": queue(), "Handler": queue(), **groups}
        resources |= {"Role": role(), "SchedulerRole": scheduler_role(), "Function": job, "Watchdog": watchdog}
        status = self.stack.deploy(resources, Outputs={name: {"Value": value} for name, value in outputs.items()})
        assert status == "CREATE_COMPLETE", self.stack.reasons()

    def declare(self, *jobs: str) -> None:
        """Write the jobs of the project, without schedules."""
        lines = (f"@job()\ndef {name}(run): ...\n" for name in jobs)
        text = "\n".join(["from cronstack import job\n", *lines])
        (self.root / "functions" / "jobs" / "some.py").write_text(text)
        for name in [name for name in sys.modules if name == "jobs" or name.startswith("jobs.")]:
            del sys.modules[name]

    def refusal(self, *args: str) -> str:
        """Return why "cdk destroy ARGS" is refused; "" if it is not."""
        try:
            before_destroy(self.project, ("destroy", *args), self.cloud.endpoint, regardless=False)
        except OperationError as refused:
            return str(refused)
        return ""

    def create_schedule(self, group: str) -> None:
        target = {
            "Arn": f"arn:aws:lambda:us-east-1:123456789012:function:{self.stack.name}-nightly",
            "RoleArn": f"arn:aws:iam::123456789012:role/{self.stack.physical('SchedulerRole')}",
        }
        self.cloud.client("scheduler").create_schedule(
            Name="one",
            GroupName=group,
            ScheduleExpression="at(2199-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )

    def put_run(self, status: str) -> None:
        """Store an open run, as the guard writes it."""
        occurrence = "t-2026-01-01T06:00:00Z"
        values = {"status": status, "due": 1_767_247_200_000, "attempt": 1, "listed": open_list("nightly", occurrence)}
        item = run_key("nightly", occurrence) | {name: encode(value) for name, value in values.items()}
        self.cloud.client("dynamodb").put_item(TableName=self.stack.physical("Ledger"), Item=item)
