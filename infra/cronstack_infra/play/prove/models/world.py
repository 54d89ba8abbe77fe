"""Virtual time, the queue of actions, and random numbers. One seed is one world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Set
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from cronstack.entropy import seeded
from cronstack.occurrence import to_datetime
from cronstack_infra.play.prove.models.code import NoRollout, Rollout
from cronstack_infra.play.prove.models.mix import (
    EXPIRED_TOKENS,
    PLANNING,
    SKEWED,
    Mix,
    draw,
    draw_pauses,
    draw_plans,
    with_switches,
)
from cronstack_infra.play.prove.models.scheduler import Scheduler
from cronstack_infra.play.prove.models.switches import at_maximum, draw_switches
from cronstack_infra.play.store.store import Store

if TYPE_CHECKING:
    from random import Random

NOON: Final = 1_767_268_800_000  # 2026-01-01T12:00:00Z
TABLE: Final = "ledger"
FUNCTION: Final = "arn:aws:lambda:us-east-1:123456789012:function:shop-stats"
LETTERS: Final = "dead-letters"
EFFECTS: Final = "effects"
"""The table that handlers commit to, and the partition in it."""
LEASE: Final = ("job#stats", "lease")
RUNS_OF_KEYS: Final = "run#stats#"
PLANS: Final = "plan#stats#"
"""Prefixes of partition keys."""


PAUSE_SALT: Final = 0x5EED_9A05E
"""Makes the random numbers of pauses independent of those of the seed."""
FAULTY_STEPS: Final = 6_000
"""Steps of a world after which faults stop."""


class Violation(Exception):
    """The violation of an invariant."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


class World:
    """The true clock, the heap of due actions, the store, and the coverage counts."""

    never_fire: Set[str] = frozenset()
    """Names of schedules that never fire, because their time was past when they were made."""

    def __init__(
        self, seed: int, *, tracing: bool = False, rollout: Rollout | None = None, switch: str | None = None
    ) -> None:
        """``switch``: the switch that is at its maximum in this seed."""
        self.chance: Random = seeded(seed)
        self.mix: Mix = draw(self.chance)
        if seed % PLANNING == PLANNING - 1 and not self.mix.crowd:
            self.mix = draw_plans(self.mix, self.chance)
        if rollout is None:  # code of other versions may not know pauses
            self.mix = draw_pauses(self.mix, seeded(seed ^ PAUSE_SALT))
        self.switch_chance: Random = seeded(~seed)
        """Random numbers of the switches."""
        self.mix = _read(self.mix, self.switch_chance, switch)
        self.counted: Counter[str] = Counter()
        self.now = NOON
        self.store = Store(TABLE, lambda: self.now, effects=EFFECTS)
        if self.mix.has(EXPIRED_TOKENS):
            self.store.keeps_tokens = False
            self.counted[f"fault: {EXPIRED_TOKENS}"] += 1
        for fault in ("skew", SKEWED):
            if self.mix.has(fault):
                self.counted[f"fault: {fault}"] += 1
        self.rollout: Rollout = rollout or NoRollout()
        self.faulty = True
        """False in the healing phase, in which nothing fails."""
        self.down_until = 0
        self.long_outage = False
        """The table is down because of the switch, not because of the fault."""
        self.steps = 0
        self.trace: list[str] | None = [] if tracing else None
        self._due: list[tuple[int, float, Callable[[], object]]] = []
        self.scheduler = Scheduler(self, self.switch_chance)

    def call_later(self, milliseconds: float, action: Callable[[], object]) -> None:
        """Call ``action`` after a delay. Actions that are due at the same moment run in random order."""
        heappush(self._due, (self.now + int(milliseconds), self.chance.random(), action))

    def step(self) -> bool:
        """Run the next due action. Return False if none is left."""
        if not self._due:
            return False
        at, _, action = heappop(self._due)
        self.now = max(self.now, at)
        self.steps += 1
        if self.steps == FAULTY_STEPS:
            # Each crash after a carrier was made, and each carrier that comes twice, adds one carrier. If a fault
            # strikes every other request, their number grows without end.
            self.faulty = False
            self.add_trace("world", "faults stop: too many steps")
        action()
        return True

    def strikes(self, fault: str) -> bool:
        """Return whether a fault that does not concern a request happens now."""
        rate = self.mix.rates.get(fault) if self.faulty else None
        if rate is None or self.chance.random() >= rate:
            return False
        self.count("fault", fault)
        return True

    def switch(self, name: str) -> float | None:
        """Return the setting of a switch. None: this seed does not play it."""
        return self.mix.switches.get(name)

    def count(self, kind: str, text: str) -> None:
        self.counted[f"{kind}: {text}"] += 1

    def add_trace(self, actor: str, text: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{to_datetime(self.now):%d. %H:%M:%S.%f}"[:-3] + f"  {actor:<10} {text}")


def _read(mix: Mix, chance: Random, switch: str | None) -> Mix:
    """Return the same mix with its switches."""
    switches = draw_switches(chance)
    if mix.crowd:
        switches = {}
    if switch is not None:
        switches = at_maximum(switches, switch)
    return with_switches(mix, switches, chance)
