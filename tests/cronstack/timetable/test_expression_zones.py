"""Names of time zones: the refused ones, and the suggestions for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import available_timezones

import pytest

from cronstack import ScheduleError, parse
from cronstack.timetable import zones

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
def test_zones_refused(name: str, expression: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(expression, timezone=name)
    assert refused.value.remedy


def remedy(name: str) -> str:
    with pytest.raises(ScheduleError) as refused:
        parse("cron(0 6 * * ? *)", timezone=name)
    return refused.value.remedy


@pytest.mark.parametrize(
    ("name", "meant"),
    [("Europe/Belrin", "Europe/Berlin"), ("new york", "America/New_York"), ("Berlin", "Europe/Berlin")],
)
def test_a_zone_is_suggested(name: str, meant: str) -> None:
    assert remedy(name).startswith("Did you mean ")
    assert meant in remedy(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("utc", "UTC"),
        ("AMERICA/ARGENTINA/BUENOS_AIRES", "America/Argentina/Buenos_Aires"),
        ("Europe/Berlin ", "Europe/Berlin"),
        ("etc/gmt+2", "Etc/GMT+2"),
    ],
)
def test_a_name_in_another_case_means_that_zone_only(name: str, meant: str) -> None:
    assert remedy(name) == f"Did you mean {meant}?"


OFFSETS = {
    "GMT+2": "Etc/GMT-2",
    "UTC+1": "Etc/GMT-1",
    "UTC-05:00": "Etc/GMT+5",
    "+01:00": "Etc/GMT-1",
    "UTC +2": "Etc/GMT-2",
    "gmt-12": "Etc/GMT+12",
    "GMT+14": "Etc/GMT-14",
}


@pytest.mark.parametrize(("name", "meant"), OFFSETS.items())
def test_an_offset_means_the_zone_of_etc_with_the_sign_inverted(name: str, meant: str) -> None:
    text = remedy(name)
    assert f'is "{meant}": the names of Etc have the sign inverted' in text
    assert "Europe/Berlin" in text
    hours = int(meant.removeprefix("Etc/GMT"))
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    (fires,) = islice(parse("cron(0 12 * * ? *)", timezone=meant).after(noon - timedelta(hours=13)), 1)
    assert (fires - noon) % timedelta(days=1) == timedelta(hours=hours) % timedelta(days=1)


@pytest.mark.parametrize("name", ["UTC+5:30", "GMT+15", "-13", "+00:01"])
def test_an_offset_without_a_zone_asks_for_a_city(name: str) -> None:
    assert remedy(name).startswith("No zone has that offset as its name. A city")


def test_no_offset_means_utc() -> None:
    assert remedy("UTC+00:00") == 'Did you mean "UTC"?'


def test_an_abbreviation_means_a_city() -> None:
    assert remedy("PST") == "PST is an abbreviation. Name a city: America/Los_Angeles."
    assert remedy("cest") == "CEST is an abbreviation. Name a city: Europe/Berlin."
    for name, cities in zones._ABBREVIATIONS.items():
        assert name.upper() not in available_timezones()
        for city in cities.replace(" or ", ", ").split(", "):
            zones.zone(city)
