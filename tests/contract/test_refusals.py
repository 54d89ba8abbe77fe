"""The conformance kit against one local cloud: it refuses each bad call as AWS does, and accepts its valid neighbour.

The kit's expected answers do not come from the local cloud. The tests also check the kit itself, and that it detects
a fault.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from cronstack import clock
from cronstack_infra.conformance.runner import ROWS, SERVICES, ask, clients
from cronstack_infra.conformance.scenes import SCENES, Stage
from cronstack_infra.conformance.values import Row
from cronstack_infra.local.client import LocalCloud
from tests.contract.faulty_cloud import faulty_cloud
from tests.places import ROOT

KIT = ROOT / "infra" / "cronstack_infra" / "conformance"


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as running:
        yield running


@pytest.fixture(scope="module")
def stage(cloud: LocalCloud) -> Stage:
    """Build the stage. It is not cleared, because the whole cloud is stopped."""
    stage = Stage(clients(cloud.endpoint), "kit")
    stage.build()
    return stage


def named(row: Row) -> str:
    return f"{row.service}-{row.rule}-{row.source}".replace("::", ":").replace("[", "(").replace("]", ")")


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_refused_as_on_aws_and_the_neighbour_is_read_back(stage: Stage, row: Row) -> None:
    verdict = ask(stage, row, clock.now())
    assert verdict.same, verdict


def test_the_table_has_150_rows_and_at_most_five_of_each_rule() -> None:
    assert len(ROWS) >= 150
    assert {row.service for row in ROWS} == set(SERVICES)
    rules = Counter((row.service, row.rule) for row in ROWS)
    assert max(rules.values()) <= 5, rules.most_common(3)
    assert all(row.source and row.scene in SCENES for row in ROWS)
    assert all(row.bad != row.good or row.good_operation or "slow" in row.scene for row in ROWS)


def test_the_kit_does_not_import_the_local_cloud() -> None:
    for file in KIT.glob("*.py"):
        assert "cronstack_infra.local" not in file.read_text("utf-8"), file.name


FAULTS = {
    "sqs.SendMessage._delay": ("send_message", {"delay"}),
    "sqs.CreateQueue._name": ("create_queue", {"name: FIFO"}),
    "lambda.CreateFunction.role": ("create_function", {"role: trust"}),
    "lambda.PutFunctionConcurrency._concurrency": ("put_function_concurrency", {"concurrency"}),
}


def test_a_removed_rule_fails_its_rows_only() -> None:
    with faulty_cloud(*FAULTS) as cloud:
        stage = Stage(clients(cloud.endpoint), "fault")
        stage.build()
        for operation, rules in FAULTS.values():
            rows = [row for row in ROWS if row.operation == operation]
            assert {row.rule for row in rows if not ask(stage, row, clock.now()).same} == rules


def test_the_command_prints_each_row_and_exits_with_1_after_a_difference(cloud: LocalCloud) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cronstack_infra.cli", "conformance", *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    passing = run("--endpoint", cloud.endpoint, "--only", "sqs", "--json")
    assert passing.returncode == 0, passing.stderr
    rows = json.loads(passing.stdout)
    assert len(rows) == sum(row.service == "sqs" for row in ROWS)
    assert {"asked", "expected", "source", "got", "neighbour", "same"} <= rows[0].keys()
    unreachable = run("--endpoint", "http://127.0.0.1:9", "--only", "sqs")
    assert unreachable.returncode == 1
    assert run("--only", "sqs").returncode == 2
