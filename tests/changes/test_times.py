"""Which occurrences appear, disappear and move: the exact pairs, and rules that hold for all pairs of schedules."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest

from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.changes.sides import TimedSchedule
from cronstack_infra.changes.times import TimeChange, compare_times, span_of
from cronstack_infra.play.dry.minutes import Span

NOW = datetime(2027, 2, 10, 12, 0, 30, tzinfo=UTC)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def timed(expression: str) -> tuple[TimedSchedule, ...]:
    return (TimedSchedule(1, parse(expression)),)


def changes(
    old: tuple[TimedSchedule, ...], new: tuple[TimedSchedule, ...], *, now: datetime = NOW, days: int = 30
) -> TimeChange:
    return compare_times(old, new, span_of(now, days))


def due(schedule: Schedule, first: datetime, last: datetime) -> set[datetime]:
    """Return the instants by the timetable itself, one by one."""
    return set(takewhile(lambda instant: instant < last, schedule.after(first - timedelta(microseconds=1))))


def test_an_occurrence_at_the_end_of_the_span_moves_although_its_new_time_is_beyond() -> None:
    found = changes(timed("cron(0 12 * * ? *)"), timed("cron(30 12 * * ? *)"), now=NOW.replace(minute=10), days=2)
    (shift,) = found.shifts
    assert [(pair.old.day, pair.new.minute) for pair in shift.moved] == [(11, 30), (12, 30)]
    assert [pair.new.day for pair in found.again] == [10]
    assert not found.appear
    assert not found.disappear


def test_of_two_equal_distances_the_later_time_counts() -> None:
    found = changes(timed("cron(0 0/2 * * ? *)"), timed("cron(0 1/2 * * ? *)"))
    (shift,) = found.shifts
    assert shift.by == timedelta(hours=1)


def test_too_many_lengths_are_no_moves() -> None:
    found = changes(timed("cron(0/7 * * * ? *)"), timed("cron(0/11 * * * ? *)"))
    assert not found.shifts
    assert found.appear
    assert found.disappear


def test_the_minute_of_now_is_past_and_the_next_one_is_not() -> None:
    assert span_of(NOW, 1).first == datetime(2027, 2, 10, 12, 1, tzinfo=UTC)
    assert span_of(NOW.replace(second=0), 1).first == datetime(2027, 2, 10, 12, 0, tzinfo=UTC)


def test_a_year_of_a_job_of_each_minute_takes_little_time() -> None:
    began = time.process_time()
    found = changes(timed("cron(* * * * ? *)"), timed("cron(0/2 * * * ? *)"), days=366)
    assert len(found.disappear) == 366 * 720
    assert time.process_time() - began < 5


@pytest.mark.parametrize("seed", range(40))
def test_each_occurrence_is_counted_once(seed: int) -> None:
    """Against the timetables themselves, with clock changes, bounds and several schedules."""
    chance = random.Random(seed)
    now = datetime(2027, 3, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(20_000))

    def side() -> tuple[TimedSchedule, ...]:
        return tuple(
            TimedSchedule(
                number,
                parse(
                    f"cron({chance.choice(['0', '15', '0/20', '30'])} {chance.choice(['2', '6', '7', '*', '0/6'])} "
                    f"{chance.choice(['* * ?', '? * MON-FRI', '1 * ?', '? * SUN'])} *)",
                    timezone=chance.choice(ZONES),
                    end=chance.choice([None, now + timedelta(days=chance.randrange(1, 40))]),
                ),
            )
            for number in range(1, chance.randrange(2, 4))
        )

    old, new = side(), side()
    span = span_of(now, 30)
    found = compare_times(old, new, span)
    before, after = (set().union(*(due(each.schedule, *span) for each in of)) for of in (old, new))
    moved = [pair for shift in found.shifts for pair in shift.moved]
    gone = {pair.old for pair in (*moved, *found.lost)} | set(found.disappear)
    assert gone == before - after
    assert len(gone) == len(moved) + len(found.lost) + len(found.disappear)
    come = {pair.new for pair in (*moved, *found.again) if pair.new < span.last} | set(found.appear)
    beyond = Span(span.last, span.last + timedelta(days=35))
    old_beyond, new_beyond = (set().union(*(due(each.schedule, *beyond) for each in of)) for of in (old, new))
    if (after - before) - come:
        assert old_beyond - new_beyond, "a new time is left out only if it is that of an old one beyond the span"
    assert come <= after - before
    assert found.same == len(before & after)
