"""The page in a real browser: contrast in light and dark, averages, one chosen job, causes, time zones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cronstack.ledger.rows import OUTCOMES
from cronstack_infra.play import report
from tests.kit.browser import browser
from tests.play.report.contrast import contrast, over, palettes
from tests.play.report.test_pack import END, attempt, begin
from tests.play.report.test_page import Opened

DAYS = 100
"""Days from 1 January 2013. Berlin's clocks go forward on 31 March."""
FAILURES = {"hourly": "TimeoutError: no answer from 10.0.0.{} within 30 s", "nightly": "KeyError: 'order-{}'"}


def rows() -> list[dict[str, Any]]:
    """Return a trace: an hourly job in UTC (each 24th run fails), a daily one in Berlin, one that never runs."""
    first = begin("hourly", "nightly", "never", days=DAYS)
    for of, zone in zip(first["jobs"], ("UTC", "Europe/Berlin", "Asia/Kolkata"), strict=True):
        of["schedules"] = [["cron(0 6 * * ? *)", zone]]
    trace: list[dict[str, Any]] = [first]
    for hour in range(DAYS * 24):
        fails = hour % 24 == 13
        error = FAILURES["hourly"].format(hour % 200) if fails else ""
        trace.append(attempt("hourly", hour * 3600, 2.0, "dead" if fails else "succeeded", error=error))
    for day in range(DAYS):
        at = day * 86_400 + (5 if day < 89 else 4) * 3600
        fails = day % 10 == 0
        error = FAILURES["nightly"].format(day) if fails else ""
        trace.append(attempt("nightly", at, 60.0, "crashed" if fails else "succeeded", error=error))
    trace.append(attempt("hourly", 77, 2.0, "dead", error="PermissionError: HTTP 403"))
    trace.append(attempt("hourly", 78, 2.0, "dead", error="PermissionError: HTTP 404"))
    return [*trace, END]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "trace.jsonl").write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows()))
    report.write(folder / "trace.jsonl", folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def chrome() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture
def opened(chrome: Any, page_file: Path) -> Iterator[Opened]:
    shown = Opened(chrome, page_file, viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield shown
    assert shown.errors == []
    shown.page.close()


def heat(shown: Opened) -> dict[tuple[str, int], str]:
    """Return the non-empty texts of the heat map, by weekday and hour."""
    shown.wait_until_drawn()
    lines = shown.page.evaluate(
        "[...document.querySelectorAll('#heat tr')].map((r) => [...r.cells].map((c) => c.textContent))"
    )
    return {(line[0], hour): text for line in lines[1:] for hour, text in enumerate(line[1:]) if text}


# contrast

STYLE = files("cronstack_infra.play.report").joinpath("page.css").read_text(encoding="utf-8")
GRAPHICS = [*OUTCOMES, "focus"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_have_the_contrast_of_wcag_aa(theme: str) -> None:
    colours = palettes(STYLE)[theme]
    chosen = over(colours["focus"], 0.14, colours["card"])
    pairs = [("ink", colours[on]) for on in ("card", "back")] + [("soft", colours[on]) for on in ("card", "back")]
    pairs += [("bad", colours["card"]), ("bad", chosen), ("ink", chosen), ("back", colours["ink"])]
    pairs += [("ink", over(colours["heat"], share / 100, colours["card"])) for share in range(91)]
    weak = [(text, round(contrast(colours[text], on), 2)) for text, on in pairs if contrast(colours[text], on) < 4.5]
    assert weak == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_of_outcomes_have_the_contrast_of_wcag_aa_for_graphics(theme: str) -> None:
    colours = palettes(STYLE)[theme]
    weak = {name: round(contrast(colours[name], colours["card"]), 2) for name in GRAPHICS}
    assert {name: value for name, value in weak.items() if value < 3} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_cell_of_the_heat_map_is_readable_as_drawn(theme: str, chrome: Any, page_file: Path) -> None:
    shown = Opened(chrome, page_file, color_scheme=theme)
    card = palettes(STYLE)[theme]["card"]
    cells = shown.page.evaluate(
        """[...document.querySelectorAll("#heat td")].filter((c) => c.textContent)
           .map((c) => [getComputedStyle(c).color, getComputedStyle(c).backgroundColor])"""
    )
    assert len(cells) == 168
    for text, background in cells:
        red, green, blue, *alpha = (float(part) for part in background.split("(")[1].rstrip(")").split(","))
        on = over((red, green, blue), alpha[0] if alpha else 1.0, card)
        assert contrast(tuple(float(part) for part in text.split("(")[1].rstrip(")").split(",")), on) >= 4.5
    shown.page.close()


# averages


def test_a_weekday_that_comes_more_often_is_not_busier(opened: Opened) -> None:
    """A hundred days from a Tuesday have 15 Tuesdays and 14 Fridays."""
    opened.page.click("tr[data-job=hourly]")
    cells = heat(opened)
    assert set(cells.values()) - {cells["Tue", 0]} == {"1"}, "one start in each hour, whatever the weekday"
    assert cells["Tue", 0] == "1.1", "two more starts in fifteen hours"
    assert opened.page.get_attribute("#heat td[data-starts='15']", "title").endswith(
        "15 starts, 1 in an hour on average"
    )


def test_a_part_of_an_hour_is_not_multiplied(opened: Opened) -> None:
    shown = Opened(
        opened.page.context.browser,
        Path(opened.page.url.split("#")[0].removeprefix("file://")),
        fragment="#job=hourly&from=2013-01-01T00:55&to=2013-01-01T01:05",
    )
    assert heat(shown) == {("Tue", 1): "1"}
    shown.page.close()


# one job


def test_totals_and_legend_are_those_of_the_chosen_job(opened: Opened) -> None:
    assert opened.total("runs") == DAYS * 25 + 2
    opened.page.click("tr[data-job=nightly]")
    opened.wait_until_drawn()
    assert (opened.total("runs"), opened.total("succeeded"), opened.total("crashed"), opened.total("dead")) == (
        DAYS,
        DAYS - 10,
        10,
        0,
    )
    assert opened.page.inner_text("#legend").split() == ["succeeded", "90", "crashed", "10"]
    assert opened.page.inner_text("#totals-title") == "nightly"
    opened.page.keyboard.press("Escape")
    opened.wait_until_drawn()
    assert opened.total("dead") == DAYS + 2
    assert opened.page.inner_text("#totals-title") == "All jobs"


def test_a_job_that_never_ran_has_no_times(opened: Opened) -> None:
    for column in ("median", "p99"):
        assert opened.page.inner_text(f"tr[data-job=never] [data-column={column}]") == "–"  # noqa: RUF001
    opened.page.click("th button:text-is('p99')")
    last = opened.page.locator("#jobs tbody tr").last
    assert last.get_attribute("data-job") == "never"


# causes


def test_failures_are_grouped_by_cause_the_worst_and_most_frequent_first(opened: Opened) -> None:
    opened.wait_until_drawn()
    lines = opened.page.evaluate(
        """[...document.querySelectorAll("#causes tbody tr")]
           .map((line) => [...line.cells].slice(0, 4).map((cell) => cell.textContent))"""
    )
    assert lines == [
        ["100", "hourly", "dead", "TimeoutError: no answer from … within 30 s"],
        ["1", "hourly", "dead", "PermissionError: HTTP 403"],
        ["1", "hourly", "dead", "PermissionError: HTTP 404"],
        ["10", "nightly", "crashed", "KeyError: 'order-…'"],
    ]


def test_a_chosen_cause_shows_only_its_attempts(opened: Opened) -> None:
    opened.page.click("#causes tbody tr:has-text('order-')")
    opened.wait_until_drawn()
    assert opened.page.locator("#notes tbody tr").count() == 10
    assert "KeyError: 'order-90'" in opened.page.inner_text("#notes")
    assert "10 in view" in opened.page.inner_text("#notes-count")
    opened.page.click("#causes tbody tr[aria-selected=true]")
    opened.wait_until_drawn()
    assert opened.page.locator("#notes tbody tr").count() == 112


# time zones


def test_times_are_shown_in_the_zone_of_a_job(opened: Opened) -> None:
    opened.page.click("tr[data-job=nightly]")
    assert {hour for _, hour in heat(opened)} == {4, 5}, "in UTC an hour earlier in summer"
    opened.page.select_option("#zone", "Europe/Berlin")
    assert {hour for _, hour in heat(opened)} == {6}
    assert "Europe/Berlin" in opened.span_in_view()
    assert "2013-01-01 06:00:00" in opened.page.inner_text("#notes")
    opened.page.fill("#day", "2013-03-31")
    assert "2013-03-31 00:00 to 2013-04-01 00:00 Europe/Berlin" in opened.span_in_view()
    opened.page.click("tr[data-job=nightly]")
    assert opened.attempts_in_view() == 24, "the day has 23 hours, and a run of nightly"
    assert "tz=Europe%2FBerlin" in opened.page.url


def test_each_job_can_be_shown_in_its_own_zone(opened: Opened) -> None:
    opened.page.select_option("#zone", "own")
    assert " UTC" in opened.span_in_view()
    opened.page.click("tr[data-job=nightly]")
    assert "Europe/Berlin" in opened.span_in_view()
    opened.page.click("tr[data-job=never]")
    assert "2013-01-01 05:30 to" in opened.span_in_view()
    assert "Asia/Kolkata" in opened.span_in_view()


def test_the_zone_is_in_the_address(chrome: Any, page_file: Path) -> None:
    shown = Opened(chrome, page_file, fragment="#tz=Asia/Kolkata&from=2013-01-01T00:00&to=2013-01-01T04:00")
    assert "2013-01-01 05:30 to 2013-01-01 09:30 Asia/Kolkata" in shown.span_in_view()
    shown.page.close()
