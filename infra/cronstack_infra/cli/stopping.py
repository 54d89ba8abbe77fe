"""Signals that end a command. SIGTERM and a closed terminal act like Ctrl-C, so that the same code cleans up."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

import click

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_like_ctrl_c() -> Iterator[None]:
    """While the block runs, raise KeyboardInterrupt in the main thread for SIGTERM and SIGHUP as well."""
    before = {number: signal.signal(number, _interrupt) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stop_at_the_next_step() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether a stop signal has arrived. A second signal raises KeyboardInterrupt."""
    requested = False

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        click.echo("Stopping after this step. Ctrl-C again discards the results so far.", err=True)

    before = {number: signal.signal(number, request_stop) for number in (signal.SIGINT, *STOP_SIGNALS)}
    try:
        yield lambda: requested
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
