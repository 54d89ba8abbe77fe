"""Schedules: none without its row, none left behind, and a sweep finds every plan that lacks one (I21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.plans import Caller, KeyRecord
from cronstack_infra.play.store.store import Key

LONG: Final = 20 * 60_000
"""Milliseconds after which a sweep must take a plan for left, on any clock, however far that is off."""


class Schedules(Judge):
    """Judges what Scheduler holds against the ledger's plans."""

    def schedule_made(self, caller: Caller, key: KeyRecord, revision: int) -> None:
        if all(state.revision != revision for state in key.states):
            self.violated("I21", f"{caller.name} makes a schedule for {revision}, not yet planned")

    def sweep_done(self, caller: Caller) -> None:
        """All that its maker had left long before the sweep began must have its schedule now."""
        for occurrence, key in self.log.keys.items():
            revision = key.now.revision
            if key.now.kind == "planned" and revision + LONG < caller.began and revision not in key.made:
                self.violated("I21", f"{caller.name} has not found {occurrence}, left as revision {revision}")

    def expired(self, gone: Iterable[Key]) -> None:
        for _, name in gone:
            record = self.log.keys.get(name[4:])
            if record is not None and record.now.kind == "planned":
                self.violated("I21", f"{name[4:]} is forgotten before its time")

    def at_rest_after_sweep(self) -> None:
        if left := self.log.unfinished_plans():
            self.violated("I21", f"a sweep has not found {', '.join(left)}")
        if unfinished := self.log.unfinished():
            self.violated("I21", f"found by a sweep, and still not final: {', '.join(unfinished)}")
        self.schedules_left(sorted(self.log.world.store.schedules))

    def schedules_left(self, names: Iterable[str]) -> None:
        if names := list(names):
            self.violated("I21", f"everything is at rest, and left in Scheduler: {', '.join(names)}")
