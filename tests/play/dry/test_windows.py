"""Flexible windows in the dry simulation: the spread of starts, and jobs that are due while they still run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cronstack import parse
from cronstack_infra.play.dry.minutes import Span
from cronstack_infra.play.dry.tally import Tally
from cronstack_infra.play.dry.whatif import Case, JobTimetable, WhatIf, what_if

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
DAY = Span(NEW_YEAR, NEW_YEAR + timedelta(days=1))
SIX = NEW_YEAR + timedelta(hours=6)


def job(name: str, fields: str, window: int = 0, timeout: int = 60, start_deadline: int = 3600) -> JobTimetable:
    return JobTimetable(name, (parse(f"cron({fields})", window=window),), "skip", timeout, start_deadline)


def ask(*jobs: JobTimetable, span: Span = DAY) -> WhatIf:
    return what_if(jobs, span, [Case("timeout", {})])


def test_sixty_jobs_with_a_window_of_15_minutes_are_four_starts_a_minute() -> None:
    spread = ask(*(job(f"j{number}", "0 6 * * ? *", window=15) for number in range(60))).spread
    assert spread is not None
    assert (spread.without, spread.without_at) == (60, SIX)
    assert round(spread.evenly, 2) == 4.0
    assert spread.evenly_at == SIX


def test_a_job_without_a_window_adds_to_the_spread_starts() -> None:
    jobs = [job(f"j{number}", "0 6 * * ? *", window=10) for number in range(10)]
    spread = ask(*jobs, job("sharp", "5 6 * * ? *")).spread
    assert spread is not None
    assert spread.without == 10
    assert round(spread.evenly, 2) == 2.0
    assert spread.evenly_at == SIX + timedelta(minutes=5)


def test_jobs_without_windows_have_no_spread() -> None:
    assert ask(job("sharp", "0 6 * * ? *")).spread is None


def test_a_run_that_starts_at_the_end_of_its_window_may_overlap_the_next_one() -> None:
    """Ten minutes of work every 20 minutes: with a window of 15, the next one may be due while it runs."""
    assert ask(job("calm", "*/20 * * * ? *", timeout=600)).overlaps == ()
    (overlap,) = ask(job("late", "*/20 * * * ? *", window=15, timeout=600)).overlaps
    assert (overlap.job, overlap.played.overlapping) == ("late", 36)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 70)), max_size=8))
def test_a_tally_counts_weights(added: list[tuple[int, int]]) -> None:
    tally = Tally()
    for bits, weight in added:
        tally.add(bits, weight)
    counts = [sum(weight for bits, weight in added if bits >> minute & 1) for minute in range(13)]
    by_minute = dict.fromkeys(range(13), 0)
    for count, reach in tally.levels():
        by_minute |= {minute: count for minute in range(13) if reach >> minute & 1}
    assert list(by_minute.values()) == counts
