"""The screen of ``up`` and ``demo``: one line for each stage, with a spinner or bar, then its result and duration.

On a terminal the lines are updated in place. Elsewhere (a file, CI) each line is printed when its stage has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

TITLE_WIDTH: Final = 22
BAR_WIDTH: Final = 24
FRAMES: Final = 10
"""Updates per second on a terminal."""


class ProgressLine:
    """The line of one stage. It implements ``Progress`` for the work of the stage."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._detail: str | Callable[[], str] = ""
        self.done: bool | None = None
        """None while the stage runs, then whether it succeeded."""
        self._started = time.monotonic()
        self._ended = 0.0
        self._spinner = Spinner("dots", style="cyan")
        self._bar: ProgressBar | None = None

    def update(self, detail: str | Callable[[], str]) -> None:
        """Replace the detail of the line. A callable, such as a countdown, is called at each screen update."""
        self._detail = detail

    @property
    def detail(self) -> str:
        return self._detail if isinstance(self._detail, str) else self._detail()

    def bar(self, completed: float, total: float) -> None:
        """Show a bar of the completed work until the stage ends."""
        self._bar = ProgressBar(total=total, completed=completed, width=BAR_WIDTH, complete_style="cyan")

    def end(self, *, succeeded: bool) -> None:
        self.done, self._ended, self._bar = succeeded, time.monotonic(), None

    @property
    def seconds(self) -> float:
        return (time.monotonic() if self.done is None else self._ended) - self._started

    def cells(self) -> tuple[Spinner | Text, Text, Table | Text, Text]:
        """Return mark, title, detail and time for the terminal. The detail wraps after the stage has ended."""
        mark = self._spinner if self.done is None else Text("✔", "green") if self.done else Text("✘", "bold red")
        took = Text(f"{self.seconds:.1f} s", "dim")
        style = "red" if self.done is False else ""
        running = self.done is None  # the screen would flicker if its height changed
        detail = Text(self.detail, style, no_wrap=running, overflow="ellipsis" if running else "fold")
        if self._bar is None:
            return mark, Text(self.title, "bold"), detail, took
        with_bar = Table.grid(padding=(0, 2))
        with_bar.add_row(self._bar, detail)
        return mark, Text(self.title, "bold"), with_bar, took


class Screen:
    """A console with the lines of the stages."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lines: list[ProgressLine] = []

    @contextmanager
    def chapter(self) -> Iterator[None]:
        """Show the lines of all stages that begin in the block. The lines stay visible afterwards."""
        self._lines = []
        if not self.console.is_terminal:
            yield
            return
        live = Live(get_renderable=self.picture, console=self.console, refresh_per_second=FRAMES, transient=False)
        with live:
            yield

    def begin(self, title: str) -> ProgressLine:
        """Add a line. ``during`` completes it."""
        line = ProgressLine(title)
        self._lines.append(line)
        return line

    @contextmanager
    def stage(self, title: str) -> Iterator[ProgressLine]:
        """Add a line for the work of the block. The stage fails when the block raises."""
        with self.during(self.begin(title)) as line:
            yield line

    @contextmanager
    def during(self, line: ProgressLine) -> Iterator[ProgressLine]:
        """Run the block as the stage of a line from ``begin``. It may run in another thread."""
        try:
            yield line
        except BaseException as fault:  # Ctrl-C, too: otherwise the line would look as if its stage were still running
            if isinstance(fault, KeyboardInterrupt):
                line.update("interrupted")
            else:
                line.update((str(fault).splitlines() or [type(fault).__name__])[0])
            self._end(line, succeeded=False)
            raise
        self._end(line, succeeded=True)

    def note(self, text: str) -> None:
        """Print a line between the stages."""
        self.console.print(Text(text))

    def _end(self, line: ProgressLine, *, succeeded: bool) -> None:
        line.end(succeeded=succeeded)
        if not self.console.is_terminal:
            mark = "ok    " if succeeded else "FAILED"
            self.console.out(f"{mark}  {line.title:<{TITLE_WIDTH}}  {line.detail}  ({line.seconds:.1f} s)")

    def picture(self) -> Group:
        """Return the lines of all stages so far, for a terminal."""
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(width=1)
        grid.add_column(width=TITLE_WIDTH, no_wrap=True)
        grid.add_column(ratio=1, no_wrap=True)
        grid.add_column(justify="right", width=7)
        for line in self._lines:
            grid.add_row(*line.cells())
        return Group(grid)
