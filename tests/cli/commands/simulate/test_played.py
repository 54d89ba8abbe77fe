"""``cronstack simulate`` on a small project: table, files and errors."""

from __future__ import annotations

import json
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cronstack.errors import CronstackError, OperationError
from cronstack.timetable.instants import parse
from cronstack_infra import cli
from cronstack_infra.cli.commands.simulate.command import command
from cronstack_infra.cli.commands.simulate.played import SimulationRequest, reports_once, simulate_request
from cronstack_infra.cli.commands.simulate.time_left import Left, duration
from cronstack_infra.play.quick import quick_days
from tests.play.simulation.conftest import ROOT, small_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = small_project(tmp_path / "small")
    kept = ROOT / ".cronstack" / "synth-of-tests"
    kept.mkdir(parents=True, exist_ok=True)
    (found.root / ".cronstack").symlink_to(kept)
    monkeypatch.chdir(found.root)
    return found.root


def test_it_simulates_the_jobs_and_writes_table_trace_ledger_and_report(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    span = ["--from", "2027-03-01T05:00", "--until", "2027-03-01T09:00", "--job", "hourly", "--job", "flaky"]
    result = CliRunner().invoke(command, [*span, "--seed", "5", "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    heading, flaky, hourly, *_ = result.output.splitlines()
    assert heading.split() == [
        "JOB", "RUNS", "SUCCEEDED", "RETRIES", "CRASHED", "SKIPPED", "MISSED", "DEAD", "OVERLAPS", "SLOWEST",
    ]  # fmt: skip
    assert flaky.split()[:4] == ["flaky", "1", "1", "2"]
    assert hourly.split()[:4] == ["hourly", "4", "4", "0"]
    assert "7 occurrences from 2027-03-01 05:00 to 2027-03-01 09:00 UTC, seed 5, faults none" in result.output
    assert str(out / "trace.jsonl") in result.output
    begin = json.loads((out / "trace.jsonl").read_text("utf-8").splitlines()[0])
    assert [(job["job"], job["where"]) for job in begin["jobs"]] == [
        ("flaky", "functions/jobs/bad.py:10"),
        ("hourly", "functions/jobs/hourly.py:12"),
    ]
    assert len((out / "ledger.jsonl").read_text("utf-8").splitlines()) >= 5
    assert (out / "report.html").stat().st_size > 1000


def test_one_occurrence_is_reported_in_singular(project: Path) -> None:
    span = ["--from", "2027-03-01T05:00", "--until", "2027-03-01T06:00", "--job", "hourly"]
    result = CliRunner().invoke(command, span, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "\n1 occurrence from 2027-03-01 05:00 to" in result.output


def test_switches_are_applied_and_shown(project: Path) -> None:
    span = ["--from", "2027-03-01T05:00", "--until", "2027-03-01T06:00", "--job", "hourly", "--json"]
    result = CliRunner().invoke(
        command, [*span, "--switch", "async-delay=10800", "--seed", "1"], catch_exceptions=False
    )
    found = json.loads(result.output)
    assert found["switches"] == ["async-delay=10800"]
    assert (found["occurrences"], found["jobs"][0]["succeeded"]) == (1, 0), "Lambda's queue still holds it"


def test_an_unknown_fault_is_refused_before_anything_is_loaded() -> None:
    now = datetime(2027, 3, 1, tzinfo=UTC)
    with pytest.raises(click.BadParameter, match=r"'fire=1' is not a valid fault"):
        simulate_request(SimulationRequest("jobs", (), now, now + timedelta(days=1), faults="fire=1"), as_json=False)


def simulation(project: Path, text: str) -> Path:
    file = project / "tests" / "simulation.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    return file


SPAN = ["--from", "2027-03-01T05:00", "--until", "2027-03-02", "--job", "hourly"]
STOPPING = """
import os
import signal
from datetime import timedelta

def prepare(cloud):
    virtual = cloud._virtual
    virtual.hub.at(virtual.hub.us + 3_600_000_000 * 2, lambda: os.kill(os.getpid(), signal.SIGINT))
"""


def test_ctrl_c_keeps_the_results(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulation(project, STOPPING)
    out = tmp_path / "out"
    before = signal.getsignal(signal.SIGINT)
    assert cli.run(["simulate", *SPAN, "--out", str(out)]) == 130
    printed = capsys.readouterr()
    assert "3 occurrences from 2027-03-01 05:00 to 2027-03-01 07:00 UTC" in printed.out
    assert "Interrupted: 11% of the span to 2027-03-02 00:00 UTC was simulated." in printed.out
    assert "Stopping after this step. Ctrl-C again discards the results so far." in printed.err
    end = json.loads((out / "trace.jsonl").read_text("utf-8").splitlines()[-1])
    assert (end["event"], end["at"][:18], end["interrupted"]) == ("end", "2027-03-01T07:00:0", True)
    assert len((out / "ledger.jsonl").read_text("utf-8").splitlines()) >= 2
    assert (out / "report.html").stat().st_size > 1000
    assert signal.getsignal(signal.SIGINT) is before


def test_prepare_loads_data_before_the_first_firing(project: Path) -> None:
    simulation(
        project,
        "def prepare(cloud):\n    cloud.once.schedule('planned', key='order-1', after=60, input={'order': 7})\n"
        "    print(sorted(cloud.jobs)[:2], f'{cloud.now:%Y-%m-%d %H:%M}')\n",
    )
    span = ["--from", "2027-03-01T05:00", "--until", "2027-03-01T06:00", "--job", "planned", "--json"]
    result = CliRunner().invoke(command, span, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    printed, _, answer = result.stdout.partition("\n")
    assert printed == "['alone', 'background'] 2027-03-01 05:00"
    (row,) = json.loads(answer)["jobs"]
    assert (row["job"], row["runs"], row["succeeded"]) == ("planned", 1, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def prepair(cloud): ...\n", "tests/simulation.py: the function prepare is missing"),
        ("import nothing_of_the_kind\n", "tests/simulation.py:1: ModuleNotFoundError: No module named"),
        ("def prepare(cloud):\n    cloud.outputs['Orders']\n", "tests/simulation.py:2: KeyError: 'Orders'"),
    ],
    ids=["no function", "not importable", "fails"],
)
def test_a_preparation_that_fails_is_one_message(project: Path, text: str, expected: str) -> None:
    simulation(project, text)
    with pytest.raises(CronstackError, match=re.escape(expected)):
        CliRunner().invoke(command, SPAN, catch_exceptions=False)


@pytest.mark.parametrize(
    ("expressions", "days"),
    [
        (["cron(0 * * * ? *)"], 365),
        (["cron(0 * * * ? *)", "cron(30 * * * ? *)"], 90),
        (["rate(5 minutes)"], 30),
        (["cron(* * * * ? *)"], 7),
        (["cron(* * * * ? *)", "rate(1 minute)"], 1),
        ([], 365),
    ],
    ids=str,
)
def test_the_default_span_takes_seconds(expressions: list[str], days: int) -> None:
    jobs = [[parse(expression, timezone="UTC")] for expression in expressions]
    assert quick_days(jobs, datetime(2027, 3, 1, tzinfo=UTC)) == days


def test_time_left_is_estimated_from_the_simulated_share() -> None:
    assert [duration(seconds) for seconds in (40, 660, 9000)] == ["40 s", "11 min", "2.5 h"]
    times = iter([5.0, 5.9, 6.1])
    left = Left(lambda: next(times))
    assert left.after(0.0) is None
    assert left.after(0.1) is None, "not after less than a second"
    assert left.after(0.1) == pytest.approx(9 * 1.1)


def test_a_long_simulation_prints_an_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([5.0, 5.5, 6.5, 7.0])
    progress = reports_once(525_600, Left(lambda: next(times)))
    progress(datetime(2027, 3, 1, tzinfo=UTC), 0.0, 0)
    progress(datetime(2027, 3, 2, tzinfo=UTC), 0.001, 10)
    assert capsys.readouterr().err == ""
    progress(datetime(2027, 3, 2, tzinfo=UTC), 0.001, 10)
    message = capsys.readouterr().err
    assert re.fullmatch(r"About \d+ min left: 525,600 firings\. Ctrl-C ends it and keeps .*\n", message)
    progress(datetime(2027, 3, 2, tzinfo=UTC), 0.001, 10)
    assert capsys.readouterr().err == ""


def test_a_loop_that_never_waits_ends_the_simulation(project: Path) -> None:
    simulation(project, "def prepare(cloud):\n    cloud.fire('polling', input={'clock': 'time'})\n")
    with pytest.raises(OperationError, match=r"functions/jobs/waiting\.py:\d+: this loop reads the clock"):
        CliRunner().invoke(command, [*SPAN, "--clock-reads", "1000"], catch_exceptions=False)
