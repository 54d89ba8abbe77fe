"""Being asked to stop: SIGTERM and a closed terminal are what Ctrl-C is, so that one way out tidies up for all."""

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
    """Inside, the main thread gets KeyboardInterrupt for every way of being asked to stop."""
    before = {number: signal.signal(number, _interrupt) for number in ASKED_TO_STOP}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_at_the_next_step() -> Iterator[Callable[[], bool]]:
    """Inside, the first request to stop is only noted: call the result to learn of it. The second one interrupts."""
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
