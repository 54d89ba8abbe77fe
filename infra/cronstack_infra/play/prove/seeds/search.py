"""Many seeds, on one core or on several, and what they have reached. A seed's world depends on its number alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from typing import Final

from cronstack_infra.play.prove.seeds.scenario import Verdict, play
from cronstack_infra.play.prove.workers import workers

PORTION: Final = 250
"""Seeds that a process takes at a time, unless told otherwise."""


@dataclass(slots=True)
class Found:
    """The sum of the verdicts of some seeds."""

    seeds: int = 0
    steps: int = 0
    handlers: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    violations: list[Verdict] = field(default_factory=list)

    def add(self, other: Found) -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.handlers += other.handlers
        self.counted.update(other.counted)
        self.violations += other.violations


class BrokenSeed(Exception):
    """A seed ended in an exception that is no violation: a defect of the guard, or of the proof."""

    def __init__(self, seed: int, fault: BaseException) -> None:
        super().__init__(f"seed {seed} broke: {type(fault).__name__}: {fault}")
        self.seed = seed

    def __reduce__(self) -> tuple[type[Exception], tuple[str]]:
        return (Exception, (str(self),))  # only its text can be sent to another process


def play_some(first: int, count: int, *, stop: bool = False, switch: str | None = None) -> Found:
    """Seeds ``first`` and the next ones; ``stop``: only up to the first violation. ``switch``: one at its maximum."""
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
    portion: int = PORTION,
    switch: str | None = None,
    on_progress: Callable[[int], None] = lambda done: None,
) -> Found:
    """Play them all. ``on_progress`` gets the number of seeds that are done, from time to time.

    ``portion``: seeds that a process takes at a time. ``switch``: one that is at its maximum in each seed.
    """
    total = Found()
    for part in _parts(first, seeds, portion, processes, switch):
        total.add(part)
        on_progress(total.seeds)
    total.violations.sort(key=lambda verdict: verdict.seed)
    return total


def _parts(first: int, seeds: int, portion: int, processes: int, switch: str | None) -> Iterator[Found]:
    portions = [(begin, min(portion, first + seeds - begin)) for begin in range(first, first + seeds, portion)]
    if processes == 1 or len(portions) == 1:
        for one in portions:
            yield play_some(*one, switch=switch)
        return
    with workers(processes) as pool:
        for done in as_completed([pool.submit(play_some, *one, switch=switch) for one in portions]):
            yield done.result()
