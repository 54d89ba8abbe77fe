"""Notes on schedules: effects of the next year's clock changes, and times that two schedules of a job share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.discovery.clock_notes import clock_note, clock_notes
from cronstack_infra.discovery.coincidences import coincidence_notes

TODAY = datetime(2026, 11, 29, 12, 0, 30, tzinfo=UTC)
BERLIN = "Europe/Berlin"
BETWEEN_2_AND_3 = 'Use a local time outside 02:00 to 03:00, or timezone="UTC".'

# expression | zone | text of the note after the expression
CLOCKS = [
    (
        "cron(30 2 * * ? *)",
        BERLIN,
        "the clocks skip 02:30 on Sun 2027-03-28, so it does not run that day; 02:30 occurs twice on Sun 2027-10-31, "
        f"and it runs only the first time (CEST). {BETWEEN_2_AND_3}",
    ),
    (
        "cron(30 2,5 * * ? *)",
        BERLIN,
        "the clocks skip 02:30 on Sun 2027-03-28, so it does not run at that time; 02:30 occurs "
        f"twice on Sun 2027-10-31, and it runs only the first time (CEST). {BETWEEN_2_AND_3}",
    ),
    (
        "cron(30 1 * * ? *)",
        "America/New_York",
        "01:30 occurs twice on Sun 2027-11-07, and it runs only the first time (EDT). "
        'Use a local time outside 01:00 to 02:00, or timezone="UTC".',
    ),
    (
        "cron(*/10 * * * ? *)",
        BERLIN,
        "02:00 to 02:50 occurs twice on Sun 2027-10-31, and it runs only the first time (CEST). "
        'For even intervals, use timezone="UTC" or a rate().',
    ),
    (
        "cron(0 0 * * ? *)",
        "Africa/Cairo",
        "the clocks skip 00:00 on Fri 2027-04-30, so it does not run that day. "
        'Use a local time outside 00:00 to 01:00, or timezone="UTC".',
    ),
    (
        "at(2031-03-30T02:30:00)",
        BERLIN,
        f"the clocks skip 02:30 on Sun 2031-03-30, so it runs at 03:30 CEST. {BETWEEN_2_AND_3}",
    ),
]


@pytest.mark.parametrize(("expression", "zone", "text"), CLOCKS, ids=[f"{e} {z}" for e, z, _ in CLOCKS])
def test_a_local_time_that_the_clocks_skip_or_repeat_is_noted_with_the_remedy(
    expression: str, zone: str, text: str
) -> None:
    assert clock_note(parse(expression, timezone=zone), TODAY) == f"{expression} ({zone}): {text}"


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("cron(30 2 * * ? *)", "UTC"),
        ("cron(30 2 * * ? *)", "Asia/Tokyo"),
        ("cron(0 6 * * ? *)", BERLIN),
        ("cron(30 2 ? * MON-FRI *)", BERLIN),
        ("cron(30 2 1 * ? *)", BERLIN),
        ("cron(30 2 * * ? 2028)", BERLIN),
        ("rate(1 hour)", BERLIN),
        ("at(2031-03-30T06:00:00)", BERLIN),
        ("at(2025-03-30T02:30:00)", BERLIN),
    ],
)
def test_a_schedule_without_effects_of_clock_changes_has_no_note(expression: str, zone: str) -> None:
    assert clock_note(parse(expression, timezone=zone), TODAY) is None


def test_a_note_is_about_the_year_after_today() -> None:
    schedule = parse("cron(30 2 28 3 ? 2027)", timezone=BERLIN)
    assert clock_note(schedule, TODAY) is not None
    assert clock_note(schedule, datetime(2026, 3, 1, tzinfo=UTC)) is None
    assert clock_note(schedule, datetime(2027, 3, 29, tzinfo=UTC)) is None


@dataclass(frozen=True)
class Policies:
    enabled: bool = True


@dataclass(frozen=True)
class Declared:
    schedules: tuple[Schedule, ...]
    job: Policies = Policies()
    where: str = "functions/jobs/stats.py:4"
    name: str = "stats"


def notes_of(*schedules: Schedule, enabled: bool = True) -> list[str]:
    declared = Declared(schedules, Policies(enabled))
    return list(coincidence_notes([declared], TODAY))  # type: ignore[list-item]


def test_a_note_has_file_line_and_job_and_a_paused_job_has_no_note() -> None:
    schedule = parse("cron(30 2 * * ? *)", timezone=BERLIN)
    (note,) = clock_notes([Declared((schedule,))], TODAY)  # type: ignore[list-item]
    assert note.startswith("functions/jobs/stats.py:4: stats: cron(30 2 * * ? *) (Europe/Berlin): the clocks skip ")
    assert list(clock_notes([Declared((schedule,), Policies(enabled=False))], TODAY)) == []  # type: ignore[list-item]


def test_two_schedules_of_a_job_that_are_due_together_are_noted() -> None:
    daily = parse("cron(0 6 * * ? *)", timezone=BERLIN)
    weekly = parse("cron(0 6 ? * MON *)", timezone=BERLIN)
    (note,) = notes_of(daily, weekly)
    assert note == (
        "functions/jobs/stats.py:4: stats: cron(0 6 * * ? *) and cron(0 6 ? * MON *) are due together 53 times in the "
        "next year, next at 2026-11-30 05:00 UTC. One run serves both."
    )
    assert notes_of(daily, weekly, enabled=False) == []


def test_schedules_of_different_zones_are_compared_by_their_instants() -> None:
    berlin = parse("cron(0 6 24 12 ? *)", timezone=BERLIN)
    utc = parse("cron(0 5 24 12 ? *)")
    (note,) = notes_of(berlin, utc)
    assert "are due together 1 time in the next year, next at 2026-12-24 05:00 UTC" in note


def test_schedules_without_common_or_known_instants_have_no_note() -> None:
    daily = parse("cron(0 6 * * ? *)")
    assert notes_of(daily, parse("cron(1 6 * * ? *)"), parse("rate(1 minute)")) == []
    assert len(notes_of(daily, parse("at(2026-12-24T06:00:00)"))) == 1
