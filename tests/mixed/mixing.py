"""Seeds of the proof in which two versions of the code run at the same time, with a deploy or a rollback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from cronstack.ledger import items
from cronstack_infra.play.prove.models.mix import PLANNING
from cronstack_infra.play.prove.seeds.scenario import SeedResult, play
from tests.mixed.adapting import code_of
from tests.mixed.loading import Replacement, Source, commit
from tests.mixed.rollouts import EQUAL, RAISED, SHAPES

if TYPE_CHECKING:
    from cronstack_infra.play.prove.models.code import Code, Rollout

TODAY: Final = Source("today")
NEXT: Final = Source(
    "next",
    edits=(
        Replacement(
            "ledger/items.py", f"VERSION: Final = {items.VERSION}\n", f"VERSION: Final = {items.VERSION + 1}\n"
        ),
    ),
)
"""Today's code, with the next version of the items."""


class Pair(NamedTuple):
    """Two versions, and the shapes of the deploys between them."""

    before: Source
    after: Source
    shapes: tuple[str, ...]


def raised() -> Pair:
    """Return today's code, and the same code with the next version of the items."""
    return Pair(TODAY, NEXT, RAISED)


def since(revision: str) -> Pair:
    """Return the code of a git revision, and today's. Raise NoHistory for a revision that cannot run."""
    full_hash = commit(revision)
    return Pair(Source(full_hash[:10], full_hash), TODAY, EQUAL)


@dataclass(slots=True)
class Mixed:
    """The results of some seeds."""

    seeds: int = 0
    steps: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    """Invocations and calls of application code that each version has run."""
    counted: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[str, SeedResult]] = field(default_factory=list)
    """Violations with the shape of their deploy."""

    def add(self, other: Mixed) -> None:
        self.seeds += other.seeds
        self.steps += other.steps
        self.by_code.update(other.by_code)
        self.counted.update(other.counted)
        self.violations += other.violations


class _Counting:
    """A rollout that counts the chosen versions."""

    def __init__(self, inner: Rollout, counter: Counter[str]) -> None:
        self._inner, self._counter = inner, counter

    def code(self, now: int) -> Code:
        chosen = self._inner.code(now)
        self._counter[chosen.name] += 1
        return chosen

    def finish(self) -> None:
        self._inner.finish()


def play_one(pair: Pair, shape: str, seed: int, counter: Counter[str], *, tracing: bool = False) -> SeedResult:
    """Run one seed. Another exception counts as a violation named "broke"."""
    rollout = _Counting(SHAPES[shape](seed, code_of(pair.before), code_of(pair.after)), counter)
    try:
        return play(seed, tracing=tracing, rollout=rollout)
    except Exception as fault:
        return SeedResult(seed, 0, 0, "broke", f"broke: {type(fault).__name__}: {fault}")


def mixed(pair: Pair, seeds: Sequence[int], *, stop: bool = False) -> Mixed:
    """Run each seed once. The shapes take turns, so that each runs with every kind of seed.

    ``stop``: only up to the first violation.
    """
    results = Mixed()
    for seed in seeds:
        shape = shape_of(pair, seed)
        verdict = play_one(pair, shape, seed, results.by_code)
        results.seeds += 1
        results.steps += verdict.steps
        results.counted.update(verdict.counted)
        if verdict.invariant:
            results.violations.append((shape, verdict))
            if stop:
                break
    return results


def shape_of(pair: Pair, seed: int) -> str:
    """Return the shape of a seed. It changes after each four, because each fourth seed has application code."""
    return pair.shapes[seed // PLANNING % len(pair.shapes)]


def alone(source: Source, seeds: Sequence[int]) -> Iterator[SeedResult]:
    """Yield the violations of one version by itself."""
    for seed in seeds:
        verdict = play_one(Pair(source, source, ("deploy",)), "deploy", seed, Counter())
        if verdict.invariant:
            yield verdict
