"""Lines of ``cronstack runs --follow``."""

from __future__ import annotations

from collections.abc import Iterator

import click

from cronstack_infra.cli.output.rows import attempt_of, status_of, took, why
from cronstack_infra.cli.output.spans import utc
from cronstack_infra.cli.output.tables import json_text, printable, short
from cronstack_infra.ops.runs import RunRow

COLUMNS = (("job", 20), ("due (UTC)", 19), ("status", 22), ("attempt", 7), ("took", 7), ("occurrence", 28))
"""Columns with their least widths: the lines are printed one by one, before the width of later ones is known."""


def print_followed(rows: Iterator[RunRow], as_json: bool) -> None:
    """Print each run as it arrives: a line of a table, or a line of JSON."""
    if not as_json:
        click.echo(_line([name.upper() for name, _ in COLUMNS], "WHY"))
    for row in rows:
        click.echo(json_text(row.as_json()) if as_json else _line(_cells(row), _why(row)))


def _cells(row: RunRow) -> list[str]:
    return [row.job, utc(row.due), status_of(row), attempt_of(row), took(row.took), row.occurrence]


def _why(row: RunRow) -> str:
    return " ".join(text for text in (f"key {short(row.key)}" if row.key else "", why(row)) if text)


def _line(cells: list[str], last: str) -> str:
    padded = (printable(cell).ljust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True))
    return "  ".join([*padded, printable(last)]).rstrip()
