"""Shell completion: in a real bash, and by what it imports."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cronstack_infra.cli import COMMANDS, run
from cronstack_infra.discovery.job_names import job_names

JOBS = """
import absent_module
from cronstack import Run, job
import cronstack


@job()
def stats(run: Run): ...


@cronstack.job(name="send-mails", retries=0)
def mails(run: Run): ...


@other()
def not_one(run: Run): ...
"""
BASH = r"""
eval "$(cronstack completion bash)"
compopt() { :; }  # only within a real completion
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_cronstack_completion cronstack
printf '%s\n' "${COMPREPLY[@]}"
"""
MODULES = """
import sys
from cronstack_infra.cli import run
try:
    run()
except SystemExit:
    pass
print("MODULES", *sys.modules, file=sys.stderr)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cdk.json").write_text("{}")
    (tmp_path / "functions" / "jobs" / "_tools").mkdir(parents=True)
    (tmp_path / "functions" / "jobs" / "all.py").write_text(JOBS)
    (tmp_path / "functions" / "jobs" / "broken.py").write_text("@job(\n")
    (tmp_path / "functions" / "jobs" / "_tools" / "hidden.py").write_text(JOBS.replace("stats", "hidden"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(words: str, folder: Path) -> tuple[list[str], set[str]]:
    """Return the completions of the last word, and the modules that were imported for them."""
    environ = os.environ | {
        "_CRONSTACK_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }
    command = [sys.executable, "-c", MODULES]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=True)
    modules = done.stderr.partition("MODULES ")[2].split()
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line], set(modules)


def test_commands_are_completed_without_an_import_of_any(project: Path) -> None:
    found, modules = completed("cronstack ", project)
    assert found == list(COMMANDS)
    assert not {name for name in modules if name.startswith("cronstack_infra.cli.commands.")}
    assert "boto3" not in modules
    assert completed("cronstack dem", project)[0] == ["demo"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cronstack trigger ", ["send-mails", "stats"]),
        ("cronstack trigger st", ["stats"]),
        ("cronstack runs s", ["show", "send-mails", "stats"]),
        ("cronstack runs pull s", ["send-mails", "stats"]),
        ("cronstack once show se", ["send-mails"]),
        ("cronstack dead-letters redrive st", ["stats"]),
        ("cronstack simulate --job ", ["send-mails", "stats"]),
        ("cronstack trigger --jobs absent ", []),
        ("cronstack diff --mark", ["--markdown"]),
        ("cronstack completion f", ["fish"]),
    ],
)
def test_jobs_and_options_are_completed(project: Path, words: str, expected: list[str]) -> None:
    """The module of the jobs cannot be imported, and nothing listens at the endpoint."""
    found, modules = completed(words, project)
    assert found == expected
    assert "boto3" not in modules
    assert "jobs.all" not in modules


def test_a_subcommand_is_completed_in_the_place_of_a_job(project: Path) -> None:
    assert "pull" in completed("cronstack runs ", project)[0]


def test_outside_a_project_no_job_is_completed(tmp_path: Path) -> None:
    assert completed("cronstack trigger ", tmp_path)[0] == []


def test_retired_jobs_come_from_the_lock_file(project: Path) -> None:
    from cronstack_infra.lock_file import update

    update(project, "jobs", {"gone": False}, ci=False)
    assert completed("cronstack retire g", project)[0] == ["gone"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is missing")
def test_bash_completes_with_the_printed_script(project: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for words, expected in ((["cronstack", "di"], ["diff"]), (["cronstack", "logs", "st"], ["stats"])):
        done = subprocess.run(
            ["bash", "-c", BASH, "bash", *words],
            cwd=project,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.split() == expected, done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_calls_cronstack(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert f"_CRONSTACK_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_an_unknown_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "csh"]) == 2
    assert "'csh' is not one of" in capsys.readouterr().err


def test_names_are_read_from_the_source(project: Path) -> None:
    assert job_names("jobs", project / "functions") == ["send-mails", "stats"]
    assert job_names("../jobs", project / "functions") == []
