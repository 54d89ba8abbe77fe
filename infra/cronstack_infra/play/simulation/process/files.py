"""Waits for files in virtual time. While no file is ready, time passes and other threads of the handler run.

A wait without a time limit is real, unless another thread of the same handler could end it.
"""

from __future__ import annotations

import select as select_module
import selectors
from collections.abc import Callable
from typing import Any, Final

from cronstack_infra.play.simulation.clock.hub import SHORTEST
from cronstack_infra.play.simulation.process.waits import Waits, is_empty

Ready = Callable[[Callable[[float | None], Any], float | None], Any]
"""Function that waits: (call that takes a time limit in seconds, longest wait in seconds) → the ready files."""

SELECTORS: Final[tuple[Any, ...]] = tuple(
    getattr(selectors, name)
    for name in ("SelectSelector", "PollSelector", "EpollSelector", "KqueueSelector")
    if hasattr(selectors, name)
)
_SELECT: Final[Any] = select_module.select
_POLL: Final[Any] = getattr(select_module, "poll", None)
_EPOLL: Final[Any] = getattr(select_module, "epoll", None)
_BEST: Final[Any] = selectors.PollSelector if hasattr(selectors, "PollSelector") else selectors.SelectSelector


class PlainSelector(_BEST):  # type: ignore[misc]  # chosen at run time
    """A selector that always waits in real time."""

    select = _BEST.select


def ready(wait: Callable[[float | None], Any], timeout: float | None, *, waits: Waits, sleep: Any) -> Any:
    """Implement ``Ready`` for handlers, for the host, and for other threads of this process."""
    if waits.in_strand():
        if timeout is None and waits.is_only_strand():
            return wait(None)
        return waits.ready(lambda: wait(0), timeout)
    if timeout is None or not waits.of_this_thread():
        return wait(timeout)
    ready_files = wait(0)
    if is_empty(ready_files):
        sleep(max(timeout, SHORTEST / 1_000_000))
        ready_files = wait(0)
    return ready_files


def selecting(original: Any, ready: Ready) -> Any:
    """Return the replacement of a selector's method ``select``."""

    def select(self: Any, timeout: float | None = None) -> Any:
        return ready(lambda limit: original(self, limit), timeout)

    return select


def select(ready: Ready) -> Any:
    """Return the replacement of ``select.select``."""

    def selected(reading: Any, writing: Any, other: Any, timeout: float | None = None) -> Any:
        return ready(lambda limit: _SELECT(reading, writing, other, limit), timeout)

    return selected


class _Wrapped:
    """A poll object whose waits are virtual; all other members are the original's."""

    def __init__(self, original: Any, ready: Ready) -> None:
        self._original, self._ready = original, ready

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


class _Poll(_Wrapped):
    def poll(self, timeout: float | None = None) -> Any:
        """Replace ``poll``. ``timeout``: milliseconds."""
        seconds = None if timeout is None or timeout < 0 else timeout / 1000
        return self._ready(lambda limit: self._original.poll(limit if limit is None else limit * 1000), seconds)


class _Epoll(_Wrapped):
    def poll(self, timeout: float | None = None, maxevents: int = -1) -> Any:
        """Replace ``poll``. ``timeout``: seconds."""
        seconds = None if timeout is None or timeout < 0 else timeout
        return self._ready(lambda limit: self._original.poll(limit, maxevents), seconds)

    def __enter__(self) -> _Epoll:
        return self

    def __exit__(self, *_: object) -> None:
        self._original.close()


def polls(ready: Ready) -> Any:
    """Return the replacement of ``select.poll``."""
    return lambda: _Poll(_POLL(), ready)


def epolls(ready: Ready) -> Any:
    """Return the replacement of ``select.epoll``."""
    return lambda *args, **kwargs: _Epoll(_EPOLL(*args, **kwargs), ready)
