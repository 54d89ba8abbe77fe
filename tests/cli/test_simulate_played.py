"""``cronstack simulate`` on a small project: the table, the files, and what it does not take."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cronstack_infra.cli.simulate import command
from cronstack_infra.cli.simulate_played import played
from tests.play.simulation.conftest import ROOT, small_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    found = small_project(tmp_path / "small")
    kept = ROOT / ".cronstack" / "synth-of-tests"
    kept.mkdir(parents=True, exist_ok=True)
    (found.root / ".cronstack").symlink_to(kept)
    monkeypatch.chdir(found.root)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = {name for name in sys.modules if name.partition(".")[0] == "jobs"}
    yield found.root
    for name in {name for name in sys.modules if name.partition(".")[0] == "jobs"} - before:
        del sys.modules[name]


def test_it_plays_the_jobs_and_leaves_table_trace_ledger_and_report(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    span = ["--from", "2027-03-01T05:00", "--until", "2027-03-01T09:00", "--job", "hourly", "--job", "flaky"]
    said = CliRunner().invoke(command, [*span, "--seed", "5", "--out", str(out)], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    heading, flaky, hourly, *_ = said.output.splitlines()
    assert heading.split() == [
        "JOB", "RUNS", "SUCCEEDED", "RETRIES", "CRASHED", "SKIPPED", "MISSED", "DEAD", "OVERLAPS", "SLOWEST",
    ]  # fmt: skip
    assert flaky.split()[:4] == ["flaky", "1", "1", "2"]
    assert hourly.split()[:4] == ["hourly", "4", "4", "0"]
    assert "7 occurrences from 2027-03-01 05:00 to 2027-03-01 09:00 UTC, seed 5, faults none" in said.output
    assert str(out / "trace.jsonl") in said.output
    begin = json.loads((out / "trace.jsonl").read_text("utf-8").splitlines()[0])
    assert [(one["job"], one["where"]) for one in begin["jobs"]] == [
        ("flaky", "functions/jobs/bad.py:10"),
        ("hourly", "functions/jobs/hourly.py:12"),
    ]
    assert len((out / "ledger.jsonl").read_text("utf-8").splitlines()) >= 5
    assert (out / "report.html").stat().st_size > 1000


def test_one_occurrence_is_not_told_as_several(project: Path) -> None:
    span = ["--from", "2027-03-01T05:00", "--until", "2027-03-01T06:00", "--job", "hourly"]
    said = CliRunner().invoke(command, span, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert "\n1 occurrence from 2027-03-01 05:00 to" in said.output


def test_an_unknown_fault_is_refused_before_anything_is_loaded() -> None:
    now = datetime(2027, 3, 1, tzinfo=UTC)
    with pytest.raises(click.BadParameter, match=r"'fire=1' is no fault\. Say none"):
        played("jobs", (), now, now + timedelta(days=1), 0, "fire=1", None, as_json=False)
