"""The page "Restoring the ledger to a point in time": its commands, and its statements on undone writes.

The local cloud always restores the present. So the test makes undone writes between the restore and the adoption.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cronstack.event import planned_event
from cronstack.ledger import plan_requests
from cronstack.ledger.partitions import run_key
from cronstack.ledger.rows import PlanItem
from cronstack.occurrence import payload_hash, planned_id, print_time
from cronstack.onetime.schedules import Wiring
from cronstack_infra import names
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import ACCOUNT, pointed_at
from cronstack_infra.toolchain.cdk import bootstrap_args
from tests.e2e.projects import Deployer, user_project
from tests.places import ROOT

PAGE = (ROOT / "infra" / "cronstack_infra" / "aws" / "README.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"^```sh (\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
PAST = re.compile(r"--restore-date-time \S+")
TABLE = "shop-ledger-restored"
FUNCTION = "shop-invoices"
JOB = """
from cronstack import Run, job, once

@job(schedule=once(), retries=0, timeout=20)
def invoices(run: Run) -> dict[str, object]:
    with open(str(run.input["effects"]), "a", encoding="utf-8") as effects:
        effects.write(run.once_key + "\\n")
    return {}
"""


@dataclass
class Shop:
    cloud: LocalCloud
    deployer: Deployer
    tools: Path
    """A folder with ``aws`` and ``cronstack``."""
    effects: Path

    def run(self, block: str) -> str:
        """Run a block of the page in a shell of the project's folder."""
        environ = pointed_at(self.cloud.endpoint, os.environ)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", PAST.sub("--use-latest-restorable-time", BLOCKS[block])],
            cwd=self.deployer.root,
            env=environ | {"PATH": f"{self.tools}:{environ['PATH']}", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, f"{block}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def outputs(self) -> dict[str, str]:
        stack = self.cloud.client("cloudformation").describe_stacks(StackName="shop")["Stacks"][0]
        return names.stack_outputs(stack)

    def plan(self, key: str, *, due: int) -> str:
        """Write a plan into the current ledger. Return its event."""
        moment = int(time.time() * 1000)
        input = {"effects": str(self.effects)}
        event = planned_event("invoices", key, moment, due=due, input=input)
        row = PlanItem("planned", key, due, moment, print_time(due), payload_hash(input), event, 0)
        wiring = Wiring.read(self.outputs()[names.once_output("invoices")])
        call = plan_requests.write(wiring.ledger, "invoices", row, None, ttl=due // 1000 + 86_400)
        self.cloud.client("dynamodb").update_item(**call.parameters)
        return event

    def deliver(self, event: str) -> str:
        """Invoke the function as a plan's schedule does. Return the status."""
        answer = self.cloud.client("lambda").invoke(FunctionName=FUNCTION, Qualifier="plans", Payload=event)
        return str(json.load(answer["Payload"])["cronstack"])

    def row(self, key: str) -> dict[str, Any]:
        """Return the run of a key in the restored table, or {}."""
        answer = self.cloud.client("dynamodb").get_item(TableName=TABLE, Key=run_key("invoices", planned_id(key)))
        return dict(answer.get("Item", {}))

    def done(self) -> list[str]:
        return self.effects.read_text("utf-8").split()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, module in (("aws", "tests.tools.aws_cli"), ("cronstack", "cronstack_infra.cli")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        (tools / name).chmod(0o755)
    with LocalCloud.start() as cloud:
        deployer = user_project(tmp_path / "shop", "shop", cloud)
        (deployer.root / ".cronstack").mkdir()
        (deployer.root / ".cronstack" / "cdk").symlink_to(ROOT / ".cronstack" / "cdk")
        jobs = deployer.root / "functions" / "jobs"
        for file in jobs.glob("*.py"):
            file.unlink()
        (jobs / "invoices.py").write_text(JOB, "utf-8")
        deployer.cdk(*bootstrap_args(ACCOUNT, pointed_at(cloud.endpoint, os.environ)))
        deployer.deploy()
        yield Shop(cloud, deployer, tools, tmp_path / "effects")


def test_a11_10_a_restored_ledger_is_adopted_and_guards(shop: Shop) -> None:
    now = int(time.time() * 1000) // 1000 * 1000
    before = shop.plan("before", due=now)
    waits = shop.plan("waits", due=now)
    assert shop.deliver(before) == "succeeded"
    old = shop.outputs()[names.OUTPUT_LEDGER]

    shop.run("restore")
    undone = shop.plan("undone", due=now)
    assert shop.deliver(undone) == "succeeded"
    shop.run("pause")
    lambda_ = shop.cloud.client("lambda")
    with pytest.raises(lambda_.exceptions.TooManyRequestsException):
        shop.deliver(waits)
    shop.run("adopt")
    assert shop.outputs()[names.OUTPUT_LEDGER] == TABLE
    assert Wiring.read(shop.outputs()[names.once_output("invoices")]).ledger == TABLE
    shown = shop.run("compare")
    assert "before" in shown
    assert "waits" in shown
    assert "undone" not in shown
    shop.run("resume")

    # The guard detects duplicates of restored runs, and refuses plans whose writes were undone.
    assert shop.deliver(before) == "duplicate"
    assert shop.deliver(waits) == "succeeded"
    assert shop.deliver(undone) == "refused"
    assert shop.done() == ["before", "undone", "waits"]
    assert (shop.row("waits")["status"], shop.row("undone")) == ({"S": "succeeded"}, {})
    letters = shop.outputs()[names.OUTPUT_HANDLER_DEAD_LETTERS]
    [letter] = shop.cloud.client("sqs").receive_message(QueueUrl=letters)["Messages"]
    assert "Forgotten" in letter["Body"]

    # The restored table has the same protection as the first, and the first still exists.
    dynamodb = shop.cloud.client("dynamodb")
    for table in (old, TABLE):
        assert dynamodb.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"] is True
        assert dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"


def test_each_block_of_the_page_is_run() -> None:
    assert set(BLOCKS) == {"pause", "restore", "adopt", "compare", "resume"}
