"""Child processes of the tools under ``tests``. When a tool ends, also by a kill, each child ends with its group.

A killed tool cannot clean up. So each child runs under ``toolchain/lifeline.py``, which holds the read end of a pipe.
The kernel closes the write end when the tool ends.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from cronstack_infra.toolchain.process import LIFELINE

STOPPING = 20.0
"""Seconds for a group to end after SIGTERM."""


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a command in its own process group, and end the group after the block.

    options: options of ``subprocess.Popen``.
    """
    read_end, write_end = os.pipe()
    try:
        command_line = [sys.executable, "-I", "-S", str(LIFELINE), str(read_end), *command]
        process = subprocess.Popen(command_line, pass_fds=[read_end], start_new_session=True, **options)
        try:
            yield process
        finally:
            _end(process)
    finally:
        os.close(read_end)
        os.close(write_end)


def run(
    command: Sequence[str], *, timeout: float, input: str | None = None, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command as ``subprocess.run`` does, but end its whole group. Raise TimeoutExpired after ``timeout``."""
    if input is not None:
        options["stdin"] = subprocess.PIPE
    if options.pop("capture_output", False):
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started(command, **options) as process:
        out, err = process.communicate(input, timeout)
    done: subprocess.CompletedProcess[Any] = subprocess.CompletedProcess(command, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def popen(command: Sequence[Any], **options: Any) -> subprocess.Popen[Any]:
    """Start a command directly, so that its process id is known. It is killed when the test's process ends.

    That works on Linux only; elsewhere the command may outlive the test.
    """
    process = subprocess.Popen(command, **options)
    if hasattr(os, "pidfd_open"):
        reading, _ = _lifeline()
        watcher = [sys.executable, "-I", "-S", "-c", _WATCH, str(reading), str(process.pid)]
        _watchers.append(
            subprocess.Popen(watcher, pass_fds=[reading], stdin=subprocess.DEVNULL, start_new_session=True)
        )
    return process


@cache
def _lifeline() -> tuple[int, int]:
    """Return the two ends of a pipe. The write end closes when this process ends."""
    atexit.register(_end_watchers)
    return os.pipe()


def _end_watchers() -> None:
    os.close(_lifeline()[1])
    for watcher in _watchers:
        watcher.wait()


_watchers: list[subprocess.Popen[bytes]] = []
_WATCH = """
import os, select, signal, sys
lifeline, watched = int(sys.argv[1]), os.pidfd_open(int(sys.argv[2]))
if watched not in select.select([lifeline, watched], [], [])[0]:
    signal.pidfd_send_signal(watched, signal.SIGKILL)
"""


def _end(process: subprocess.Popen[Any]) -> None:
    """End the rest of the group, which may outlive the started process."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOPPING)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
