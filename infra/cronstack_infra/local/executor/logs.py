"""A handler process's output: read from its pipe, split into lines, logged in order with START, END and REPORT."""

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
"""CloudWatch's limit of one log event; longer lines are split. Defaults to 256 KB."""
MOST_PER_INVOCATION: Final = 4 * 1024 * 1024
"""Bytes of output kept per invocation; AWS keeps all. Further output is read and dropped, and the log states it.
Defaults to 4 MB."""
MOST_LINES: Final = 50_000
"""Lines of output kept per invocation. Defaults to 50,000."""
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

    def close_writing_end(self) -> None:
        """Close this process's copy of the writing end, after the handler process has got it or failed to start."""
        os.close(self.writing)

    def start_invocation(self) -> None:
        """Reset the limits and the tail for a new invocation."""
        self.drain()
        self._kept = self._lines_kept = 0
        self._tail = b""

    def add(self, line: str) -> None:
        """Add a line that Lambda itself writes."""
        self._tail = (self._tail + line.encode() + b"\n")[-_TAIL:]
        self._show([line])

    def tail(self) -> bytes:
        """Return the last 4 KB of this invocation."""
        return self._tail

    def drain(self) -> None:
        """Read the pipe's present content, so that it comes before END in the log.

        Read no more than that: a leftover child process may write without end.
        """
        available = array.array("i", [0])
        if self._open:
            fcntl.ioctl(self._reading, termios.FIONREAD, available)
        left = available[0]
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
        """Read once; return the number of bytes, 0 for an empty or ended pipe."""
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
                # awslambdaric separates the lines of a traceback by \r, so that they stay one log event
                shown.append(line[start : start + LONGEST_LINE].decode("utf-8", "replace").replace("\r", "\n"))
            if self._full:
                most = f"{MOST_PER_INVOCATION} bytes or {MOST_LINES} lines"
                shown.append(f"[cronstack] more than {most}: the rest of the output is dropped")
        if shown:
            self._show(shown)


def day(now: float) -> str:
    """Return the first part of a log stream's name: "2026/11/23"."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y/%m/%d")


def instant(now: float) -> str:
    """Return a time in the form of Lambda's logs and records: "2026-11-23T20:38:00.123Z"."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
