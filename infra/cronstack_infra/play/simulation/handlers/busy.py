"""Detection of busy loops: handler code that reads a clock repeatedly without waiting.

Virtual time moves only when code waits, so such a loop would never end.
"""

from __future__ import annotations

import ast
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Final

import time_machine

import cronstack
from cronstack.errors import OperationError
from cronstack_infra.play import simulation

_LIBRARY: Final = sysconfig.get_path("stdlib")
_OURS: Final = tuple(str(Path(module.__file__ or "").parent) for module in (cronstack, time_machine))
_HERE: Final = str(Path(simulation.__file__).parent)


def place_of_loop(root: str) -> str:
    """Return "functions/jobs/poll.py:12" of the running code's innermost loop; ``root`` is the deployed folder."""
    frames = list(_frames(root))
    for frame in frames:
        line = _line_of_loop(frame)
        if line is not None:
            return _place(frame.f_code.co_filename, line, root)
    return _place(frames[0].f_code.co_filename, frames[0].f_lineno, root) if frames else "the handler"


def busy_loop(place: str, reads: int, now: datetime) -> OperationError:
    """Return the error for a loop that never waits."""
    return OperationError(
        f"{place}: this loop reads the clock and never waits: more than {reads:,} reads at the virtual time"
        f" {now:%Y-%m-%d %H:%M:%S} UTC. Virtual time moves only when code waits.",
        remedy="Wait inside the loop: time.sleep(0.1), Event.wait(0.1), await asyncio.sleep(0.1). If the code does real"
        " work between its reads, raise the limit: cronstack simulate --clock-reads N, or"
        " @pytest.mark.cronstack(clock_reads=N).",
    )


def _frames(root: str) -> Iterator[FrameType]:
    """Yield the frames of deployed code, the innermost first. Without any, yield those of other code."""
    frame: FrameType | None = sys._getframe(1)
    others, deployed = [], []
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(root) and not file.startswith(_OURS):
            deployed.append(frame)
        elif not file.startswith((*_OURS, _HERE, _LIBRARY, "<")):
            others.append(frame)
        frame = frame.f_back
    yield from deployed or others


def _line_of_loop(frame: FrameType) -> int | None:
    """Return the first line of the innermost loop around the frame's line."""
    try:
        module = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except SyntaxError:
        return None
    first, here = frame.f_code.co_firstlineno, frame.f_lineno
    loops = [
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.While | ast.For | ast.AsyncFor)
        and first <= node.lineno <= here <= (node.end_lineno or node.lineno)
    ]
    return max(loops, default=None)


def _place(file: str, line: int, root: str) -> str:
    shown = f"functions{file.removeprefix(root)}" if file.startswith(root) else file
    return f"{shown}:{line}"
