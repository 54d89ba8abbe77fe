"""Switches on a virtual clock: a job's clock, its connections, Lambda's queue; switches of ``simulate`` and tests."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cronstack.defaults import DEFAULTS
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.outage import outage_of
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.handlers.executor import skew_of
from cronstack_infra.play.simulation.simulate import TRACE, simulate
from cronstack_infra.plural import counted
from cronstack_infra.switches.parsing import read
from tests.play.simulation.conftest import START
from tests.play.simulation.test_cloud import attempts, outcomes, runs

HOUR = timedelta(hours=1)
MARGIN = timedelta(seconds=DEFAULTS.skew_margin)


def skews(cloud: VirtualCloud) -> list[float]:
    """Return the seconds by which the clock of each run was ahead, as its handler saw it."""
    ahead = []
    for run, row in zip(runs(cloud, "hourly")[::-1], attempts(cloud, "hourly"), strict=True):
        result = run.result
        assert run.started is not None
        assert abs(run.started.timestamp() + result["slept"] - result["time"]) < 1, "the guard reads the same clock"
        assert abs(datetime.fromisoformat(result["now"]).replace(tzinfo=UTC).timestamp() - result["time"]) < 0.01
        ahead.append(result["time"] - datetime.fromisoformat(row["ended"]).timestamp())
    return ahead


def seed_of(function: str, least: float, most: float) -> int:
    """Return a seed by which the clock skew of a function's first sandbox is in this range, with clock-skew=600."""
    for seed in range(1000):
        skew = abs(skew_of(Engine(read(["clock-skew=600"], seed=seed)), function, 1)) / 1_000_000
        if least < skew < most:
            return seed
    raise AssertionError("no such seed")


def test_all_clocks_of_a_sandbox_have_the_same_skew(cloud: VirtualCloud) -> None:
    cloud.play(read(["clock-skew=600"], seed=seed_of("small-hourly", 60, 290)))
    cloud.advance(3 * HOUR)
    first, *others = skews(cloud)
    assert 50 < abs(first) < 300
    assert all(abs(other - first) < 0.5 for other in others), "one sandbox ran them all"
    assert abs(cloud.now - START - 3 * HOUR) < timedelta(seconds=1), "the cloud's own clock is right"


def test_a_sandbox_with_six_minutes_of_skew_signs_by_the_date_of_the_refusal(cloud: VirtualCloud) -> None:
    cloud.play(read(["clock-skew=600"], seed=seed_of("small-hourly", 360, 600)))
    cloud.advance(2 * HOUR)
    assert 350 < abs(skews(cloud)[0]) < 600
    assert outcomes(cloud, "hourly") == {"succeeded": 2}
    assert [event for event in cloud.events if event["event"] == "dead_letter"] == []


def test_dynamodb_down_fails_each_request_of_a_handler_once_a_day(cloud: VirtualCloud) -> None:
    switches = read(["dynamodb-down=7200"], seed=3)
    cloud.play(switches)
    cloud.advance(timedelta(days=1))
    begin, end = outage_of(switches, START)
    assert end - begin == 2 * HOUR
    rows = attempts(cloud, "hourly")
    failed = [row for row in rows if (row["outcome"], row["reason"]) == ("deferred", "outage")]
    assert len(failed) > 2
    assert all(begin <= datetime.fromisoformat(row["ended"]) for row in failed)
    assert all(datetime.fromisoformat(row["began"]) < end for row in failed)
    ended = [row for row in rows if row["outcome"] in ("succeeded", "missed")]
    assert len({row["due"] for row in ended}) == 24, "each hour has a final outcome"
    assert not any(begin < datetime.fromisoformat(row["ended"]) < end for row in ended)


def test_hanging_requests_take_the_time_of_the_client(cloud: VirtualCloud) -> None:
    cloud.play(read(["hanging=0.3"], seed=2))
    cloud.advance(12 * HOUR)
    rows = attempts(cloud, "hourly")
    assert max(row["seconds"] for row in rows) > 5, "a request waited for its answer"
    final = {run.status for run in runs(cloud, "hourly")}
    assert "succeeded" in final


def test_lambdas_queue_delays_events(cloud: VirtualCloud) -> None:
    cloud.play(read(["async-delay=3000"], seed=2))
    cloud.advance(6 * HOUR)
    late = [
        datetime.fromisoformat(row["began"]) - datetime.fromisoformat(row["due"]) for row in attempts(cloud, "hourly")
    ]
    assert max(late) > timedelta(minutes=20)
    assert all(delay < timedelta(minutes=51) for delay in late)


def test_an_event_older_than_its_maximum_age_becomes_a_dead_letter(cloud: VirtualCloud) -> None:
    cloud.play(read(["async-delay=80000"], seed=2))
    cloud.advance(30 * HOUR)
    reasons = Counter(event["reason"] for event in cloud.events if event["event"] == "dead_letter")
    assert reasons["EventAgeExceeded"] > 5
    late = [
        datetime.fromisoformat(row["began"]) - datetime.fromisoformat(row["due"]) for row in attempts(cloud, "hourly")
    ]
    assert max(late) < 6 * HOUR, "Lambda does not run an event older than its maximum age"


def test_an_early_event_waits_until_its_time(cloud: VirtualCloud) -> None:
    cloud.play(read(["early=60"], seed=2))
    cloud.drive.recreate_schedules(cloud.now)
    cloud.advance(3 * HOUR)
    rows = attempts(cloud, "hourly")
    assert all(row["due"].endswith(":00:00.000Z") for row in rows), "the identity is the scheduled time"
    assert any(row["began"] < row["due"] for row in rows), "some deliveries are early"
    ran = [run.started - run.due for run in runs(cloud, "hourly") if run.started is not None]
    assert len(ran) >= 3
    assert min(ran) >= -MARGIN, "no handler starts before its time"


def test_simulate_applies_switches_and_writes_them_to_its_trace(assembly: Assembly, tmp_path: Path) -> None:
    first, out = datetime(2013, 1, 1, tzinfo=UTC), tmp_path / "out"
    switches = read(["duplicates=1", "spread=59"], seed=3)
    result = simulate(assembly, first, first + 6 * HOUR, seed=3, switches=switches, out=out, only=["hourly"])
    rows = [json.loads(line) for line in (out / TRACE).read_text("utf-8").splitlines()]
    assert rows[0]["switches"] == ["spread=59", "duplicates=1"]
    assert result.rows
    attempts_in_trace = [row for row in rows if row["event"] == "attempt"]
    assert len(attempts_in_trace) == 12, "each occurrence comes twice"
    assert any(row["began"][17:19] != "00" for row in attempts_in_trace)


def test_simulate_counts_early_events_outages_and_misses(assembly: Assembly, tmp_path: Path) -> None:
    first, out = datetime(2013, 1, 1, tzinfo=UTC), tmp_path / "out"
    switches = read(["early=60", "dynamodb-down=10800"], seed=3)
    result = simulate(assembly, first, first + 24 * HOUR, seed=3, switches=switches, out=out, only=["hourly"])
    delays = result.delays
    assert delays.missed == delays.missed_letters == result.letters > 0
    early, outage = delays.deferred["early"], delays.deferred["outage"]
    assert min(early, outage) > 3
    assert delays.lines()[0].startswith(
        f"Missed by their start deadline: {delays.missed} with {counted(delays.missed, 'dead letter')}"
    )
    assert delays.lines()[1:] == [
        f"Deferred to a carrier: {early} because the event was early, {outage} because the ledger did not answer."
    ]
    end = json.loads((out / TRACE).read_text("utf-8").splitlines()[-1])
    assert (end["missed"], end["missed_letters"], end["deferred"]) == (
        delays.missed,
        delays.missed,
        {"early": early, "outage": outage},
    )
