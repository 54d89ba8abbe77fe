"""What others say of the template: cfn-lint, which knows AWS's schemas and rules, offline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ACCEPTED = ("W3005",)
"""W3005: the CDK writes a dependency out that GetAtt implies; harmless, and right once a role has more policies."""


BROKEN = {"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": "soon"}}}}


@pytest.fixture(scope="module")
def found(examples: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What it says of each file. It takes seconds to start, so it is asked once."""
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
    said: dict[str, list[dict[str, Any]]] = {"examples": [], "broken": []}
    for fault in json.loads(ended.stdout):
        said[Path(fault["Filename"]).stem].append(fault)
    return said


def test_the_examples_stack_is_clean(found: dict[str, list[dict[str, Any]]]) -> None:
    assert not found["examples"], "\n".join(f"{fault['Rule']['Id']} {fault['Message']}" for fault in found["examples"])


def test_the_judge_would_find_a_fault(found: dict[str, list[dict[str, Any]]]) -> None:
    assert [fault["Rule"]["Id"] for fault in found["broken"]] == ["E3012"]
