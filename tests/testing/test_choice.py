"""Times as arguments of the fixture ``cloud``: bounds of spans, and instants."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from cronstack.errors import OperationError
from cronstack_infra.testing.choice import instant, moment

SKIPPED = datetime(2027, 3, 28, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_bound_that_the_clocks_skip_is_the_instant_of_the_change() -> None:
    assert instant(SKIPPED, "since") == datetime(2027, 3, 28, 1, tzinfo=UTC)


def test_a_moment_that_the_clocks_skip_is_refused_with_both_readings() -> None:
    with pytest.raises(OperationError, match=r"at=2027-03-28 02:30:00.* does not exist in its zone") as refused:
        moment(SKIPPED, "at")
    assert "2027-03-28T01:30:00+01:00, 2027-03-28T03:30:00+02:00" in refused.value.remedy


@pytest.mark.parametrize("read", [instant, moment])
def test_other_times_are_read_as_written(read) -> None:  # type: ignore[no-untyped-def]
    assert read("2027-03-28T02:30", "at") == datetime(2027, 3, 28, 2, 30, tzinfo=UTC)
    assert read("2027-03-28T02:30+02:00", "at") == datetime(2027, 3, 28, 0, 30, tzinfo=UTC)
    twice = datetime(2027, 10, 31, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    assert read(twice, "at") == datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    for invalid in ("soon", "0001-01-01T00:00+05:00"):
        with pytest.raises(OperationError, match="is not a valid time"):
            read(invalid, "at")
