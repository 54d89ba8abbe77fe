"""The bounds of the time left of an invocation, whatever its wall clock shows."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cronstack.timing.deadline import Deadline


@dataclass
class Machine:
    """A machine whose context computes the remaining time by its wall clock. ``true``: seconds since the start."""

    timeout: float = 60
    wall_error: float = 0
    """Seconds that the wall clock is behind."""
    true: float = 0
    frozen: float = 0

    def deadline(self, declared: float | None = None) -> Deadline:
        timeout = self.timeout if declared is None else declared
        return Deadline(lambda: max(0.0, self.context_left()), lambda: self.true - self.frozen, timeout)

    def context_left(self) -> float:
        return self.timeout - self.true + self.wall_error


@pytest.mark.parametrize(
    ("timeout", "wall_error", "left", "at_most"),
    [
        (60, 0, 60, 60),
        (60, -5, 55, 60),  # ahead: the context returns too little
        (60, -600, 60, 60),  # ahead by more: it returns 0
        (900, -600, 300, 900),
        (60, 600, 60, 60),  # behind: it returns too much
        (900, 600, 900, 900),
    ],
)
def test_at_the_start(timeout: float, wall_error: float, left: float, at_most: float) -> None:
    deadline = Machine(timeout, wall_error).deadline()
    assert deadline.left() == left
    assert deadline.left_at_most(wall_error) == at_most


@pytest.mark.parametrize("wall_error", [-600, -60, -59, 0, 1, 59, 600])
@pytest.mark.parametrize("timeout", [3, 60, 300, 900])
def test_left_is_a_lower_bound_and_at_most_is_an_upper_bound(timeout: float, wall_error: float) -> None:
    machine = Machine(timeout, wall_error)
    deadline = machine.deadline()
    while machine.true < timeout:
        kill = timeout - machine.true
        assert deadline.left() <= kill + 1
        assert deadline.left_at_most(0.0) >= kill
        assert deadline.left_at_most(wall_error) >= kill
        machine.true += timeout / 7


def test_a_timeout_raised_by_hand_counts_for_the_lease_only() -> None:
    deadline = Machine(300).deadline(declared=60)
    assert deadline.left() == 60, "a higher value could come from a clock that is behind"
    assert deadline.left_at_most(0.0) == 300


@pytest.mark.parametrize("wall_error", [-240, -60, 0, 60, 600])
def test_a_timeout_raised_by_hand_counts_for_the_lease_with_any_clock(wall_error: float) -> None:
    deadline = Machine(300, wall_error).deadline(declared=60)
    assert deadline.left_at_most(wall_error) >= 300


def test_a_context_that_returns_0_while_the_invocation_runs_is_ignored() -> None:
    """So a settlement that was throttled can still be sent again."""
    machine = Machine(300, wall_error=-290)
    deadline = machine.deadline()
    assert deadline.left() == 10
    machine.true = 60
    assert deadline.left() == 240


def test_a_freeze_counts_as_time_that_may_have_passed() -> None:
    machine = Machine()
    deadline = machine.deadline()
    machine.true, machine.frozen = 30, 20
    assert deadline.left() == 30
    assert deadline.left_at_most(0.0) == 50


def test_a_wall_clock_that_is_set_during_the_invocation_does_not_end_it() -> None:
    machine = Machine()
    deadline = machine.deadline()
    machine.true, machine.wall_error = 10, -600
    assert deadline.left() == 50
    assert deadline.left_at_most(-600) == 50
