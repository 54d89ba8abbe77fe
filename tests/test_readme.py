"""README is short, starts with code, and its two commands need nothing except Python with pip."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from cronstack import Job, parse
from tests.house.plain_words import files
from tests.pages.blocks import blocks
from tests.places import ROOT

README = (ROOT / "README.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL))
PAGES = [file for file in files() if file.suffix == ".md"]
MOST_LINES = 260
MOST_WORDS = 1500
FIRST_SCREEN = 40
"""Lines that a reader sees first."""


def test_readme_is_short() -> None:
    assert README.count("\n") <= MOST_LINES, "move details to the page of what they describe"
    assert len(README.split()) <= MOST_WORDS, "move details to the page of what they describe"


def test_the_first_screen_has_a_job() -> None:
    first = "".join(README.splitlines(keepends=True)[:FIRST_SCREEN])
    (code,) = [block.text for block in blocks(first) if block.language == "python"]
    assert len(code.splitlines()) <= 12
    module: dict[str, object] = {"__name__": "report"}
    exec(compile(code, "README.md", "exec"), module)
    (job,) = [value for value in module.values() if isinstance(value, Job)]
    (schedule,) = job.schedules
    parse(schedule.expression, timezone=schedule.timezone or "")


@pytest.mark.parametrize(("section", "end"), [("Run it", "uv run cronstack demo"), ("Test it", "uv run pytest")])
def test_the_command_needs_only_python_with_pip(section: str, end: str) -> None:
    (block,) = [block for block in blocks(SECTIONS[section]) if block.language == "sh"]
    (line,) = block.text.splitlines()
    assert line.startswith("python3 -m venv ")
    assert line.endswith(end)


def test_the_test_in_readme_has_three_lines_and_fails_visibly() -> None:
    (test,) = [block for block in blocks(SECTIONS["A test"]) if block.language == "python"]
    assert len(test.text.removeprefix(f"{test.first}\n").splitlines()) == 3
    (failing,) = [block for block in blocks(SECTIONS["A test"]) if block.language == "console"]
    assert "AssertionError" in failing.text


def test_the_guarantee_has_eight_rows() -> None:
    rows = [line for line in SECTIONS["What is guaranteed"].splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        if not target.startswith("https://"):
            file = page.parent / target if target else page
            assert file.exists(), link
            assert not anchor or anchor in anchors(file.read_text("utf-8")), link


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found
