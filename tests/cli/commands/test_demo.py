"""``cronstack demo`` outside the repository: one message, and nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from cronstack_infra import cli
from cronstack_infra.cli.commands.local.demo_results import jobs_table
from cronstack_infra.demo.stages import Tally


def test_outside_a_project_the_message_names_the_repository(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["demo"]) == 1
    shown = capsys.readouterr()
    assert "the demo needs Cronstack's repository; no cdk.json in" in shown.err
    assert "cronstack up" in shown.err
    assert shown.out == ""


def test_in_another_project_the_message_names_the_missing_folder(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["new", "shop"]) == 0
    monkeypatch.chdir(tmp_path / "shop")
    assert cli.run(["demo"]) == 1
    assert "has no functions/examples" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_an_ordinary_terminal(width: int) -> None:
    console = Console(width=width, record=True)
    with console.capture() as shown:
        console.print(jobs_table([Tally("daily_stats", 31, 31, 0, 0, 0, 0.5), Tally("broken", 1, 0, 1, 0, 1, None)]))
    lines = [" ".join(line.split()) for line in shown.get().splitlines() if line.strip()]
    assert lines[0] == "Job Occurrences Succeeded Failed Skipped Dead letters Slowest"
    assert lines[2:] == ["daily_stats 31 31 0 0 0 0.50 s", "broken 1 0 1 0 1"]
