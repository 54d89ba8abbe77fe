"""README's blocks: the two commands stand alone, and the Python is right."""

from __future__ import annotations

import re

import pytest

from cronstack import Job, parse
from cronstack_infra import cli
from tests.places import ROOT

README = (ROOT / "README.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("section", "end"), [("Run it", "uv run cronstack demo"), ("Test it", "uv run pytest")])
def test_a_stranger_needs_one_line(section: str, end: str) -> None:
    (block,) = blocks(SECTIONS[section], "sh")
    (line,) = block.splitlines()
    assert line.startswith("python3 -m venv ")
    assert line.endswith(end)


def test_the_job_in_readme_is_a_job() -> None:
    module: dict[str, object] = {"__name__": "invoices"}
    exec(compile(blocks(SECTIONS["A job"], "python")[0], "README.md", "exec"), module)
    job = module["send_invoices"]
    assert isinstance(job, Job)
    (schedule,) = job.schedules
    parse(schedule.expression, timezone=schedule.timezone)


def test_every_command_is_in_readme_and_nothing_else() -> None:
    table = SECTIONS["The command line"]
    named = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    words = set(re.findall(r"`(?:cronstack )?([a-z-]+)", " ".join(named)))
    assert words - {"redrive", "drop"} == set(cli.COMMANDS) - {"demo"}


def test_the_test_in_readme_has_three_lines_as_printed() -> None:
    (block,) = blocks(SECTIONS["A test"], "python")
    assert len(block.splitlines()) == 3
