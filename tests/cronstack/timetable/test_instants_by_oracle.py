"""The timetable against a reference that walks the minutes, for generated expressions, zones and nights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cronstack import parse
from tests.cronstack.guard.nights import NIGHTS
from tests.cronstack.timetable import oracle

ZONE_NIGHTS = [(zone, night) for zone, nights in NIGHTS.items() for night in nights]


@st.composite
def items(
    draw: st.DrawFn, low: int, high: int, names: Sequence[str] = (), *, wraps: bool = True, steps: int = 0
) -> str:
    """A list of one to three items of a field."""

    def word(value: int) -> str:
        named = bool(names) and draw(st.booleans())
        return draw(st.sampled_from([names[value - low], names[value - low].lower()])) if named else str(value)

    def item() -> str:
        first, last = draw(st.integers(low, high)), draw(st.integers(low, high))
        if not wraps:
            first, last = min(first, last), max(first, last)
        shape = draw(st.sampled_from(["value", "range", "all"]))
        text = {"value": word(first), "range": f"{word(first)}-{word(last)}", "all": "*"}[shape]
        step = f"/{draw(st.integers(1, steps))}" if steps and draw(st.booleans()) else ""
        return text + step

    return ",".join(item() for _ in range(draw(st.integers(1, 3))))


def day_fields() -> st.SearchStrategy[tuple[str, str]]:
    by_date = st.one_of(
        st.sampled_from(["*", "*", "L", "LW"]),
        st.integers(1, 31).map("{}W".format),
        items(1, 31, steps=31),
    )
    weekday = st.one_of(st.integers(1, 7).map(str), st.sampled_from([*oracle.WEEKDAYS, "mon"]))
    by_weekday = st.one_of(
        st.sampled_from(["*", "*", "L"]),
        weekday.map("{}L".format),
        st.tuples(weekday, st.integers(1, 5)).map("{0[0]}#{0[1]}".format),
        items(1, 7, tuple(oracle.WEEKDAYS)),
    )
    return st.one_of(by_date.map(lambda day: (day, "?")), by_weekday.map(lambda day: ("?", day)))


@st.composite
def crons(draw: st.DrawFn, years: st.SearchStrategy[str] | None = None) -> str:
    """Fields of a cron: frequent ones, so that a night of a few hours sees some, and ones with few times a day."""
    if draw(st.integers(0, 2)):
        minutes = draw(st.one_of(st.sampled_from(["*", "*/15", "0,30", "59"]), items(0, 59, steps=59)))
        hours = draw(st.one_of(st.sampled_from(["*", "*", "0-4", "22-3", "1/2"]), items(0, 23, steps=23)))
    else:
        minutes = draw(st.sampled_from(["0", "30", "59"]))
        hours = draw(st.sampled_from(["0-4", "22-2", "0,1,2,23", "1-2,12"]))
    months = draw(st.one_of(st.just("*"), st.just("*"), items(1, 12, tuple(oracle.MONTHS), steps=12)))
    day, weekday = draw(day_fields())
    year = "*" if years is None else draw(years)
    return f"{minutes} {hours} {day} {months} {weekday} {year}"


@settings(max_examples=90, deadline=None)
@given(crons(), st.sampled_from(ZONE_NIGHTS), st.integers(0, 40 * 3600), st.integers(2, 36))
@example("*/15 * * * ? *", ("Australia/Lord_Howe", "2026-04-05"), 0, 36)
@example("0 0 * * ? *", ("Africa/Cairo", "2026-04-24"), 0, 36)
@example("30 2 * * ? *", ("America/New_York", "2026-03-08"), 0, 36)
@example("*/10 * * * ? *", ("Africa/Monrovia", "1971-06-01"), 0, 20)
@example("0 */6 * * ? *", ("Pacific/Apia", "2011-12-30"), 0, 36)
@example("0 0,1,2,23 * * ? *", ("Africa/Cairo", "2026-10-29"), 0, 36)
@example("0 0-3 * * ? *", ("America/Sao_Paulo", "2018-11-04"), 0, 36)
@example("30 1-2 * * ? *", ("Europe/Berlin", "2026-10-25"), 0, 36)
def test_around_the_nights_on_which_clocks_change(
    fields: str, zone_night: tuple[str, str], seconds: int, hours: int
) -> None:
    zone, night = zone_night
    asked = datetime.fromisoformat(night).replace(tzinfo=UTC) - timedelta(hours=26) + timedelta(seconds=seconds)
    until = asked + timedelta(hours=hours)
    timetable = parse(f"cron({fields})", timezone=zone)

    wanted = oracle.cron_instants(fields, zone, asked + timedelta(microseconds=1), until)

    assert list(takewhile(lambda moment: moment < until, timetable.after(asked))) == wanted
    assert list(takewhile(lambda moment: moment > asked, timetable.before(until)))[::-1] == wanted
    assert all(moment.tzinfo is UTC for moment in wanted)


@settings(max_examples=60, deadline=None)
@given(
    crons(years=st.one_of(st.just("*"), items(2020, 2032, wraps=False, steps=229))),
    st.sampled_from(sorted(NIGHTS)),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 1)),
    st.integers(0, 10**6),
    st.integers(1, 36 * 3600 * 10**6),
)
def test_a_span_begins_with_start_and_ends_before_end(
    fields: str, zone: str, begin: datetime, lead: int, length: int
) -> None:
    start = begin.replace(tzinfo=UTC)
    end = start + timedelta(microseconds=length)
    timetable = parse(f"cron({fields})", timezone=zone, start=start, end=end)

    wanted = oracle.cron_instants(fields, zone, start, end)

    assert list(timetable.after(start - timedelta(seconds=1 + lead))) == wanted
    assert list(timetable.before(end + timedelta(seconds=1 + lead)))[::-1] == wanted
    assert list(timetable.after(start)) == [moment for moment in wanted if moment > start]
    assert list(timetable.before(end)) == wanted[::-1]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_days_of_whole_years(data: st.DataObject) -> None:
    """At one minute of the day, in UTC, so that the oracle can look at years of days."""
    day, weekday = data.draw(day_fields())
    months = data.draw(st.one_of(st.just("*"), items(1, 12, tuple(oracle.MONTHS), steps=12)))
    years = data.draw(st.one_of(st.just("*"), items(1990, 2110, wraps=False, steps=229)))
    fields = f"30 12 {day} {months} {weekday} {years}"
    first = datetime(data.draw(st.integers(1970, 2196)), 1, 1, 12, 30, tzinfo=UTC)
    wanted = [
        moment
        for moment in (first + timedelta(days=number) for number in range(3 * 366))
        if oracle.matches(fields.upper(), moment.replace(tzinfo=None))
    ]
    until = first + timedelta(days=3 * 366)

    timetable = parse(f"cron({fields})")

    assert list(takewhile(lambda moment: moment < until, timetable.after(first - timedelta(hours=1)))) == wanted


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 90),
    st.sampled_from([("minute", 60), ("hours", 3600), ("day", 86400)]),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.integers(-5 * 86400 * 10**6, 5 * 86400 * 10**6),
    st.integers(1, 10 * 86400 * 10**6),
    st.booleans(),
)
def test_rates(value: int, unit: tuple[str, int], grid: datetime, lead: int, length: int, anchored: bool) -> None:
    name, seconds = unit
    start = grid.replace(tzinfo=UTC)
    asked = start + timedelta(microseconds=lead)
    end = max(asked, start) + timedelta(microseconds=length)
    timetable = parse(f"rate({value} {name})", start=start if anchored else None, end=end)

    wanted = oracle.rate_instants(value * seconds, start if anchored else asked, asked, end)

    assert list(timetable.after(asked)) == wanted
    if anchored:
        assert list(takewhile(lambda moment: moment > asked, timetable.before(end)))[::-1] == wanted


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONE_NIGHTS), st.integers(0, 30 * 60), st.sampled_from([0, 0, 1, 59]))
@example(("Pacific/Apia", "2011-12-30"), 90, 0)
def test_at_its_local_time(zone_night: tuple[str, str], minutes: int, seconds: int) -> None:
    zone, night = zone_night
    wall = datetime.fromisoformat(night) + timedelta(minutes=minutes, seconds=seconds)
    timetable = parse(f"at({wall.isoformat()})", timezone=zone)

    wanted = oracle.at_instant(wall, zone)

    assert list(timetable.after(wanted - timedelta(microseconds=1))) == [wanted]
    assert list(timetable.after(wanted)) == []
    assert list(timetable.before(wanted + timedelta(microseconds=1))) == [wanted]
    assert list(timetable.before(wanted)) == []
