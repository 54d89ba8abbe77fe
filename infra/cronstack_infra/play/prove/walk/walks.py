"""All small spaces (see ``walk``), in parallel. One process walks a space, because its states are kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Final

from cronstack import clock
from cronstack_infra.play.prove.walk.space import Budget, Space
from cronstack_infra.play.prove.walk.walk import SMALL, SPACES, Walked, Watch, walk
from cronstack_infra.play.prove.workers import SPAWN, workers

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

INTERVAL: Final = 0.5
"""Seconds between two reports of a space's progress."""


def walk_all(
    budget: Budget = SMALL,
    *,
    spaces: Sequence[Space] = SPACES,
    seconds: float | None = None,
    watch: Watch = lambda so_far: None,
    processes: int = 1,
) -> list[Walked]:
    """Walk all spaces, and return the results in the order of ``spaces``.

    ``seconds``: the time limit of each space. ``watch`` gets the progress of each from time to time.
    """
    if processes == 1:
        return [walk(space, budget, seconds=seconds, watch=watch) for space in spaces]
    progress: SimpleQueue[Walked] = SPAWN.SimpleQueue()
    with workers(processes, _set_progress, progress) as pool:
        walks = [pool.submit(_walk, space, budget, seconds) for space in spaces]
        while wait(walks, timeout=INTERVAL).not_done:
            while not progress.empty():
                watch(progress.get())
        return [done.result() for done in walks]


_progress: SimpleQueue[Walked]
"""In a process of the pool: the queue for its reports."""


def _set_progress(progress: SimpleQueue[Walked]) -> None:
    global _progress
    _progress = progress


def _walk(space: Space, budget: Budget, seconds: float | None) -> Walked:
    last = clock.monotonic()

    def watch(so_far: Walked) -> None:
        nonlocal last
        if clock.monotonic() - last > INTERVAL:
            last = clock.monotonic()
            _progress.put(so_far)

    return walk(space, budget, seconds=seconds, watch=watch)
