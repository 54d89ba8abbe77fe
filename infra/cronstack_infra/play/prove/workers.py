"""Processes that work for this one, and end with it: at Ctrl-C, at an exception, and also when it is killed."""

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
    """Return a pool of processes. Each calls ``begin`` first, with what is given.

    An exception in the block terminates the processes. Without that the pool would first finish all the work that was
    submitted, because a worker takes Ctrl-C for the end of one piece only.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(processes, mp_context=SPAWN, initializer=_begin, initargs=(begin, *given))
    try:
        yield pool
    except BaseException:
        for one in set(multiprocessing.active_children()) - others:
            one.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begin: Callable[..., None] | None, *given: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, too, and its end ends this process
    Thread(target=_follow, daemon=True).start()
    if begin is not None:
        begin(*given)


def _follow() -> None:
    """End this process when its parent is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
