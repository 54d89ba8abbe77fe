"""Handler processes whose clocks are minutes off, and one whose clock is right, in a local cloud.

All of them run one job, which does not allow overlaps. Each has its own function, so that a test can choose which
process receives an event. The switch ``clock-skew`` sets the clocks. The local cloud refuses the signatures of a
process whose clock is more than five minutes off, as AWS does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from cronstack_infra.local.engine.skew import seconds_ahead
from cronstack_infra.local.executor.values import access_key_of
from cronstack_infra.local.http.switching import set_switches
from cronstack_infra.switches.settings import Switches
from tests.e2e.quick_stack import QuickStack, deployed_code, lines_of, this_second
from tests.local.quick_cloud import quick_cloud

AHEAD = (240, -240, 600, -600)
FAR_BEHIND = -1200
"""Seconds by which the clocks of processes are ahead."""
RIGHT = 0
TIMEOUT = 20


class Processes:
    """A process for each clock, started by its first event."""

    def __init__(self, stack: QuickStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self.effects = folder / "effects.jsonl"
        self._made: list[int] = []
        self._seconds = count()
        self._begin = this_second()
        self._callers = ThreadPoolExecutor(4)
        self._names = {
            ahead: f"kills-held{'' if ahead == RIGHT else f'-{ahead}'}" for ahead in (RIGHT, *AHEAD, FAR_BEHIND)
        }
        for name in self._names.values():
            stack.function("held", name=name, Timeout=TIMEOUT)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self._callers.shutdown()

    def due(self) -> datetime:
        """Return a unique due time that is in the past by every clock."""
        return self._begin - timedelta(minutes=30, seconds=next(self._seconds))

    def until(self, due: datetime) -> Path:
        """Return the file for which the handler of the occurrence waits."""
        return self._folder / f"until-{due:%H%M%S}"

    def deliver(self, ahead: int, due: datetime, **input: Any) -> Future[str]:
        """Deliver an event to the process whose clock is ``ahead`` seconds ahead. Return its future outcome."""
        if ahead not in self._made:
            self._made.append(ahead)
            self._shift(ahead)
        input |= {"effects": str(self.effects), "until": str(self.until(due))}
        event = {"cronstack": 1, "job": "held", "scheduled": f"{due:%Y-%m-%dT%H:%M:%SZ}", "input": input}
        return self._callers.submit(self._invoke, self._names[ahead], json.dumps(event))

    def _shift(self, ahead: int) -> None:
        """Set the clock of the next process, by the switch and a seed that draws more than 90 % of its range."""
        name, number = self._names[ahead], len(self._made)

        def share(seed: int) -> float:
            return seconds_ahead(Switches(seed=seed, clock_skew=1.0), name, number)

        seed = next(seed for seed in count() if abs(share(seed)) > 0.9 and share(seed) * ahead >= 0)
        set_switches(self._stack.cloud.endpoint, f"clock-skew={ahead / share(seed)}", seed=seed)

    def _invoke(self, name: str, payload: str) -> str:
        answer = self._stack.cloud.client("lambda").invoke(FunctionName=name, Payload=payload)
        result = json.loads(answer["Payload"].read())
        return str(result.get("cronstack", result))

    def requests(self, ahead: int) -> int:
        """Return the number of requests of a process that the local cloud has answered."""
        caller = access_key_of(self._names[ahead])
        return sum(request["caller"] == caller for request in self._stack.cloud.requests())

    def lines(self, due: datetime) -> list[dict[str, Any]]:
        """Return the lines that handlers have written about an occurrence."""
        return [line for line in lines_of(self.effects) if line["occurrence"] == f"t-{due:%Y-%m-%dT%H:%M:%SZ}"]

    def has_run_once(self, due: datetime) -> bool:
        return [(line["attempt"], line["what"]) for line in self.lines(due)] == [(1, "start"), (1, "end")]

    def await_start(self, due: datetime, outcome: Future[str]) -> None:
        """Return when the handler of an occurrence has started."""
        self._stack.await_true("its start", lambda: bool(self.lines(due)) or outcome.done(), 30)
        assert self.lines(due), outcome.result()

    def await_requests(self, ahead: int, more: int, than: int) -> None:
        self._stack.await_true(f"{more} requests", lambda: self.requests(ahead) >= than + more, 30)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickStack]:
    with quick_cloud() as cloud:
        yield QuickStack(cloud, "kills", deployed_code("kills", tmp_path_factory.mktemp("code")))


@pytest.fixture(scope="module")
def processes(stack: QuickStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    with Processes(stack, tmp_path_factory.mktemp("effects")) as running:
        yield running


def run_two_processes(
    processes: Processes, holder: int, other: int, *, holds: Callable[[], bool] = lambda: True
) -> datetime:
    """Deliver two events to a process while another holds the lease: another occurrence, and the same one again.

    holds: checked while the lease is held. Return the occurrence.
    """
    due, another = processes.due(), processes.due()
    processes.until(another).touch()
    outcome = processes.deliver(holder, due)
    try:
        processes.await_start(due, outcome)
        assert holds()
        assert processes.deliver(other, another).result(30) == "skipped"
        before = processes.requests(other)
        duplicate = processes.deliver(other, due)
        processes.await_requests(other, 2, before)  # it has tried to claim, and reads the lease
    finally:
        processes.until(due).touch()
    assert (outcome.result(30), duplicate.result(30)) == ("succeeded", "duplicate")
    assert processes.has_run_once(due)
    assert processes.lines(another) == []
    return due


@pytest.mark.parametrize("ahead", AHEAD)
def test_a7_a_process_with_a_wrong_clock_does_not_take_over_a_live_lease(processes: Processes, ahead: int) -> None:
    """Rule: it decides by the Date headers of responses, not by its own clock."""
    run_two_processes(processes, RIGHT, ahead)


@pytest.mark.parametrize("ahead", [*AHEAD, FAR_BEHIND])
def test_a7_a_process_with_a_wrong_clock_runs_and_its_lease_lasts(
    stack: QuickStack, processes: Processes, ahead: int
) -> None:
    """If the clock is more than five minutes off, the first signature is refused, and the next ones are corrected.

    Up to Lambda's longest timeout, the remaining time compensates a clock that is behind: the runtime computes both
    from the same clock. Further behind, the process stores a lease that has ended, and extends it before its handler.
    The test deletes the lease first, because the fence of a recent occurrence would show the time earlier.
    """
    stack.delete_lease("held")
    began = time.time()

    def lasts() -> bool:
        return int(stack.lease("held")["expires"]["N"]) / 1000 > began + TIMEOUT

    due = run_two_processes(processes, ahead, RIGHT, holds=lasts)
    start = processes.lines(due)[0]["at"]
    assert began < start - ahead < time.time(), "its clock is off"


@pytest.mark.parametrize("ahead", [600, -600])
def test_a7_a_process_with_a_wrong_clock_makes_carriers_and_sends_letters(
    stack: QuickStack, processes: Processes, ahead: int
) -> None:
    """Rule: it recovers when Scheduler and SQS refuse its first signatures."""
    carriers = len(stack.schedule_names())
    assert processes.deliver(ahead, processes.due(), fails="for now").result(30) == "retrying"
    assert len(stack.schedule_names()) == carriers + 1
    stack.letters()
    assert processes.deliver(ahead, processes.due(), fails="for good").result(30) == "dead"
    assert len(stack.letters()) == 1
