"""Every kind of wait moves virtual time, the same for the same seed. A loop that never waits is reported and killed."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from cronstack.errors import OperationError
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.runs import RunRow
from cronstack_infra.ops.trigger import trigger
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.simulate import simulate
from tests.play.simulation.conftest import JOBS, START

WAYS = {
    "event": (False, 20),
    "event_set_by_a_timer": (True, 20),
    "condition": (False, 20),
    "lock": (False, 20),
    "reentrant_lock": ([False, True, True], 20),
    "semaphore": (False, 20),
    "barrier": (True, 20),
    "join": ([True, False], 20),
    "queue_get": ("empty", 20),
    "queue_put": ("full", 20),
    "simple_queue": ("given", 20),
    "producer_and_consumer": ([0, 1, 2, 3, 4], 20),
    "select_select": ([0, 0, 0], 20),
    "select_poll": ([], 20),
    "selector_that_a_thread_wakes": (1, 20),
    "future_result": ("not done", 20),
    "futures_wait": ([2, 1], 20),
    "futures_as_completed": ([5, 10, 20], 20),
    "pool_of_the_module": ([10, 10, 10, 10], 20),
    "asyncio_wait_for": ("timed out", 20),
    "asyncio_to_thread": (True, 20),
    "polls_with_sleep_zero": ("over", 20),
    "thread_local_values": (["handler", None, "other", True], 20),
    "child_process": (["ended", 0], 0),
}
"""By kind of wait: its result, and its virtual seconds."""


def fire(cloud: VirtualCloud, job: str, number: int = 0, **input: Any) -> None:
    deployment = find_deployment(cloud.client("cloudformation"), "small")
    trigger(cloud.client, deployment, job, now=cloud.now, ulid=f"01KDVDNA00856109Y4T71RDE{number:02}", input=input)


def runs(cloud: VirtualCloud, job: str) -> list[RunRow]:
    deployment = find_deployment(cloud.client("cloudformation"), "small")
    return list(list_runs(cloud.client("dynamodb"), deployment, [job], now=cloud.now, most=100))


@pytest.mark.parametrize("way", WAYS)
def test_a_wait_takes_virtual_time(cloud: VirtualCloud, way: str) -> None:
    fire(cloud, "waiting", way=way)
    cloud.advance(timedelta(minutes=5))
    (run,) = runs(cloud, "waiting")
    saw, seconds = WAYS[way]
    assert run.status == "succeeded", run
    assert run.result == {"saw": saw, "seconds": pytest.approx(seconds, abs=0.2)}


def test_a_pool_of_a_module_waits_in_a_simulation_too(assembly: Assembly) -> None:
    """``simulate`` loads the modules before the first invocation."""
    simulate(assembly, START, START + timedelta(minutes=5), only=["waiting"], prepare=fire_the_pool, finish=check_pool)


def fire_the_pool(cloud: VirtualCloud) -> None:
    fire(cloud, "waiting", way="pool_of_the_module")


def check_pool(cloud: VirtualCloud) -> None:
    assert [run.result for run in runs(cloud, "waiting")] == [{"saw": [10] * 4, "seconds": pytest.approx(20, abs=0.2)}]


def test_a_package_that_was_loaded_before_waits_in_virtual_time(
    assembly: Assembly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = assembly.assets.values()
    deployed = tmp_path / "code"
    shutil.copytree(code, deployed)
    (deployed / "fetching.py").write_text(
        "from time import monotonic, sleep\n\n\ndef pause(seconds):\n    sleep(seconds)\n"
    )
    monkeypatch.syspath_prepend(str(deployed))
    fetching = import_module("fetching")
    with VirtualCloud(START) as cloud:
        cloud.deploy(replace(assembly, assets=dict.fromkeys(assembly.assets, deployed)))
        fire(cloud, "waiting", way="other_deployed_package")
        cloud.advance(timedelta(minutes=5))
        assert [run.result for run in runs(cloud, "waiting")] == [{"saw": 20, "seconds": pytest.approx(20, abs=0.2)}]
    assert (fetching.sleep, fetching.monotonic) == (time.sleep, time.monotonic)
    del sys.modules["fetching"]


def test_no_thread_is_left(cloud: VirtualCloud) -> None:
    before = threading.active_count()
    fire(cloud, "waiting", way="pool_of_the_module")
    cloud.advance(timedelta(minutes=5))
    cloud.handlers.drop()
    assert threading.active_count() == before


def test_two_handlers_overlap_in_asyncio(cloud: VirtualCloud) -> None:
    fire(cloud, "meanwhile", 1, seconds=20)
    fire(cloud, "meanwhile", 2, seconds=10)
    cloud.advance(timedelta(minutes=1))
    assert [run.result for run in runs(cloud, "meanwhile")] == ["over", "over"]


def test_a_thread_is_frozen_between_two_invocations(cloud: VirtualCloud) -> None:
    for number in (1, 2):
        fire(cloud, "background", number)
        cloud.advance(timedelta(minutes=5))
    assert sorted(run.result for run in runs(cloud, "background")) == [3, 7]  # one beat was overdue


def test_threads_that_catch_every_exception_are_killed_with_their_handler(cloud: VirtualCloud) -> None:
    fire(cloud, "endless_threads")
    cloud.advance(timedelta(minutes=1))
    attempts = [event for event in cloud.events if event["event"] == "attempt" and event["job"] == "endless_threads"]
    assert [(row["outcome"], row["seconds"]) for row in attempts][:1] == [("crashed", 10.0)]


@pytest.mark.parametrize("clock", ["time", "monotonic"])
def test_a_loop_that_never_waits_is_reported_and_killed(
    cloud: VirtualCloud, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    lines = (JOBS / "waiting.py").read_text("utf-8").splitlines()
    line = lines.index("    while True:", lines.index("def polling(run: Run) -> str:")) + 1
    monkeypatch.setattr(cloud.hub, "most_looks", 10_000)
    fire(cloud, "polling", clock=clock)
    with pytest.raises(OperationError) as caught:
        cloud.advance(timedelta(minutes=1))
    assert f"functions/jobs/waiting.py:{line}: this loop reads the clock and never waits" in str(caught.value)
    assert "more than 10,000 reads at the virtual time 2027-03-01 00:00:00 UTC" in str(caught.value)
    assert "time.sleep(0.1)" in caught.value.remedy
    (row,) = [event for event in cloud.events if event["event"] == "attempt" and event["job"] == "polling"]
    assert (row["outcome"], row["reason"]) == (
        "crashed",
        f"a loop that never waits: functions/jobs/waiting.py:{line}",
    )


def test_a_long_computation_is_not_a_busy_loop(cloud: VirtualCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud.hub, "most_looks", 1_000)
    fire(cloud, "polling", clock="computing")
    cloud.advance(timedelta(minutes=1))
    assert [run.status for run in runs(cloud, "polling")] == ["succeeded"]
