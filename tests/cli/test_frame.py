"""The command line as a whole: lazy imports, error messages and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cronstack import DeclarationError, ScheduleError
from cronstack.errors import OperationError
from cronstack_infra import cli


def start(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cronstack_infra.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | environ,
        check=False,
    )


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """Return ``failing(fault)``, which makes the command line raise that fault and returns the exit code."""

    def fail(fault: BaseException) -> int:
        def command(**_: object) -> None:
            raise fault

        monkeypatch.setattr(cli, "cronstack", click.Command("cronstack", callback=command))
        return cli.run([])

    return fail


def test_help_lists_every_command_and_imports_none() -> None:
    program = "import sys; from cronstack_infra import cli; cli.run(['--help']); print(sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    words, _, modules = shown.stdout.rpartition("\n[")
    assert [name for name in cli.COMMANDS if f"  {name} " in words] == list(cli.COMMANDS)
    for heavy in ("boto3", "botocore", "moto", "aws_cdk", "jsii", "rich", "cronstack_infra.cli.commands", "zoneinfo"):
        assert f"'{heavy}'" not in modules


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_exists_and_has_a_help_text(name: str) -> None:
    command = cli.cronstack.get_command(click.Context(cli.cronstack), name)
    assert command is not None
    assert command.help


def test_version() -> None:
    shown = start("--version")
    assert (shown.returncode, shown.stdout.split()[0], shown.stderr) == (0, "cronstack", "")


def test_an_unknown_command_is_invalid_input() -> None:
    shown = start("nonsense")
    assert shown.returncode == 2
    assert "No such command 'nonsense'" in shown.stderr


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (DeclarationError("no zone", where="jobs/a.py:3", remedy="Write timezone='UTC'."), 2),
        (ScheduleError("cron(0 0 31 2 ? *) never fires"), 2),
        (click.UsageError("no such job"), 2),
        (OperationError("stack 'shop' is not deployed", remedy="Deploy it."), 1),
    ],
)
def test_an_expected_fault_is_one_message_and_an_exit_code(failing, capsys, fault: Exception, code: int) -> None:
    assert failing(fault) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert str(fault) in shown.err
    assert "Traceback" not in shown.err


def test_an_unexpected_fault_asks_for_a_report(failing, capsys) -> None:
    assert failing(KeyError("ledger")) == 1
    shown = capsys.readouterr().err
    assert "unexpected KeyError: 'ledger' (test_frame.py:" in shown
    assert "report it" in shown
    assert "Traceback" not in shown


def test_the_traceback_is_printed_on_request(failing, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONSTACK_TRACEBACK", "1")
    assert failing(OperationError("no")) == 1
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_130_and_one_line(failing, capsys) -> None:
    assert failing(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err.strip() == "Interrupted."


@pytest.mark.parametrize("caught", [True, False])
def test_an_interrupt_keeps_the_exit_code_of_the_command(tmp_path: Path, caught: bool) -> None:
    """Also in code that is compiled from a string, as by namedtuple: Python would then end itself by SIGINT."""
    (tmp_path / "interrupted.py").write_text(
        "import contextlib, click\n"
        "from cronstack_infra import cli\n"
        "def command():\n"
        f"    with contextlib.{'suppress(KeyboardInterrupt)' if caught else 'nullcontext()'}:\n"
        "        exec('raise KeyboardInterrupt')\n"
        "cli.cronstack = click.Command('cronstack', callback=command)\n"
        "cli.main()\n"
    )
    ended = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, stderr=subprocess.PIPE, timeout=60)
    assert (ended.returncode, ended.stderr) == ((0, b"") if caught else (130, b"\nInterrupted.\n"))


def test_an_error_of_botocore_has_no_traceback(failing, capsys) -> None:
    from botocore.exceptions import EndpointConnectionError

    assert failing(EndpointConnectionError(endpoint_url="http://127.0.0.1:1")) == 1
    shown = capsys.readouterr().err
    assert "http://127.0.0.1:1" in shown
    assert "cronstack up" in shown


def test_a_closed_pipe_prints_no_error() -> None:
    program = "import sys; from cronstack_infra import cli; sys.stdin.read(); sys.exit(cli.run(['--help']))"
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.close()
    child.stdout = None
    _, err = child.communicate(input=b"", timeout=60)
    assert err == b""
