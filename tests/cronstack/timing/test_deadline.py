"""What is left of an invocation, at least and at most, whatever its wall clock says."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cronstack.timing.deadline import Deadline


@dataclass
class Machine:
    """A machine whose context computes the time that is left by its wall clock. ``true``: seconds since the start."""

    timeout: float = 60
    wall_error: float = 0
    """Seconds that the wall clock is behind."""
    true: float = 0
    frozen: float = 0

    def deadline(self, declared: float | None = None) -> Deadline:
        timeout = self.timeout if declared is None else declared
        return Deadline(lambda: max(0.0, self.given()), lambda: self.true - self.frozen, timeout)

    def given(self) -> float:
        return self.timeout - self.true + self.wall_error


@pytest.mark.parametrize(
    ("timeout", "wall_error", "left", "at_most"),
    [
        (60, 0, 60, 60),
        (60, -5, 55, 60),  # ahead: the context says too little
        (60, -600, 60, 60),  # and none at all
        (900, -600, 300, 900),
        (60, 600, 60, 60),  # behind: it says too much
        (900, 600, 900, 900),
    ],
)
def test_at_the_start(timeout: float, wall_error: float, left: float, at_most: float) -> None:
    deadline = Machine(timeout, wall_error).deadline()
    assert deadline.left() == left
    assert deadline.left_at_most(wall_error) == at_most


@pytest.mark.parametrize("wall_error", [-600, -60, -59, 0, 1, 59, 600])
@pytest.mark.parametrize("timeout", [3, 60, 300, 900])
def test_left_is_never_too_much_and_at_most_never_too_little(timeout: float, wall_error: float) -> None:
    machine = Machine(timeout, wall_error)
    deadline = machine.deadline()
    while machine.true < timeout:
        kill = timeout - machine.true
        assert deadline.left() <= kill + 1
        assert deadline.left_at_most(0.0) >= kill
        assert deadline.left_at_most(wall_error) >= kill
        machine.true += timeout / 7


def test_a_function_that_was_given_more_time_by_hand_has_it() -> None:
    deadline = Machine(300).deadline(declared=60)
    assert deadline.left() == 60, "more cannot be told from a clock that is behind"
    assert deadline.left_at_most(0.0) == 300


@pytest.mark.parametrize("wall_error", [-240, -60, 0, 60, 600])
def test_given_more_time_by_hand_it_is_believed_for_the_lease_whatever_the_clock(wall_error: float) -> None:
    deadline = Machine(300, wall_error).deadline(declared=60)
    assert deadline.left_at_most(wall_error) >= 300


def test_a_context_that_says_none_to_what_still_runs_is_not_believed() -> None:
    """A settlement that was refused for now can still be sent again."""
    machine = Machine(300, wall_error=-290)
    deadline = machine.deadline()
    assert deadline.left() == 10
    machine.true = 60
    assert deadline.left() == 240


def test_a_freeze_counts_as_time_that_has_perhaps_passed() -> None:
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
