"""``cronstack up --no-deploy`` as a process: it starts, shows its usage, and stops completely."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from cronstack_infra import cli
from tests.kit import bound
from tests.kit.processes import ended_within

SECONDS = 60.0


class Up:
    """A running ``cronstack up``."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = bound.popen(
            [sys.executable, "-m", "cronstack_infra.cli", "up", *arguments],
            cwd=folder,
            env=os.environ | {"COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed = ""

    def read_until(self, words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if words in line:
                return line
        pytest.fail(f"it never printed {words!r}, but:\n{self.printed}{self.process.stderr.read()}")

    @property
    def endpoint(self) -> str:
        return self.read_until("export AWS_ENDPOINT_URL=").split("=")[1].split()[0]

    def end(self, number: int) -> tuple[int, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out + err


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started = Up(tmp_path, "--no-deploy", "--port", "0")
    yield started
    started.process.kill()
    started.process.communicate(timeout=SECONDS)


def pid_behind(endpoint: str) -> int:
    with urlopen(f"{endpoint}/_cronstack/", timeout=30) as answer:
        return int(json.load(answer)["pid"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_stops_everything(up: Up, number: int) -> None:
    pid = pid_behind(up.endpoint)
    assert not ended_within(pid, 0)
    up.read_until("Ctrl-C stops it")
    code, printed = up.end(number)
    assert code == 0
    assert "The deployed stacks and their data are deleted" in printed
    assert "Traceback" not in printed
    assert ended_within(pid, 0)


def test_after_a_kill_no_process_is_left(up: Up) -> None:
    pid = pid_behind(up.endpoint)
    up.end(signal.SIGKILL)
    assert ended_within(pid, 60)


def test_another_shell_can_use_it(up: Up) -> None:
    import boto3

    sqs = boto3.client(
        "sqs", endpoint_url=up.endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    assert sqs.create_queue(QueueName="orders")["QueueUrl"].startswith("http://127.0.0.1:")


def test_a_second_cloud_on_the_port_reports_the_process_that_uses_it(up: Up, tmp_path: Path) -> None:
    endpoint = up.endpoint
    second = Up(tmp_path, "--no-deploy", "--port", endpoint.rpartition(":")[2])
    out, err = second.process.communicate(timeout=SECONDS)
    assert second.process.returncode == 1
    assert "is in use" in err
    assert str(pid_behind(endpoint)) in err
    assert "Traceback" not in out + err


def test_switches_are_applied_and_shown(tmp_path: Path) -> None:
    up = Up(tmp_path, "--no-deploy", "--port", "0", "--switch", "past-at=refused", "--seed", "7")
    try:
        up.read_until("Switches: past-at=refused, seed 7.")
        with urlopen(f"{up.endpoint}/_cronstack/switches", timeout=30) as answer:
            assert json.load(answer) == {"switches": ["past-at=refused"], "seed": 7}
    finally:
        up.end(signal.SIGKILL)


def test_outside_a_project_the_message_shows_the_remedy(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["up"]) == 1
    assert "not a Cronstack project" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project. Return its folder of jobs."""
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "shop"]) == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop" / "functions" / "jobs"


def test_an_invalid_declaration_is_reported_before_anything_starts(project: Path, capsys) -> None:
    (project / "nightly.py").write_text(
        "from cronstack import cron, job\n\n"
        "@job(schedule=cron('0 6 * * ? *', timezone='Mars/Olympus'))\ndef nightly(run):\n    pass\n"
    )
    assert cli.run(["up", "--port", "0"]) == 2
    shown = capsys.readouterr()
    assert "nightly.py:3" in shown.err
    assert "Mars/Olympus" in shown.err
    assert "local cloud" not in shown.out


def test_a_missing_package_is_invalid_input(project: Path, capsys) -> None:
    assert cli.run(["up", "--jobs", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
