"""The local cloud that a command uses, and the error if no process listens there."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cronstack_infra import cli
from cronstack_infra.cli.commands.new.project import write_project
from cronstack_infra.cli.options.local_address import local_address
from cronstack_infra.toolchain import ensure_cdk
from tests.places import ROOT

ON_THIS_MACHINE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:5001"}
ELSEWHERE = {"AWS_ENDPOINT_URL": "https://aws.example"}


@pytest.mark.parametrize(
    ("environ", "local", "port", "expected"),
    [
        ({}, False, None, None),
        ({}, True, None, "http://127.0.0.1:4570"),
        ({}, False, 5002, "http://127.0.0.1:5002"),
        (ON_THIS_MACHINE, False, None, "http://127.0.0.1:5001"),
        (ON_THIS_MACHINE, True, None, "http://127.0.0.1:5001"),
        (ON_THIS_MACHINE, True, 5002, "http://127.0.0.1:5002"),
        (ELSEWHERE, False, None, None),
        (ELSEWHERE, True, None, "http://127.0.0.1:4570"),
    ],
)
def test_the_port_overrides_the_variable_which_overrides_the_flag(
    environ: dict[str, str], local: bool, port: int | None, expected: str | None
) -> None:
    assert local_address(environ, local=local, port=port) == expected


@pytest.fixture
def free_port() -> int:
    """A port at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_project(tmp_path, name="shop")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    return tmp_path


@pytest.mark.parametrize("words", [["deploy"], ["-c", "jobs=examples", "destroy", "--force"], ["bootstrap"], ["diff"]])
def test_cdk_without_a_running_cloud_shows_the_command_to_start_it(
    shop: Path, free_port: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["cdk", "--port", str(free_port), *words]) == 1
    assert capsys.readouterr().err == (
        f"Error: no local cloud answers at http://127.0.0.1:{free_port}\n"
        f"  Start one in another shell: cronstack up --port {free_port}\n"
    )
    assert not (shop / ".cronstack").exists(), "nothing was fetched or synthesized before"


@pytest.mark.parametrize("flags", [["--local"], []])
def test_cdk_uses_the_variable_and_reports_it(
    shop: Path, free_port: int, flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://localhost:{free_port}")
    assert cli.run(["cdk", *flags, "deploy"]) == 1
    message = capsys.readouterr().err
    assert f"no local cloud answers at http://localhost:{free_port} (AWS_ENDPOINT_URL)" in message
    assert f"cronstack up --port {free_port}" in message


def test_operators_commands_use_the_variable(
    shop: Path, free_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    assert cli.run(["runs", "--local"]) == 1
    assert f'"http://127.0.0.1:{free_port}/"' in capsys.readouterr().err


def test_a_variable_without_a_valid_port_is_one_message(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:port")
    assert cli.run(["cdk", "deploy"]) == 1
    assert "http://127.0.0.1:port (AWS_ENDPOINT_URL) has no valid port" in capsys.readouterr().err


def test_commands_without_aws_calls_need_no_cloud(shop: Path, free_port: int) -> None:
    (shop / ".cronstack").mkdir()
    (shop / ".cronstack" / "cdk").symlink_to(ensure_cdk(ROOT, print).script.parents[4])
    command = [sys.executable, "-m", "cronstack_infra.cli", "cdk", "--port", str(free_port), "--version"]
    ended = subprocess.run(command, cwd=shop, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
