"""Run a child process as a process group, read its output, and always kill the whole group at the end.

The cdk CLI starts our app, which starts Node; npm starts helpers. If only the first process were killed, the others
would continue to run. ``lifeline`` kills the group when this process is killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import Final

LIFELINE: Final = Path(__file__).with_name("lifeline.py")


class TimedOut(Exception):
    """The child did not end in time. The whole group was killed."""


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    timeout: float,
    on_line: Callable[[str], None],
) -> int:
    """Run the command and return its exit code. ``on_line`` receives each line of stdout and stderr.

    The whole group is killed when the child has ended, and on any exception, including Ctrl-C. Raise OutOfTime after
    ``timeout`` seconds.
    """
    child: subprocess.Popen[str] | None = None
    theirs, ours = os.pipe()
    watcher: Thread | None = None
    ended = Event()
    overdue = Event()

    def watch(child: subprocess.Popen[str]) -> None:
        if not ended.wait(timeout):
            overdue.set()
            _kill_group(child)

    try:
        with _signals_delayed():
            child = _start(command, cwd, environ, theirs)
            watcher = Thread(target=watch, args=(child,), name=f"timeout of {child.pid}", daemon=True)
            watcher.start()
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                on_line(line.rstrip("\r\n"))
        _wait_without_reaping(child)
    finally:
        ended.set()
        if child is not None and watcher is not None:
            watcher.join()
            _kill_group(child)
            code = child.wait()
        os.close(theirs)
        os.close(ours)
    if overdue.is_set():
        raise TimedOut
    return code


def _start(command: Sequence[str], cwd: Path, environ: Mapping[str, str], lifeline: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(LIFELINE), str(lifeline), *command],
        pass_fds=[lifeline],
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


@contextlib.contextmanager
def _signals_delayed() -> Iterator[None]:
    """Delay stop signals until the end of the block. Between start and bookkeeping they would orphan the child."""
    if current_thread() is not main_thread():
        yield  # Python delivers signals to the main thread only
        return
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    ours = {number: handler for number, handler in before.items() if callable(handler)}
    for number in ours:
        signal.signal(number, lambda signum, _: received.append(signum))
    try:
        yield
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)
        for signum in received:
            signal.raise_signal(signum)


def _wait_without_reaping(child: subprocess.Popen[str]) -> None:
    """Wait for the child without reaping it. Its id is also the group id and must not be reused yet."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    else:
        child.wait()


def _kill_group(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
