"""Parsing expressions: accepted ones with their normal form, refused ones with their message."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cronstack
from cronstack import ScheduleError, parse
from cronstack.timetable.cron_fields import DayRule
from cronstack.timetable.expressions import Cron, read

NORMAL_FORMS = {
    "cron(0 6 * * ? *)": "cron(0 6 * * ? *)",
    "cron(0  6\t* * ? *)": "cron(0 6 * * ? *)",
    "cron(00 06 01 jan ? 2026)": "cron(0 6 1 JAN ? 2026)",
    "cron(0 0 lw * ? *)": "cron(0 0 LW * ? *)",
    "cron(0-59/10 0-23/2 ? * * *)": "cron(0-59/10 0-23/2 ? * * *)",
    "cron(8-8 * ? * mon-Fri *)": "cron(8-8 * ? * MON-FRI *)",
    "cron(*/15,7 22-2 ? NOV-FEB FRI-MON 2026-2028,2031)": "cron(*/15,7 22-2 ? NOV-FEB FRI-MON 2026-2028,2031)",
    "cron(0 12 ? * MON#1 *)": "cron(0 12 ? * MON#1 *)",
    "cron(0 12 ? * 6L *)": "cron(0 12 ? * 6L *)",
    "cron(0 12 ? * FRIL *)": "cron(0 12 ? * FRIL *)",
    "cron(0 12 31W * ? *)": "cron(0 12 31W * ? *)",
    "cron(*/59 */23 */31 */12 ? */229)": "cron(*/59 */23 */31 */12 ? */229)",
    "rate(1 minutes)": "rate(1 minute)",
    "rate(1 hour)": "rate(1 hour)",
    "rate(1 days)": "rate(1 day)",
    "rate(5 minute)": "rate(5 minutes)",
    "rate(00012 hours)": "rate(12 hours)",
    "at(2026-12-24T18:00:59)": "at(2026-12-24T18:00:59)",
}


@pytest.mark.parametrize(("written", "normal"), NORMAL_FORMS.items())
def test_an_expression_is_printed_in_one_normal_form(written: str, normal: str) -> None:
    schedule = parse(written)
    assert schedule.expression == normal
    assert parse(normal) == schedule
    assert hash(parse(normal)) == hash(schedule)
    assert schedule.kind == normal.partition("(")[0]


DAYS_OF_MAY_2026 = {  # the 1st is a Friday
    "L * ?": (31,),
    "LW * ?": (29,),
    "1W * ?": (1,),
    "2W * ?": (1,),
    "3W * ?": (4,),
    "31W * ?": (29,),
    "30W * ?": (29,),
    "29-2 * ?": (1, 2, 29, 30, 31),
    "1/10 * ?": (1, 11, 21, 31),
    "*/10 * ?": (1, 11, 21, 31),
    "5-20/7 * ?": (5, 12, 19),
    "? * L": (2, 9, 16, 23, 30),
    "? * SAT-MON": (2, 3, 4, 9, 10, 11, 16, 17, 18, 23, 24, 25, 30, 31),
    "? * 1": (3, 10, 17, 24, 31),
    "? * 6L": (29,),
    "? * 5L": (28,),
    "? * 3#2": (12,),
    "? * 6#5": (29,),
    "? * 2#5": (),
    "? JUN *": (),
    "31 * ?": (31,),
}


@pytest.mark.parametrize(("fields", "days"), DAYS_OF_MAY_2026.items())
def test_days_of_a_month(fields: str, days: object) -> None:
    midnight = datetime(2026, 5, 1, tzinfo=UTC)
    found = []
    for moment in parse(f"cron(0 0 {fields} *)").after(midnight - timedelta(minutes=1)):
        if moment >= datetime(2026, 6, 1, tzinfo=UTC):
            break
        found.append(moment.day)
    assert tuple(found) == days


def test_the_nearest_workday_is_in_the_same_month() -> None:
    first_is_saturday, first_is_sunday = 7, 1
    assert DayRule("nearest_workday", (1,)).days(first_is_saturday, 31) == (3,)
    assert DayRule("nearest_workday", (1,)).days(first_is_sunday, 30) == (2,)
    assert DayRule("nearest_workday", (29,)).days(first_is_sunday, 29) == (27,)
    assert DayRule("nearest_workday", (29,)).days(first_is_sunday, 28) == ()


REFUSED = {
    # the fields' number
    "cron()": "0 fields, not six",
    "cron(INVALID)": "1 field, not six",
    "cron(0 0 6 * * ? *)": "seven fields",
    "0 0 12 * * ? *": "seven fields",
    "cron( 0 6 * * ? *)": "spaces next to",
    "cron(0 6 * * ? * )": "spaces next to",
    # Unix
    "cron(0 6 * * *)": "Write cron(0 6 * * ? *).",
    "0 6 * * *": "Write cron(0 6 * * ? *).",
    "*/5 8-17 * * 1-5": "Write cron(*/5 8-17 ? * MON-FRI *).",
    "0 0 * * 0": "Write cron(0 0 ? * SUN *).",
    "0 0 * * 7": "Write cron(0 0 ? * SUN *).",
    "0 0 * * 5-7": "Write cron(0 0 ? * FRI,SAT,SUN *).",
    "0 0 * * sat-sun": "Write cron(0 0 ? * SAT,SUN *).",
    "0 0 * * */2": "Write cron(0 0 ? * SUN,TUE,THU,SAT *).",
    "0 0 * * 1,3-5": "Write cron(0 0 ? * MON,WED-FRI *).",
    "0 0 * * 1/3": "Write cron(0 0 ? * MON,THU *).",
    "15 3 1 jan *": "Write cron(15 3 1 JAN ? *).",
    "0 6 1 * 1": "needs two schedules: cron(0 6 1 * ? *) and cron(0 6 ? * MON *).",
    "0 6 */2 * 1": "They are: minutes",
    "99 6 * * *": "They are: minutes",
    "0 6 * * 1-9": "They are: minutes",
    "@daily": "cron(0 0 * * ? *)",
    "cron(@Hourly)": "cron(0 * * * ? *)",
    "@weekly": "cron(0 0 ? * SUN *)",
    "@monthly": "cron(0 0 1 * ? *)",
    "@yearly": "cron(0 0 1 1 ? *)",
    "@reboot": "is not supported",
    "@fortnightly": "They are: minutes",
    "cron(0 6 ? * MON-FRI)": "the year is missing",
    "cron(0 6 L * ?)": "the year is missing",
    # the two days
    "cron(0 1 * * * *)": "both day fields are *",
    "cron(0 1 ? * ? *)": "both day fields are ?",
    "cron(0 1 1 * MON *)": "one must be ?",
    "cron(0 1 * * MON *)": "one must be ?",
    "cron(0 1 1 * * *)": "one must be ?",
    # values
    "cron(71 8 1 * ? *)": "71 is out of range",
    "cron(0 24 * * ? *)": "24 is out of range",
    "cron(0 dummy ? * MON-FRI *)": '"DUMMY" is not a value',
    "cron(0 0 0 * ? *)": "0 is out of range",
    "cron(0 0 32 * ? *)": "32 is out of range",
    "cron(0 0 1 13 ? *)": "13 is out of range",
    "cron(0 0 1 JANUARY ? *)": '"JANUARY" is not a value',
    "cron(0 0 ? * NOT *)": '"NOT" is not a value',
    "cron(0 0 ? * 0 *)": "0 is out of range",
    "cron(0 0 ? * 8 *)": "8 is out of range",
    "cron(0 0 ? * MON,0 *)": "0 is out of range",
    "cron(0 0 * * ? 1969)": "1969 is out of range",
    "cron(0 0 * * ? 2200)": "2200 is out of range",
    "cron(0 0 * * ? 2030-2020)": "runs backwards",
    "cron(-5 0 * * ? *)": "is not a value",
    "cron(5- 0 * * ? *)": "is not a value",
    "cron(1-2-3 0 * * ? *)": "is not a value",
    "cron(1.5 0 * * ? *)": "is not a value",
    "cron(+5 0 * * ? *)": "is not a value",
    "cron(MON 0 * * ? *)": "is not a value",
    "cron(1,,2 0 * * ? *)": "empty item",
    "cron(, 0 * * ? *)": "empty item",
    "cron(? 0 * * ? *)": "? must be the whole field",
    "cron(0 0 ?,1 * ? *)": "? must be the whole field",
    # steps
    "cron(*/60 * * * ? *)": "a step is 1 to 59",
    "cron(0/0 * * * ? *)": "a step is 1 to 59",
    "cron(* */24 * * ? *)": "a step is 1 to 23",
    "cron(0 0 */32 * ? *)": "a step is 1 to 31",
    "cron(0 0 1 */13 ? *)": "a step is 1 to 12",
    "cron(0 0 ? * MON/2 *)": "steps (/) are not possible",
    "cron(0 0 ? * */2 *)": "steps (/) are not possible",
    "cron(*/ * * * ? *)": "is not a value",
    "cron(/5 * * * ? *)": "is not a value",
    "cron(1/2/3 * * * ? *)": "is not a value",
    # the words of the day fields
    "cron(0 0 L-3 * ? *)": "L, W and # are written like",
    "cron(0 0 ? * 0L *)": "0 is out of range",
    "cron(0 0 W * ? *)": "L, W and # are written like",
    "cron(0 0 0W * ? *)": "0 is out of range",
    "cron(0 0 32W * ? *)": "32 is out of range",
    "cron(0 0 1,L * ? *)": "must not be in a list",
    "cron(0 0 1,15W * ? *)": "must not be in a list",
    "cron(0 0 WL * ? *)": "L, W and # are written like",
    "cron(0 0 3L * ? *)": "L, W and # are written like",
    "cron(0 0 ? * LW *)": "L, W and # are written like",
    "cron(0 0 ? * 3W *)": "L, W and # are written like",
    "cron(0 0 ? * 3#1,6#3 *)": "must not be in a list",
    "cron(0 0 ? * MON,6L *)": "must not be in a list",
    "cron(0 0 ? * 3#6 *)": "1 to 5",
    "cron(0 0 ? * 3#0 *)": "1 to 5",
    "cron(0 0 ? * #2 *)": "L, W and # are written like",
    "cron(0 0 ? L MON *)": "is not a value",
    "cron(0 L * * ? *)": "is not a value",
    # rates
    "rate()": "not a positive whole number",
    "rate(10)": "not a positive whole number",
    "rate(0 minutes)": "not a positive whole number",
    "rate(-10 minutes)": "not a positive whole number",
    "rate(1.5 hours)": "not a positive whole number",
    "rate(10 seconds)": "not a positive whole number",
    "rate(10 years)": "not a positive whole number",
    "rate(10 minutess)": "not a positive whole number",
    "rate( 10 minutes )": "not a positive whole number",
    "rate(10  minutes)": "not a positive whole number",
    "rate(10 MINUTES)": "not a positive whole number",
    "rate(\u0661 minutes)": "is not a schedule expression",
    " rate(10 minutes)": "spaces around it",
    "rate(10 minutes)\n": "spaces around it",
    # times
    "at()": "not of the form",
    "at(2021-12-31)": "not of the form",
    "at(2021-12-31T23:59:59Z)": "not of the form",
    "at(2021-12-31T23:59:59+01:00)": "not of the form",
    "at(2026-09-08T03:54:26.439)": "not of the form",
    "at(2021-12-31 23:59:59)": "not of the form",
    "at(2021-02-30T00:00:00)": "not a date and time",
    "at(2021-12-31T25:00:00)": "not a date and time",
    "at(2200-01-01T00:00:00)": "not within the years",
    "at(0001-01-01T00:00:00)": "not within the years",
    # nothing of the kind
    "": "is not a schedule expression",
    "\0": "is not a schedule expression",
    "every monday": "is not a schedule expression",
    "CRON(0 6 * * ? *)": "is not a schedule expression",
    "cron(0 6 * * ? *": "is not a schedule expression",
    "0 6 * * ? *": "Write cron(0 6 * * ? *).",
    "cron(cron(0 6 * * ? *))": "Write cron(0 6 * * ? *).",
    "cron(0 0 ? * FR\u0131 *)": "is not a schedule expression",
    "rate(1 minute)" + " " * 250: "at most 256 characters",
}


@pytest.mark.parametrize(("expression", "words"), REFUSED.items())
def test_refused_with_a_reason_and_a_remedy(expression: str, words: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(expression)
    assert words in str(refused.value)
    assert refused.value.remedy
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("hour", [24, 25])
def test_no_day_has_an_hour_24(hour: int) -> None:
    with pytest.raises(ScheduleError):
        parse(f"at(2026-01-01T{hour}:00:00)")


class Broken(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta | None:
        raise RuntimeError("broken")


class Vague(tzinfo):
    def utcoffset(self, _: datetime | None) -> timedelta | None:
        return None


NO_INSTANTS = [
    datetime(2026, 1, 1),
    datetime(2026, 1, 1, tzinfo=Broken()),  # type: ignore[abstract]
    datetime(2026, 1, 1, tzinfo=Vague()),  # type: ignore[abstract]
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=14))),
    "2026-01-01T00:00:00Z",
    1767225600,
    datetime(2026, 1, 1).date(),
]


def shown(value: object) -> str:
    """Return a test id that is the same in every process that collects these tests."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value))


@pytest.mark.parametrize("moment", NO_INSTANTS, ids=shown)
def test_an_invalid_instant_is_refused(moment: Any) -> None:
    for expression in ("cron(0 6 * * ? *)", "rate(1 day)", "at(2026-01-01T00:00:00)"):
        with pytest.raises(ScheduleError):
            parse(expression, start=moment)
        with pytest.raises(ScheduleError):
            parse(expression, end=moment)
        with pytest.raises(ScheduleError):
            parse(expression).after(moment)
        with pytest.raises(ScheduleError):
            parse(expression).before(moment)
    with pytest.raises(ScheduleError):
        parse("rate(1 day)").after(None)  # type: ignore[arg-type]


def test_a_span_must_not_be_empty() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for end in (noon, noon - timedelta(microseconds=1)):
        with pytest.raises(ScheduleError, match="never fire"):
            parse("rate(1 minute)", start=noon, end=end)


@pytest.mark.parametrize("expression", [None, 5, 5.0, b"rate(1 day)", ["rate(1 day)"], object()], ids=shown)
def test_an_expression_that_is_not_text_is_refused(expression: Any) -> None:
    with pytest.raises(ScheduleError, match="is text"):
        parse(expression)


CHARACTERS = st.one_of(st.text(max_size=40), st.text("0123456789,-*/?LW# cronateMON()@T:\0\n", max_size=60))


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(
        CHARACTERS,
        CHARACTERS.map("cron({})".format),
        st.lists(st.text("0123456789,-*/?LW#SUNMO", min_size=1, max_size=6), min_size=5, max_size=7).map(
            lambda fields: f"cron({' '.join(fields)})"
        ),
        st.integers().map("rate({} days)".format),
        st.text("0123456789-T:", max_size=25).map("at({})".format),
    ),
    st.one_of(st.just("UTC"), st.just("Europe/Berlin"), st.text(max_size=60)),
)
def test_any_text_is_a_schedule_or_a_schedule_error(expression: str, timezone: str) -> None:
    try:
        schedule = parse(expression, timezone=timezone)
    except ScheduleError:
        return
    assert parse(schedule.expression, timezone=timezone) == schedule
    for moment in (datetime.min, datetime(1969, 12, 31), datetime(2026, 1, 1), datetime.max):
        next(schedule.after(moment.replace(tzinfo=UTC)), None)
        next(schedule.before(moment.replace(tzinfo=UTC)), None)


def test_very_long_numbers_are_refused_quickly() -> None:
    for expression in (
        f"cron({'9' * 200} 0 * * ? *)",
        f"cron(*/{'9' * 200} 0 * * ? *)",
        f"cron(0 0 ? * 3#{'9' * 200} *)",
    ):
        with pytest.raises(ScheduleError) as refused:
            parse(expression)
        assert len(str(refused.value)) < 300
    assert list(parse(f"rate({'9' * 200} days)").after(datetime(2026, 1, 1, tzinfo=UTC))) == []


NEVER = ["30 2", "31 2", "31 2,4,6,9,11", "30W 2", "31W 4"]


@pytest.mark.parametrize("day_and_month", NEVER)
def test_a_day_that_never_exists_is_not_possible(day_and_month: str) -> None:
    schedule = parse(f"cron(0 0 {day_and_month} ? *)")
    assert not schedule.is_possible()
    assert list(schedule.after(datetime(1969, 1, 1, tzinfo=UTC))) == []


@pytest.mark.parametrize("fields", ["0 0 29 2 ? *", "0 0 31 * ? *", "0 0 ? 2 1#5 *", "0 0 * * ? 1970"])
def test_a_day_that_exists_in_some_year_is_possible(fields: str) -> None:
    assert parse(f"cron({fields})").is_possible()


def test_a_day_that_exists_in_none_of_its_years_is_not_possible() -> None:
    assert not parse("cron(0 0 29 2 ? 2025-2027)").is_possible()
    assert not parse("cron(0 0 29 2 ? 2100)").is_possible()


def test_the_package_exports_schedule() -> None:
    assert cronstack.Schedule is type(parse("rate(1 day)"))
    assert repr(read("cron(0 6 * * ? *)")) == "Cron('0 6 * * ? *')"
    assert Cron("0 6 * * ? *") != Cron("0 7 * * ? *")
    assert Cron("0 6 * * ? *") != "cron(0 6 * * ? *)"
