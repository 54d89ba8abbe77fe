"""Several occurrences of a backfill at the same time: exactly N run together, and a fault stops the rest."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from threading import Barrier, Event, Lock, get_ident
from threading import enumerate as enumerate_threads
from typing import Any

import pytest

from cronstack.deployed.job_metadata import FUNCTION, METADATA
from cronstack.errors import OperationError
from cronstack_infra.ops.backfill import BackfillPlan, DueOccurrence, carry_out
from cronstack_infra.ops.backfill.carrying_out import refuse_concurrency
from cronstack_infra.ops.deployment import DeployedJob, Deployment
from tests.ops.shop import utc

DEPLOYMENT = Deployment("shop", "ledger", "", "", "shop")
NOON = utc(2026, 1, 1, 12)


def plan(count: int) -> BackfillPlan:
    planned = []
    for number in range(count):
        due = NOON + timedelta(hours=number)
        planned.append(DueOccurrence(f"t-{due:%Y-%m-%dT%H:%M:%SZ}", due, 1, {"number": number}, ""))
    return BackfillPlan(DeployedJob("stats", "shop-stats", 60), "missing", NOON, NOON, "UTC", tuple(planned))


class Functions:
    """A Lambda whose invocations end only when ``together`` of them run at the same time."""

    def __init__(self, together: int, *, fails: int | None = None) -> None:
        self._barrier, self._lock, self._fails = Barrier(together, timeout=30), Lock(), fails
        self.started: list[int] = []
        self.threads: set[int] = set()

    def invoke(self, *, Payload: bytes, **_: Any) -> dict[str, Any]:
        number = json.loads(Payload)["input"]["number"]
        with self._lock:
            self.started.append(number)
            self.threads.add(get_ident())
        self._barrier.wait()
        if number == self._fails:
            raise ConnectionError("the network is lost")
        return {"Payload": io.BytesIO(b'{"cronstack": "succeeded", "attempt": 1}')}


def run(functions: Functions, count: int, concurrency: int) -> list[int]:
    results = carry_out(
        lambda service: functions,
        DEPLOYMENT,
        plan(count),
        clock=lambda: NOON,
        sleep=lambda seconds: None,
        concurrency=concurrency,
    )
    return [result.planned.input["number"] for result in results]


@pytest.mark.parametrize(("count", "concurrency", "together"), [(6, 3, 3), (2, 3, 2), (3, 1, 1), (0, 3, 1)])
def test_exactly_n_run_at_the_same_time(count: int, concurrency: int, together: int) -> None:
    functions = Functions(together)
    assert sorted(run(functions, count, concurrency)) == [*range(count)]
    assert sorted(functions.started) == [*range(count)], "each once"
    assert len(functions.threads) == min(concurrency, count)


def test_the_oldest_start_first() -> None:
    functions = Functions(2)
    run(functions, 8, 2)
    assert all(abs(place - number) <= 2 for place, number in enumerate(functions.started))


class LostNetwork(Functions):
    """A Lambda whose first invocation fails. The others go on until the third, which waits for ``go_on``."""

    def __init__(self) -> None:
        super().__init__(1, fails=0)
        self.go_on = Event()

    def invoke(self, *, Payload: bytes, **call: Any) -> dict[str, Any]:
        if json.loads(Payload)["input"]["number"] >= 2:
            assert self.go_on.wait(30)
        return super().invoke(Payload=Payload, **call)


def test_a_fault_stops_what_has_not_started() -> None:
    functions, before = LostNetwork(), {*enumerate_threads()}
    with pytest.raises(ConnectionError, match="the network is lost"):
        run(functions, 100, 2)
    started = {*enumerate_threads()} - before
    functions.go_on.set()
    for thread in started:
        thread.join(30)
    assert sorted(functions.started) == [0, 1, 2]


class Template:
    def __init__(self, overlap: str, *, as_text: bool = False) -> None:
        metadata = {METADATA: {"job": "stats", "overlap": overlap}} if overlap else {}
        body = {"Resources": {"Function": {"Type": FUNCTION, "Metadata": metadata}}}
        self._body = json.dumps(body) if as_text else body

    def get_template(self, *, StackName: str) -> dict[str, Any]:
        assert StackName == "shop"
        return {"TemplateBody": self._body}


@pytest.mark.parametrize(("overlap", "shown"), [("skip", "'skip'"), ("buffer_one", "'buffer_one'"), ("", "'unknown'")])
def test_a_job_whose_occurrences_run_one_at_a_time_is_refused(overlap: str, shown: str) -> None:
    with pytest.raises(OperationError, match=f"--concurrency 4: stats has overlap {shown}") as refused:
        refuse_concurrency(lambda service: Template(overlap), DEPLOYMENT, "stats", 4)
    assert 'overlap="allow"' in refused.value.remedy


@pytest.mark.parametrize("as_text", [False, True])
def test_overlap_allow_is_accepted(as_text: bool) -> None:
    refuse_concurrency(lambda service: Template("allow", as_text=as_text), DEPLOYMENT, "stats", 4)
