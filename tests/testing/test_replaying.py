"""``cronstack replay``: the handler of a small project, with pulled events."""

from __future__ import annotations

import io
import json
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cronstack.event import planned_event
from cronstack.occurrence import planned_id
from cronstack_infra.cli import run
from cronstack_infra.cli.commands.new.project import write_project
from tests.places import ROOT

JOBS = """
import os
import time
from datetime import UTC, datetime

import boto3
from cronstack import Run, cron, job, once


@job(schedule=[once(), cron("0 6 * * ? *", timezone="Europe/Berlin")])
def hello(run: Run):
    seen = {
        "clock": datetime.now(UTC).isoformat(),
        "time": time.time(),
        "scheduled": run.scheduled.isoformat(),
        "attempt": run.attempt,
        "limit": run.limit,
        "resume": run.resume,
        "key": run.once_key,
        "account": boto3.client("sts").get_caller_identity()["Account"],
        "stack": os.environ["CRONSTACK_STACK"],
    }
    run.checkpoint({"page": 2})
    run.extend()
    once.schedule("hello", key="next", after=60)
    print("a line of the handler")
    what = run.input.get("then")
    if what == "fail":
        raise ValueError(f"no {seen['attempt']}")
    if what == "later":
        run.retry(after=60, why="busy")
    if what == "exit":
        raise SystemExit(3)
    if what == "sleep":
        time.sleep(3600)
    run.commit(result=seen)
"""
RESOURCES = """
def resources(stack, jobs):
    stack.grant_schedule("hello", jobs["hello"])
"""
PREPARE = """
def prepare(cloud):
    cloud.client("ssm").put_parameter(Name="/shop/supplier", Value="Ada", Type="String")
"""
RUN: dict[str, Any] = {
    "cronstack_run": 1,
    "stack": "shop",
    "job": "hello",
    "occurrence": "t-2026-10-29T05:00:00Z",
    "due": "2026-10-29T05:00:00.000Z",
    "at": "2026-10-29T07:30:02.500Z",
    "attempt": 3,
    "limit": 4,
    "event": {"cronstack": 1, "job": "hello", "scheduled": "2026-10-29T05:00:00Z", "input": {}},
    "event_from": "run",
    "checkpoint": {"page": 1},
}
Replay = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose synthesis is cached by its sources, for all test runs."""
    root = tmp_path_factory.mktemp("replayed") / "shop"
    write_project(root, name="shop")
    shutil.rmtree(root / "tests")
    (root / "functions" / "jobs" / "hello.py").write_text(JOBS)
    (root / "infra" / "resources.py").write_text(RESOURCES)
    cache = ROOT / ".cronstack" / "synth-of-tests"
    cache.mkdir(parents=True, exist_ok=True)
    (root / ".cronstack").symlink_to(cache)
    return root


@pytest.fixture
def replay(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Replay:
    monkeypatch.chdir(project)

    def call(*options: str, **fields: Any) -> tuple[int, str, str]:
        file = project / "run.json"
        file.write_text(json.dumps(RUN | fields))
        code = run(["replay", str(file), *options])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def event(**input: Any) -> dict[str, Any]:
    return {**RUN["event"], "input": input}


def test_the_attempt_has_its_own_time_number_and_checkpoint(replay: Replay) -> None:
    before = time.time()
    code, out, err = replay("--json")
    assert code == 0, err
    got = json.loads(out)
    seen = got["result"]
    assert (got["outcome"], got["attempt"]) == ("succeeded", 3)
    assert seen["clock"].startswith("2026-10-29T07:30:02")
    assert abs(seen["time"] - datetime(2026, 10, 29, 7, 30, 2, tzinfo=UTC).timestamp()) < 2
    assert seen["scheduled"] == "2026-10-29T05:00:00+00:00"
    assert (seen["attempt"], seen["limit"], seen["resume"]) == (3, 4, {"page": 1})
    assert (seen["account"], seen["stack"]) == ("123456789012", "shop")
    assert "a line of the handler" in got["log"]
    assert before <= time.time() < before + 600, "the real clock is back"


def test_a_failure_ends_with_exit_code_1_and_the_handlers_own_traceback(replay: Replay) -> None:
    code, out, _ = replay(event=event(then="fail"))
    assert code == 1
    lines = out.splitlines()
    assert lines[0].startswith("hello, t-2026-10-29T05:00:00Z, attempt 3 of 4, due 2026-10-29 05:00:00 UTC")
    assert "| a line of the handler" in lines
    trace = out[out.index("Traceback") :]
    assert trace.count("File ") == 1
    assert "functions/jobs/hello.py" in trace
    assert lines[-1].startswith("retrying in ")
    assert lines[-1].endswith("ValueError: no 3")


@pytest.mark.parametrize(
    ("then", "fields", "last"),
    [
        ("fail", {"attempt": 4}, "dead in "),
        ("later", {}, "retrying in "),
        ("exit", {}, "retrying in "),
        ("sleep", {}, "crashed in 60.00s: time limit"),
    ],
)
def test_each_end_of_an_attempt(replay: Replay, then: str, fields: dict[str, Any], last: str) -> None:
    code, out, _ = replay(event=event(then=then), **fields)
    assert code == 1
    assert out.splitlines()[-1].startswith(last)


def test_the_first_attempt_of_a_plan_runs_without_its_plan(replay: Replay) -> None:
    due = int(datetime.fromisoformat(RUN["due"]).timestamp() * 1000)
    planned = json.loads(planned_event("hello", "order-1", 7, due=due, input={}))
    code, out, err = replay(
        "--json", event=planned, occurrence=planned_id("order-1"), key="order-1", attempt=1, checkpoint=None
    )
    assert code == 0, err
    seen = json.loads(out)["result"]
    assert (seen["key"], seen["attempt"], seen["resume"]) == ("order-1", 1, None)


def test_a_trigger_a_redrive_and_a_generation_run(replay: Replay) -> None:
    """Events of operators, whose occurrences have other ids."""
    operator = {"by": "operator", "requested": "2026-10-29T07:00:00Z"}
    for id, fields in (
        ("m-01KDX4V000ABCDEFGHJKMNPQRS", {"kind": "trigger", "occurrence": "m-01KDX4V000ABCDEFGHJKMNPQRS"}),
        ("t-2026-10-29T05:00:00Z", {"kind": "redrive", "redrive": 2}),
        ("t-2026-10-29T05:00:00Z~2", {"kind": "backfill", "generation": 2}),
    ):
        code, out, err = replay("--json", event=event() | operator | fields, occurrence=id)
        assert code == 0, (id, out, err)


def test_the_debugger_stops_where_the_handler_fails(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses the terminal, although the output of a handler goes to its log."""
    terminal = io.StringIO()
    monkeypatch.setattr(
        sys, "__stdin__", io.StringIO("p seen['attempt'], seen['resume']\np datetime.now(UTC).year\nq\n")
    )
    monkeypatch.setattr(sys, "__stdout__", terminal)
    code, out, _ = replay("--pdb", event=event(then="fail"))
    shown = terminal.getvalue()
    assert code == 1
    assert "ValueError: no 3" in shown
    assert "(3, {'page': 1})" in shown
    assert "2026" in shown
    assert "Traceback" not in out, "the debugger has shown it"


def test_the_debugger_stops_at_the_first_line(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "__stdin__", io.StringIO("p run.occurrence\nc\n"))
    monkeypatch.setattr(sys, "__stdout__", terminal)
    assert replay("--trace")[0] == 0
    assert "'t-2026-10-29T05:00:00Z'" in terminal.getvalue()


def test_notes_on_another_stack_and_on_redacted_inputs(replay: Replay) -> None:
    _, _, err = replay("--json", stack="other", redacted=True)
    assert "the run is of the stack other, and this project has shop" in err
    assert "the inputs of this file are redacted" in err


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"job": "absent", "event": event() | {"job": "absent"}}, 1, "no job 'absent' in the stack shop"),
        ({"cronstack_run": 9}, 2, "it has the format 9; this version reads 1"),
        ({"attempt": 0}, 2, "\"attempt\" is '0', not a number from 1 on"),
        ({"at": "soon"}, 2, "\"at\" is 'soon', not a time"),
        ({"event": "x"}, 2, "\"event\" is 'x', not an object"),
        ({"event": {"cronstack": 1}}, 2, "the event's job None is not a valid job name"),
        ({"occurrence": "t-2026-10-30T05:00:00Z"}, 2, "its event is of t-2026-10-29T05:00:00Z"),
    ],
)
def test_an_invalid_file_is_refused(replay: Replay, fields: dict[str, Any], code: int, message: str) -> None:
    actual, out, err = replay(**fields)
    assert (actual, out) == (code, "")
    assert message in err


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "it is not JSON"), (b"[]", 'the file of a run: "cronstack_run" is missing'), (b"\xff", "it is not UTF-8")],
)
def test_a_file_of_another_form_is_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    (tmp_path / "run.json").write_bytes(content)
    assert run(["replay", str(tmp_path / "run.json")]) == 2
    assert message in capsys.readouterr().err


def test_options_that_exclude_each_other(replay: Replay) -> None:
    code, _, err = replay("--json", "--pdb")
    assert code == 2
    assert "--json excludes --pdb and --trace" in err
    assert run(["replay", "absent.json"]) == 2
