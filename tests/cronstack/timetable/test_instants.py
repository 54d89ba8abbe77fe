"""Timetables: expected local times for tests of clock changes, instants for other tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest

from cronstack import parse
from tests.cronstack.timetable import oracle

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def written(moments: Iterable[datetime], *, zone: str = "UTC") -> list[str]:
    return [moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M%z") for moment in moments]


def timetable(expression: str, *, zone: str, since: str, count: int) -> list[str]:
    """Return local times with their offsets, strictly after ``since`` (UTC)."""
    return written(islice(parse(expression, timezone=zone).after(instant(since)), count), zone=zone)


def test_a_day_in_berlin() -> None:
    assert timetable("cron(0 6,18 * * ? *)", zone=BERLIN, since="2026-03-28T12:00", count=4) == [
        "2026-03-28 18:00+0100",
        "2026-03-29 06:00+0200",
        "2026-03-29 18:00+0200",
        "2026-03-30 06:00+0200",
    ]


def test_a_local_time_in_the_gap_is_skipped_that_day() -> None:
    assert timetable("cron(30 2 * * ? *)", zone=NEW_YORK, since="2026-03-07T00:00", count=3) == [
        "2026-03-07 02:30-0500",
        "2026-03-09 02:30-0400",
        "2026-03-10 02:30-0400",
    ]


def test_a_local_time_in_the_overlap_runs_once_at_its_first_pass() -> None:
    assert timetable("cron(30 1 * * ? *)", zone=NEW_YORK, since="2026-10-31T00:00", count=3) == [
        "2026-10-31 01:30-0400",
        "2026-11-01 01:30-0400",
        "2026-11-02 01:30-0500",
    ]


def test_every_half_hour_over_the_overlap_skips_one_real_hour() -> None:
    assert timetable("cron(0/30 * * * ? *)", zone=NEW_YORK, since="2026-11-01T04:59", count=5) == [
        "2026-11-01 01:00-0400",
        "2026-11-01 01:30-0400",
        "2026-11-01 02:00-0500",
        "2026-11-01 02:30-0500",
        "2026-11-01 03:00-0500",
    ]


def test_every_half_hour_over_the_gap() -> None:
    assert timetable("cron(0/30 * * * ? *)", zone=NEW_YORK, since="2026-03-08T06:29", count=3) == [
        "2026-03-08 01:30-0500",
        "2026-03-08 03:00-0400",
        "2026-03-08 03:30-0400",
    ]


def test_instants_after_a_time_in_the_second_pass() -> None:
    assert timetable("cron(0/15 1 * * ? *)", zone=NEW_YORK, since="2026-11-01T06:10", count=1) == [
        "2026-11-02 01:00-0500"
    ]


def test_a_shift_of_half_an_hour() -> None:
    assert timetable("cron(0/15 1-2 * * ? *)", zone=LORD_HOWE, since="2026-04-04T14:29", count=5) == [
        "2026-04-05 01:30+1100",
        "2026-04-05 01:45+1100",
        "2026-04-05 02:00+1030",
        "2026-04-05 02:15+1030",
        "2026-04-05 02:30+1030",
    ]
    assert timetable("cron(0/15 2 * * ? *)", zone=LORD_HOWE, since="2026-10-03T00:00", count=3) == [
        "2026-10-04 02:30+1100",
        "2026-10-04 02:45+1100",
        "2026-10-05 02:00+1100",
    ]


def test_a_day_that_a_zone_skipped() -> None:
    assert timetable("cron(0 9 * * ? *)", zone="Pacific/Apia", since="2011-12-29T00:00", count=3) == [
        "2011-12-29 09:00-1000",
        "2011-12-31 09:00+1400",
        "2012-01-01 09:00+1400",
    ]


def test_a_gap_at_midnight() -> None:
    assert timetable("cron(0 0 * * ? *)", zone="America/Sao_Paulo", since="2018-11-03T00:00", count=3) == [
        "2018-11-03 00:00-0300",
        "2018-11-05 00:00-0200",
        "2018-11-06 00:00-0200",
    ]
    assert timetable("cron(0 0 * * ? *)", zone="Africa/Cairo", since="2026-04-23T00:00", count=2) == [
        "2026-04-25 00:00+0300",
        "2026-04-26 00:00+0300",
    ]


def test_an_overlap_over_midnight() -> None:
    assert timetable("cron(30 23 * * ? *)", zone="America/Sao_Paulo", since="2019-02-16T02:00", count=2) == [
        "2019-02-16 23:30-0200",
        "2019-02-17 23:30-0300",
    ]
    assert timetable("cron(30 0 * * ? *)", zone="America/Havana", since="2026-11-01T00:00", count=2) == [
        "2026-11-01 00:30-0400",
        "2026-11-02 00:30-0500",
    ]


def test_a_change_by_two_hours() -> None:
    assert timetable("cron(30 * * * ? *)", zone="Antarctica/Troll", since="2026-03-29T00:00", count=3) == [
        "2026-03-29 00:30+0000",
        "2026-03-29 03:30+0200",
        "2026-03-29 04:30+0200",
    ]
    assert timetable("cron(30 * * * ? *)", zone="Antarctica/Troll", since="2026-10-24T22:00", count=4) == [
        "2026-10-25 00:30+0200",
        "2026-10-25 01:30+0200",
        "2026-10-25 02:30+0200",
        "2026-10-25 03:30+0000",
    ]


def test_clocks_that_go_back_in_ramadan() -> None:
    assert timetable("cron(30 2 * * ? *)", zone="Africa/Casablanca", since="2026-02-14T00:00", count=3) == [
        "2026-02-14 02:30+0100",
        "2026-02-15 02:30+0100",
        "2026-02-16 02:30+0000",
    ]


def test_an_offset_with_seconds() -> None:
    moments = parse("cron(0 12 * * ? *)", timezone="Africa/Monrovia").after(instant("1972-01-06T00:00"))
    assert [moment.isoformat() for moment in islice(moments, 2)] == [
        "1972-01-06T12:44:30+00:00",
        "1972-01-07T12:00:00+00:00",
    ]


def test_the_calendar() -> None:
    leap_days = parse("cron(0 0 29 2 ? *)").after(instant("2096-01-01T00:00"))
    assert written(islice(leap_days, 2)) == ["2096-02-29 00:00+0000", "2104-02-29 00:00+0000"]
    friday_13 = [
        moment
        for moment in islice(parse("cron(0 0 13 * ? 2026)").after(instant("2025-12-31T00:00")), 12)
        if moment.weekday() == 4
    ]
    assert written(friday_13) == ["2026-02-13 00:00+0000", "2026-03-13 00:00+0000", "2026-11-13 00:00+0000"]


def test_leap_years_of_whole_centuries() -> None:
    leap_days = parse("cron(0 0 29 2 ? *)").after(instant("1999-01-01T00:00"))
    assert written(islice(leap_days, 1)) == ["2000-02-29 00:00+0000"]
    assert written(parse("cron(0 0 29 2 ? 2100)").after(instant("2099-01-01T00:00"))) == []


@pytest.mark.parametrize(
    ("zone", "month"),
    [("Africa/Cairo", "2010-09"), ("America/Maceio", "2000-10"), ("Asia/Gaza", "2041-10"), ("Asia/Gaza", "2040-10")],
)
def test_a_month_with_two_clock_changes_and_the_same_offset_at_both_ends(zone: str, month: str) -> None:
    since = instant(f"{month}-01T00:00") - timedelta(days=1)
    until = since + timedelta(days=33)
    moments = takewhile(lambda moment: moment < until, parse("cron(30 12 * * ? *)", timezone=zone).after(since))
    assert list(moments) == oracle.cron_instants("30 12 * * ? *", zone, since + timedelta(microseconds=1), until)


def test_instants_after_a_time_whose_local_month_is_another_one() -> None:
    assert timetable("cron(0 * * * ? *)", zone=NEW_YORK, since="2026-02-01T02:30", count=3) == [
        "2026-01-31 22:00-0500",
        "2026-01-31 23:00-0500",
        "2026-02-01 00:00-0500",
    ]
    assert timetable("cron(0 * * * ? *)", zone="Asia/Tokyo", since="2026-01-31T14:30", count=1) == [
        "2026-02-01 00:00+0900"
    ]


def test_the_first_and_the_last_instant() -> None:
    every_minute = parse("cron(* * * * ? *)")
    assert written(islice(every_minute.after(datetime.min.replace(tzinfo=UTC)), 1)) == ["1970-01-01 00:00+0000"]
    assert written(every_minute.after(instant("2199-12-31T23:57"))) == [
        "2199-12-31 23:58+0000",
        "2199-12-31 23:59+0000",
    ]
    assert written(islice(every_minute.before(datetime.max.replace(tzinfo=UTC)), 1)) == ["2199-12-31 23:59+0000"]
    assert list(every_minute.after(datetime.max.replace(tzinfo=UTC))) == []
    beyond = parse("cron(* * * * ? *)", timezone=BERLIN, start=datetime.max.replace(tzinfo=UTC))
    assert list(beyond.after(instant("2026-01-01"))) == []
    assert list(beyond.before(datetime.max.replace(tzinfo=UTC))) == []
    assert list(every_minute.before(instant("1970-01-01T00:00"))) == []
    assert written(parse("rate(400 days)").after(instant("2199-01-01T00:00"))) == []
    assert written(parse("rate(300 days)").after(instant("2199-01-01T00:00"))) == ["2199-10-28 00:00+0000"]


def test_instants_are_strictly_later() -> None:
    hourly = parse("cron(0 * * * ? *)")
    noon = instant("2026-01-01T12:00")
    moment = timedelta(microseconds=1)
    assert next(hourly.after(noon)) == noon + timedelta(hours=1)
    assert next(hourly.after(noon - moment)) == noon
    assert next(hourly.after(noon + moment)) == noon + timedelta(hours=1)
    assert next(hourly.before(noon)) == noon - timedelta(hours=1)
    assert next(hourly.before(noon + moment)) == noon


def test_an_instant_may_be_given_in_any_zone() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=ZoneInfo(BERLIN))
    (first,) = islice(parse("cron(0 * * * ? *)").after(noon), 1)
    assert first == instant("2026-01-01T12:00")
    assert first.tzinfo is UTC


def test_start_is_inclusive_and_end_is_exclusive() -> None:
    start, end = instant("2026-01-01T06:00"), instant("2026-01-03T06:00")
    wanted = ["2026-01-01 06:00+0000", "2026-01-02 06:00+0000"]
    for expression in ("cron(0 6 * * ? *)", "rate(1 day)"):
        schedule = parse(expression, start=start, end=end)
        assert written(schedule.after(instant("2020-01-01T00:00"))) == wanted
        assert written(schedule.after(instant("2026-01-01T06:00"))) == wanted[1:]
        assert written(schedule.before(instant("2030-01-01T00:00"))) == wanted[::-1]


@pytest.mark.parametrize("expression", ["cron(0 23 * * ? *)", "cron(0 23 31 * ? *)", "cron(0/10 13-23 * * ? *)"])
def test_an_end_on_an_instant_that_is_the_last_of_its_day_or_month(expression: str) -> None:
    last_of_all = next(parse(expression).before(instant("2026-02-01T00:00")))
    schedule = parse(expression, end=last_of_all)
    assert last_of_all not in list(schedule.after(last_of_all - timedelta(days=40)))
    assert next(schedule.before(instant("2026-02-01T00:00"))) < last_of_all


def test_a_rate_counts_from_its_start() -> None:
    start = datetime(2026, 1, 1, 0, 0, 7, 250, tzinfo=UTC)
    schedule = parse("rate(5 minutes)", start=start)
    assert next(schedule.after(start - timedelta(days=1))) == start
    assert next(schedule.after(start)) == start + timedelta(minutes=5)
    assert next(schedule.after(start + timedelta(minutes=12))) == start + timedelta(minutes=15)
    assert list(islice(schedule.before(start + timedelta(minutes=12)), 5)) == [
        start + timedelta(minutes=10),
        start + timedelta(minutes=5),
        start,
    ]


def test_a_rate_without_start_counts_from_the_instant() -> None:
    asked = datetime(2026, 3, 29, 0, 30, 7, 250, tzinfo=UTC)
    schedule = parse("rate(1 day)", timezone=BERLIN)
    assert list(islice(schedule.after(asked), 2)) == [asked + timedelta(hours=24), asked + timedelta(hours=48)]
    assert list(schedule.before(asked)) == []


@pytest.mark.parametrize(
    ("local", "zone", "meant"),
    [
        ("2026-07-01T12:00:00", BERLIN, "2026-07-01T10:00"),
        ("2026-07-01T12:00:00", "UTC", "2026-07-01T12:00"),
        ("2026-03-29T02:30:00", BERLIN, "2026-03-29T01:30"),  # a gap: 03:30 by the clocks put forward
        ("2026-10-25T02:30:00", BERLIN, "2026-10-25T00:30"),  # twice: the first pass
    ],
)
def test_at(local: str, zone: str, meant: str) -> None:
    long_ago = {"start": instant("1990-01-01T00:00"), "end": instant("1991-01-01T00:00")}
    for schedule in (parse(f"at({local})", timezone=zone), parse(f"at({local})", timezone=zone, **long_ago)):
        due = instant(meant)
        assert list(schedule.after(due - timedelta(seconds=1))) == [due]
        assert list(schedule.after(due)) == []


@pytest.mark.parametrize("fold", [0, 1])
def test_a_start_or_an_end_that_the_clocks_skip_is_the_instant_of_the_change(fold: int) -> None:
    skipped = datetime(2026, 3, 8, 2, 30, tzinfo=ZoneInfo(NEW_YORK), fold=fold)
    since = parse("cron(*/10 * * * ? *)", timezone=NEW_YORK, start=skipped)
    assert list(islice(since.after(instant("2026-03-01T00:00")), 2)) == [
        instant("2026-03-08T07:00"),
        instant("2026-03-08T07:10"),
    ]
    until = parse("cron(*/10 * * * ? *)", timezone=NEW_YORK, end=skipped)
    assert next(until.before(instant("2026-04-01T00:00"))) == instant("2026-03-08T06:50")


def test_equal_schedules() -> None:
    berlin = parse("cron(00 6 * * ? *)", timezone=BERLIN, start=datetime(2026, 1, 1, tzinfo=ZoneInfo(BERLIN)))
    assert berlin == parse("cron(0 6 * * ? *)", timezone=BERLIN, start=instant("2025-12-31T23:00"))
    assert berlin != parse("cron(0 6 * * ? *)", timezone=BERLIN)
    assert berlin != parse("cron(0 6 * * ? *)", timezone=NEW_YORK, start=instant("2025-12-31T23:00"))
    assert berlin != "cron(0 6 * * ? *)"
    assert repr(berlin) == ("Schedule('cron(0 6 * * ? *)', timezone='Europe/Berlin', start=2025-12-31T23:00:00+00:00)")


def test_iterations_of_one_schedule_do_not_disturb_each_other() -> None:
    schedule = parse("cron(0 6 * * ? *)", timezone=BERLIN)
    one, other = (schedule.after(instant("2026-01-01T00:00")) for _ in range(2))
    assert [next(one), next(one)] == [next(other), next(other)]


def test_utc_needs_no_zone_database() -> None:
    program = (
        "import sys, cronstack, datetime as d\n"
        "next(cronstack.parse('cron(0 6 * * ? *)').after(d.datetime(2026, 1, 1, tzinfo=d.UTC)))\n"
        "assert not {'zoneinfo', 'difflib', 'boto3', 'logging'} & set(sys.modules), 'loaded'\n"
    )
    environ = {**os.environ, "PYTHONPATH": "functions"}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30, env=environ)
