"""Tables and JSON on stdout. A table is plain text with one line for each row, so that ``grep`` and ``awk`` work."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

import click

LONGEST_KEY: Final = 48


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under upper-case headings. Lines are neither cut nor wrapped."""
    lines = [[column.upper() for column in columns], *([printable(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        click.echo(click.style(text, bold=True) if number == 0 else text)


def print_keyed(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, without its column "key" if no row has a key."""
    place = columns.index("key")
    if not any(row[place] for row in rows):
        columns, rows = _without(columns, place), [_without(row, place) for row in rows]
    print_table(columns, rows)


def _without(cells: Sequence[str], place: int) -> Sequence[str]:
    return [*cells[:place], *cells[place + 1 :]]


def short(key: str) -> str:
    """Return a key cut to the width of a column. A key may have a thousand characters."""
    return key if len(key) <= LONGEST_KEY else f"{key[: LONGEST_KEY - 1]}…"


def printable(text: str) -> str:
    """Return the text as one line without control characters, which a job's data may contain."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))


def indented(text: str) -> str:
    """Return ``printable`` text that keeps its indentation and its columns."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_json(value: object) -> None:
    click.echo(json_text(value, indent=2))


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return JSON with its characters unescaped, except lone surrogates, which UTF-8 cannot encode."""
    return json.dumps(value, indent=indent, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
