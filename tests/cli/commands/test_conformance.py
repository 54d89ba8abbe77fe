"""``cronstack conformance``: invalid options, and a moto version that fits no patch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.local.patches.test_report import needs_installer, wheel


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"}
    command = [sys.executable, "-m", "cronstack_infra.cli", "conformance", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=plain | environ)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give --endpoint URL (or AWS_ENDPOINT_URL), or --patches"),
        (("--endpoint", "here"), "'here' is not a URL such as http://127.0.0.1:4570"),
        (("--moto", "5.2.5"), "--moto needs --patches"),
        (("--patches", "--moto", "newest"), "'newest' is not a version such as 5.2.5"),
        (("--patches", "--slow"), "--only, --slow and --all cannot be used with --patches"),
    ],
)
def test_invalid_options_are_refused(arguments: tuple[str, ...], message: str) -> None:
    ended = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


@pytest.fixture
def index(tmp_path: Path) -> dict[str, str]:
    """Environment in which uv and pip find only an empty moto, in a folder of wheels."""
    wheel(tmp_path, "5.9.1")
    found = {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path)}
    return {f"{tool}_{name}": value for tool in ("UV", "PIP") for name, value in found.items()}


@needs_installer
def test_a_version_that_does_not_exist(index: dict[str, str]) -> None:
    ended = run("--patches", "--moto", "5.9.2", **index)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "moto 5.9.2 does not exist" in ended.stderr
    assert "Traceback" not in ended.stderr


@needs_installer
def test_a_moto_that_fits_no_patch(index: dict[str, str]) -> None:
    ended = run("--patches", "--moto", "5.9.1", "--json", **index)
    assert ended.returncode == 1, ended.stderr
    found = json.loads(ended.stdout)
    assert found["moto"] == "5.9.1"
    assert {row["state"] for row in found["patches"]} == {"breaks"}
    (row,) = (row for row in found["patches"] if row["member"] == "moto.sqs.models:Message.mark_received")
    assert row["reason"] == "A message does not record when it was last received."
    assert row["probes"] == ["a_receipt_of_an_old_message_is_refused"]
    assert row["notes"][0].startswith("signature: no owner: No module named 'moto.sqs'")
