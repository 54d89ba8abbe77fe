"""Virtual time: what happens next, in which order, and chance. One seed is one world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Set
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final

from cronstack.entropy import seeded
from cronstack.occurrence import to_datetime
from cronstack_infra.play.prove.models.code import Rollout, Undisturbed
from cronstack_infra.play.prove.models.mix import PLANNING, SKEWED, Mix, disturbed, draw, draw_plans
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
"""The table, and in it the partition, that handlers commit to."""
LEASE: Final = ("job#stats", "lease")
RUNS_OF_KEYS: Final = "run#stats#"
PLANS: Final = "plan#stats#"
"""The beginnings of the partitions' keys."""


FAULTY_STEPS: Final = 6_000
"""Steps of a world after which nothing fails any more."""


class Violation(Exception):
    """An invariant does not hold."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


class World:
    """The true clock, the heap of what is due, the store, and the counts of what was reached."""

    never_fire: Set[str] = frozenset()
    """Names of schedules whose time was past when they were made, and that never fire."""

    def __init__(
        self, seed: int, *, tracing: bool = False, rollout: Rollout | None = None, switch: str | None = None
    ) -> None:
        """``switch``: one that is at its maximum in this seed."""
        self.chance: Random = seeded(seed)
        self.mix: Mix = draw(self.chance)
        if seed % PLANNING == PLANNING - 1 and not self.mix.crowd:
            self.mix = draw_plans(self.mix, self.chance)
        self.aws: Random = seeded(~seed)
        """Chance of the switches."""
        self.mix = _read(self.mix, self.aws, switch)
        self.counted: Counter[str] = Counter()
        self.now = NOON
        self.store = Store(TABLE, lambda: self.now, effects=EFFECTS)
        if self.mix.has("tokens forgotten"):
            self.store.remembers_tokens = False
            self.counted["fault: tokens forgotten"] += 1
        for fault in ("skew", SKEWED):
            if self.mix.has(fault):
                self.counted[f"fault: {fault}"] += 1
        self.rollout: Rollout = rollout or Undisturbed()
        self.faulty = True
        """False in the healing phase: nothing fails any more."""
        self.down_until = 0
        self.down_for_long = False
        """The table is down because of the switch, not of the fault."""
        self.steps = 0
        self.trace: list[str] | None = [] if tracing else None
        self._due: list[tuple[int, float, Callable[[], object]]] = []
        self.scheduler = Scheduler(self, self.aws)

    def later(self, milliseconds: float, action: Callable[[], object]) -> None:
        """Call ``action`` then. Actions that are due at the same moment come in random order."""
        heappush(self._due, (self.now + int(milliseconds), self.chance.random(), action))

    def step(self) -> bool:
        """Do what is due next. Return False if nothing is."""
        if not self._due:
            return False
        at, _, action = heappop(self._due)
        self.now = max(self.now, at)
        self.steps += 1
        if self.steps == FAULTY_STEPS:
            # Each crash after a carrier was made, each carrier that comes twice, leaves one more of them on the way:
            # where a fault strikes every other request they outrun any end.
            self.faulty = False
            self.say("world", "faults stop, they were many")
        action()
        return True

    def strikes(self, fault: str) -> bool:
        """Decide whether a fault that does not concern a request happens now."""
        rate = self.mix.rates.get(fault) if self.faulty else None
        if rate is None or self.chance.random() >= rate:
            return False
        self.count("fault", fault)
        return True

    def switch(self, name: str) -> float | None:
        """Return the setting of a switch. None: AWS is read kindly."""
        return self.mix.switches.get(name)

    def count(self, kind: str, what: str) -> None:
        self.counted[f"{kind}: {what}"] += 1

    def say(self, actor: str, what: str) -> None:
        if self.trace is not None:
            self.trace.append(f"{to_datetime(self.now):%d. %H:%M:%S.%f}"[:-3] + f"  {actor:<10} {what}")


def _read(mix: Mix, chance: Random, switch: str | None) -> Mix:
    """Return the same mix with its reading of AWS."""
    switches = draw_switches(chance)
    if mix.crowd:
        switches = {}
    if switch is not None:
        switches = at_maximum(switches, switch)
    return disturbed(mix, switches, chance)
