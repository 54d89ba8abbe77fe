"""Child processes of the tools under ``tests``: each ends with its whole group when the tool does, whatever ends it.

A tool that is killed tidies up nothing. So each child runs under ``toolchain/lifeline.py``: it holds the reading end of
a pipe, and the kernel closes the writing end when the tool ends.
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
"""Seconds that a group may take to end after SIGTERM."""


@contextmanager
def started(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Start a command in a process group of its own; leaving the block ends that group.

    options: as ``subprocess.Popen`` takes them.
    """
    theirs, ours = os.pipe()
    try:
        under = [sys.executable, "-I", "-S", str(LIFELINE), str(theirs), *command]
        process = subprocess.Popen(under, pass_fds=[theirs], start_new_session=True, **options)
        try:
            yield process
        finally:
            _end(process)
    finally:
        os.close(theirs)
        os.close(ours)


def run(
    command: Sequence[str], *, timeout: float, input: str | None = None, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a command to its end, as ``subprocess.run`` does. Raises TimeoutExpired."""
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
    """Start a command whose process id a test needs: the command itself, which is killed when the test's process ends.

    Linux only; elsewhere nothing watches it.
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
    """Return the two ends of a pipe; the writing end closes with this process."""
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
    """End what is left of the group: its members may outlive the process that was started."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOPPING)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
