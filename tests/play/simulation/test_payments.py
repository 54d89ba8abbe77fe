"""Small acceptance test of ``once``: some hundred of the payments that ``tests.bench.payments`` plays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cronstack_infra.demo.payments import Payments
from tests.bench import payments
from tests.bench.payments import Played

PAYMENTS = 800
SEED = 20261128


@pytest.fixture(scope="module")
def played() -> Played:
    return payments.play(PAYMENTS, SEED)


def test_each_uncancelled_payment_is_captured_once_and_none_after_its_cancel(played: Played) -> None:
    figures = payments.judge(played)
    print(f"seed {SEED}: {figures}, {played.letters} letters, {played.wrong} HTTP requests went wrong")
    assert figures["captured"] + figures["cancelled"] == PAYMENTS
    assert played.story.shared == PAYMENTS // 2
    assert min(figures[what] for what in ("cancelled", "moved", "too late to move or cancel")) >= 10
    outcomes = {key[1] for key in played.kinds if isinstance(key, tuple) and key[0] == "capture_payment"}
    assert {"succeeded", "retrying", "crashed", "duplicate", "overtaken"} <= outcomes
    assert figures["whose request was repeated"] >= 10


def copy_of(played: Played) -> Played:
    """Return a copy, in which a test plants an error."""
    service = Payments()
    for charge in played.payments.charges():
        service.post(charge.key, json.dumps({"order": charge.order, "cents": charge.cents}).encode())
    return replace(
        played,
        payments=service,
        charged=dict(played.charged),
        rows={order: dict(row) for order, row in played.rows.items()},
        answers={order: list(answers) for order, answers in played.answers.items()},
        left=[],
    )


def charged_again(played: Played, order: str) -> None:
    played.payments.post("another key", json.dumps({"order": order, "cents": 1}).encode())


def cancelled_before(played: Played, order: str) -> None:
    played.answers[order].append({"order": order, "payment": "cancelled"})


def earlier(played: Played, order: str) -> None:
    played.charged[order] = played.charged[order].replace(year=2025)


def row_without(played: Played, order: str) -> None:
    played.rows[order]["status"] = "planned"


def schedule_left(played: Played, order: str) -> None:
    played.left.append(f"once.{order}")


@pytest.mark.parametrize(
    ("plant", "message"),
    [
        (schedule_left, "left in Scheduler"),
        (earlier, "captured before its time"),
        (row_without, "planned"),
        (cancelled_before, "was cancelled, but the service received a request"),
        (charged_again, "charged twice"),
    ],
)
def test_a_planted_error_is_detected(played: Played, plant: Callable[[Any, str], None], message: str) -> None:
    mine = copy_of(played)
    order = next(order for order, row in mine.rows.items() if row.get("status") == "succeeded")
    plant(mine, order)
    with pytest.raises(AssertionError, match=message):
        payments.judge(mine)
