"""Many seeds, on one core or on several, and their coverage. A seed's world depends only on its number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from typing import Final

from cronstack_infra.play.prove.seeds.scenario import SeedResult, play
from cronstack_infra.play.prove.workers import workers

BATCH: Final = 250
"""Default number of seeds that a process plays at a time."""


@dataclass(slots=True)
class Found:
    """The sum of the verdicts of some seeds."""

    seeds: int = 0
    steps: int = 0
    handlers: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    violations: list[SeedResult] = field(default_factory=list)

    def add(self, other: Found) -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.handlers += other.handlers
        self.counted.update(other.counted)
        self.violations += other.violations


class BrokenSeed(Exception):
    """An exception in a seed that is not a violation: a defect of the guard or of the proof."""

    def __init__(self, seed: int, fault: BaseException) -> None:
        super().__init__(f"seed {seed} raised {type(fault).__name__}: {fault}")
        self.seed = seed

    def __reduce__(self) -> tuple[type[Exception], tuple[str]]:
        return (Exception, (str(self),))  # only the text can be sent to another process


def play_some(first: int, count: int, *, stop: bool = False, switch: str | None = None) -> Found:
    """Play ``count`` seeds from ``first`` on.

    ``stop``: stop at the first violation. ``switch``: the switch at its maximum.
    """
    found = Found()
    for seed in range(first, first + count):
        try:
            verdict = play(seed, switch=switch)
        except Exception as fault:  # re-raised with its seed
            raise BrokenSeed(seed, fault) from fault
        found.seeds += 1
        found.steps += verdict.steps
        found.handlers += verdict.handlers
        found.counted.update(verdict.counted)
        if verdict.invariant:
            found.violations.append(verdict)
            if stop:
                break
    return found


def search(
    seeds: int,
    *,
    first: int = 0,
    processes: int = 1,
    batch_size: int = BATCH,
    switch: str | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Found:
    """Play all seeds. ``on_progress`` gets the number of seeds that are done, from time to time.

    ``batch_size``: seeds that a process plays at a time. ``switch``: the switch that is at its maximum in each seed.
    """
    total = Found()
    for part in _parts(first, seeds, batch_size, processes, switch):
        total.add(part)
        on_progress(total.seeds)
    total.violations.sort(key=lambda verdict: verdict.seed)
    return total


def _parts(first: int, seeds: int, batch_size: int, processes: int, switch: str | None) -> Iterator[Found]:
    batches = [(begin, min(batch_size, first + seeds - begin)) for begin in range(first, first + seeds, batch_size)]
    if processes == 1 or len(batches) == 1:
        for arguments in batches:
            yield play_some(*arguments, switch=switch)
        return
    with workers(processes) as pool:
        for done in as_completed([pool.submit(play_some, *arguments, switch=switch) for arguments in batches]):
            yield done.result()
