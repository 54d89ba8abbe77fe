"""``cronstack up --no-deploy``, a process of its own: it starts, says how to use it, stops, and leaves nothing."""

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
        self.said = ""

    def read_until(self, words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return line
        pytest.fail(f"it never said {words!r}, but:\n{self.said}{self.process.stderr.read()}")

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
def test_asked_to_stop_it_stops_everything_and_says_so(up: Up, number: int) -> None:
    pid = pid_behind(up.endpoint)
    assert not ended_within(pid, 0)
    up.read_until("Ctrl-C stops it")
    code, said = up.end(number)
    assert code == 0
    assert "The deployed stacks and their data are deleted" in said
    assert "Traceback" not in said
    assert ended_within(pid, 0)


def test_killed_it_leaves_no_process_behind(up: Up) -> None:
    pid = pid_behind(up.endpoint)
    up.end(signal.SIGKILL)
    assert ended_within(pid, 60)


def test_another_shell_can_use_it(up: Up) -> None:
    import boto3

    sqs = boto3.client(
        "sqs", endpoint_url=up.endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    assert sqs.create_queue(QueueName="orders")["QueueUrl"].startswith("http://127.0.0.1:")


def test_a_second_one_on_the_same_port_says_who_has_it(up: Up, tmp_path: Path) -> None:
    endpoint = up.endpoint
    second = Up(tmp_path, "--no-deploy", "--port", endpoint.rpartition(":")[2])
    out, err = second.process.communicate(timeout=SECONDS)
    assert second.process.returncode == 1
    assert "is in use" in err
    assert str(pid_behind(endpoint)) in err
    assert "Traceback" not in out + err


def test_it_plays_switches_and_shows_them(tmp_path: Path) -> None:
    up = Up(tmp_path, "--no-deploy", "--port", "0", "--switch", "past-at=refused", "--seed", "7")
    try:
        up.read_until("Switches: past-at=refused, seed 7.")
        with urlopen(f"{up.endpoint}/_cronstack/switches", timeout=30) as answer:
            assert json.load(answer) == {"switches": ["past-at=refused"], "seed": 7}
    finally:
        up.end(signal.SIGKILL)


def test_outside_of_a_project_it_says_what_to_do(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["up"]) == 1
    assert "not a Cronstack project" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project, with a module of jobs to be written into ``functions/jobs``."""
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "shop"]) == 0
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop" / "functions" / "jobs"


def test_a_wrong_declaration_is_told_before_anything_starts(project: Path, capsys) -> None:
    (project / "nightly.py").write_text(
        "from cronstack import cron, job\n\n"
        "@job(schedule=cron('0 6 * * ? *', timezone='Mars/Olympus'))\ndef nightly(run):\n    pass\n"
    )
    assert cli.run(["up", "--port", "0"]) == 2
    shown = capsys.readouterr()
    assert "nightly.py:3" in shown.err
    assert "Mars/Olympus" in shown.err
    assert "local cloud" not in shown.out


def test_a_package_that_is_not_there_is_wrong_input(project: Path, capsys) -> None:
    assert cli.run(["up", "--jobs", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err
