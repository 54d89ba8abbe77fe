"""``cronstack cdk destroy`` looks first: what waits in the stack ends it, before the cdk CLI is started."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cronstack.errors import OperationError
from cronstack.ledger.items import encode
from cronstack.ledger.partitions import open_list, run_key
from cronstack_infra import names
from cronstack_infra.cli.commands.cdk import REGARDLESS, refuse_while_waiting, stacks_of
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
    """A stack with the outputs of Cronstack's, and one function."""

    def __init__(self, cloud: LocalCloud, root: Path) -> None:
        self.cloud, self.stack = cloud, Stack.new(cloud)
        root.mkdir()
        (root / "cdk.json").write_text(json.dumps({"context": {"cronstack:project": self.stack.name}}))
        self.project = Project.find(root)
        groups = {
            id: {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": name(self.stack.name)}}
            for id, name in (("Once", names.once_group), ("Carriers", names.carriers_group))
        }
        variables = {"Variables": {"CRONSTACK_STACK": self.stack.name}}
        job = function(FunctionName=f"{self.stack.name}-nightly", Environment=variables)
        outputs = {
            names.OUTPUT_LEDGER: ref("Ledger"),
            names.OUTPUT_DELIVERY_DEAD_LETTERS: ref("Delivery"),
            names.OUTPUT_HANDLER_DEAD_LETTERS: ref("Handler"),
            names.OUTPUT_GROUP: "default",
        }
        resources: dict[str, Any] = {"Ledger": LEDGER, "Delivery": queue(), "Handler": queue(), **groups}
        resources |= {"Role": role(), "SchedulerRole": scheduler_role(), "Function": job}
        status = self.stack.deploy(resources, Outputs={name: {"Value": value} for name, value in outputs.items()})
        assert status == "CREATE_COMPLETE", self.stack.reasons()

    def refusal(self, *args: str) -> str:
        """Why "cdk destroy ARGS" is refused; "" where it is not."""
        try:
            refuse_while_waiting(self.project, ("destroy", *args), self.cloud.endpoint)
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
        """As the guard writes a run that is open."""
        occurrence = "t-2026-01-01T06:00:00Z"
        values = {"status": status, "due": 1_767_247_200_000, "attempt": 1, "listed": open_list("nightly", occurrence)}
        item = run_key("nightly", occurrence) | {name: encode(value) for name, value in values.items()}
        self.cloud.client("dynamodb").put_item(TableName=self.stack.physical("Ledger"), Item=item)


@pytest.fixture(scope="module")
def local_cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud


@pytest.fixture
def deployed(local_cloud: LocalCloud, tmp_path: Path) -> Iterator[Deployed]:
    made = Deployed(local_cloud, tmp_path / "project")
    yield made
    made.stack.delete()


def test_a_stack_in_which_nothing_waits_is_destroyed(deployed: Deployed) -> None:
    assert deployed.refusal("--force") == ""


@pytest.mark.parametrize("origin", ["Delivery", "Handler"])
def test_a_stack_with_letters_is_not(deployed: Deployed, origin: str) -> None:
    """Also while another reader holds them."""
    sqs, url = deployed.cloud.client("sqs"), deployed.stack.physical(origin)
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody="{}")
    sqs.receive_message(QueueUrl=url)
    refusal = deployed.refusal()
    assert f"the stack {deployed.stack.name} is not destroyed" in refusal
    assert "2 dead letters" in refusal
    assert "cronstack dead-letters list" in refusal
    assert f"cronstack cdk {REGARDLESS} destroy" in refusal


def test_a_stack_with_plans_is_not(deployed: Deployed) -> None:
    deployed.create_schedule(names.once_group(deployed.stack.name))
    assert "1 planned occurrence\n" in deployed.refusal()


def test_a_stack_with_carriers_is_not(deployed: Deployed) -> None:
    deployed.create_schedule(names.carriers_group(deployed.stack.name))
    assert "1 carrier\n" in deployed.refusal()


@pytest.mark.parametrize(
    ("status", "waits"),
    [("retrying", True), ("buffered", True), ("crashed", True), ("dead", False), ("missed", False)],
)
def test_a_stack_with_runs_to_come_back_is_not(deployed: Deployed, status: str, waits: bool) -> None:
    """What is dead or missed is over: the row stays, and the letter counts by itself."""
    deployed.put_run(status)
    assert ("1 run of nightly to come back" in deployed.refusal()) is waits


def test_it_says_whether_the_ledger_is_kept(deployed: Deployed) -> None:
    deployed.put_run("retrying")
    assert "The ledger is deleted as well" in deployed.refusal()
    ledger = deployed.stack.physical("Ledger")
    protect = deployed.cloud.client("dynamodb").update_table
    protect(TableName=ledger, DeletionProtectionEnabled=True)
    assert "The ledger is kept" in deployed.refusal()
    protect(TableName=ledger, DeletionProtectionEnabled=False)


def test_only_the_stacks_that_are_named_are_looked_at(deployed: Deployed, local_cloud: LocalCloud) -> None:
    other = Stack.new(local_cloud)
    other.deploy({"Queue": queue()})
    deployed.put_run("retrying")
    assert deployed.refusal(other.name) == ""
    assert deployed.refusal(deployed.stack.name)
    assert deployed.refusal("--all", "--output", "cdk.out")
    assert deployed.refusal("-c", "jobs=examples") == "", "that stack is not deployed"


def test_what_cannot_be_read_is_not_destroyed(deployed: Deployed) -> None:
    with pytest.raises(OperationError, match="cannot be read") as caught:
        refuse_while_waiting(deployed.project, ("destroy",), "http://127.0.0.1:9")
    assert REGARDLESS in str(caught.value)


@pytest.mark.parametrize(
    ("args", "own", "words"),
    [
        ("destroy", "shop", []),
        ("destroy --force", "shop", []),
        ("destroy -c jobs=examples", "shop-examples", []),
        ("--context=jobs=examples destroy other", "shop-examples", ["other"]),
        ("destroy --context cronstack:project=store --profile me", "store", ["me"]),
        ("destroy --app cdk.out shop", "shop", ["shop"]),
    ],
)
def test_the_stacks_of_a_command_line(tmp_path: Path, args: str, own: str, words: list[str]) -> None:
    project = Project(tmp_path, "shop", {})
    assert stacks_of(project, args.split()) == (own, words)
