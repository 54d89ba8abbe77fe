"""The world of a small space: without random numbers. Time moves only when a program waits for it."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cronstack_infra.play.prove.models.copies import shallow
from cronstack_infra.play.prove.models.mix import Mix
from cronstack_infra.play.prove.models.world import NOON, TABLE, World
from cronstack_infra.play.prove.walk.space import Space
from cronstack_infra.play.prove.walk.steered import TIMEOUT, digest
from cronstack_infra.play.store.store import Item, Key, Store

RETRIES: Final = 1


class FixedWorld(World):
    """A world without a heap of due actions: the walk chooses what happens next."""

    def __init__(self, space: Space) -> None:
        self.mix = Mix(
            overlap=space.overlap,
            retries=RETRIES,
            timeout=TIMEOUT,
            start_deadline=3600,
            occurrences=1,
            gap=1000,
            latency=0,
            crowd=False,
            lease=None,
            commits=False,
            checkpoints=False,
            fast_retries=False,
            request_faults=((0.0, "lost answer"),),  # never drawn; its presence turns off the count of requests
            rates={"crash before": 0.0},
        )
        self.now = NOON
        self.store = Store(TABLE, lambda: self.now)
        self.counted: Counter[str] = Counter()
        self.trace = None
        self.faulty = True
        self.trace_lines: list[str] = []
        self._digested: dict[Key, tuple[Item, bytes]] = {}

    def fork(self) -> FixedWorld:
        new = shallow(self)
        new.store = self.store.fork(lambda: new.now)
        new._digested = dict(self._digested)
        return new

    def contents(self) -> list[bytes]:
        """Return a digest of each stored item. An item is never changed in place, so its digest can be kept."""
        items, digested = self.store.items, self._digested
        for key, item in items.items():
            known = digested.get(key)
            if known is None or known[0] is not item:
                digested[key] = (item, digest(key, sorted(item.items())))
        return [digested[key][1] for key in sorted(items)]

    def add_trace(self, actor: str, text: str) -> None:
        self.trace_lines.append(f"{(self.now - NOON) / 1000:>8.3f} s  {actor} {text}")
