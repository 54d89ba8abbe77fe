"""The runtime's rule for start, end and at(), and the instant of a flexible window, against naive references."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronstack.declaration import ONCE, When, at, cron, rate
from cronstack.occurrence import to_milliseconds
from cronstack.timetable.bounds import is_outside, nominal
from cronstack.timetable.instants import parse

BERLIN = "Europe/Berlin"
MARCH = datetime(2027, 3, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
DAILY = cron("0 6 * * ? *", timezone="UTC", start=MARCH, end=MARCH + timedelta(days=10))
LAUNCH = at("2027-03-02T12:30:00", timezone=BERLIN)

FIELDS = ("0 6 * * ? *", "*/20 * * * ? *", "30 1,2 * * ? *", "0 0 L * ? *", "15 2 ? * SUN *", "7 1/5 29 2 ? *")
ZONES = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe")
minutes = st.integers(0, 3 * 366 * 1440).map(lambda count: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=count))
bounds = st.none() | minutes


def outside(schedules: Sequence[When], instant: datetime) -> bool:
    return is_outside(schedules, to_milliseconds(instant))


@st.composite
def whens(draw: st.DrawFn) -> When:
    zone, first, second = draw(st.sampled_from(ZONES)), draw(bounds), draw(bounds)
    if first is not None and second is not None:
        first, second = (first, second) if first < second else (second, first + timedelta(minutes=1))
    match draw(st.sampled_from(("cron", "cron", "cron", "rate", "at"))):
        case "rate":
            return rate("6 hours", end=second)
        case "at":
            local = draw(minutes).replace(tzinfo=None)
            return at(local.isoformat(), timezone=zone)
    return cron(draw(st.sampled_from(FIELDS)), timezone=zone, start=first, end=second)


def naive(when: When, instant: datetime) -> tuple[bool, bool]:
    """Return (fires within its bounds, fires as deployed), by listing the instants of that day."""
    if when.expression.startswith("rate"):
        return when.end is None or instant < when.end, True
    bare = parse(when.expression, timezone=when.timezone or "UTC")
    if when.expression.startswith("at"):
        (only,) = bare.after(datetime(1971, 1, 1, tzinfo=UTC))
        yearly = parse(f"cron({only.minute} {only.hour} {only.day} {only.month} ? *)")
        return only == instant, instant in listed(yearly, instant)
    fires = instant in listed(bare, instant)
    within = (when.start is None or when.start <= instant) and (when.end is None or instant < when.end)
    return fires and within, fires


def listed(schedule: object, instant: datetime) -> list[datetime]:
    instants = []
    for moment in schedule.after(instant - timedelta(hours=1)):  # type: ignore[attr-defined]
        if moment > instant:
            break
        instants.append(moment)
    return instants


@settings(max_examples=400, deadline=None)
@given(st.lists(whens(), max_size=3), st.data())
def test_outside_agrees_with_a_naive_reference(schedules: list[When], data: st.DataObject) -> None:
    """Mostly tested with instants of a schedule, and with the bounds themselves."""
    edges = [edge for when in schedules for edge in (when.start, when.end) if edge is not None]
    instant = data.draw(st.sampled_from(edges) if edges and data.draw(st.booleans()) else minutes)
    if schedules and data.draw(st.booleans()):
        of = data.draw(st.sampled_from(schedules))
        bare = parse(of.expression, timezone=of.timezone or "UTC")
        instant = next(iter(bare.after(instant - timedelta(days=1))), instant)
    references = [naive(when, instant) for when in schedules]
    assert outside(schedules, instant) == (
        any(fires for _, fires in references) and not any(within for within, _ in references)
    )


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(FIELDS), st.sampled_from(ZONES), minutes, st.integers(1, 19), st.data())
def test_a_time_within_the_window_is_floored_to_the_instant(
    fields: str, zone: str, asked: datetime, window: int, data: st.DataObject
) -> None:
    when = cron(fields, timezone=zone, window=window, end=data.draw(bounds))
    instant = next(iter(parse(when.expression, timezone=zone).after(asked)))
    started = instant + timedelta(seconds=data.draw(st.integers(0, window * 60)))
    number = data.draw(st.sampled_from((0, 1, 7)))
    assert nominal([when], to_milliseconds(started), number) == to_milliseconds(instant)


def test_the_schedule_that_sent_the_event_decides_if_another_one_fires_at_its_time() -> None:
    spread = cron("0 6 * * ? *", timezone="UTC", window=30)
    sharp = cron("10 6 * * ? *", timezone="UTC")
    six, ten = (to_milliseconds(MARCH + timedelta(hours=6, minutes=m)) for m in (0, 10))
    assert nominal([spread, sharp], ten, 1) == six
    assert nominal([spread, sharp], ten, 2) == ten
    assert nominal([spread, sharp], ten, 0) == ten
    assert nominal([spread, sharp], ten + 1000, 2) == six, "the second one has no window: the order has changed"
    assert nominal([spread, sharp], ten + 3_600_000, 1) == ten + 3_600_000, "beyond the window: of an earlier deploy"


@pytest.mark.parametrize(
    ("schedules", "instant", "is_skipped"),
    [
        ([DAILY], MARCH - timedelta(hours=18), True),
        ([DAILY], MARCH + timedelta(hours=6), False),
        ([DAILY], MARCH + timedelta(days=10, hours=6), True),
        ([DAILY], MARCH - timedelta(hours=17), False),  # of an earlier deploy: no schedule has 07:00
        ([DAILY, cron("0 6 ? * * *", timezone="UTC")], MARCH - timedelta(hours=18), False),
        ([LAUNCH], datetime(2027, 3, 2, 11, 30, tzinfo=UTC), False),
        ([LAUNCH], datetime(2028, 3, 2, 11, 30, tzinfo=UTC), True),
        ([LAUNCH], datetime(2028, 3, 2, 11, 31, tzinfo=UTC), False),
        ([rate("5 minutes", end=MARCH)], MARCH - timedelta(seconds=7), False),
        ([rate("5 minutes", end=MARCH)], MARCH, True),
        ([rate("5 minutes", end=MARCH), LAUNCH], datetime(2027, 3, 2, 11, 30, tzinfo=UTC), False),
        ([When(ONCE, None)], MARCH, False),
        ([], MARCH, False),
    ],
)
def test_an_event_outside_all_bounds_is_skipped_and_an_event_of_no_schedule_runs(
    schedules: list[When], instant: datetime, is_skipped: bool
) -> None:
    assert outside(schedules, instant) is is_skipped


def test_a_bound_that_the_clocks_skip_means_the_instant_of_the_change() -> None:
    """Berlin, 28 March 2027: 02:30 does not exist, so an end of 02:30 is 01:00 UTC, and 01:15 UTC is outside."""
    gap = datetime(2027, 3, 28, 2, 30, tzinfo=ZoneInfo(BERLIN))
    quarters = cron("*/15 * * * ? *", timezone="UTC", end=gap)
    assert not outside([quarters], datetime(2027, 3, 28, 0, 45, tzinfo=UTC))
    assert outside([quarters], datetime(2027, 3, 28, 1, 0, tzinfo=UTC))
    assert outside([quarters], datetime(2027, 3, 28, 1, 15, tzinfo=UTC))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FIELDS), st.sampled_from(ZONES), minutes, st.sampled_from((0, 1)))
def test_has_agrees_with_the_list_of_instants(fields: str, zone: str, asked: datetime, off: int) -> None:
    schedule = parse(f"cron({fields})", timezone=zone)
    instant = next(iter(schedule.after(asked))) + timedelta(minutes=off)
    for moment in (instant, asked):
        assert schedule.has(moment) == (next(iter(schedule.after(moment - MOMENT))) == moment)
