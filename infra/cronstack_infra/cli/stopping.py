"""Being asked to stop: SIGTERM and a closed terminal are what Ctrl-C is, so that one way out tidies up for all."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

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


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
