"""The cost of each operation in requests and write units. Change these numbers only on purpose."""

from __future__ import annotations

import pytest

from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from tests.cronstack.ledger.counting import Cost, counted
from tests.cronstack.ledger.operations import GROUP, OPERATIONS, Operation
from tests.cronstack.stage import FUNCTION, TABLE, WAY, Stage

COSTS: dict[str, Cost] = {
    "clean_run_skip": Cost(2, 2, 8),
    "clean_run_buffer_one": Cost(2, 2, 8),
    "clean_run_allow": Cost(3, 3, 2),
    "attempt_that_fails": Cost(3, 2, 9),
    "retry_that_succeeds": Cost(3, 3, 13),
    "last_attempt_that_fails": Cost(4, 3, 10),
    "redrive_that_succeeds": Cost(3, 3, 13),
    "duplicate": Cost(1, 1, 4),
    "skipped_for_overlap": Cost(2, 2, 5),
    "buffered": Cost(3, 2, 9),
    "run_from_the_slot": Cost(3, 3, 13),
    "skipped_while_paused": Cost(2, 2, 5),
    "retry_while_paused": Cost(2, 1, 4),
    "takeover_of_a_crashed_run": Cost(3, 3, 15),
    "too_late": Cost(4, 3, 3),
    "plan": Cost(2, 1, 2),
    "same_call_again": Cost(2, 1, 1),
    "move": Cost(4, 2, 3),
    "cancel": Cost(3, 2, 1),
    "clean_run_of_a_plan": Cost(4, 4, 3),
    "attempt_of_a_plan_that_fails": Cost(5, 4, 4),
    "retry_of_a_plan_that_succeeds": Cost(3, 3, 3),
    "duplicate_of_a_plan": Cost(3, 3, 2),
    "overtaken_by_a_move": Cost(4, 3, 1),
    "plan_that_comes_too_late": Cost(5, 4, 7),
    "plan_skipped_while_paused": Cost(2, 2, 1),
    "plan_from_order_to_settle": Cost(6, 5, 5),
}
"""The cost of each operation, by its name."""
WIRING = Wiring("stats", TABLE, GROUP, "arn:aws:iam::123456789012:role/once", f"{FUNCTION}:plans", WAY.dead_letters)


def once(stage: Stage) -> Once:
    return Once(
        wiring=lambda job: WIRING,
        transport=stage.transport,
        now=lambda: stage.now,
        monotonic=lambda: stage.now / 1000,
        sleep=stage.sleep,
        randomness=stage.randomness,
    )


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_an_operation_has_the_listed_cost(operation: Operation) -> None:
    assert counted(operation, once) == COSTS[operation.__name__]


def test_every_operation_has_a_listed_cost() -> None:
    assert [operation.__name__ for operation in OPERATIONS] == [*COSTS]


def test_a_clean_run_costs_2_requests_and_a_plan_at_most_5_units() -> None:
    assert COSTS["clean_run_skip"][1:] == (2, 8), "the budget of a clean run with a lease (I14)"
    assert COSTS["clean_run_allow"][1:] == (3, 2), "with one read of the pause"
    assert COSTS["plan_from_order_to_settle"].units <= 5
