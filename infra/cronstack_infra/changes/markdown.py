"""The changes as Markdown for a pull request, in GitHub's flavour: a table, and details that unfold. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Final

from cronstack_infra.changes.compare import Changes, JobChange
from cronstack_infra.changes.text import COLUMNS, headline, paragraph, row
from cronstack_infra.changes.wording import local, schedule_lines
from cronstack_infra.plural import counted

LISTED: Final = 5
"""Most occurrences of each kind that the details list."""
LONGEST: Final = 60_000
"""Most characters of the page. A comment on GitHub has at most 65,536."""
_SPECIAL: Final = re.compile(r"([\\`*_\[\]<|~])")


def as_markdown(changes: Changes) -> str:
    """Return the whole page."""
    lines = [f"### Changes in time: {_escaped(changes.stack)}", "", f"{_escaped(headline(changes))}"]
    if changes.jobs:
        lines += ["", _cells(COLUMNS), _cells(["---", "---", *["--:"] * (len(COLUMNS) - 2)])]
        for change in changes.jobs:
            kind, job, *counts = row(change)
            lines.append(_cells([kind, f"`{job}`", *counts]))
    size = sum(len(line) + 1 for line in lines)
    for number, change in enumerate(changes.jobs):
        details = ["", *_details(change, changes)]
        size += sum(len(line) + 1 for line in details)
        if size > LONGEST:
            left = len(changes.jobs) - number
            lines += ["", f"The details of {counted(left, 'more job')} are left out. To see them: `cronstack diff`"]
            break
        lines += details
    return "\n".join(lines) + "\n"


def _details(change: JobChange, changes: Changes) -> Iterator[str]:
    place = f" in <code>{escape(change.where)}</code>" if change.where else ""
    # Markdown inside of <details> needs an empty line after the summary.
    yield f"<details><summary><b>{change.job}</b>: {change.kind}{place}</summary>"
    yield ""
    schedules = set(schedule_lines(change))
    for line in paragraph(change, changes):
        yield f"- `{line}`" if line in schedules else f"- {_escaped(line)}"
    if occurrences := list(_occurrences(change)):
        yield ""
        yield "```diff"
        yield from occurrences
        yield "```"
    yield ""
    yield "</details>"


def _occurrences(change: JobChange) -> Iterator[str]:
    """Yield the first occurrences of each kind as lines of a diff."""
    times = change.times
    # The other half of these pairs is past.
    yield from (f"+ {local(pair.new, change.new)}" for pair in times.again[:LISTED])
    yield from (f"- {local(pair.old, change.old)}" for pair in times.lost[:LISTED])
    moved = [pair for shift in times.shifts for pair in shift.moved]
    for pair in moved[:LISTED]:
        yield f"- {local(pair.old, change.old)}"
        yield f"+ {local(pair.new, change.new)}"
    yield from _more(len(moved))
    for sign, instants, side in (("-", times.disappear, change.old), ("+", times.appear, change.new)):
        yield from (f"{sign} {local(instant, side)}" for instant in instants[:LISTED])
        yield from _more(len(instants))


def _more(number: int) -> Iterator[str]:
    if number > LISTED:
        yield f"# and {number - LISTED:,} more"


def _cells(cells: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Return plain text that Markdown prints as it is."""
    return _SPECIAL.sub(r"\\\1", text)
