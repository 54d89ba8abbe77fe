"""A handler process's output: read from its pipe, cut into lines, shown in order with START, END and REPORT."""

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import termios
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

LONGEST_LINE: Final = 256 * 1024
"""CloudWatch's limit of one log event; longer lines are cut into several. Defaults to 256 KB."""
MOST_PER_INVOCATION: Final = 4 * 1024 * 1024
"""Bytes of output kept of one invocation; AWS keeps all. What a handler prints beyond is read and dropped, and the
log says so. Defaults to 4 MB."""
MOST_LINES: Final = 50_000
"""Lines kept of one invocation, likewise. Defaults to 50,000."""
_TAIL: Final = 4096
_READ: Final = 1 << 18


class Output:
    """The reading end of a process's stdout and stderr, which are one pipe, as Lambda's are one stream."""

    def __init__(self, show: Callable[[list[str]], None]) -> None:
        self._show = show
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reading, self._read)
        self._unread = b""
        self._kept = self._lines_kept = 0
        self._tail = b""
        self._open = True

    def hand_on(self) -> None:
        """The process has the writing end (or never will): let go of ours."""
        os.close(self.writing)

    def begin(self) -> None:
        """A new invocation starts: nothing of it is kept yet."""
        self.drain()
        self._kept = self._lines_kept = 0
        self._tail = b""

    def say(self, line: str) -> None:
        """A line of Lambda's own."""
        self._tail = (self._tail + line.encode() + b"\n")[-_TAIL:]
        self._show([line])

    def tail(self) -> bytes:
        """The last 4 KB of this invocation."""
        return self._tail

    def drain(self) -> None:
        """Read what is there: what a process wrote before it answered comes before END in the log.

        No more than that: a child it left may write faster than anybody reads, and nobody waits for its end.
        """
        there = array.array("i", [0])
        if self._open:
            fcntl.ioctl(self._reading, termios.FIONREAD, there)
        left = there[0]
        while self._open and left > 0 and (read := self._read(min(left, _READ))):
            left -= read
        if self._unread:
            self._lines([self._unread])
            self._unread = b""
        elif self._full and not self._tail.endswith(b"\n"):
            self._tail = (self._tail + b"\n")[-_TAIL:]

    def close(self) -> None:
        """Read the rest and close."""
        if self._open:
            self.drain()
            self._end()

    def _read(self, most: int = _READ) -> int:
        """Bytes read; 0 when there is nothing now, or never again."""
        try:
            data = os.read(self._reading, most)
        except BlockingIOError:
            return 0
        if not data:
            self._end()
            return 0
        if self._full:
            self._tail = (self._tail + self._unread + data)[-_TAIL:]
            self._unread = b""
            return len(data)
        *lines, self._unread = (self._unread + data).split(b"\n")
        if len(self._unread) >= LONGEST_LINE:
            lines.append(self._unread)
            self._unread = b""
        self._lines(lines)
        return len(data)

    @property
    def _full(self) -> bool:
        return self._kept > MOST_PER_INVOCATION or self._lines_kept > MOST_LINES

    def _end(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._reading)
            os.close(self._reading)

    def _lines(self, lines: list[bytes]) -> None:
        if not lines:
            return
        self._tail = (self._tail + b"\n".join(lines[-_TAIL:]) + b"\n")[-_TAIL:]
        shown = []
        for line in lines:
            if self._full:
                break
            self._kept += len(line) + 1
            self._lines_kept += 1
            for start in range(0, len(line) or 1, LONGEST_LINE):
                # awslambdaric parts the lines of a traceback by \r, so that they stay one log event
                shown.append(line[start : start + LONGEST_LINE].decode("utf-8", "replace").replace("\r", "\n"))
            if self._full:
                most = f"{MOST_PER_INVOCATION} bytes or {MOST_LINES} lines"
                shown.append(f"[cronstack] more than {most}: the rest of the output is not kept")
        if shown:
            self._show(shown)


def day(now: float) -> str:
    """As a log stream's name begins: "2026/11/23"."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")


def instant(now: float) -> str:
    """As Lambda writes it into logs and records: "2026-11-23T20:38:00.123Z"."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
