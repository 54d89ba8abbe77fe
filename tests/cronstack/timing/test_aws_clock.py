"""The time at AWS, from the dates of answers: the bounds hold whatever the clocks of the machine show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronstack.timing.aws_clock import MAX_DATE_LAG, AwsClock, date_of
from cronstack_infra.play.answer_dates import dated

NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z


@dataclass
class Machine:
    """A machine with a wrong wall clock. ``true`` is the time at AWS."""

    wall_error: int = 0
    true: int = NOON
    frozen: int = 0
    """Milliseconds for which the monotonic clock was stopped."""

    def clock(self) -> AwsClock:
        return AwsClock(lambda: self.true - self.wall_error, lambda: (self.true - self.frozen) / 1000)

    def ask(self, clock: AwsClock, forth: int, back: int) -> None:
        """Send one request and receive its answer. ``forth``, ``back``: milliseconds of each way."""
        sent = clock.reading()
        self.true += forth
        answer = dated({}, self.true)
        self.true += back
        clock.learn(sent, answer)


def test_before_any_answer_the_time_is_unknown() -> None:
    clock = Machine(wall_error=60_000).clock()
    assert not clock.is_known
    assert (clock.earliest(), clock.latest(), clock.now()) == (0, NOON - 60_000, NOON - 60_000)
    assert clock.wall_error() == 0


@pytest.mark.parametrize("wall_error", [-600_000, -240_000, 0, 240_000, 600_000])
def test_an_answer_shows_the_time(wall_error: int) -> None:
    machine = Machine(wall_error)
    clock = machine.clock()
    machine.ask(clock, 30, 40)
    assert clock.earliest() <= machine.true <= clock.latest()
    assert clock.latest() - clock.earliest() <= MAX_DATE_LAG + 70
    assert abs(clock.wall_error() - wall_error) <= MAX_DATE_LAG + 70


def test_a_clock_within_the_bounds_is_used() -> None:
    machine = Machine(wall_error=-900)
    clock = machine.clock()
    machine.ask(clock, 30, 40)
    assert clock.now() == machine.true + 900
    assert clock.wall_error() == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 12_000), st.integers(0, 12_000)),
        st.tuples(st.just("pass"), st.integers(0, 900_000), st.just(0)),
        st.tuples(st.just("freeze"), st.integers(0, 900_000), st.just(0)),
        st.tuples(st.just("set"), st.integers(-600_000, 600_000), st.just(0)),
    ),
    max_size=12,
)


@given(st.integers(-600_000, 600_000), STEPS)
def test_the_bounds_hold_whatever_happens(wall_error: int, steps: list[tuple[str, int, int]]) -> None:
    """The wall clock may be set, or the monotonic clock may stop, but not both between two answers."""
    machine = Machine(wall_error)
    clock = machine.clock()
    machine.ask(clock, 1, 1)
    doubtful: set[str] = set()
    for kind, first, second in steps:
        if kind == "ask":
            machine.ask(clock, first, second)
            doubtful = set()
        elif doubtful <= {kind, "pass"}:
            machine.true += first if kind != "set" else 0
            machine.frozen += first if kind == "freeze" else 0
            machine.wall_error += first if kind == "set" else 0
            doubtful |= {kind} - {"pass"}
        assert clock.earliest() <= machine.true <= clock.latest()
        assert clock.earliest() <= clock.now() <= clock.latest()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777_000),
        ("Thu, 31 Dec 2026 23:59:60 GMT", 1_798_761_599_000),
        ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ("Sunday, 06-Nov-94 08:49:37 GMT", None),
        ("Sun, 06 Now 1994 08:49:37 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_date_is_read_or_ignored(text: str, expected: int | None) -> None:
    answer: dict[str, Any] = {"ResponseMetadata": {"HTTPHeaders": {"date": text}}}
    assert date_of(answer) == expected
    assert date_of({}) is None
