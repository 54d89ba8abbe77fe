"""``cronstack new job``: module and test are valid at once; after an error no file is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cronstack_infra import cli

EXPRESSIONS = {
    "nightly": ("--cron", "30 2 * * ? *", "--timezone", "Australia/Lord_Howe"),
    "weekly": ("--cron", "0 06 ? * mon *", "--timezone", "America/New_York"),
    "refresh": ("--rate", "5 minutes"),
    "launch": ("--at", "2199-03-28T02:30:00", "--timezone", "Europe/Berlin"),
    "remind": ("--once",),
}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A new project. The current folder is inside it."""
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "shop"]) == 0
    monkeypatch.chdir(tmp_path / "shop" / "infra")
    capsys.readouterr()
    return tmp_path / "shop"


def run_module(folder: Path, *arguments: str) -> str:
    """Return the stdout of a new process, in which no other project's jobs are imported."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "AWS_"))}
    ended = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def new(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cronstack_infra.cli", "new", "job", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def files_of(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.suffix in (".py", ".json")
    }


def test_each_kind_of_job_is_written_and_listed(shop: Path) -> None:
    """tests/e2e/test_new_from_wheel.py runs the written tests."""
    before = files_of(shop)
    for name, options in EXPRESSIONS.items():
        ended = new(shop, name, *options)
        assert ended.returncode == 0, ended.stderr
        assert f"functions/jobs/{name}.py" in ended.stdout
    written = [path for name in EXPRESSIONS for path in (f"functions/jobs/{name}.py", f"tests/jobs/test_{name}.py")]
    assert set(files_of(shop)) - set(before) == set(written)
    assert {name: files_of(shop)[name] for name in before} == before
    listed = run_module(shop, "cronstack_infra.cli", "list")
    for name in EXPRESSIONS:
        assert f"functions/jobs/{name}.py:6" in listed
    for expression in (
        "cron(30 2 * * ? *)",
        "cron(0 6 ? * MON *)",
        "rate(5 minutes)",
        "at(2199-03-28T02:30:00)",
        "once()",
    ):
        assert expression in listed
    checked = run_module(shop, "ruff", "check", "--isolated", "--line-length", "88", "--select", "E,F,I,B,UP", *written)
    assert "All checks passed" in checked


def test_a_new_job_at_a_local_time_that_the_clocks_skip_has_a_note(shop: Path) -> None:
    ended = new(shop, "nightly", "--cron", "30 2 * * ? *", "--timezone", "Europe/Berlin")
    assert ended.returncode == 0, ended.stderr
    assert "Note: cron(30 2 * * ? *) (Europe/Berlin): " in ended.stderr
    assert "the clocks skip 02:30 on Sun " in ended.stderr
    assert 'Use a local time outside 02:00 to 03:00, or timezone="UTC".' in ended.stderr
    assert new(shop, "morning", "--cron", "0 6 * * ? *", "--timezone", "Europe/Berlin").stderr == ""


def test_the_written_test_fails_for_another_schedule_or_result(shop: Path) -> None:
    assert new(shop, "nightly", *EXPRESSIONS["nightly"]).returncode == 0
    module = shop / "functions" / "jobs" / "nightly.py"
    module.write_text(module.read_text().replace('"30 2 ', '"30 3 ').replace('{"due":', '{"done":'))
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/jobs"],
        cwd=shop,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "2 failed" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("nightly", "--cron", "0 6 * * ? *"), "has no time zone"),
        (("nightly", "--at", "2199-01-01T00:00:00"), "has no time zone"),
        (("nightly", "--cron", "0 6 * * *", "--timezone", "UTC"), "Write cron(0 6 * * ? *)"),
        (("nightly", "--cron", "0 6 30 2 ? *", "--timezone", "UTC"), "the calendar has no such day"),
        (("nightly", "--cron", "0 6 * * ? 2001", "--timezone", "UTC"), "is in the past"),
        (("nightly", "--at", "2001-01-01T00:00:00", "--timezone", "UTC"), "is in the past"),
        (("nightly", "--at", "2199-01-01T00:00:30", "--timezone", "UTC"), "has seconds"),
        (("nightly", "--at", "tomorrow", "--timezone", "UTC"), "at(tomorrow) is not of the form"),
        (("nightly", "--rate", "5"), "is not a positive whole number, one space and a unit"),
        (("nightly", "--rate", "5 minutes", "--timezone", "UTC"), "--timezone cannot be used with"),
        (("nightly", "--cron", "0 6 * * ? *", "--timezone", "Europe/Berlino"), "Did you mean Europe/Berlin"),
        (("nightly",), "one of --cron, --rate, --at and --once"),
        (("nightly", "--rate", "1 day", "--cron", "0 6 * * ? *"), "one of --cron, --rate, --at and --once"),
        (("nightly", "--rate", "1 day", "--once"), "one of --cron, --rate, --at and --once"),
        (("nightly", "--once", "--timezone", "UTC"), "--timezone cannot be used with"),
        (("once", "--once"), "modules of jobs import"),
        (("send-invoices", "--rate", "1 day"), "cannot be the name of a function"),
        (("_nightly", "--rate", "1 day"), "cannot be the name of a function"),
        (("näcHtlich", "--rate", "1 day"), "cannot be the name of a function"),
        (("../nightly", "--rate", "1 day"), "cannot be the name of a function"),
        (("class", "--rate", "1 day"), "cannot be the name of a function"),
        (("job", "--rate", "1 day"), "modules of jobs import"),
        (("n" * 57, "--rate", "1 day"), "has 57 characters"),
        (("hello", "--rate", "1 day"), "the job 'hello' exists already, at functions/jobs/hello.py:6"),
        ((), "Missing argument 'NAME'"),
    ],
)
def test_invalid_arguments_are_reported_and_nothing_is_written(
    shop: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], why: str
) -> None:
    before = files_of(shop)
    if "hello" in arguments:  # the check imports the jobs, so it needs a process without others
        ended = new(shop, *arguments)
        code, message = ended.returncode, ended.stderr
    else:
        code = cli.run(["new", "job", *arguments])
        message = capsys.readouterr().err
    assert code == 2
    assert why in message
    assert files_of(shop) == before


@pytest.mark.parametrize(
    "existing", ["functions/jobs/nightly.py", "functions/jobs/nightly", "tests/jobs/test_nightly.py"]
)
def test_existing_files_are_not_overwritten(shop: Path, existing: str) -> None:
    path = shop / existing
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        path.write_text('"""Mine."""\n')
    else:
        path.mkdir()
    before = files_of(shop)
    ended = new(shop, "nightly", "--rate", "1 day")
    assert ended.returncode == 1
    assert f"{existing} exists already" in ended.stderr
    assert files_of(shop) == before


def test_no_module_is_written_if_the_test_cannot_be_written(shop: Path) -> None:
    (shop / "tests" / "jobs").write_text("a file where a folder is needed")
    before = files_of(shop)
    ended = new(shop, "nightly", "--rate", "1 day")
    assert ended.returncode == 1
    assert "tests/jobs" in ended.stderr
    assert files_of(shop) == before


def test_a_broken_module_of_the_project_is_reported(shop: Path) -> None:
    (shop / "functions" / "jobs" / "broken.py").write_text("import nothing_of_this_name\n")
    ended = new(shop, "nightly", "--rate", "1 day")
    assert ended.returncode == 2
    assert "functions/jobs/broken.py:1" in ended.stderr
    assert not (shop / "functions" / "jobs" / "nightly.py").exists()


def test_outside_a_project_the_message_shows_how_to_create_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "job", "nightly", "--rate", "1 day"]) == 1
    assert "not a Cronstack project" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_project_can_have_the_name_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "project", "job"]) == 0
    assert cli.run(["new", "./project"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"job", "project"}
