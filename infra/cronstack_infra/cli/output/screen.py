"""What ``up`` and ``demo`` show while they work: a line a stage, with a spinner, a bar, or how it ended and how long.

On a terminal the lines change in place; elsewhere (a file, CI) each is printed once, when its stage has ended.
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
"""Pictures a second on a terminal."""


class Stage:
    """One line. ``say`` tells what is going on or what came out; ``bar`` shows how far it is."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._detail: str | Callable[[], str] = ""
        self.done: bool | None = None
        """None while it works, then whether it succeeded."""
        self._begun = time.monotonic()
        self._ended = 0.0
        self._spinner = Spinner("dots", style="cyan")
        self._bar: ProgressBar | None = None

    def say(self, detail: str | Callable[[], str]) -> None:
        """A callable is asked again for each picture: a countdown."""
        self._detail = detail

    @property
    def detail(self) -> str:
        return self._detail if isinstance(self._detail, str) else self._detail()

    def bar(self, completed: float, total: float) -> None:
        """Show how far it is; the bar goes when the stage ends."""
        self._bar = ProgressBar(total=total, completed=completed, width=BAR_WIDTH, complete_style="cyan")

    def end(self, *, succeeded: bool) -> None:
        self.done, self._ended, self._bar = succeeded, time.monotonic(), None

    @property
    def seconds(self) -> float:
        return (time.monotonic() if self.done is None else self._ended) - self._begun

    def cells(self) -> tuple[Spinner | Text, Text, Table | Text, Text]:
        """Mark, title, detail and time, for the terminal. The detail wraps once the stage has ended."""
        mark = self._spinner if self.done is None else Text("✔", "green") if self.done else Text("✘", "bold red")
        took = Text(f"{self.seconds:.1f} s", "dim")
        style = "red" if self.done is False else ""
        works = self.done is None  # a picture whose height changes would flicker
        detail = Text(self.detail, style, no_wrap=works, overflow="ellipsis" if works else "fold")
        if self._bar is None:
            return mark, Text(self.title, "bold"), detail, took
        with_bar = Table.grid(padding=(0, 2))
        with_bar.add_row(self._bar, detail)
        return mark, Text(self.title, "bold"), with_bar, took


class Screen:
    """A console, and the stages shown on it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._stages: list[Stage] = []

    @contextmanager
    def chapter(self) -> Iterator[None]:
        """Stages inside are shown together; leaving it, they stay on the screen as they are."""
        self._stages = []
        if not self.console.is_terminal:
            yield
            return
        live = Live(get_renderable=self.picture, console=self.console, refresh_per_second=FRAMES, transient=False)
        with live:
            yield

    def begin(self, title: str) -> Stage:
        """A new line, which ``during`` will end."""
        stage = Stage(title)
        self._stages.append(stage)
        return stage

    @contextmanager
    def stage(self, title: str) -> Iterator[Stage]:
        """A line that works while the block does, and fails when it raises."""
        with self.during(self.begin(title)) as stage:
            yield stage

    @contextmanager
    def during(self, stage: Stage) -> Iterator[Stage]:
        """The same for a line that has begun already. May be used from another thread."""
        try:
            yield stage
        except BaseException as fault:  # Ctrl-C, too: no line may stay as if it still worked
            if isinstance(fault, KeyboardInterrupt):
                stage.say("interrupted")
            else:
                stage.say((str(fault).splitlines() or [type(fault).__name__])[0])
            self._end(stage, succeeded=False)
            raise
        self._end(stage, succeeded=True)

    def note(self, text: str) -> None:
        """A line between the stages."""
        self.console.print(Text(text))

    def _end(self, stage: Stage, *, succeeded: bool) -> None:
        stage.end(succeeded=succeeded)
        if not self.console.is_terminal:
            mark = "ok    " if succeeded else "FAILED"
            self.console.out(f"{mark}  {stage.title:<{TITLE_WIDTH}}  {stage.detail}  ({stage.seconds:.1f} s)")

    def picture(self) -> Group:
        """The stages so far, for a terminal."""
        lines = Table.grid(padding=(0, 2), expand=True)
        lines.add_column(width=1)
        lines.add_column(width=TITLE_WIDTH, no_wrap=True)
        lines.add_column(ratio=1, no_wrap=True)
        lines.add_column(justify="right", width=7)
        for stage in self._stages:
            lines.add_row(*stage.cells())
        return Group(lines)
