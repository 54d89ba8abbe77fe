"""The conformance kit against one local cloud: each bad call refused as on AWS, each neighbour read back.

The kit's expected answers are not the local cloud's; here it is also held to its own promises, and shown to notice a
fault.
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
    with LocalCloud.start() as found:
        yield found


@pytest.fixture(scope="module")
def stage(cloud: LocalCloud) -> Stage:
    """Not cleared: the cloud goes as a whole."""
    made = Stage(clients(cloud.endpoint), "kit")
    made.build()
    return made


def named(row: Row) -> str:
    return f"{row.service}-{row.rule}-{row.source}".replace("::", ":").replace("[", "(").replace("]", ")")


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_refused_as_on_aws_and_the_neighbour_is_read_back(stage: Stage, row: Row) -> None:
    verdict = ask(stage, row, clock.now())
    assert verdict.same, verdict


def test_the_table_is_large_and_no_rule_is_asked_more_than_five_times() -> None:
    assert len(ROWS) >= 150
    assert {row.service for row in ROWS} == set(SERVICES)
    rules = Counter((row.service, row.rule) for row in ROWS)
    assert max(rules.values()) <= 5, rules.most_common(3)
    assert all(row.source and row.scene in SCENES for row in ROWS)
    assert all(row.bad != row.good or row.good_operation or "slow" in row.scene for row in ROWS)


def test_the_kit_knows_nothing_of_the_local_cloud() -> None:
    for file in KIT.glob("*.py"):
        assert "cronstack_infra.local" not in file.read_text("utf-8"), file.name


FAULTS = {
    "sqs.SendMessage._delay": ("send_message", {"delay"}),
    "sqs.CreateQueue._name": ("create_queue", {"name: FIFO"}),
    "lambda.CreateFunction.role": ("create_function", {"role: trust"}),
    "lambda.PutFunctionConcurrency._concurrency": ("put_function_concurrency", {"concurrency"}),
}


def test_a_planted_fault_turns_its_rows_red_and_no_other() -> None:
    with faulty_cloud(*FAULTS) as cloud:
        made = Stage(clients(cloud.endpoint), "fault")
        made.build()
        for operation, rules in FAULTS.values():
            rows = [row for row in ROWS if row.operation == operation]
            assert {row.rule for row in rows if not ask(made, row, clock.now()).same} == rules


def test_the_command_prints_each_row_and_its_exit_code_says_whether_all_is_as_on_aws(cloud: LocalCloud) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cronstack_infra.cli", "conformance", *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)

    right = run("--endpoint", cloud.endpoint, "--only", "sqs", "--json")
    assert right.returncode == 0, right.stderr
    rows = json.loads(right.stdout)
    assert len(rows) == sum(row.service == "sqs" for row in ROWS)
    assert {"asked", "expected", "source", "got", "neighbour", "same"} <= rows[0].keys()
    wrong = run("--endpoint", "http://127.0.0.1:9", "--only", "sqs")
    assert wrong.returncode == 1
    assert run("--only", "sqs").returncode == 2
