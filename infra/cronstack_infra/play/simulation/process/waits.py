"""Waits of handler code, in virtual time: locks, threads, queues and files.

A thread that a handler starts is a greenlet of its sandbox. All waits of ``threading``, ``queue``, ``select`` and
``concurrent.futures`` come down to three: for a lock, for the end of a thread, for a file. Here each of them switches
to the hub, so that virtual time moves and the same seed gives the same order.

The replacements of members of ``threading`` look up the active cloud at each call. Code that keeps a reference gets
Python's own behaviour while no cloud is active, and outside handlers.
"""

from __future__ import annotations

import _thread
import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from greenlet import GreenletExit, greenlet

from cronstack_infra.play.simulation.clock.hub import SHORTEST, Hub, length
from cronstack_infra.play.simulation.handlers.sandboxes import Killed, Strand
from cronstack_infra.play.simulation.handlers.strands import Strands

_RLOCK: Final[Any] = threading.RLock
_GET_IDENT: Final = _thread.get_ident
_START, _JOIN, _IS_ALIVE = threading.Thread.start, threading.Thread.join, threading.Thread.is_alive
_PLAIN_QUEUE: Final[Any] = queue.SimpleQueue
_VIRTUAL_QUEUE: Final[Any] = vars(queue)["_PySimpleQueue"]
_OF_THREAD: Final = "_cronstack_strand"
"""Attribute of a thread that is a greenlet."""
_THREADING: Final[Any] = threading

_active: Waits | None = None


class Waits:
    """The waits of one cloud. ``in_handler`` returns whether the caller is code of a handler."""

    def __init__(self, hub: Hub, strands: Strands, in_handler: Callable[[], bool]) -> None:
        self.hub, self.strands, self._in_handler = hub, strands, in_handler
        self._os_thread = _GET_IDENT()
        self._threads = 0

    def wake(self) -> None:
        global _active
        _active = self
        self._threads = 0

    def sleep(self) -> None:
        global _active
        if _active is self:
            _active = None

    def in_strand(self) -> bool:
        """Return whether a strand calls, and not the host, moto, or a real thread."""
        return self.of_this_thread() and self._in_handler()

    def of_this_thread(self) -> bool:
        return _GET_IDENT() == self._os_thread

    def until(self, timeout: float | None) -> int | None:
        """Return the end of a wait in microseconds."""
        return None if timeout is None else self.hub.us + length(timeout)

    def pause(self, wake: Callable[[], None], until: int | None) -> None:
        """Wait until something calls ``wake``, or until that time."""
        self.strands.calling_attempt()
        self.strands.read_clock()
        self.strands.park(wake, None if until is None else until - self.hub.us)

    def is_over(self, until: int | None) -> bool:
        return until is not None and self.hub.us >= until

    # a thread

    def start(self, thread: threading.Thread) -> None:
        """Make the thread a greenlet. It starts when the calling strand waits."""
        if thread._started.is_set():  # type: ignore[attr-defined]  # missing in the stubs
            raise RuntimeError("threads can only be started once")
        self._threads += 1
        parent = self.strands.strand
        assert parent is not None
        strand = Strand(parent.sandbox, self._threads)
        strand.greenlet = greenlet(lambda: self._run(thread, strand), self.hub.greenlet)
        strand.sandbox.threads[strand] = None
        vars(thread).update({_OF_THREAD: strand, "_ident": strand.ident})
        thread._started.set()  # type: ignore[attr-defined]  # missing in the stubs

        def start() -> None:
            if strand.greenlet is None:
                return
            if strand.sandbox.attempt is None:
                strand.sandbox.frozen.append(start)
            else:
                self.strands.resume(strand)

        self.hub.call_soon(start)

    def _run(self, thread: Any, strand: Strand) -> None:
        active: dict[int | None, Any] = _THREADING._active
        active[strand.ident] = thread
        try:
            thread.run()
        except (Killed, GreenletExit):
            pass
        except BaseException:  # as Python's own threads report any exception
            thread._invoke_excepthook(thread)
        finally:
            active.pop(strand.ident, None)
            thread._is_stopped = True
            self.strands.drop_strand(strand)

    def join(self, strand: Strand, timeout: float | None) -> None:
        if strand is self.strands.strand:
            raise RuntimeError("cannot join current thread")
        until = self.until(timeout)
        while strand.greenlet is not None and not self.is_over(until):
            wake = self.strands.waker()
            strand.joiners.append(wake)
            self.pause(wake, until)

    # a file

    def ready(self, look: Callable[[], Any], timeout: float | None) -> Any:
        """Return the files that ``look`` finds ready, now or after another strand has run. Return none at the timeout.

        The shortest wait takes some time: asyncio polls repeatedly until its clock is past a timer.
        """
        strand = self.strands.strand
        assert strand is not None
        ready_files = look()
        until = None if timeout is None else self.hub.us + max(length(max(timeout, 0)), SHORTEST)
        sandbox = strand.sandbox
        try:
            while is_empty(ready_files) and not self.is_over(until):
                wake = sandbox.pollers[strand] = self.strands.waker()
                self.pause(wake, until)
                strand.found_nothing = True
                ready_files = look()
        finally:
            strand.found_nothing = False
            sandbox.pollers.pop(strand, None)
        return ready_files

    def is_only_strand(self) -> bool:
        """Return whether the calling strand is the only one of its sandbox. Then only a real event can end its wait."""
        strand = self.strands.strand
        return strand is None or not (strand.sandbox.threads.keys() - {strand})


def is_empty(ready_files: Any) -> bool:
    """Return whether no file is ready. ``select.select`` returns three lists, all other functions one."""
    return not any(ready_files) if isinstance(ready_files, tuple) else not ready_files


def _waits_of_caller() -> Waits | None:
    """Return the waits of the active cloud if a handler calls."""
    return _active if _active is not None and _active.in_strand() else None


class VirtualLock:
    """A lock of handler code. Other callers get Python's own lock."""

    __slots__ = ("__weakref__", "_real", "_waiting")

    def __new__(cls) -> Any:
        if _waits_of_caller() is None:
            return _thread.allocate_lock()
        return super().__new__(cls)

    def __init__(self) -> None:
        self._real = _thread.allocate_lock()
        self._waiting: deque[Callable[[], None]] = deque()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        waits = _waits_of_caller()
        if not blocking or waits is None or (timeout < 0 and timeout != -1):
            return self._real.acquire(blocking, timeout)
        until = None if timeout == -1 else waits.until(timeout)
        while not self._real.acquire(False):
            if waits.is_over(until):
                return False
            wake = waits.strands.waker()
            entry = _later(waits.hub, wake)
            self._waiting.append(entry)
            try:
                waits.pause(wake, until)
            finally:
                if entry in self._waiting:
                    self._waiting.remove(entry)
        return True

    def release(self) -> None:
        self._real.release()
        if self._waiting:
            self._waiting.popleft()()

    def locked(self) -> bool:
        return self._real.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _at_fork_reinit(self) -> None:
        self._real = _thread.allocate_lock()
        self._waiting.clear()

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} virtual lock at {id(self):#x}>"


def _later(hub: Hub, wake: Callable[[], None]) -> Callable[[], None]:
    def later() -> None:
        hub.call_soon(wake)

    return later


def reentrant_lock(*args: Any, **kwargs: Any) -> Any:
    """``threading.RLock``. Handler code gets the one written in Python, which is built on ``VirtualLock``."""
    return _RLOCK(*args, **kwargs) if _waits_of_caller() is None else _THREADING._PyRLock(*args, **kwargs)


class SimpleQueue(_VIRTUAL_QUEUE):  # type: ignore[misc]  # made at run time
    """``queue.SimpleQueue``. Handler code gets the one written in Python, which is built on ``VirtualLock``."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _PLAIN_QUEUE() if _waits_of_caller() is None else super().__new__(cls)


def get_ident() -> int:
    """``threading.get_ident``: each thread of a handler has its own number."""
    strand = _active.strands.strand if _active is not None and _GET_IDENT() == _active._os_thread else None
    return _GET_IDENT() if strand is None or strand.ident is None else strand.ident


def start(thread: threading.Thread) -> None:
    """``Thread.start``."""
    waits = _waits_of_caller()
    if waits is None:
        _START(thread)
    else:
        waits.start(thread)


def join(thread: threading.Thread, timeout: float | None = None) -> None:
    """``Thread.join``. The host does not wait for a handler's thread, which cannot run meanwhile."""
    strand: Strand | None = vars(thread).get(_OF_THREAD)
    if strand is None:
        _JOIN(thread, timeout)
    elif (waits := _waits_of_caller()) is not None:
        waits.join(strand, timeout)


def is_alive(thread: threading.Thread) -> bool:
    """``Thread.is_alive``."""
    strand: Strand | None = vars(thread).get(_OF_THREAD)
    return _IS_ALIVE(thread) if strand is None else strand.greenlet is not None
