"""A hundred deferred payments over HTTP, while handler processes are killed: each is captured once, none is lost.

The deployed form of the example ``capture_payment`` runs in real processes. The log of a real payment server is the
judge. An application server (this process) schedules the payments, half of them for one second, and moves and cancels
some close to their due time. Kills hit handler processes at any time: at their start, before, during and after their
request, before and after the outcome is written. An operator redrives the events that Lambda gives up.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cronstack import clock
from cronstack.onetime.once import Once
from cronstack_infra.demo.payments import PaymentAnswer, Payments, PaymentService
from cronstack_infra.local.environment import pointed_at
from cronstack_infra.local.executor.warden import processes
from cronstack_infra.ops.dead_letters.redriving import redrive
from tests.e2e.projects import ROOT
from tests.e2e.quick_stack import QuickStack, deployed_code
from tests.local.quick_cloud import Cloud, quick_cloud

SEED = 20261128
PAYMENTS = 100
KILLS = 40
JOB = "capture_payment"
AHEAD = 20
"""Seconds from the first plan to the shared second. A schedule is at least 15 s ahead."""
TOGETHER = 12
"""Maximum number of handlers at once, so that the payments of one second do not overload the machine."""
PATIENCE = 100.0


class SlowPayments(Payments):
    """A service that sleeps before and after each charge, so that kills hit every stage of a request."""

    def __init__(self, chance: Random) -> None:
        super().__init__(stumbles=lambda order, number: number == 1 and order.endswith("7"))
        self._chance = chance

    def post(self, key: str, body: bytes) -> PaymentAnswer:
        time.sleep(self._chance.uniform(0, 0.3))
        answer = super().post(key, body)
        time.sleep(self._chance.uniform(0, 0.3))
        return answer


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with quick_cloud(retry_delays=(0.5, 0.5)) as running:
        yield running


@pytest.fixture
def service() -> Iterator[PaymentService]:
    with PaymentService(SlowPayments(Random(SEED))) as running:
        yield running


def deploy(cloud: Cloud, service: PaymentService, folder: Path) -> tuple[QuickStack, Once]:
    """Create the example's function. Return the stack and the ``Once`` of the application server."""
    stack = QuickStack(cloud, "examples", deployed_code("examples", folder, ROOT / "functions"))
    variables = stack.settings(stack.carrier_role(JOB)).environment() | {"PAYMENTS_URL": service.url}
    function = stack.function(JOB, Timeout=4, Environment={"Variables": variables})
    cloud.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=TOGETHER)
    wiring = stack.wiring(JOB, function)
    return stack, Once(wiring=lambda job: wiring)


def schedule(once: Once, shared: datetime) -> None:
    """Schedule all payments, twice."""
    orders = [
        {
            "key": f"order-{number}",
            "at": shared if number % 2 == 0 else shared + timedelta(seconds=number % 20),
            "input": {"order": f"order-{number}", "cents": 100 + number},
        }
        for number in range(PAYMENTS)
    ]
    for outcomes in ({"planned"}, {"planned", "unchanged"}):
        results = list(once.schedule_many(JOB, orders, concurrency=8))
        assert [result.fault for result in results if result.fault is not None] == []
        assert {result.plan.outcome for result in results if result.plan is not None} <= outcomes


class Killer:
    """Context manager that kills random handler processes in a thread."""

    def __init__(self, cloud: Cloud, chance: Random) -> None:
        self._cloud, self._chance = cloud, chance
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="killer", daemon=True)
        self.kills = 0

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while self.kills < KILLS and not self._ended.wait(self._chance.uniform(0.05, 0.2)):
            all_processes = processes()
            wardens = {pid for pid, parent in all_processes if parent == self._cloud.pid}
            if handlers := sorted(pid for pid, parent in all_processes if parent in wardens):
                with suppress(ProcessLookupError):
                    os.kill(self._chance.choice(handlers), signal.SIGKILL)
                    self.kills += 1


def test_a_hundred_payments(
    cloud: Cloud, service: PaymentService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in pointed_at(cloud.endpoint, {}).items():
        monkeypatch.setenv(name, value)
    chance = Random(SEED)
    stack, once = deploy(cloud, service, tmp_path)
    began = time.monotonic()
    shared = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=AHEAD)
    schedule(once, shared)
    planned = time.monotonic() - began
    with Killer(cloud, Random(SEED)) as killer:
        changes = change_plans(once, shared, chance)
        letters = redrive_until_all_are_final(stack)
    judge(stack, service.payments, changes)
    outcomes = Counter(outcome for what, outcome in changes.values())
    charges = service.payments.charges()
    print(
        f"seed {SEED}: {PAYMENTS} planned twice in {planned:.1f} s; {killer.kills} kills,"
        f" {len(killed(cloud))} of them in an invocation; {len(charges)} captured,"
        f" {sum(charge.requests > 1 for charge in charges)} asked for more than once; changes: {dict(outcomes)};"
        f" {letters} letters redriven; {time.monotonic() - began:.0f} s"
    )
    assert killer.kills >= KILLS // 2
    assert len(killed(cloud)) >= KILLS // 4
    assert outcomes["cancelled"]
    assert outcomes["moved"]


def killed(cloud: Cloud) -> list[dict[str, Any]]:
    return [event for event in cloud.events("finished", outcome="error") if "signal: killed" in event["error"]]


def change_plans(once: Once, shared: datetime, chance: Random) -> dict[str, tuple[str, str]]:
    """Move and cancel some plans around their due time. Return (call, outcome) by order."""
    answers: dict[str, tuple[str, str]] = {}
    numbers = chance.sample(range(PAYMENTS), 30)
    moments = sorted((chance.uniform(-4, 2), number) for number in numbers)
    for moment, number in moments:
        key = f"order-{number}"
        wait = shared + timedelta(seconds=moment) - datetime.now(UTC)
        time.sleep(max(0.0, wait.total_seconds()))
        if number % 3 == 0:
            answers[key] = ("cancel", once.cancel(JOB, key).outcome)
        else:
            answers[key] = ("move", once.move(JOB, key, at=shared + timedelta(seconds=15 + number % 5)).outcome)
    return answers


def redrive_until_all_are_final(stack: QuickStack) -> int:
    """Redrive dead letters until all plans have ended. Return the number of redriven letters."""
    end, letters = time.monotonic() + PATIENCE, 0
    while True:
        succeeded = {run.key for run in stack.runs(JOB).values() if run.status == "succeeded"}
        left = Counter(status for key, status in stack.plans(JOB).items() if key not in succeeded)
        del left["cancelled"]
        if not left and not stack.schedule_names():
            return letters
        assert time.monotonic() < end, f"not final: {left}; schedules: {stack.schedule_names()[:5]}"
        sent = redrive(stack.cloud.client, stack.deployment, clock=clock.now, sleep=clock.sleep, wait=0)
        letters += len(list(sent))
        time.sleep(0.5)


def judge(stack: QuickStack, payments: Payments, changes: dict[str, tuple[str, str]]) -> None:
    charged = {charge.order: charge.cents for charge in payments.charges()}
    cancelled = {key for key, answers in changes.items() if answers == ("cancel", "cancelled")}
    orders = {f"order-{number}": 100 + number for number in range(PAYMENTS)}
    assert payments.charged_twice() == []
    assert charged == {order: cents for order, cents in orders.items() if order not in cancelled}
    assert {run.key: run.status for run in stack.runs(JOB).values()} == dict.fromkeys(
        orders.keys() - cancelled, "succeeded"
    )
    assert stack.plans(JOB) == {order: "cancelled" if order in cancelled else "begun" for order in orders}
    assert stack.schedule_names() == []
