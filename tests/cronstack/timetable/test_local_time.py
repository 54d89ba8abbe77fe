"""Local times, datetimes and spans to instants: zones are required, ambiguous times are refused or resolved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronstack.errors import OnceError
from cronstack.occurrence import print_time, to_datetime
from cronstack.timetable.local_time import after, moment

BERLIN = ZoneInfo("Europe/Berlin")

# local time | zone | disambiguation | instant
TIMES = """
2027-06-01T09:00           Europe/Berlin        reject      2027-06-01T07:00:00Z
2027-06-01T09:00:30.2      UTC                  reject      2027-06-01T09:00:31Z
2028-02-29T09:00           America/New_York     reject      2028-02-29T14:00:00Z
2027-03-28T02:30           Europe/Berlin        later       2027-03-28T01:30:00Z
2027-03-28T02:30           Europe/Berlin        compatible  2027-03-28T01:30:00Z
2027-03-28T02:30           Europe/Berlin        earlier     2027-03-28T00:30:00Z
2027-03-28T01:59:59        Europe/Berlin        reject      2027-03-28T00:59:59Z
2027-03-28T03:00           Europe/Berlin        reject      2027-03-28T01:00:00Z
2027-10-31T02:30           Europe/Berlin        earlier     2027-10-31T00:30:00Z
2027-10-31T02:30           Europe/Berlin        compatible  2027-10-31T00:30:00Z
2027-10-31T02:30           Europe/Berlin        later       2027-10-31T01:30:00Z
2027-10-31T01:59           Europe/Berlin        reject      2027-10-30T23:59:00Z
2027-10-03T02:15           Australia/Lord_Howe  later       2027-10-02T15:45:00Z
2027-10-03T02:15           Australia/Lord_Howe  earlier     2027-10-02T15:15:00Z
2027-11-07T01:30           America/New_York     later       2027-11-07T06:30:00Z
2199-12-31T23:59:59        UTC                  reject      2199-12-31T23:59:59Z
"""

REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    ("2027-03-28T02:30", {"timezone": "Europe/Berlin"}, "does not exist there.*\n.*earlier.* 01:30:00.* 03:30:00"),
    ("2027-10-31T02:30", {"timezone": "Europe/Berlin"}, "comes twice there"),
    (datetime(2027, 3, 28, 2, 30, tzinfo=BERLIN), {}, "2027-03-28T02:30:00 in Europe/Berlin does not exist there"),
    ("2027-06-01T09:00", {}, "has no time zone"),
    (datetime(2027, 6, 1), {}, "has no time zone"),
    ("2027-02-29T09:00", {"timezone": "UTC"}, "is not a time: day is out of range"),
    ("2027-06-01", {"timezone": "UTC"}, "has no time of day"),
    ("tomorrow at 9", {"timezone": "UTC"}, "is not a time"),
    ("2200-01-01T00:00", {"timezone": "UTC"}, "not in the years 1970 to 2199"),
    ("9999-12-31T23:59", {"timezone": "America/New_York"}, "outside the calendar|not in the years"),
    ("1969-12-31T23:59", {"timezone": "UTC"}, "not in the years"),
    ("2027-06-01T09:00Z", {"timezone": "UTC"}, "has a time zone, and timezone='UTC' gives another"),
    ("2027-06-01T09:00", {"timezone": "Europe/Berln"}, "no time zone 'Europe/Berln'\n.*Europe/Berlin"),
    ("2027-06-01T09:00", {"timezone": "UTC", "disambiguation": "first"}, "It can be: reject, earlier"),
    (1_767_268_800, {}, "is int, not a time"),
]


@pytest.mark.parametrize("row", [line.split() for line in TIMES.strip().splitlines()], ids=" ".join)
def test_a_local_time_in_its_zone(row: list[str]) -> None:
    local, zone, choice, instant = row
    result = moment(local, timezone=zone, disambiguation=choice)  # type: ignore[arg-type]
    assert print_time(result.due) == instant
    assert result.asked.endswith(zone), "the time as given is missing"


@pytest.mark.parametrize(("at", "given", "why"), REFUSED, ids=[why[:30] for _, _, why in REFUSED])
def test_an_invalid_time_is_refused_with_the_remedy(at: Any, given: dict[str, Any], why: str) -> None:
    with pytest.raises(OnceError, match=why):
        moment(at, **given)


def test_the_fold_of_an_aware_datetime_selects_the_pass() -> None:
    first, second = (datetime(2027, 10, 31, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1))
    assert [print_time(moment(at).due) for at in (first, second)] == ["2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"]


@given(st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1)), st.sampled_from(["Europe/Berlin", "Asia/Kathmandu"]))
def test_every_instant_that_a_clock_shows_is_kept(instant: datetime, zone: str) -> None:
    shown = instant.replace(tzinfo=UTC, microsecond=0).astimezone(ZoneInfo(zone))
    # Compared in UTC: in Python, a time that clocks show twice differs from every time of another zone.
    assert to_datetime(moment(shown).due) == shown.astimezone(UTC)
    assert to_datetime(moment(shown.astimezone(timezone(timedelta(hours=5)))).due) == shown.astimezone(UTC)


@pytest.mark.parametrize("span", [-1, float("nan"), float("inf"), "1", None, True, timedelta(days=-1)])
def test_an_invalid_span_is_refused(span: Any) -> None:
    with pytest.raises(OnceError, match="is not a time from now on"):
        after(span, 0)


def test_a_fraction_of_a_second_is_rounded_up() -> None:
    assert after(0.1, 1_000).due == 2_000


@pytest.mark.parametrize(
    ("span", "asked"),
    [
        (timedelta(days=14), "after 14 d"),
        (1_209_600, "after 14 d"),
        (timedelta(hours=36), "after 36 h"),
        (90, "after 90 s"),
        (5_400.0, "after 90 min"),
        (0.5, "after 0.5 s"),
        (86_400.25, "after 86400.25 s"),
        (0, "after 0 s"),
    ],
)
def test_a_span_is_shown_unrounded_in_its_largest_unit(span: float | timedelta, asked: str) -> None:
    assert after(span, 0).asked == asked
