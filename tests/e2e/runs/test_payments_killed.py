"""A hundred deferred payments over HTTP, handler processes killed in the middle: each is captured once, none is lost.

The example ``capture_payment`` as it would be deployed, in real processes; the payment service a real server, whose log
judges. An application server (this process) schedules the payments, half of them for one second, and moves and
withdraws some at their very last. Killed are whatever handler processes there are: while they start, before, during and
after their request, before and after their outcome is written. What Lambda gives up after its own three tries lies in
a dead-letter queue, and an operator redrives it.
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
"""Seconds from the first plan to the shared second. No schedule is made for less than 15 s ahead."""
TOGETHER = 12
"""Handlers at once, so that the crowd of one second does not take the machine."""
PATIENCE = 100.0


class Hesitant(Payments):
    """Takes its time before and after it has charged, so that kills meet every stage of a request."""

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
    with quick_cloud(retry_delays=(0.5, 0.5)) as found:
        yield found


@pytest.fixture
def service() -> Iterator[PaymentService]:
    with PaymentService(Hesitant(Random(SEED))) as found:
        yield found


def deploy(cloud: Cloud, service: PaymentService, folder: Path) -> tuple[QuickStack, Once]:
    """The example's function, and what an application server schedules it by."""
    stack = QuickStack(cloud, "examples", deployed_code("examples", folder, ROOT / "functions"))
    variables = stack.settings(stack.carrier_role(JOB)).environment() | {"PAYMENTS_URL": service.url}
    function = stack.function(JOB, Timeout=4, Environment={"Variables": variables})
    cloud.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=TOGETHER)
    wiring = stack.wiring(JOB, function)
    return stack, Once(wiring=lambda job: wiring)


def schedule(once: Once, shared: datetime) -> None:
    """All of them, each asked for twice."""
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
    """Kills handler processes drawn by chance, in a thread of its own, as soon as there are some. A context manager."""

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
            everyone = processes()
            wardens = {pid for pid, parent in everyone if parent == self._cloud.pid}
            if handlers := sorted(pid for pid, parent in everyone if parent in wardens):
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
        changes = changed(once, shared, chance)
        letters = until_all_are_final(stack)
    judge(stack, service.payments, changes)
    outcomes = Counter(outcome for what, outcome in changes.values())
    charges = service.payments.charges()
    print(
        f"seed {SEED}: {PAYMENTS} planned twice in {planned:.1f} s; {killer.kills} kills,"
        f" {len(cut(cloud))} of them in an invocation; {len(charges)} captured,"
        f" {sum(charge.requests > 1 for charge in charges)} asked for more than once; changes: {dict(outcomes)};"
        f" {letters} letters redriven; {time.monotonic() - began:.0f} s"
    )
    assert killer.kills >= KILLS // 2
    assert len(cut(cloud)) >= KILLS // 4
    assert outcomes["cancelled"]
    assert outcomes["moved"]


def cut(cloud: Cloud) -> list[dict[str, Any]]:
    return [one for one in cloud.events("finished", outcome="error") if "signal: killed" in one["error"]]


def changed(once: Once, shared: datetime, chance: Random) -> dict[str, tuple[str, str]]:
    """Move and withdraw some around their time; by order, what was asked and what was answered."""
    told: dict[str, tuple[str, str]] = {}
    numbers = chance.sample(range(PAYMENTS), 30)
    moments = sorted((chance.uniform(-4, 2), number) for number in numbers)
    for moment, number in moments:
        key = f"order-{number}"
        wait = shared + timedelta(seconds=moment) - datetime.now(UTC)
        time.sleep(max(0.0, wait.total_seconds()))
        if number % 3 == 0:
            told[key] = ("cancel", once.cancel(JOB, key).outcome)
        else:
            told[key] = ("move", once.move(JOB, key, at=shared + timedelta(seconds=15 + number % 5)).outcome)
    return told


def until_all_are_final(stack: QuickStack) -> int:
    """The operator's part included; how many letters were redriven."""
    end, letters = time.monotonic() + PATIENCE, 0
    while True:
        succeeded = {run.key for run in stack.runs(JOB).values() if run.status == "succeeded"}
        left = Counter(status for key, status in stack.plans(JOB).items() if key not in succeeded)
        del left["cancelled"]
        if not left and not stack.made():
            return letters
        assert time.monotonic() < end, f"not final: {left}; schedules: {stack.made()[:5]}"
        sent = redrive(stack.cloud.client, stack.deployment, clock=clock.now, sleep=clock.sleep, wait=0)
        letters += len(list(sent))
        time.sleep(0.5)


def judge(stack: QuickStack, payments: Payments, changes: dict[str, tuple[str, str]]) -> None:
    charged = {charge.order: charge.cents for charge in payments.charges()}
    cancelled = {key for key, told in changes.items() if told == ("cancel", "cancelled")}
    orders = {f"order-{number}": 100 + number for number in range(PAYMENTS)}
    assert payments.charged_twice() == []
    assert charged == {order: cents for order, cents in orders.items() if order not in cancelled}
    assert {run.key: run.status for run in stack.runs(JOB).values()} == dict.fromkeys(
        orders.keys() - cancelled, "succeeded"
    )
    assert stack.plans(JOB) == {order: "cancelled" if order in cancelled else "begun" for order in orders}
    assert stack.made() == []
