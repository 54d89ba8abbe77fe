"""Stages on a terminal and elsewhere: their lines while they run and after they have ended."""

from __future__ import annotations

import contextlib
import io
import re

import pytest
from rich.console import Console

from cronstack_infra.cli.output.screen import Screen


def test_a_stage_is_printed_once_with_its_result() -> None:
    text = io.StringIO()
    screen = Screen(Console(file=text, width=100))
    with screen.chapter(), screen.stage("flights") as stage:
        stage.bar(1, 2)
        stage.update("on the way")
        stage.update("336,776 flights")
    (line,) = text.getvalue().splitlines()
    assert line.startswith("ok      flights ")
    assert "336,776 flights  (" in line


def test_a_failed_stage_shows_the_error_in_one_line() -> None:
    text = io.StringIO()
    screen = Screen(Console(file=text, width=100))
    with pytest.raises(ValueError, match="no"), screen.chapter(), screen.stage("deploy"):
        raise ValueError("no\nway")
    (line,) = text.getvalue().splitlines()
    assert line.startswith("FAILED  deploy")
    assert "no  (" in line


def test_on_a_terminal_it_ends_with_a_mark() -> None:
    text = io.StringIO()
    screen = Screen(Console(file=text, width=80, force_terminal=True, color_system=None))
    with screen.chapter(), screen.stage("deploy") as stage:
        stage.bar(1, 2)
        stage.update("stack shop")
    last = next(line for line in reversed(text.getvalue().splitlines()) if "deploy" in line)
    assert "✔" in last
    assert "stack shop" in last
    assert "━" not in last


def test_a_countdown_is_called_for_each_update() -> None:
    screen = Screen(Console(file=io.StringIO()))
    numbers = iter([3, 2, 1])
    with screen.stage("launch") as stage:
        stage.update(lambda: f"in {next(numbers)} s")
        assert (stage.detail, stage.detail) == ("in 3 s", "in 2 s")
        stage.update("lift-off")


LONG = "31 days of January backfilled, each once, in order; 27,004 flights are 27,004 flights in the table"


def last_update(text: str) -> list[str]:
    """Return the lines of the last screen update."""
    picture = text.rpartition("\x1b[2K")[2]
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", picture).splitlines() if line.strip()]


@pytest.mark.parametrize("fails", [False, True])
def test_results_are_never_cut_on_a_narrow_terminal(fails: bool) -> None:
    text = io.StringIO()
    screen = Screen(Console(file=text, width=80, force_terminal=True, color_system=None))
    with contextlib.suppress(ValueError), screen.chapter():
        with screen.stage("orders") as stage:
            stage.update("placed")
        with screen.stage("January 2013") as stage:
            stage.update(LONG)
            if fails:
                raise ValueError(LONG)
    lines = last_update(text.getvalue())
    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= 80
    shown = " ".join(" ".join(line[26:72].split()) for line in lines)
    assert LONG in shown


def test_a_running_stage_uses_one_line() -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, color_system=None)
    screen = Screen(console)
    stage = screen.begin("January 2013")
    stage.update(LONG)
    with console.capture() as drawn:
        console.print(screen.picture())
    assert len(drawn.get().splitlines()) == 1
    assert "…" in drawn.get()
