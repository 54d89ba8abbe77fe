"""The changes as text for people: an overview, then a paragraph for each job. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cronstack_infra.changes.compare import Changes, JobChange
from cronstack_infra.changes.wording import minute, schedule_lines, time_lines, waiting_line
from cronstack_infra.plural import counted

COLUMNS = ("change", "job", "move", "appear", "disappear", "stay", "waiting")


def headline(changes: Changes) -> str:
    """Return one sentence on all jobs."""
    span = f"{minute(changes.span.first)} to {minute(changes.span.last)} UTC"
    if not changes.deployed:
        return f"{changes.stack} is not deployed yet, so everything appears. {span}."
    number = sum(change.is_change for change in changes.jobs)
    if not number:
        return f"{changes.stack}: no change in time, {span}."
    verb = "changes" if number == 1 else "change"
    same = f"{changes.same:,} {'stays' if changes.same == 1 else 'stay'} the same"
    return f"{changes.stack}: {counted(number, 'job')} {verb}, {same}. {span}."


def row(change: JobChange) -> tuple[str, ...]:
    """Return the cells of one job in the overview."""
    times = change.times
    moved = times.moved + len(times.again) + len(times.lost)
    counts = (moved, len(times.appear), len(times.disappear), times.same)
    waiting = sum(fate.pending.count for fate in change.waiting)
    return (change.kind, change.job, *(f"{count:,}" if count else "-" for count in (*counts, waiting)))


def paragraph(change: JobChange, changes: Changes) -> Iterator[str]:
    """Yield the lines on one job, without its name."""
    yield from schedule_lines(change)
    for policy in change.policies:
        values = "" if policy.name == "input" else f" {policy.old} -> {policy.new}"
        yield f"{policy.name}{values}: {policy.effect}"
    yield from time_lines(change, changes.span)
    yield from (f"Waiting: {waiting_line(fate)}" for fate in change.waiting)
    yield from (f"Note: {note}" for note in change.notes)


def as_text(changes: Changes) -> str:
    """Return the whole text."""
    lines = [headline(changes)]
    if changes.jobs:
        lines += ["", *_table([row(change) for change in changes.jobs])]
    for change in changes.jobs:
        place = f" ({change.where})" if change.where else ""
        lines += ["", f"{change.job}{place}", *(f"  {line}" for line in paragraph(change, changes))]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [[column.upper() for column in COLUMNS], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
