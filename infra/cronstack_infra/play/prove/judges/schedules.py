"""Schedules: none without its row, none left behind, and a sweep finds every plan that lacks one (I21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cronstack.occurrence import planned_id
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.plans import Caller, KeyRecord
from cronstack_infra.play.prove.models.world import PLANS
from cronstack_infra.play.store.store import Key

LONG: Final = 20 * 60_000
"""Milliseconds after which a sweep must take a plan for left, on any clock, however far that is off."""


class Schedules(Judge):
    """Judges what Scheduler holds against the ledger's plans."""

    def schedule_made(self, caller: Caller, key: KeyRecord, revision: int) -> None:
        if all(state.revision != revision for state in key.states) and not key.tampered:
            self.violated("I21", f"{caller.name} makes a schedule for {revision}, not yet planned")

    def sweep_done(self, caller: Caller) -> None:
        """All that its maker had left long before the sweep began must have its schedule now."""
        for occurrence, key in self.log.keys.items():
            revision = key.now.revision
            left = key.now.kind == "planned" and revision + LONG < caller.began and not key.tampered
            if left and revision not in key.made:
                self.violated("I21", f"{caller.name} has not found {occurrence}, left as revision {revision}")

    def expired(self, gone: Iterable[Key]) -> None:
        for partition, name in gone:
            if not partition.startswith(PLANS):
                continue
            key, run = self.log.key(planned_id(name)), self.log.run(planned_id(name))
            if key.now.kind == "planned" and not key.tampered:
                self.violated("I21", f"{name} is forgotten before its time")
            over = run.ended is not None and not any(event.by_operator for event in run.events)
            if over and self.log.has_row(run) and not key.tampered:
                self.violated("I21", f"the plan of {name} is forgotten before its run")

    def at_rest_after_sweep(self) -> None:
        if left := self.log.unfinished_plans():
            self.violated("I21", f"a sweep has not found {', '.join(left)}")
        if unfinished := self.log.unfinished():
            self.violated("I21", f"found by a sweep, and still not final: {', '.join(unfinished)}")
        self.schedules_left(sorted(self.log.world.store.schedules))

    def schedules_left(self, names: Iterable[str]) -> None:
        never = self.log.world.never_fire
        if names := [name for name in names if name not in never]:  # these cannot delete themselves
            self.violated("I21", f"everything is at rest, and left in Scheduler: {', '.join(names)}")
