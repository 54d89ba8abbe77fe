"""``cronstack doctor``: its table, its JSON, its exit codes, and bad input."""

from __future__ import annotations

import json

import pytest

from cronstack_infra.cli import run
from cronstack_infra.ops.doctor.checks.catalog import CHECKS
from tests.cli.commands.shell import Done
from tests.cronstack.stage import Stage


class DoctorCommand:
    """``cronstack doctor …`` on the stack."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, stack: str = "shop") -> Done:
        self._capsys.readouterr()
        code = run(["doctor", *arguments, "--stack", stack])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        return Done(code, printed.out, printed.err)


@pytest.fixture
def doctor(stage: Stage, capsys: pytest.CaptureFixture[str]) -> DoctorCommand:
    return DoctorCommand(capsys)


def test_a_table_then_each_finding_with_its_remedy(doctor: DoctorCommand) -> None:
    done = doctor("version")
    assert done.code == 1
    assert done.out.startswith("SEVERITY  CHECK    WHERE       WHAT\nwarning   version  stack shop  a Cronstack that ")
    assert "1. stack shop: a Cronstack that records no version has deployed it" in done.out
    assert done.out.endswith("   cronstack cdk deploy\n\n1 finding.\n")


def test_json(doctor: DoctorCommand) -> None:
    done = doctor("version", "clock", "--json")
    assert done.code == 1
    (finding,) = done.data["findings"]
    assert finding["check"] == "version"
    assert set(finding) == {"check", "severity", "where", "what", "why", "remedy"}
    assert done.data["unsupported"] == []


def test_nothing_is_wrong(doctor: DoctorCommand) -> None:
    assert doctor("stack", "runtimes") == Done(0, "Nothing is wrong: 2 checks.\n", "")


def test_a_deleted_queue(doctor: DoctorCommand, stage: Stage) -> None:
    import boto3

    (nothing,) = boto3.client("cloudformation").describe_stack_resources(StackName="shop")["StackResources"]
    stage.sqs.delete_queue(QueueUrl=nothing["PhysicalResourceId"])
    (finding,) = doctor("drift", "--json").data["findings"]
    assert (finding["severity"], finding["what"]) == (
        "error",
        "it is in the template and does not exist: deleted by hand",
    )


def test_list(doctor: DoctorCommand) -> None:
    assert doctor("--list").out.splitlines()[1].split()[0] == "stack"
    assert [row["check"] for row in json.loads(doctor("--list", "--json").out)] == [check.name for check in CHECKS]


def test_bad_input(doctor: DoctorCommand) -> None:
    done = doctor("drfit")
    assert done.code == 2
    assert "unknown check 'drfit'. Did you mean 'drift'?" in done.err
    done = doctor("quantum")
    assert done.code == 2
    assert "Checks: stack, drift, permissions" in done.err
    done = doctor(stack="none-such")
    assert done.code == 1
    assert "the stack none-such is not deployed" in done.err
    assert doctor("--verbose").code == 2
