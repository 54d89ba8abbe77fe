"""Counters on stderr: items read so far, or a bar of finished items. They appear only on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Count = Callable[[int], None]


@contextmanager
def counting(what: str) -> Iterator[Count]:
    """Yield a callback that shows the number of items read, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True), transient=True
    ) as shown:
        line = shown.add_task("")
        yield lambda count: shown.update(line, description=f"{count:,} {what} read")


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback that shows how many of ``total`` items are finished, and how many of them failed."""
    if not sys.stderr.isatty():
        yield lambda done, failed: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        line = shown.add_task(what, total=total)

        def update(done: int, failed: int) -> None:
            description = f"{what}, {failed:,} failed" if failed else what
            shown.update(line, completed=done, description=description)

        yield update
