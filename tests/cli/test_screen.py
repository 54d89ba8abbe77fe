"""Stages on a screen that is no terminal: each is one line, printed when it has ended."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cronstack_infra.cli.screen import Screen


def test_a_stage_is_printed_once_with_what_came_out() -> None:
    text = io.StringIO()
    screen = Screen(Console(file=text, width=100))
    with screen.chapter(), screen.stage("flights") as stage:
        stage.bar(1, 2)
        stage.say("on the way")
        stage.say("336,776 flights")
    (line,) = text.getvalue().splitlines()
    assert line.startswith("ok      flights ")
    assert "336,776 flights  (" in line


def test_a_stage_that_raises_has_failed_and_says_why_in_a_line() -> None:
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
        stage.say("stack shop")
    last = next(line for line in reversed(text.getvalue().splitlines()) if "deploy" in line)
    assert "✔" in last
    assert "stack shop" in last
    assert "━" not in last


def test_a_countdown_is_asked_again_for_each_picture() -> None:
    screen = Screen(Console(file=io.StringIO()))
    numbers = iter([3, 2, 1])
    with screen.stage("launch") as stage:
        stage.say(lambda: f"in {next(numbers)} s")
        assert (stage.detail, stage.detail) == ("in 3 s", "in 2 s")
        stage.say("lift-off")
