"""``--durations runs``: computed firings with the lengths of runs in the ledger."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from moto import mock_aws

from cronstack.occurrence import scheduled_id, to_milliseconds
from cronstack_infra import cli, names
from cronstack_infra.ops.durations import percentile
from tests.cronstack.stage import TABLE, Stage

JOBS = """\
from cronstack import cron, job


@job(schedule=cron("*/5 * * * ? *", timezone="UTC"), timeout=900)
def stats(run): ...


@job(schedule=cron("0 6 * * ? *", timezone="UTC"), timeout=30)
def other(run): ...
"""
SECONDS = [*range(41, 60), 400]
"""Seconds of twenty runs: median 50, 99th percentile 400."""


_numbers = itertools.count()


Simulate = Callable[..., int]


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulate]:
    """Run the command in a project whose ledger has runs of one job."""
    import boto3

    monkeypatch.chdir(tmp_path)
    package = f"lasting_{next(_numbers)}"
    (tmp_path / "functions" / package).mkdir(parents=True)
    (tmp_path / "functions" / package / "all.py").write_text(JOBS)
    (tmp_path / "cdk.json").write_text("{}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        stage = Stage()
        for number, seconds in enumerate(SECONDS):
            due = to_milliseconds(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=5 * number))
            lasted = {"status": "succeeded", "due": due, "started": due, "ended": due + 1000 * seconds}
            stage.change(f"run#{scheduled_id(due)}", attempt=1, limit=3, **lasted)
        stage.change("run#t-2026-02-01T00:00:00Z", status="dead", attempt=1, limit=1, due=1, started=1, ended=899_000)
        outputs = {
            names.OUTPUT_LEDGER: TABLE,
            names.OUTPUT_DELIVERY_DEAD_LETTERS: stage.queue,
            names.OUTPUT_HANDLER_DEAD_LETTERS: stage.queue,
            names.OUTPUT_GROUP: "shop",
        }
        template = {
            "Resources": {"Nothing": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        boto3.client("cloudformation").create_stack(StackName="shop", TemplateBody=json.dumps(template))
        span = ("--from", "2027-01-01", "--days", "1", "--durations")
        yield lambda *more: cli.run(["simulate", "--dry", "--jobs", package, "--stack", "shop", *span, *more])


def test_median_and_p99_of_successful_runs(simulate: Simulate, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("runs", "--json") == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert [row["seconds"] for row in data["jobs"]] == [{"median": 30, "p99": 30}, {"median": 50, "p99": 400}]
    assert [(row["durations"], row["skipped"]) for row in data["overlaps"]] == [("p99", 144)]
    assert [(row["durations"], row["runs"]) for row in data["concurrency"]] == [("median", 2), ("p99", 2)]
    assert err == "Note: the ledger has no successful run of other: counted with their timeout.\n"


def test_a_given_duration_is_used_for_median_and_p99(simulate: Simulate, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("runs,other=2") == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "stats 400 s (p99) 288 144 2027-01-01 00:05 skip 144 skipped" in lines
    assert any(line.startswith("2 (median) at most, in 1 minute, first at 2027-01-01 06:00 UTC.") for line in lines)


def test_a_given_duration_overrides_the_ledger(simulate: Simulate, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("runs,stats=301,7", "--json") == 0
    seconds = [row["seconds"] for row in json.loads(capsys.readouterr().out)["jobs"]]
    assert seconds == [{"median": 7, "p99": 7}, {"median": 301, "p99": 301}]


def test_a_length_beyond_the_timeout_is_counted_with_the_timeout_and_noted(
    simulate: Simulate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate("1800", "--json") == 0
    out, err = capsys.readouterr()
    assert [row["seconds"]["given"] for row in json.loads(out)["jobs"]] == [30, 900]
    assert err == (
        "Note: counted with the timeout instead, because it is shorter: "
        "other (1800 s, timeout 30 s), stats (1800 s, timeout 900 s).\n"
    )


def test_an_infinite_length_is_refused(simulate: Simulate, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("stats=1e400") == 2
    assert "'1e400' is not a length in seconds." in capsys.readouterr().err


def test_a_stack_that_is_not_deployed_is_an_error(simulate: Simulate, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("runs", "--stack", "absent") == 1
    assert "the stack absent is not deployed in the Region us-east-1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ordered", "median", "p99"),
    [([7.0], 7, 7), ([1, 9], 1, 9), ([1, 2, 3], 2, 3), (range(1, 101), 50, 99), (range(1, 201), 100, 198)],
)
def test_percentiles_are_values_that_occurred(ordered: Sequence[float], median: float, p99: float) -> None:
    assert (percentile(ordered, 50), percentile(ordered, 99)) == (median, p99)
