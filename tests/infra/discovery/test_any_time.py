"""Schedules that are refused because a template must deploy at any time, with the remedy; windows; rates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from cronstack.deployed.form import deployed_form, read_schedule
from cronstack.errors import DeclarationError
from cronstack.timetable.expressions import Rate, read
from cronstack.timetable.instants import parse
from cronstack_infra.discovery.rate_notes import rate_notes
from cronstack_infra.discovery.rates import crons_of
from cronstack_infra.discovery.windows import shortest_interval
from tests.infra.packages import Package

START = datetime(2026, 11, 29, 13, 7, tzinfo=UTC)  # a Sunday
BERLIN = "Europe/Berlin"
IMPORT = "from datetime import UTC, datetime\n"


def fault_of(package: Package, declared: str) -> str:
    package.write("stats.py", f"{IMPORT}@job({declared})\ndef stats(run: Run): ...\n")
    with pytest.raises(DeclarationError) as raised:
        package.discover()
    text = str(raised.value)
    assert f"functions/{package.name}/stats.py:" in text
    return text


# -- rates -------------------------------------------------------------------------------------------------------------
RATES = [
    ("1 minute", ["* * * * ? *"]),
    ("5 minutes", ["2/5 * * * ? *"]),
    ("60 minutes", ["7 * * * ? *"]),
    ("1 hour", ["7 * * * ? *"]),
    ("90 minutes", ["7 1/3 * * ? *", "37 2/3 * * ? *"]),
    ("45 minutes", ["7 1/3 * * ? *", "22 0/3 * * ? *", "37 2/3 * * ? *", "52 1/3 * * ? *"]),
    ("12 hours", ["7 1/12 * * ? *"]),
    ("1 day", ["7 13 * * ? *"]),
    ("7 days", ["7 13 ? * SUN *"]),
    ("7 minutes", []),
    ("16 minutes", []),
    ("5 hours", []),
    ("2 days", []),
]


@pytest.mark.parametrize(("every", "crons"), RATES, ids=[every for every, _ in RATES])
def test_the_crons_of_a_rate_fire_exactly_when_it_would(every: str, crons: list[str]) -> None:
    rate = read(f"rate({every})")
    assert isinstance(rate, Rate)
    assert crons_of(rate, START) == crons
    if crons:
        until = START + timedelta(days=15)
        fired: Iterator[datetime] = itertools.chain(
            *(
                itertools.takewhile(until.__gt__, parse(f"cron({fields})", start=START).after(START - timedelta(1)))
                for fields in crons
            )
        )
        expected = itertools.takewhile(until.__gt__, parse(str(rate), start=START).after(START - timedelta(1)))
        assert sorted(fired) == list(expected)


@pytest.mark.parametrize(
    ("every", "remedy"),
    [
        (
            "5 minutes",
            'Write cron("2/5 * * * ? *", timezone="UTC", start=datetime.fromisoformat(\'2026-11-29T13:07:00+00:00\')).',
        ),
        ("7 minutes", "No cron has its times, because a day is not a multiple of rate(7 minutes). Use another period"),
        ("16 minutes", "No short list of crons has its times: rate(16 minutes) would take more than 4."),
    ],
)
def test_a_rate_with_a_start_is_refused_with_the_cron_to_use_instead(package: Package, every: str, remedy: str) -> None:
    text = fault_of(package, f'schedule=rate("{every}", start=datetime(2026, 11, 29, 13, 7, tzinfo=UTC))')
    assert "has a start. AWS refuses a start in the past" in text
    assert remedy in text


def test_a_rate_may_end(package: Package) -> None:
    package.write(
        "stats.py",
        f'{IMPORT}@job(schedule=rate("5 minutes", end=datetime(2026, 1, 1, tzinfo=UTC)))\ndef stats(run: Run): ...\n',
    )
    (declared,) = package.discover().jobs
    assert declared.schedules[0].end == datetime(2026, 1, 1, tzinfo=UTC)


def test_a11_9_a_long_rate_is_noted_with_the_cron_that_keeps_its_times(package: Package) -> None:
    """Not documented: whether an update of a schedule restarts its rate, so that runs are skipped or doubled."""
    schedules = ('rate("59 minutes")', 'rate("12 hours")', 'rate("5 hours")', 'cron("0 0 * * ? *", timezone="UTC")')
    package.write("stats.py", f"@job(schedule=[{', '.join(schedules)}])\ndef stats(run: Run): ...\n")
    package.write("paused.py", '@job(schedule=rate("1 day"), enabled=False)\ndef paused(run: Run): ...\n')
    twelve, five = rate_notes(package.discover().jobs)
    assert twelve.startswith(f"functions/{package.name}/stats.py:")
    assert "rate(12 hours) may restart at each deploy that changes its schedule" in twelve
    assert 'A cron keeps its times: cron("0 0/12 * * ? *", timezone="UTC").' in twelve
    assert "No cron has its times, because a day is not a multiple of rate(5 hours)." in five


# -- at() --------------------------------------------------------------------------------------------------------------
def test_an_at_with_seconds_is_refused(package: Package) -> None:
    text = fault_of(package, 'schedule=at("2026-12-24T18:00:30", timezone="Europe/Berlin")')
    assert "at(2026-12-24T18:00:30) has seconds" in text
    assert 'Write at("2026-12-24T18:00:00", timezone="Europe/Berlin").' in text


def test_an_at_long_past_is_noted_and_never_fires(package: Package) -> None:
    """T21: a past at() that is deployed must not fire, be refused as too old, and leave a dead letter."""
    package.write("launch.py", '@job(schedule=at("2001-03-28T12:00:00", timezone="UTC"))\ndef launch(run: Run): ...\n')
    (note,) = package.discover(now=START).notes
    assert "at(2001-03-28T12:00:00) (UTC) is past and never fires again" in note


# -- windows -----------------------------------------------------------------------------------------------------------
WINDOWS = {
    'schedule=cron("0 6 * * ? *", timezone="UTC", window="15")': "window='15' is str; it must be a whole number",
    'schedule=cron("0 6 * * ? *", timezone="UTC", window=True)': "window=True is bool; it must be a whole number",
    'schedule=cron("0 6 * * ? *", timezone="UTC", window=0)': (
        "window=0 is not within 1 to 1440 minutes (Scheduler's limits)\n"
        '  For example cron("0 6 * * ? *", timezone="UTC", window=15).'
    ),
    'schedule=cron("0 6 ? * MON *", timezone="UTC", window=1441)': "window=1441 is not within 1 to 1440",
    'schedule=cron("0/15 * * * ? *", timezone="UTC", window=15)': (
        "window=15 is not shorter than the 15 minutes between two runs of cron(0/15 * * * ? *)\n  Use at most 14."
    ),
    'schedule=cron("* * * * ? *", timezone="UTC", window=1)': "Remove it.",
    'schedule=cron("0 6 * * ? *", timezone="Europe/Berlin", window=1380)': "Use at most 1379.",
    'schedule=cron("0 6 * * ? *", timezone="UTC", window=30), start_deadline=86400': (
        "window=30 and start_deadline=86400 together are 88200 seconds: the deadline counts from the end of the"
        " window, and Scheduler keeps an event for 86400\n  Use start_deadline=84600 or less, or a shorter window."
    ),
}


@pytest.mark.parametrize("declared", WINDOWS)
def test_an_invalid_window_is_refused_with_its_remedy(package: Package, declared: str) -> None:
    assert WINDOWS[declared] in fault_of(package, declared)


@pytest.mark.parametrize(
    ("declared", "seconds"),
    [
        ("schedule=rate('1 hour')", 3_600),
        ("", 3_600),
        ("schedule=once()", 86_400),
        ("schedule=[rate('1 hour'), once()]", 86_400),
        ("schedule=[once(), cron('0 6 * * ? *', timezone='UTC', window=30)]", 84_600),
        ("schedule=once(), start_deadline=600", 600),
    ],
)
def test_a_job_that_code_may_schedule_has_a_day_to_start(package: Package, declared: str, seconds: int) -> None:
    """Less the longest window, so that both together fit Scheduler's maximum age of an event."""
    package.declare(declared)
    (declared_job,) = package.discover().jobs
    assert declared_job.job.start_deadline == seconds


@pytest.mark.parametrize(
    ("fields", "zone", "minutes"),
    [
        ("0 6 * * ? *", "UTC", 1440),
        ("0 6 * * ? *", BERLIN, 1380),  # the day on which the clocks go forward
        ("0 6 ? * MON *", BERLIN, None),
        ("*/30 * * * ? *", "UTC", 30),
        ("0 6 1 1 ? 2199", "UTC", None),
        ("5,50 * * * ? *", "UTC", 15),
        ("30 1,4 * * ? *", BERLIN, 120),
    ],
)
def test_the_shortest_interval_of_a_cron(fields: str, zone: str, minutes: int | None) -> None:
    assert shortest_interval(parse(f"cron({fields})", timezone=zone)) == minutes


# -- deployed schedules ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "declared",
    [
        parse("cron(0 6 * * ? *)", timezone=BERLIN),
        parse("cron(0 6 * * ? *)", timezone=BERLIN, start=START, end=START + timedelta(days=9, microseconds=5)),
        parse("cron(0 6 * * ? *)", end=START, window=15),
        parse("rate(5 minutes)", end=START),
        parse("at(2028-02-29T00:30:00)", timezone="Asia/Tokyo"),
    ],
    ids=repr,
)
def test_a_deployed_schedule_reads_back_as_it_was_declared(declared: object) -> None:
    form = deployed_form(declared)  # type: ignore[arg-type]
    window = declared.window  # type: ignore[attr-defined]
    got = {
        "ScheduleExpression": form.expression,
        "ScheduleExpressionTimezone": form.timezone,
        "Description": form.description,
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": window} if window else {"Mode": "OFF"},
    }
    read_back = read_schedule(got)
    assert (read_back, read_back.window) == (declared, window)
    assert not form.expression.startswith("at(")


def test_the_description_of_a_deployed_schedule_is_a_format_that_later_versions_read() -> None:
    at = deployed_form(parse("at(2026-12-24T18:00:00)", timezone=BERLIN))
    assert at == ("cron(0 17 24 12 ? *)", "UTC", "at(2026-12-24T18:00:00) Europe/Berlin")
    bounded = parse("cron(0 6 * * ? *)", timezone=BERLIN, start=START, end=datetime(2027, 1, 1, tzinfo=UTC))
    text = "start=2026-11-29T13:07:00+00:00 end=2027-01-01T00:00:00+00:00"
    assert deployed_form(bounded) == ("cron(0 6 * * ? *)", BERLIN, text)
    assert deployed_form(parse("rate(1 day)")) == ("rate(1 day)", "UTC", None)


@pytest.mark.parametrize("text", ["by hand", "at(nonsense) UTC", "start=2026-13-01T00:00:00+00:00", "end=", ""])
def test_a_foreign_description_is_ignored(text: str) -> None:
    got = {"ScheduleExpression": "cron(0 6 * * ? *)", "Description": text}
    assert read_schedule(got) == parse("cron(0 6 * * ? *)")


def test_an_at_whose_expression_was_changed_by_hand_has_the_new_expression() -> None:
    form = deployed_form(parse("at(2028-02-29T00:30:00)"))
    got = {"ScheduleExpression": "cron(0 7 * * ? *)", "Description": form.description}
    assert read_schedule(got) == parse("cron(0 7 * * ? *)")
