"""Worker processes that end with this process: at Ctrl-C, at an exception, and also when it is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from threading import Thread
from typing import Any

SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def workers(processes: int, begin: Callable[..., None] | None = None, *given: Any) -> Iterator[ProcessPoolExecutor]:
    """Return a pool of processes. Each calls ``begin(*given)`` first.

    An exception in the block terminates the processes. Otherwise the pool would first finish all submitted work,
    because Ctrl-C ends only the current call in a worker.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(processes, mp_context=SPAWN, initializer=_begin, initargs=(begin, *given))
    try:
        yield pool
    except BaseException:  # raised again after clean-up, also Ctrl-C
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begin: Callable[..., None] | None, *given: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also ends the parent, whose end ends this process
    Thread(target=_exit_with_parent, daemon=True).start()
    if begin is not None:
        begin(*given)


def _exit_with_parent() -> None:
    """Exit when the parent process has ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
