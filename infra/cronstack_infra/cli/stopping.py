"""Signals that end a command: SIGTERM and a closed terminal act like Ctrl-C, so that one path cleans up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

import click

ASKED_TO_STOP: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_like_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread for SIGTERM and SIGHUP, too, while the block runs."""
    before = {number: signal.signal(number, _interrupt) for number in ASKED_TO_STOP}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_at_the_next_step() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a signal has asked to stop. A second signal raises KeyboardInterrupt."""
    asked = False

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        click.echo("Stopping after this step. Ctrl-C again discards what was played.", err=True)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, *ASKED_TO_STOP)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
