"""``simulate``: the trace is complete, agrees with the ledger, and has the same bytes on any machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import cronstack_infra
from cronstack.errors import CronstackError, OperationError
from cronstack_infra.play.report.pack import pack
from cronstack_infra.play.simulation.cloud.assembly import Assembly, fingerprint, read
from cronstack_infra.play.simulation.handlers.faults import MIXES, Rates, parse
from cronstack_infra.play.simulation.simulate import LEDGER, LETTERS, TRACE, Simulated, simulate
from cronstack_infra.project import Project
from tests.play.simulation.conftest import ROOT, small_project

FIRST = datetime(2013, 1, 1, tzinfo=UTC)
LAST = FIRST + timedelta(days=2)
RATES = "crash=0.02,killed=0.03,lost=0.03,throttled=0.03,duplicate=0.05,late=0.05"

IN_ANOTHER_PROCESS = """
import sys
from datetime import datetime, UTC
from pathlib import Path

import time_machine

with time_machine.travel(datetime(2031, 7, 7, 7, 7, tzinfo=UTC), tick=True):
    from cronstack_infra.play.simulation.cloud.assembly import synthesize
    from cronstack_infra.play.simulation.handlers.faults import parse
    from cronstack_infra.play.simulation.simulate import simulate
    from cronstack_infra.project import Project

    root, first, last, rates, out = sys.argv[1:]
    first, last = datetime.fromisoformat(first), datetime.fromisoformat(last)
    simulate(synthesize(Project.find(root)), first, last, seed=3, rates=parse(rates), out=Path(out))
"""


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / TRACE).read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def played(assembly: Assembly, tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    out = tmp_path_factory.mktemp("played")
    return simulate(assembly, FIRST, LAST, seed=3, rates=parse(RATES), out=out)


def test_the_same_seed_gives_the_same_bytes_in_another_folder_day_and_zone(played: Simulated, tmp_path: Path) -> None:
    project, out = small_project(tmp_path / "another" / "folder" / "small"), tmp_path / "out"
    command = [
        sys.executable,
        "-c",
        IN_ANOTHER_PROCESS,
        str(project.root),
        FIRST.isoformat(),
        LAST.isoformat(),
        RATES,
        str(out),
    ]
    environment = {"PYTHONHASHSEED": "4711", "TZ": "Australia/Lord_Howe", "AWS_REGION": "eu-west-1"}
    ended = subprocess.run(
        command, env=os.environ | environment, cwd=tmp_path, capture_output=True, text=True, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    assert played.out is not None
    for name in (TRACE, LEDGER, LETTERS):
        assert (out / name).read_bytes() == (played.out / name).read_bytes(), name
    texts = (out / TRACE).read_text("utf-8") + (out / LEDGER).read_text("utf-8") + (out / LETTERS).read_text("utf-8")
    assert str(ROOT) not in texts
    assert str(tmp_path) not in texts


def test_the_trace_is_ordered_and_contains_retries_and_faults(played: Simulated) -> None:
    assert played.out is not None
    trace = rows(played.out)
    assert len(trace) == played.lines >= 1000
    assert (trace[0]["event"], trace[-1]["event"]) == ("begin", "end")
    assert [row["at"] for row in trace] == sorted(row["at"] for row in trace)
    kinds = Counter(row["event"] for row in trace)
    assert min(kinds[kind] for kind in ("fired", "started", "finished", "attempt", "late", "dead_letter")) > 0
    outcomes = Counter(row["outcome"] for row in trace if row["event"] == "attempt")
    assert {"succeeded", "retrying", "crashed", "skipped", "duplicate", "dead"} <= outcomes.keys()
    assert any(row["event"] == "attempt" and row["attempt"] > 1 for row in trace)


def test_another_seed_gives_another_trace(played: Simulated, assembly: Assembly, tmp_path: Path) -> None:
    assert played.out is not None
    other = simulate(assembly, FIRST, FIRST + timedelta(hours=13), seed=4, rates=parse(RATES), out=tmp_path)
    assert other.rows != played.rows
    mine, theirs = (tmp_path / TRACE).read_bytes(), (played.out / TRACE).read_bytes()
    assert mine.splitlines()[10:200] != theirs.splitlines()[10:200]


def test_the_table_agrees_with_the_ledger(played: Simulated) -> None:
    assert played.out is not None
    items = [json.loads(line) for line in (played.out / LEDGER).read_text("utf-8").splitlines()]
    final = Counter((item["pk"].removeprefix("job#"), item["status"]) for item in items if "status" in item)
    for row in played.rows:
        # If a sandbox dies after its last write, its attempt has crashed, but its run has succeeded or was skipped.
        assert 0 <= final[row.job, "succeeded"] - row.succeeded <= row.crashed, row
        assert 0 <= final[row.job, "skipped"] - row.skipped <= row.crashed, row
        assert row.dead == final[row.job, "dead"], row
    assert {row.job: row.overlaps > 0 for row in played.rows}["crowd"]
    assert not {row.job: row.overlaps for row in played.rows}["alone"]


def test_runs_counts_started_occurrences_despite_earlier_crashes(assembly: Assembly, tmp_path: Path) -> None:
    """The table, the trace and the report agree when many first attempts crash before their handler starts."""
    out = tmp_path / "out"
    played = simulate(assembly, FIRST, LAST, seed=3, rates=parse("crash=0.1"), out=out)
    trace = rows(out)
    started = [row for row in trace if row["event"] == "attempt" and row["attempt"] > 0]
    by_job = Counter(row["job"] for row in started)
    occurrences = Counter(job for job, _ in {(row["job"], row["occurrence"]) for row in started})
    assert any(row.get("first") for row in started), (
        "no attempt crashed before its handler started: the test proves nothing"
    )
    table = {row.job: (row.runs, row.retries) for row in played.rows if row.runs}
    assert table == {job: (occurrences[job], by_job[job] - occurrences[job]) for job in occurrences}
    packed = pack(trace)
    assert packed is not None
    late = sum(row["attempt"] > 1 and "first" in row for row in started)
    assert len(packed["first"]) == late


def test_only_the_given_jobs_fire_and_the_end_of_the_span_is_exclusive(assembly: Assembly) -> None:
    reports: list[tuple[datetime, float, int]] = []

    def progress(now: datetime, share: float, occurrences: int) -> None:
        reports.append((now, share, occurrences))

    result = simulate(assembly, FIRST, FIRST + timedelta(hours=6), only=["hourly"], progress=progress)
    assert (result.occurrences, [row.job for row in result.rows], result.rows[0].succeeded) == (6, ["hourly"], 6)
    assert reports[-1] == (FIRST + timedelta(hours=6), 1.0, 6)
    with pytest.raises(OperationError, match="missing is not a job"):
        simulate(assembly, FIRST, LAST, only=["missing"])


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("none", Rates()),
        ("some", MIXES["some"]),
        ("crash=0.01,duplicate=0.02", Rates(crash=0.01, duplicate=0.02)),
        (" late=1 , lost=0", Rates(late=1.0)),
    ],
    ids=["none", "some", "two", "spaces"],
)
def test_faults_are_named_by_kind_and_rate(text: str, rates: Rates) -> None:
    assert parse(text) == rates
    assert parse(str(rates)) == rates


@pytest.mark.parametrize("text", ["", "crash", "crash=2", "crash=-1", "fire=0.1", "crash=x", "crash=0.1,,"])
def test_an_invalid_fault_is_refused(text: str) -> None:
    with pytest.raises(OperationError, match="is not a valid fault"):
        parse(text)


def change_a_job(root: Path) -> None:
    (root / "functions" / "jobs" / "bad.py").write_text("# nothing\n", "utf-8")


def change_the_resources(root: Path) -> None:
    (root / "infra" / "resources.py").write_text("def resources(stack, jobs): ...\n", "utf-8")


def change_the_configuration(root: Path) -> None:
    text = (root / "cdk.json").read_text("utf-8")
    (root / "cdk.json").write_text(text.replace('"context": {', '"context": {"x": 1,'), "utf-8")


@pytest.mark.parametrize("change", [change_a_job, change_the_resources, change_the_configuration])
def test_an_assembly_is_kept_until_a_source_changes(tmp_path: Path, change: Callable[[Path], None]) -> None:
    project = small_project(tmp_path / "small")
    before = fingerprint(project, "jobs")
    (project.root / "functions" / "__pycache__").mkdir()
    (project.root / "functions" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert fingerprint(project, "jobs") == before
    change(project.root)
    assert fingerprint(Project.find(project.root), "jobs") != before


@pytest.mark.parametrize("module", ["names.py", "aws/stack.py", "discovery/validation.py"])
def test_an_assembly_is_kept_until_a_module_of_the_kit_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    project, changed = small_project(tmp_path / "small"), tmp_path / "kit" / module
    changed.parent.mkdir(parents=True)
    changed.touch()
    monkeypatch.setattr(cronstack_infra, "__file__", str(tmp_path / "kit" / "__init__.py"))
    before = fingerprint(project, "jobs")
    changed.write_text("# changed\n")
    assert fingerprint(project, "jobs") != before


def test_a_folder_without_an_assembly_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CronstackError, match="holds no assembly of the stack shop"):
        read(tmp_path, "shop", "jobs")
