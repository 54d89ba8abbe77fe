"""Schedules: none without its row, none left behind, and a sweep finds every plan that lacks one (I21)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cronstack.occurrence import planned_id
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.plans import CallerRecord, KeyRecord
from cronstack_infra.play.prove.models.world import PLANS
from cronstack_infra.play.store.store import Key

LONG: Final = 20 * 60_000
"""Milliseconds after which a sweep must repair a plan without a schedule, however wrong its clock is."""


class Schedules(Judge):
    """The judge of the schedules in Scheduler against the ledger's plans."""

    def schedule_made(self, caller: CallerRecord, key: KeyRecord, revision: int) -> None:
        if all(state.revision != revision for state in key.states) and not key.tampered:
            self.violated("I21", f"{caller.name} makes a schedule for {revision}, which is not planned yet")

    def sweep_done(self, caller: CallerRecord) -> None:
        """Check that each plan left without a schedule long before the sweep has one now."""
        for occurrence, key in self.log.keys.items():
            revision = key.now.revision
            left = key.now.kind == "planned" and revision + LONG < caller.began and not key.tampered
            if left and revision not in key.scheduled_revisions:
                self.violated("I21", f"{caller.name} has not found {occurrence}, left as revision {revision}")

    def expired(self, gone: Iterable[Key]) -> None:
        for partition, name in gone:
            if not partition.startswith(PLANS):
                continue
            key, run = self.log.key(planned_id(name)), self.log.run(planned_id(name))
            if key.now.kind == "planned" and not key.tampered:
                self.violated("I21", f"the plan of {name} is deleted before its time")
            ended = run.ended is not None and not any(event.by_operator for event in run.events)
            if ended and self.log.has_row(run) and not key.tampered:
                self.violated("I21", f"the plan of {name} is deleted before its run")

    def at_rest_after_sweep(self) -> None:
        if left := self.log.unfinished_plans():
            self.violated("I21", f"a sweep has not found {', '.join(left)}")
        if unfinished := self.log.unfinished():
            self.violated("I21", f"not final after a sweep: {', '.join(unfinished)}")
        self.schedules_left(sorted(self.log.world.store.schedules))

    def schedules_left(self, names: Iterable[str]) -> None:
        never = self.log.world.never_fire
        if names := [name for name in names if name not in never]:  # schedules that never fire cannot delete themselves
            self.violated("I21", f"everything is at rest, but Scheduler still holds: {', '.join(names)}")
