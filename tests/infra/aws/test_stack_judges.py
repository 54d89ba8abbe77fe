"""cfn-lint checks the template by AWS's schemas and rules, offline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ACCEPTED = ("W3005",)
"""W3005: the CDK adds a dependency that GetAtt implies: harmless, and needed once a role has more policies."""


BROKEN = {"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": "soon"}}}}


@pytest.fixture(scope="module")
def faults(examples: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Return the faults of each file. cfn-lint takes seconds to start, so run it once."""
    folder = tmp_path_factory.mktemp("judged")
    for name, template in (("examples", examples), ("broken", BROKEN)):
        (folder / f"{name}.json").write_text(json.dumps(template))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "-i", "I", "--format", "json"]
    ended = subprocess.run(
        [*command, "--ignore-checks", *ACCEPTED, "-t", *map(str, sorted(folder.iterdir()))],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert not ended.stderr, ended.stderr
    by_file: dict[str, list[dict[str, Any]]] = {"examples": [], "broken": []}
    for fault in json.loads(ended.stdout):
        by_file[Path(fault["Filename"]).stem].append(fault)
    return by_file


def test_the_examples_stack_is_clean(faults: dict[str, list[dict[str, Any]]]) -> None:
    assert not faults["examples"], "\n".join(
        f"{fault['Rule']['Id']} {fault['Message']}" for fault in faults["examples"]
    )


def test_cfn_lint_finds_a_fault(faults: dict[str, list[dict[str, Any]]]) -> None:
    assert [fault["Rule"]["Id"] for fault in faults["broken"]] == ["E3012"]
