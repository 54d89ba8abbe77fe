"""Times as operators write them: the bound of a span, and one moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronstack.errors import OperationError
from cronstack_infra.ops.spans import read_bound, read_moment, read_since

# what is written | its zone | the instant in UTC
BOUNDS = """
2026-03-08T01:59:59        America/New_York     2026-03-08T06:59:59
2026-03-08T02:00           America/New_York     2026-03-08T07:00:00
2026-03-08T02:00:00.5      America/New_York     2026-03-08T07:00:00
2026-03-08T02:30           America/New_York     2026-03-08T07:00:00
2026-03-08T02:59:59.999999 America/New_York     2026-03-08T07:00:00
2026-03-08T03:00           America/New_York     2026-03-08T07:00:00
2026-03-08T02:30-05:00     America/New_York     2026-03-08T07:30:00
2026-10-04T02:15           Australia/Lord_Howe  2026-10-03T15:30:00
2011-12-30T17:00           Pacific/Apia         2011-12-30T10:00:00
2026-04-24                 Africa/Cairo         2026-04-23T22:00:00
2026-11-01                 America/Havana       2026-11-01T04:00:00
2026-03-08                 America/New_York     2026-03-08T05:00:00
2026-03-08                 UTC                  2026-03-08T00:00:00
"""


@pytest.mark.parametrize("line", BOUNDS.strip().splitlines(), ids=lambda line: " ".join(line.split()[:2]))
def test_a_bound_is_the_first_instant_at_which_the_clocks_show_it_or_a_later_time(line: str) -> None:
    written, zone, instant = line.split()
    assert read_bound(written, zone).isoformat() == f"{instant}+00:00"


@pytest.mark.parametrize("read", [read_bound, read_moment])
def test_a_time_that_comes_twice_is_refused_with_both_readings(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OperationError, match="comes twice in America/Havana") as refused:
        read("2026-11-01T00:00", "America/Havana")
    assert "2026-11-01T00:00:00-04:00 or 2026-11-01T00:00:00-05:00" in refused.value.remedy


def test_a_moment_that_the_clocks_skip_is_refused_with_both_readings() -> None:
    with pytest.raises(OperationError, match="does not exist in America/New_York") as refused:
        read_moment("2026-03-08T02:30", "America/New_York")
    assert "2026-03-08T01:30:00-05:00 or 2026-03-08T03:30:00-04:00" in refused.value.remedy


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30", "2026-13-01T00:00", "9999-12-31T23:00-05:00", "0001-01-01"])
def test_an_invalid_time_is_refused(text: str) -> None:
    zone = "Asia/Tokyo" if text == "0001-01-01" else "UTC"
    for read in (read_bound, read_moment):
        with pytest.raises(OperationError, match="is not a valid time"):
            read(text, zone)


def test_since_names_lengths_of_time_and_only_since() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    assert read_since("90m", now) == now - timedelta(minutes=90)
    with pytest.raises(OperationError, match="'blah' is not a valid time") as refused:
        read_since("blah", now)
    assert refused.value.remedy == "Write 90m, 12h, 7d, 2013-01-31, 2013-01-31T06:00 or 2013-01-31T06:00:00+01:00."
    with pytest.raises(OperationError) as refused:
        read_bound("blah")
    assert "90m" not in refused.value.remedy
    with pytest.raises(OperationError, match="before the earliest"):
        read_since("999999w", now)
