"""The results of ``cronstack demo`` on a terminal: the flights of January, the jobs, a mail, a dead letter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cronstack_infra.demo import january
from cronstack_infra.demo.january import Statistics
from cronstack_infra.demo.stages import Tally
from cronstack_infra.ops.dead_letters.letters import DeadLetter


def show_january(console: Console, days: Sequence[Statistics]) -> None:
    """Print a bar for tally day of January, and its quietest and busiest day."""
    quiet, busy = min(days, key=lambda day: day.flights), max(days, key=lambda day: day.flights)
    console.print(f"\n[dim]Flights a day, 1 to 31 January 2013[/dim]   [cyan]{january.drawn(days)}[/cyan]")
    console.print(
        f"[dim]{quiet.flights} on the quietest day, {busy.flights} on the busiest, "
        f"{sum(day.cancelled for day in days)} cancelled in the month[/dim]"
    )


def show_jobs(console: Console, tallies: list[Tally]) -> None:
    """Print the table of the jobs."""
    console.print(Padding(jobs_table(tallies), (1, 0)))


def jobs_table(tallies: list[Tally]) -> Table:
    """Return a table of the jobs and their runs."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", collapse_padding=True, pad_edge=False)
    table.add_column("Job", style="bold", no_wrap=True, min_width=max(len(tally.job) for tally in tallies))
    for heading in ("Occurrences", "Succeeded", "Failed", "Skipped", "Dead letters", "Slowest"):
        table.add_column(heading, justify="right", no_wrap=True)
    for tally in tallies:
        bad = "red" if tally.failed or tally.dead_letters else "dim"
        table.add_row(
            tally.job,
            str(tally.occurrences),
            f"[green]{tally.succeeded}[/green]",
            f"[{bad}]{tally.failed}[/{bad}]",
            f"[dim]{tally.skipped}[/dim]",
            f"[{bad}]{tally.dead_letters}[/{bad}]",
            "" if tally.slowest is None else f"{tally.slowest:.2f} s",
        )
    return table


def show_mail(console: Console, mail: dict[str, Any]) -> None:
    """Print one mail of the local cloud."""
    text = f"From {mail['from']} to {mail['to'][0]}: {mail['subject']}\n\n{mail['text'].strip()}"
    _show_panel(console, "mail", text, "cyan")


def show_letter(console: Console, letter: DeadLetter) -> None:
    """Print the dead letter of the broken job."""
    run = f"{letter.job}, occurrence {letter.occurrence}, attempt {letter.contents.attempt}"
    text = f"{run}\n{letter.reason}: {letter.error}"
    _show_panel(console, "dead letter", text, "red")
    console.print()


def _show_panel(console: Console, title: str, text: str, colour: str) -> None:
    console.print(
        Panel(Text(text), title=title, title_align="left", border_style=colour, box=box.ROUNDED, expand=False)
    )
