"""``cronstack list`` and ``cronstack next``: their output, their errors, and modules that they must not import."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cronstack_infra import cli

JOBS = """\
from cronstack import Run, at, cron, job, once, rate


@job(schedule=[cron("30 2 * * ? *", timezone="Europe/Berlin"), rate("6 hours")], overlap="allow", retries=0)
def stats(run: Run): ...


@job(schedule=at("2026-03-28T12:00:00", timezone="Asia/Tokyo"))
def launch(run: Run): ...


@job(schedule=cron("0 0 1 * ? *", timezone="UTC"), enabled=False)
def resting(run: Run): ...


@job()
def by_hand(run: Run): ...


@job(schedule=[once(), rate("1 day")])
def reminding(run: Run): ...
"""


_numbers = itertools.count()


class Project:
    """A project in the current folder. Its package of jobs has a unique name in this process."""

    def __init__(self, folder: Path) -> None:
        self.package = f"listed_{next(_numbers)}"
        self.file = folder / "functions" / self.package / "all.py"
        self.file.parent.mkdir(parents=True)
        self.file.write_text(JOBS)
        (folder / "cdk.json").write_text("{}")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


class Done(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def cronstack(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return ``cronstack(project, "next", ...)``. project None: outside a project."""

    def call(project: Project | None, *arguments: str) -> Done:
        of = ("--jobs", project.package) if project is not None and "--jobs" not in arguments else ()
        code = cli.run([*arguments, *of])
        printed = capsys.readouterr()
        name = project.package if project is not None else "jobs"
        return Done(code, printed.out.replace(name, "jobs"), printed.err.replace(name, "jobs"))

    return call


def test_list(project: Project, cronstack: Command) -> None:
    heading, *rows = cronstack(project, "list").out.splitlines()
    assert heading.split("  ")[0] == "JOB"
    by_hand, launch, reminding, daily, resting, stats, stats_too = (" ".join(row.split()) for row in rows)
    assert by_hand == "by_hand only when triggered skip 2 functions/jobs/all.py:16"
    assert reminding == "reminding once() scheduled by code skip 2 functions/jobs/all.py:20"
    assert daily == "rate(1 day) counted from its deployment"
    assert launch.startswith("launch at(2026-03-28T12:00:00) Asia/Tokyo")
    assert resting.startswith("resting cron(0 0 1 * ? *) UTC paused skip 2")
    assert stats.startswith("stats cron(30 2 * * ? *) Europe/Berlin")
    assert stats.endswith("allow 0 functions/jobs/all.py:4")
    assert stats_too == "rate(6 hours) counted from its deployment"


def test_list_as_json(project: Project, cronstack: Command) -> None:
    listed = {job["job"]: job for job in json.loads(cronstack(project, "list", "--json").out)}
    assert list(listed) == ["by_hand", "launch", "reminding", "resting", "stats"]
    assert listed["by_hand"]["schedules"] == []
    assert [job for job in listed if listed[job]["by_code"]] == ["reminding"]
    cron, rate = listed["stats"]["schedules"]
    assert (cron["expression"], cron["timezone"]) == ("cron(30 2 * * ? *)", "Europe/Berlin")
    assert cron["next"].endswith(":30:00Z")
    assert (rate["expression"], rate["next"]) == ("rate(6 hours)", None)
    assert listed["stats"]["handler"] == "jobs.all.stats"
    assert (listed["resting"]["enabled"], listed["resting"]["schedules"][0]["next"]) == (False, None)


def test_a_past_at_is_a_note_not_an_error(project: Project, cronstack: Command) -> None:
    jobs = project.file
    jobs.write_text(JOBS.replace("2026-03-28", "2001-03-28"))
    done = cronstack(project, "list")
    assert done.code == 0
    note = "Note: functions/jobs/all.py:8: launch: at(2001-03-28T12:00:00) (Asia/Tokyo) is past and never fires again"
    assert note in done.err
    assert "never again" in done.out


def test_list_notes_local_times_that_the_clocks_skip_or_repeat(project: Project, cronstack: Command) -> None:
    done = cronstack(project, "list", "--json")
    (note,) = (line for line in done.err.splitlines() if ": stats: cron" in line)
    assert note.startswith("Note: functions/jobs/all.py:4: stats: cron(30 2 * * ? *) (Europe/Berlin): ")
    assert "the clocks skip 02:30 on Sun 20" in note
    assert "02:30 occurs twice on Sun 20" in note
    assert note.endswith('Use a local time outside 02:00 to 03:00, or timezone="UTC".')
    assert json.loads(done.out)


def test_list_notes_two_schedules_of_a_job_that_are_due_together(project: Project, cronstack: Command) -> None:
    project.file.write_text(
        "from cronstack import cron, job\n\n\n"
        '@job(schedule=[cron("0 6 * * ? *", timezone="UTC"), cron("0 6 ? * MON *", timezone="UTC")])\n'
        "def stats(run): ...\n"
    )
    cronstack(project, "list")  # the first call also notes the new lock file
    (note,) = cronstack(project, "list").err.splitlines()
    assert "stats: cron(0 6 * * ? *) and cron(0 6 ? * MON *) are due together 5" in note
    assert note.endswith("UTC. One run serves both.")


def test_list_of_nothing(project: Project, cronstack: Command) -> None:
    project.file.unlink()
    assert "No jobs yet" in cronstack(project, "list").out
    assert json.loads(cronstack(project, "list", "--json").out) == []
    assert "No job has a schedule" in cronstack(project, "next").out


def test_next_of_all_jobs(project: Project, cronstack: Command) -> None:
    done = cronstack(project, "next", "--after", "2026-03-28T02:00Z")
    assert [" ".join(line.split()) for line in done.out.splitlines()] == [
        "NEXT UTC LEFT LAST PASSED SCHEDULE JOB",
        "Sat 2026-03-28 12:00 JST 2026-03-28 03:00 1h - - at(2026-03-28T12:00:00) launch",
        "Sat 2026-03-28 08:00 UTC 2026-03-28 08:00 6h - - rate(6 hours) stats",
        "Sun 2026-03-29 02:00 UTC 2026-03-29 02:00 1 day - - rate(1 day) reminding",
        "Mon 2026-03-30 02:30 CEST 2026-03-30 00:30 1 day 22h "
        "Sat 2026-03-28 02:30 CET 30min ago cron(30 2 * * ? *) stats",
        "Wed 2026-04-01 00:00 UTC 2026-04-01 00:00 3 days 22h "
        "Sun 2026-03-01 00:00 UTC 27 days 2h ago cron(0 0 1 * ? *) resting (paused)",
        "",
        "rate(1 day), rate(6 hours): counted here from 2026-03-28 02:00 UTC. "
        "After the deployment it counts from the creation of the schedule, when it fires first.",
        "",
        "Scheduled by code: reminding. To list the plans: cronstack once list",
    ]


def test_next_of_one_job(project: Project, cronstack: Command) -> None:
    done = cronstack(project, "next", "launch", "--after", "2026-03-28T03:00:01+00:00", "--json")
    assert json.loads(done.out) == [
        {
            "job": "launch",
            "expression": "at(2026-03-28T12:00:00)",
            "timezone": "Asia/Tokyo",
            "window": None,
            "enabled": True,
            "next": None,
            "local": None,
            "left_seconds": None,
            "last": "2026-03-28T03:00:00Z",
            "passed_seconds": 1.0,
            "counted_from": None,
        }
    ]


def test_next_of_an_expression_needs_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cronstack: Command
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = [
        "next",
        "--expression",
        "cron(30 2 * * ? *)",
        "--timezone",
        "Europe/Berlin",
        "--after",
        "2026-03-28T00:00Z",
    ]
    done = cronstack(None, *asked, "-n", "3", "--json")
    firings = json.loads(done.out)
    assert [firing["last"] for firing in firings] == ["2026-03-27T01:30:00Z", None, None]
    assert [firing["local"] for firing in firings] == [
        "2026-03-28T02:30:00+01:00",
        "2026-03-30T02:30:00+02:00",
        "2026-03-31T02:30:00+02:00",
    ]
    assert len(cronstack(None, *asked).out.splitlines()) == 6


def test_next_of_a_rate_notes_that_its_phase_is_unknown(cronstack: Command) -> None:
    done = cronstack(None, "next", "--expression", "rate(5 minutes)", "--after", "2026-03-28T00:00:07Z", "-n", "1")
    assert done.out.splitlines()[1].split()[-2:] == ["rate(5", "minutes)"]
    assert "Sat 2026-03-28 00:05:07 UTC" in done.out
    assert "counted here from 2026-03-28 00:00:07 UTC" in done.out


INVALID = {
    ("next", "nope"): "unknown job 'nope'",
    ("next", "stat"): "Did you mean 'stats'?",
    ("next", "--after", "2026-03-28"): "has no time zone",
    ("next", "--after", "tomorrow"): "is not a valid time",
    ("next", "--after", "9999-12-31T23:59-12:00"): "is not a valid time",
    ("next", "--expression", "0 6 * * *"): "cron(0 6 * * ? *)",
    ("next", "--expression", "cron(0 0 30 2 ? *)"): "never fires",
    ("next", "--expression", "rate(1 day)", "--timezone", "Europe/Belrin"): "Did you mean Europe/Berlin",
    ("next", "stats", "--expression", "rate(1 day)"): "not both",
    ("next", "--timezone", "UTC"): "--timezone needs --expression",
    ("next", "-n", "0"): "-n",
    ("list", "--jobs", "absent"): "the package of jobs 'absent' is missing",
}


@pytest.mark.parametrize(("arguments", "words"), INVALID.items(), ids=str)
def test_invalid_input_is_one_message_and_exit_code_2(
    project: Project, arguments: tuple[str, ...], words: str, cronstack: Command
) -> None:
    done = cronstack(project, *arguments)
    assert done.code == 2
    assert done.out == ""
    assert words in done.err
    assert "Traceback" not in done.err


def test_an_invalid_declaration_is_exit_code_2(project: Project, cronstack: Command) -> None:
    (project.file.parent / "bad.py").write_text("import\n")
    for command in ("list", "next"):
        done = cronstack(project, command)
        assert done.code == 2
        assert done.err.startswith("Error: functions/jobs/bad.py:1: the module cannot be imported: SyntaxError")


def test_an_import_that_is_not_deployed_is_exit_code_2(project: Project, cronstack: Command) -> None:
    (project.file.parent / "drawn.py").write_text("def draw():\n    import hypothesis\n")
    for command in ("list", "next"):
        done = cronstack(project, command)
        assert done.code == 2
        assert done.err.startswith("Error: functions/jobs/drawn.py:2: it imports hypothesis, which is not deployed")
        assert "Add this line to functions/requirements.txt: hypothesis==" in done.err


def test_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cronstack: Command) -> None:
    monkeypatch.chdir(tmp_path)
    done = cronstack(None, "list")
    assert done.code == 1
    assert "cronstack new" in done.err


WATCHED = """\
import sys
children = []
sys.addaudithook(lambda event, _: children.append(event) if event.startswith(
    ("subprocess.", "os.fork", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "pty.")) else None)
from cronstack_infra.cli import run
code = run(sys.argv[1:])
print(f"children: {children}", *sys.modules, sep="\\n", file=sys.stderr)
sys.exit(code)
"""
HEAVY = {"jsii", "aws_cdk", "constructs", "moto", "boto3", "botocore", "rich", "asyncio", "ssl", "subprocess"}


@pytest.mark.parametrize("arguments", [("list",), ("list", "--json"), ("next",), ("next", "stats", "--json")], ids=str)
def test_they_import_no_cloud_and_start_no_process(project: Project, arguments: tuple[str, ...]) -> None:
    """importtime also shows modules that were removed again; sys.modules shows those that importlib loaded."""
    command = [sys.executable, "-X", "importtime", "-c", WATCHED, *arguments, "--jobs", project.package]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    timings, _, modules = done.stderr.partition("children: []\n")
    timed = {line.rpartition("|")[2].strip() for line in timings.splitlines() if line.startswith("import time:")}
    loaded = timed | set(modules.splitlines())
    assert {"click", f"{project.package}.all"} <= loaded
    assert not {name for name in loaded if name.split(".")[0] in HEAVY}


def test_a_job_that_only_code_schedules_has_no_next_firing(project: Project, cronstack: Command) -> None:
    project.file.write_text(
        "from cronstack import Run, job, once\n\n\n@job(schedule=once())\ndef reminding(run: Run): ...\n"
    )
    line = "Scheduled by code: reminding. To list the plans: cronstack once list\n"
    assert (cronstack(project, "next").out, cronstack(project, "next", "reminding").out) == (line, line)
    assert json.loads(cronstack(project, "next", "--json").out) == []
    assert cronstack(project, "list").out.splitlines()[1].split()[:2] == ["reminding", "once()"]


def test_list_and_next_show_a_flexible_window(project: Project, cronstack: Command) -> None:
    project.file.write_text(
        "from cronstack import cron, job\n\n\n"
        '@job(schedule=cron("0 6 * * ? *", timezone="UTC", window=15))\ndef stats(run): ...\n'
    )
    assert "cron(0 6 * * ? *) within 15 min" in cronstack(project, "list").out
    assert "cron(0 6 * * ? *) within 15 min" in cronstack(project, "next").out
    (listed,) = json.loads(cronstack(project, "list", "--json").out)
    assert listed["schedules"][0]["window"] == 15
    (firing,) = json.loads(cronstack(project, "next", "--json").out)
    assert firing["window"] == 15
