"""Forecast of a span: overlaps and their policies, crowded minutes, concurrency, and clock changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronstack import parse
from cronstack.defaults import Overlap
from cronstack_infra.play.dry.changes import changes
from cronstack_infra.play.dry.effects import effect
from cronstack_infra.play.dry.minutes import Span, fires_in, firings
from cronstack_infra.play.dry.overlaps import play
from cronstack_infra.play.dry.tally import Tally
from cronstack_infra.play.dry.whatif import Case, JobTimetable, WhatIf, what_if
from tests.cronstack.guard.nights import NIGHTS
from tests.play.dry.bits import minutes_of

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
YEAR = Span(NEW_YEAR, datetime(2028, 1, 1, tzinfo=UTC))
DAY = Span(NEW_YEAR, NEW_YEAR + timedelta(days=1))


def job(name: str, *expressions: str, zone: str = "UTC", overlap: Overlap = "skip", timeout: int = 60) -> JobTimetable:
    return JobTimetable(name, tuple(parse(each, timezone=zone) for each in expressions), overlap, timeout)


def ask(*jobs: JobTimetable, span: Span = DAY, **seconds: float) -> WhatIf:
    return what_if(jobs, span, [Case("given", seconds)])


# --- Clock changes, as a timetable: zone, local date, cron; effect and local times; when it fires, in UTC.

SPRING = [
    # Berlin, 28 March 2027: 02:00 becomes 03:00
    ("Europe/Berlin", "2027-03-28", "30 2 * * ? *", "not at all", "02:30", "", "next 2027-03-29 00:30"),
    ("Europe/Berlin", "2027-03-28", "0 1-3 * * ? *", "left out", "02:00", "", "next 2027-03-28 01:00"),
    ("Europe/Berlin", "2027-03-28", "*/20 2 * * ? *", "not at all", "02:00 02:20 02:40", "", "next 2027-03-29 00:00"),
    ("Europe/Berlin", "2027-03-28", "0 3 * * ? *", "moved", "", "", "next 2027-03-28 01:00"),
    ("Europe/Berlin", "2027-03-28", "59 1 * * ? *", "moved", "", "", "next 2027-03-28 23:59"),
    # New York, 14 March: 02:00 becomes 03:00
    ("America/New_York", "2027-03-14", "30 2 * * ? *", "not at all", "02:30", "", "next 2027-03-15 06:30"),
    ("America/New_York", "2027-03-14", "0 6 ? * SUN *", "moved", "", "", "next 2027-03-14 10:00"),
    # Lord Howe, 3 October: 02:00 becomes 02:30
    ("Australia/Lord_Howe", "2027-10-03", "0 2 * * ? *", "not at all", "02:00", "", "next 2027-10-03 15:00"),
    ("Australia/Lord_Howe", "2027-10-03", "0,30 2 * * ? *", "left out", "02:00", "", "next 2027-10-02 15:30"),
]
AUTUMN = [
    # Berlin, 31 October: 03:00 becomes 02:00
    ("Europe/Berlin", "2027-10-31", "30 2 * * ? *", "once", "02:30", "00:30", "silent 01:30"),
    ("Europe/Berlin", "2027-10-31", "0 1-3 * * ? *", "once", "02:00", "00:00", "silent 01:00"),
    ("Europe/Berlin", "2027-10-31", "0 3 * * ? *", "moved", "", "", "next 2027-10-31 02:00"),
    # New York, 7 November: 02:00 becomes 01:00
    ("America/New_York", "2027-11-07", "15,45 1 * * ? *", "once", "01:15 01:45", "05:15 05:45", "silent 06:15 06:45"),
    ("America/New_York", "2027-11-07", "30 2 * * ? *", "moved", "", "", "next 2027-11-07 07:30"),
    # Lord Howe, 4 April: 02:00 becomes 01:30
    ("Australia/Lord_Howe", "2027-04-04", "45 1 * * ? *", "once", "01:45", "14:45", "silent 15:15"),
    ("Australia/Lord_Howe", "2027-04-04", "15 1 * * ? *", "moved", "", "", "next 2027-04-04 14:45"),
]


@pytest.mark.parametrize("row", [*SPRING, *AUTUMN], ids=lambda row: " ".join(row[:3]))
def test_effects_of_clock_changes_on_crons(row: tuple[str, ...]) -> None:
    zone, date, fields, kind, local, fires, then = row
    noon = datetime.fromisoformat(date).replace(tzinfo=UTC) + timedelta(hours=12)
    (change,) = changes(zone, noon - timedelta(days=1), noon)
    assert change.forward == (row in SPRING)

    found = effect(change, parse(f"cron({fields})", timezone=zone))
    assert found is not None

    def hours(moments: Iterable[datetime]) -> str:
        return " ".join(f"{moment:%H:%M}" for moment in moments)

    assert (found.kind, hours(found.times), hours(found.fires)) == (kind, local, fires)
    assert then == (f"silent {hours(found.silent)}" if found.silent else f"next {found.next:%Y-%m-%d %H:%M}")


@pytest.mark.parametrize(
    ("local", "kind", "due"),
    [
        ("2027-03-28T02:30:00", "shifted", "2027-03-28 01:30"),
        ("2027-10-31T02:30:00", "once", "2027-10-31 00:30"),
        ("2027-03-28T04:00:00", None, None),
    ],
)
def test_effects_of_clock_changes_on_at(local: str, kind: str, due: str) -> None:
    effects = [
        each.effect
        for _, affected in ask(job("launch", f"at({local})", zone="Europe/Berlin"), span=YEAR).changes
        for each in affected
    ]
    assert [(each.kind, f"{each.fires[0]:%Y-%m-%d %H:%M}") for each in effects] == ([(kind, due)] if kind else [])


def test_changes_of_a_year_are_in_order_and_do_not_affect_rates() -> None:
    crons = [
        job("berlin", "cron(30 2 * * ? *)", zone="Europe/Berlin"),
        job("new_york", "cron(30 2 * * ? *)", zone="America/New_York"),
        job("lord_howe", "cron(0 6 * * ? *)", zone="Australia/Lord_Howe"),
        job("elapsed", "rate(1 day)"),
        job("utc", "cron(30 2 * * ? *)"),
    ]
    effects_by_change = [
        (f"{change.at:%m-%d %H:%M}", [(each.job, each.effect.kind) for each in effects])
        for change, effects in ask(*crons, span=YEAR).changes
    ]
    assert effects_by_change == [
        ("03-14 07:00", [("new_york", "not at all")]),
        ("03-28 01:00", [("berlin", "not at all")]),
        ("04-03 15:00", [("lord_howe", "moved")]),
        ("10-02 15:30", [("lord_howe", "moved")]),
        ("10-31 01:00", [("berlin", "once")]),
        ("11-07 06:00", [("new_york", "moved")]),
    ]


def test_a_change_does_not_affect_a_schedule_that_has_ended() -> None:
    ended = parse("cron(30 2 * * ? *)", timezone="Europe/Berlin", end=datetime(2027, 3, 20, tzinfo=UTC))
    yearly = parse("cron(0 0 24 12 ? *)", timezone="Europe/Berlin")
    jobs = [JobTimetable("ended", (ended,), "skip", 60), JobTimetable("yearly", (yearly,), "skip", 60)]
    until_june = Span(NEW_YEAR, datetime(2027, 6, 1, tzinfo=UTC))
    assert [effects for _, effects in ask(*jobs, span=until_june).changes] == [()]
    assert [[each.job for each in effects] for _, effects in ask(*jobs, span=YEAR).changes] == [["yearly"], ["yearly"]]


# --- Overlaps: a firing every ten minutes of an hour, runs of so many minutes.


@pytest.mark.parametrize(
    ("overlap", "minutes", "first", "skipped", "buffered", "together"),
    [
        ("skip", 10, None, 0, 0, 1),
        ("skip", 11, 10, 3, 0, 1),  # 0 (10) 20 (30) 40 (50)
        ("skip", 25, 10, 4, 0, 1),  # 0 (10 20) 30 (40 50)
        ("allow", 25, 10, 0, 0, 3),
        ("buffer_one", 10, None, 0, 0, 1),
        ("buffer_one", 15, 10, 1, 4, 1),  # 0, 10 at 15, 20 at 30, 30 at 45, (40: the slot is full), 50 at 60
    ],
)
def test_policies(overlap: Overlap, minutes: int, first: int, skipped: int, buffered: int, together: int) -> None:
    played = play(sum(1 << minute for minute in range(0, 60, 10)), minutes, overlap)
    assert played.first == first
    assert (played.skipped, played.buffered, played.together) == (skipped, buffered, together)


def play_minute_by_minute(
    fires: set[int], length: int, overlap: Overlap, start_deadline: int
) -> tuple[set[int], int, int, int]:
    """Return the same counts, minute by minute, with a list of waiting firings."""
    waiting: list[int] = []
    running: set[int] = set()
    running_until, skipped, buffered, missed = 0, 0, 0, 0
    for minute in range(max(fires, default=0) + 3 * length + 1):
        if waiting and minute > waiting[0] + start_deadline // 60:
            waiting.pop()
            missed += 1
        if waiting and minute >= running_until:
            waiting.pop()
            running_until = minute + length
        if minute in fires:
            if minute >= running_until:
                running_until = minute + length
            elif overlap == "buffer_one" and not waiting:
                waiting.append(minute)
                buffered += 1
            else:
                skipped += 1
        if minute < running_until:
            running.add(minute)
    return running, skipped, buffered, missed


@settings(max_examples=150, deadline=None)
@given(
    st.sets(st.one_of(st.integers(0, 60), st.integers(1380, 1500), st.integers(0, 4300)), max_size=60),
    st.integers(1, 15),
    st.sampled_from(["skip", "buffer_one"]),
    st.sampled_from([60, 61, 119, 300, 3600]),
)
def test_policies_against_minute_by_minute(fires: set[int], length: int, overlap: Overlap, start_deadline: int) -> None:
    played = play(sum(1 << minute for minute in fires), length, overlap, start_deadline=start_deadline)
    running, *counts = play_minute_by_minute(fires, length, overlap, start_deadline)
    assert [played.skipped, played.buffered, played.missed] == counts
    assert [set(minutes_of(each)) for each in played.running] == [running]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 3000), max_size=40), st.integers(1, 15))
def test_side_by_side_against_counting(fires: set[int], length: int) -> None:
    played, tally = play(sum(1 << minute for minute in fires), length, "allow"), Tally()
    for each in played.running:
        tally.add(each)
    counts = {minute: sum(minute - length < fire <= minute for fire in fires) for minute in range(3020)}
    assert {count: set(minutes_of(reach)) for count, reach in tally.levels()} == {
        count: {minute for minute, has in counts.items() if has == count} for count in set(counts.values()) - {0}
    }
    assert played.together == max(counts.values())


def test_a_job_that_overlaps_itself() -> None:
    five = job("slow", "cron(*/5 * * * ? *)", timeout=900)
    (overlap,) = ask(five, slow=301).overlaps
    assert (overlap.job, overlap.seconds, overlap.firings, overlap.first) == (
        "slow",
        301,
        288,
        NEW_YEAR + timedelta(minutes=5),
    )
    assert (overlap.played.overlapping, overlap.played.skipped) == (144, 144)
    assert ask(five, slow=300).overlaps == ()
    assert ask(five).overlaps[0].seconds == 900, "a job without a given duration lasts its timeout"
    assert ask(five, slow=5000).overlaps[0].seconds == 900, "and no run lasts longer"


def test_two_schedules_of_a_job_due_at_once_are_one_occurrence() -> None:
    both = job("both", "cron(0 * * * ? *)", "cron(0 0 * * ? *)")
    answers = ask(both)
    assert answers.firings == {"both": 24}
    assert answers.crowds == ()


def test_crowded_minutes_and_runs_at_once() -> None:
    jobs = [job(f"midnight_{n}", "cron(0 0 * * ? *)", timeout=180) for n in range(3)]
    jobs += [
        job("noon", "cron(0 12 1 * ? *)"),
        job("noon_too", "cron(0 12 * * ? *)"),
        job("later", "cron(2 0 * * ? *)"),
    ]
    answers = ask(*jobs, span=YEAR)
    assert [(crowd.starts, f"{crowd.first:%m-%d %H:%M}", crowd.days, crowd.jobs) for crowd in answers.crowds] == [
        (3, "01-01 00:00", 365, ("midnight_0", "midnight_1", "midnight_2")),
        (2, "01-01 12:00", 12, ("noon", "noon_too")),
    ]
    (peak,) = answers.peaks
    assert (peak.runs, peak.first, peak.minutes, peak.beyond) == (4, NEW_YEAR + timedelta(minutes=2), 365, 0)


def test_a_time_of_day_is_listed_once_with_its_highest_count() -> None:
    jobs = [job("a", "cron(0 6 * * ? *)"), job("b", "cron(0 6 * * ? *)"), job("c", "cron(0 6 1 * ? *)")]
    assert [(crowd.starts, crowd.days) for crowd in ask(*jobs, span=YEAR).crowds] == [(3, 12)]


def test_minutes_after_the_span_are_not_counted() -> None:
    assert ask(job("late", "cron(59 23 * * ? *)", timeout=300)).peaks[0].minutes == 1


def test_beyond_the_limit_of_an_account() -> None:
    many = [job(f"job_{n}", "cron(0 6 * * ? *)") for n in range(1001)]
    assert ask(*many).peaks[0][1:] == (1001, NEW_YEAR + timedelta(hours=6), 1, 1)
    assert ask(*many[1:]).peaks[0].beyond == 0


def test_two_cases_at_once_and_progress_is_reported() -> None:
    steps = []
    five = job("slow", "cron(*/5 * * * ? *)", overlap="allow", timeout=900)
    cases = [Case("median", {"slow": 10}), Case("p99", {"slow": 600.5})]
    answers = what_if([five], DAY, cases, on_progress=lambda done, of: steps.append((done, of)))
    assert [(each.case, each.played.together) for each in answers.overlaps] == [("p99", 3)]
    assert [(peak.case, peak.runs) for peak in answers.peaks] == [("median", 1), ("p99", 3)]
    assert steps == [(1, 1)]


def test_without_jobs_the_forecast_is_empty() -> None:
    answers = ask()
    assert (answers.firings, answers.overlaps, answers.crowds, answers.changes) == ({}, (), (), ())
    assert answers.peaks[0][1:] == (0, None, 0, 0)


# --- A timetable as bits is the timetable.

EXPRESSIONS = st.one_of(
    st.sampled_from(["* * * * ? *", "*/15 * * * ? *", "0 0-3 * * ? *", "30 1,2 ? * SUN,MON *", "59 23 L * ? *"]).map(
        "cron({})".format
    ),
    st.integers(1, 3000).map("rate({} minutes)".format),
)
# Before 1973 some zones had offsets with half minutes, which bits of minutes cannot represent.
ZONE_NIGHTS = [(zone, night) for zone, nights in NIGHTS.items() for night in nights if night > "1973"]


@settings(max_examples=200, deadline=None)
@given(
    EXPRESSIONS,
    st.sampled_from(ZONE_NIGHTS),
    st.integers(-3000, 3000),
    st.integers(1, 6000),
    st.one_of(st.none(), st.integers(-9000 * 60, 9000 * 60)),
    st.one_of(st.none(), st.integers(1, 9000 * 60)),
)
def test_bits_agree_with_the_timetable(
    expression: str, zone_night: tuple[str, str], lead: int, length: int, start: int, lasts: int
) -> None:
    zone, night = zone_night
    first = datetime.fromisoformat(night).replace(tzinfo=UTC) + timedelta(minutes=lead)
    span = Span(first, first + timedelta(minutes=length))
    since = None if start is None else first + timedelta(seconds=start)
    until = None if lasts is None else (since or first) + timedelta(seconds=lasts)
    schedule = parse(expression, timezone=zone, start=since, end=until)

    after = first if not schedule.has_grid else first - timedelta(microseconds=1)
    expected = [
        moment.replace(second=0) for moment in takewhile(lambda moment: moment < span.last, schedule.after(after))
    ]

    bits = firings(schedule, span, anchor=first)
    assert [span.instant(minute) for minute in minutes_of(bits)] == expected
    assert bits.bit_count() == len(expected)
    for minute in expected[:3] + expected[-3:] + [span.first, span.last - timedelta(minutes=1)]:
        assert fires_in(minute, schedule, anchor=first) == (minute in expected)


def test_a_hundred_jobs_of_every_minute_are_counted_at_once() -> None:
    zones = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
    jobs = [job(f"job_{n}", "cron(* * * * ? *)", zone=zones[n % 4], timeout=1) for n in range(100)]
    answers = ask(*jobs, span=YEAR)
    utc, berlin, new_york, lord_howe = (answers.firings[f"job_{n}"] for n in range(4))
    # In autumn the second pass is silent. In spring the skipped times have no elapsed minutes, so none is missing.
    assert (utc, berlin, new_york, lord_howe) == (525600, 525600 - 60, 525600 - 60, 525600 - 30)
