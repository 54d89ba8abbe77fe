"""Names of time zones: which are refused, and what is suggested instead."""

from __future__ import annotations

from datetime import UTC

import pytest

from cronstack import ScheduleError, parse

ZONES_REFUSED = [
    "Europe/Atlantis",
    "",
    "Europe",
    "Europe/",
    "/Europe/Berlin",
    "europe/berlin",
    "../etc/passwd",
    "../../etc/localtime",
    "/usr/share/zoneinfo/Europe/Berlin",
    "Europe/../Europe/Berlin",
    "posix/Europe/Berlin",
    "right/Europe/Berlin",
    "posixrules",
    "localtime",
    "Factory",
    "zone.tab",
    "tzdata.zi",
    "leapseconds",
    "CEST",
    "UTC+1",
    "+01:00",
    "Europe/Berlin\0",
    "Europe/Berlin ",
    "A" * 51,
    "A" * 5000,
    "\ud800",
    None,
    5,
    UTC,
    b"UTC",
]


@pytest.mark.parametrize("name", ZONES_REFUSED, ids=repr)
@pytest.mark.parametrize("expression", ["cron(0 6 * * ? *)", "rate(1 day)", "at(2026-01-01T00:00:00)"])
def test_zones_refused(name, expression):
    with pytest.raises(ScheduleError) as refused:
        parse(expression, timezone=name)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Europe/Belrin", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin"), ("new york", "America/New_York")],
)
def test_a_zone_is_suggested(name, meant):
    with pytest.raises(ScheduleError, match=f"Did you mean.* {meant}"):
        parse("cron(0 6 * * ? *)", timezone=name)
