"""The page in a real browser: its counts agree with the trace, by mouse and by keyboard, and it loads nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cronstack_infra.play import report
from tests.kit.browser import browser
from tests.play.report.test_pack import END, attempt, begin

SEED = 11
EVIL = '</script><script>document.title="bad"</script><!-- & "quoted"'


@cache
def rows() -> list[dict[str, Any]]:
    """Return the trace of a month: a job of each minute, a daily one that overlaps itself, one that never runs."""
    chance = Random(SEED)
    faults = "crash=0.03,killed=0.03,lost=0.03,throttled=0.03,duplicate=0.05,late=0.05"  # long, and without spaces
    trace = [{**begin("each_minute", "daily", "never"), "faults": faults}]
    for minute in range(31 * 1440):
        kind = chance.choices(["succeeded", "retrying", "dead", "skipped", "crashed"], [990, 4, 2, 3, 1])[0]
        number = 0 if kind == "skipped" else chance.choice((1, 1, 1, 2))
        late = {"first": True} if number == 2 and minute % 7 == 0 else {}
        text = EVIL if kind == "dead" else ""
        trace.append(attempt("each_minute", minute * 60, 2.5, kind, number, error=text, **late))
    trace += [attempt("daily", day * 86_400 + 21_600, 90_000) for day in range(30)]
    return [*trace, END | {"missed_letters": 2, "deferred": {"early": 1500, "outage": 0}}]


@cache
def attempts() -> list[dict[str, Any]]:
    return [row for row in rows() if row["event"] == "attempt"]


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


class Opened:
    """The page, with its errors and its requests."""

    def __init__(self, chrome: Any, file: Path, *, fragment: str = "", **how: Any) -> None:
        self.page = chrome.new_page(**how)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri() + fragment)
        self.page.wait_for_selector("body[data-ready]")

    def wait_until_drawn(self) -> None:
        """Wait until the page has drawn. It draws once in a frame, however many changes there were."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def attempts_in_view(self) -> int:
        self.wait_until_drawn()
        return int(self.page.get_attribute("#view", "data-attempts"))

    def span_in_view(self) -> str:
        self.wait_until_drawn()
        return str(self.page.inner_text("#view"))

    def total(self, name: str) -> int:
        return int(self.page.inner_text(f"[data-total={name}]").replace(",", ""))

    def starts(self) -> int:
        return int(
            self.page.evaluate(
                "[...document.querySelectorAll('[data-starts]')].reduce((n, c) => n + +c.dataset.starts, 0)"
            )
        )


@pytest.fixture(scope="module")
def opened(chrome: Any, page_file: Path) -> Opened:
    return Opened(chrome, page_file, viewport={"width": 1280, "height": 900}, color_scheme="light")


def of_day(day: str) -> list[dict[str, Any]]:
    return [row for row in attempts() if row["began"].startswith(day)]


def test_totals_agree_with_the_trace(opened: Opened) -> None:
    outcomes = Counter(row["outcome"] for row in attempts())
    for name in ("succeeded", "crashed", "skipped", "missed", "dead"):
        assert opened.total(name) == outcomes[name], name
    runs = sum(row["attempt"] == 1 or "first" in row for row in attempts())
    assert opened.total("runs") == runs
    assert opened.total("retries") == sum(row["attempt"] > 0 for row in attempts()) - runs
    assert opened.total("overlaps") == 29, "each of thirty daily runs except the last lasts into the next day"
    assert opened.attempts_in_view() == len(attempts())
    assert opened.starts() == sum(row["attempt"] > 0 for row in attempts())


def test_it_shows_deferrals_and_letters_of_missed_occurrences(opened: Opened) -> None:
    text = opened.page.inner_text("#span")
    assert text.endswith("attempts; 1,500 deferred: early; 2 dead letters of missed occurrences")


def test_each_job_has_its_row(opened: Opened) -> None:
    for job in ("each_minute", "daily", "never"):
        dead = opened.page.inner_text(f"tr[data-job={job}] [data-column=dead]").replace(",", "")
        assert int(dead) == sum(row["job"] == job and row["outcome"] == "dead" for row in attempts())
    assert opened.page.inner_text("tr[data-job=daily] [data-column=median]") == "1500.0 min"


def test_it_works_by_keyboard(opened: Opened) -> None:
    keyboard = opened.page.keyboard
    keyboard.press("Enter")  # the day in the middle of January
    assert opened.attempts_in_view() == len(of_day("2013-01-16"))
    assert opened.starts() == sum(row["attempt"] > 0 for row in of_day("2013-01-16"))
    keyboard.press("ArrowDown")
    assert opened.attempts_in_view() == sum(row["job"] == "each_minute" for row in of_day("2013-01-16"))
    assert opened.page.get_attribute("tr[data-job=each_minute]", "aria-selected") == "true"
    keyboard.press("ArrowDown")
    assert opened.attempts_in_view() == 1
    keyboard.press("Escape")
    keyboard.press("+")
    half = opened.attempts_in_view()
    assert 715 <= half <= 725
    keyboard.press("-")
    keyboard.press("ArrowRight")
    assert "2013-01-16 06:00 to 2013-01-17 06:00" in opened.span_in_view()
    keyboard.press("0")
    assert opened.attempts_in_view() == len(attempts())


def test_a_day_is_chosen_by_date_and_a_job_by_click(opened: Opened) -> None:
    opened.page.fill("#day", "2013-01-05")
    assert opened.attempts_in_view() == len(of_day("2013-01-05"))
    bad = [row for row in of_day("2013-01-05") if row["outcome"] != "succeeded"]
    assert opened.page.locator("#notes tr").count() == 1 + len(bad)
    opened.page.click("tr[data-job=daily]")
    assert opened.attempts_in_view() == 1
    opened.page.click("tr[data-job=daily]")
    opened.page.click("[data-do=all]")
    assert opened.attempts_in_view() == len(attempts())


def test_the_view_is_in_the_address(chrome: Any, page_file: Path) -> None:
    shown = Opened(chrome, page_file, fragment="#job=each_minute&from=2013-01-02T00:00&to=2013-01-02T01:00")
    assert shown.attempts_in_view() == 60
    shown.page.close()


def test_the_time_line_has_the_colours_of_the_outcomes(opened: Opened) -> None:
    """A day's pixels have mostly the colour of success, and some the colour of a dead run."""
    dead = next(row for row in attempts() if row["outcome"] == "dead")
    opened.page.fill("#day", dead["began"][:10])
    opened.attempts_in_view()
    seen = opened.page.evaluate(
        """() => {
          const canvas = document.getElementById("canvas"), pen = canvas.getContext("2d"), seen = {};
          const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
          for (let i = 0; i < pixels.length; i += 4) {
            const key = [pixels[i], pixels[i + 1], pixels[i + 2]].join();
            seen[key] = (seen[key] ?? 0) + 1;
          }
          return seen;
        }"""
    )
    assert seen["47,158,110"] > 5_000
    assert seen["200,32,58"] >= 2
    opened.page.click("[data-do=all]")


def test_no_text_of_a_trace_becomes_part_of_the_page(opened: Opened) -> None:
    opened.page.keyboard.press("0")
    opened.attempts_in_view()
    assert opened.page.title() == "shop: 3 jobs"
    dead = next(row for row in attempts() if row["outcome"] == "dead")
    opened.page.fill("#day", dead["began"][:10])
    opened.attempts_in_view()
    assert EVIL in opened.page.inner_text("#notes")


def test_it_has_a_dark_theme(chrome: Any, page_file: Path) -> None:
    dark = Opened(chrome, page_file, color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    assert dark.page.evaluate(background) == "rgb(17, 21, 27)"
    dark.page.keyboard.press("d")
    assert dark.page.evaluate(background) == "rgb(247, 248, 250)"
    dark.page.close()


def test_a_narrow_window_does_not_scroll_sideways(chrome: Any, page_file: Path) -> None:
    narrow = Opened(chrome, page_file, viewport={"width": 360, "height": 700})
    wide = narrow.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    narrow.page.close()


def test_it_loads_nothing_and_has_no_errors(opened: Opened) -> None:
    outside = [url for url in opened.requests if not url.startswith(("file:", "blob:", "data:"))]
    assert outside == []
    assert len([url for url in opened.requests if url.startswith("file:")]) == 1
    assert opened.errors == []
