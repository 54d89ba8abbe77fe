"""The check before ``cronstack cdk destroy``: it stops if something waits in the stack."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronstack.errors import OperationError
from cronstack_infra import names
from cronstack_infra.cli.commands.cdk.checks import EVEN_IF_WAITING, before_destroy, stacks_of
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.project import Project
from tests.cli.commands.handmade import Deployed
from tests.local.stacks import Stack, queue


@pytest.fixture(scope="module")
def local_cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud


@pytest.fixture
def deployed(local_cloud: LocalCloud, tmp_path: Path) -> Iterator[Deployed]:
    stack_with_job = Deployed(local_cloud, tmp_path / "project")
    yield stack_with_job
    stack_with_job.stack.delete()


def test_a_stack_without_waiting_work_is_destroyed(deployed: Deployed) -> None:
    assert deployed.refusal("--force") == ""


@pytest.mark.parametrize("origin", ["Delivery", "Handler"])
def test_a_stack_with_dead_letters_is_not_destroyed(deployed: Deployed, origin: str) -> None:
    """Letters that another reader has received count, too."""
    sqs, url = deployed.cloud.client("sqs"), deployed.stack.physical(origin)
    for _ in range(2):
        sqs.send_message(QueueUrl=url, MessageBody="{}")
    sqs.receive_message(QueueUrl=url)
    refusal = deployed.refusal()
    assert f"the stack {deployed.stack.name} was not destroyed" in refusal
    assert "2 dead letters" in refusal
    assert "cronstack dead-letters list" in refusal
    assert f"cronstack cdk {EVEN_IF_WAITING} destroy" in refusal


def test_a_stack_with_plans_is_not_destroyed(deployed: Deployed) -> None:
    deployed.create_schedule(names.once_group(deployed.stack.name))
    assert "1 planned occurrence\n" in deployed.refusal()


def test_a_stack_with_carriers_is_not_destroyed(deployed: Deployed) -> None:
    deployed.create_schedule(names.carriers_group(deployed.stack.name))
    assert "1 carrier\n" in deployed.refusal()


@pytest.mark.parametrize(
    ("status", "waits"),
    [("retrying", True), ("buffered", True), ("crashed", True), ("dead", False), ("missed", False)],
)
def test_a_stack_with_unfinished_runs_is_not_destroyed(deployed: Deployed, status: str, waits: bool) -> None:
    """Dead and missed runs do not wait. Their dead letters are counted separately."""
    deployed.put_run(status)
    assert ("1 run of nightly to come back" in deployed.refusal()) is waits


def test_the_message_states_whether_the_ledger_is_kept(deployed: Deployed) -> None:
    deployed.put_run("retrying")
    assert "The ledger is deleted, too" in deployed.refusal()
    ledger = deployed.stack.physical("Ledger")
    protect = deployed.cloud.client("dynamodb").update_table
    protect(TableName=ledger, DeletionProtectionEnabled=True)
    assert "The ledger is kept" in deployed.refusal()
    protect(TableName=ledger, DeletionProtectionEnabled=False)


def test_only_the_named_stacks_are_checked(deployed: Deployed, local_cloud: LocalCloud) -> None:
    other = Stack.new(local_cloud)
    other.deploy({"Queue": queue()})
    deployed.put_run("retrying")
    assert deployed.refusal(other.name) == ""
    assert deployed.refusal(deployed.stack.name)
    assert deployed.refusal("--all", "--output", "cdk.out")
    assert deployed.refusal("-c", "jobs=examples") == "", "that stack is not deployed"


def test_even_if_waiting_permits_the_deletion_of_the_named_stacks_only(
    deployed: Deployed, local_cloud: LocalCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    """The two stacks here have no deploy check, so a note names each stack that the command tried to permit."""
    other = Stack.new(local_cloud)
    other.deploy({"Queue": queue()})

    def noted(*args: str) -> list[str]:
        before_destroy(deployed.project, ("destroy", *args), local_cloud.endpoint, regardless=True)
        return re.findall(r"the deploy check of (\S+) was not updated", capsys.readouterr().err)

    assert noted(other.name) == [other.name]
    assert noted("--profile-of-nothing", "missing") == [deployed.stack.name]
    assert noted() == [deployed.stack.name]


def test_an_unreadable_stack_is_not_destroyed(deployed: Deployed) -> None:
    with pytest.raises(OperationError, match="cannot be read") as caught:
        before_destroy(deployed.project, ("destroy",), "http://127.0.0.1:9", regardless=False)
    assert EVEN_IF_WAITING in str(caught.value)


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
    found, _, after = stacks_of(project, args.split())
    assert (found, after) == (own, words)
