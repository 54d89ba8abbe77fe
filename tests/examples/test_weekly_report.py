"""The weekly report: its seven days, its text and the heights of its bars."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from html.parser import HTMLParser

import pytest

from cronstack import parse
from examples.weekly_report import HEIGHT, page, weekly_report
from tests.examples.conftest import Stores
from tests.examples.samples import run_of

WEEK = [date(2013, 1, 7) + timedelta(days=ahead) for ahead in range(7)]


def test_a_week_in_the_bucket(stores: Stores) -> None:
    for day in WEEK:
        stores.put_statistics(day.isoformat(), flights=800 + day.day)
    stores.put_statistics("2013-01-06", flights=1)
    stores.put_statistics("2013-01-14", flights=1)

    answer = weekly_report.function(run_of("weekly_report", "2013-01-14T11:00:00+00:00"))

    flights = sum(800 + day.day for day in WEEK)
    assert answer == {"report": "weekly/2013-01-14.html", "flights": flights, "days": 7}
    (text,) = stores.reports().values()
    assert "Flights from New York, 2013-01-07 to 2013-01-13" in text
    assert "<td>Mon 2013-01-07<td>807<td>4<td>12.50" in text
    assert "not counted" not in text
    weekly_report.function(run_of("weekly_report", "2013-01-14T11:00:00+00:00", attempt=2))
    assert stores.reports() == {"weekly/2013-01-14.html": text}


def test_a_day_without_statistics_is_shown_as_not_counted(stores: Stores) -> None:
    stores.put_statistics("2013-01-01")
    answer = weekly_report.function(run_of("weekly_report", "2013-01-07T11:00:00+00:00"))
    assert (answer["flights"], answer["days"]) == (100, 1)
    assert stores.reports()["weekly/2013-01-07.html"].count("not counted") == 6


def test_a_week_without_statistics_has_a_page(stores: Stores) -> None:
    answer = weekly_report.function(run_of("weekly_report", "2026-07-06T10:00:00+00:00"))
    assert answer == {"report": "weekly/2026-07-06.html", "flights": 0, "days": 0}


def test_the_bars_are_in_proportion() -> None:
    counted = {WEEK[0]: {"flights": 200, "cancelled": 50, "mean_departure_delay": 1}}
    counted[WEEK[6]] = {"flights": 100, "cancelled": 0, "mean_departure_delay": 1}
    heights = [int(height) for height in re.findall(r'<rect [^>]*height="(\d+)"', page(WEEK, counted))]
    assert heights == [HEIGHT, HEIGHT // 4, *[0] * 10, HEIGHT // 2, 0]


def test_the_page_is_complete_and_loads_no_other_files() -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.tags: list[str] = []
            self.attributes: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.append(tag)
            self.attributes |= {name for name, _ in attrs}

    reader = Reader()
    reader.feed(page(WEEK, {}))
    assert {"title", "h1", "svg", "table"} <= set(reader.tags)
    assert reader.tags.count("tr") == 8
    assert not {"script", "link", "img"} & set(reader.tags)
    assert not {"src", "href"} & reader.attributes


@pytest.mark.parametrize(
    ("after", "due"),
    [
        ("2013-02-26T00:00Z", "2013-03-04T11:00Z"),  # The clocks change on Sunday, 10 March,
        ("2013-03-04T12:00Z", "2013-03-11T10:00Z"),
        ("2013-10-22T00:00Z", "2013-10-28T10:00Z"),  # and back on Sunday, 3 November.
        ("2013-10-29T00:00Z", "2013-11-04T11:00Z"),
    ],
)
def test_it_runs_at_six_in_new_york_all_year(after: str, due: str) -> None:
    (declared,) = weekly_report.schedules
    coming = next(parse(declared.expression, timezone=declared.timezone).after(datetime.fromisoformat(after)))
    assert coming == datetime.fromisoformat(due)
