"""Promises: what ``once`` reports as planned begins, and what it reports was true (I18)."""

from __future__ import annotations

from cronstack.occurrence import planned_id
from cronstack.onetime.planner import Plan
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.plans import BEGUN, Caller, KeyRecord


class Promises(Judge):
    """Judges a call when it returns: its report must have been true at some moment since the call began.

    From then on what is committed and done keeps the report, or breaks it. Cancels are judged by ``revisions``.
    """

    def schedule_deleted(self, caller: Caller, occurrence: str) -> None:
        self._is_brought(occurrence, f"{caller.name} deletes the last schedule")

    def call_returned(self, caller: Caller, plan: Plan) -> None:
        key = self.log.key(plan.occurrence)
        window = key.states[caller.since :]
        if key.tampered:
            return
        if plan.outcome in ("planned", "moved", "unchanged"):
            met = [one.revision for one in window if one.meets(caller.call)]
            self._stands(caller, key, plan, met)
        elif plan.outcome == "unknown" and all(one.kind != "none" for one in window):
            self.violated("I18", f"{caller.name} returns {plan.outcome!r}, and it never was so")

    def _stands(self, caller: Caller, key: KeyRecord, plan: Plan, revisions: list[int]) -> None:
        if not revisions:
            self.violated("I18", f"{caller.name} returns {plan.outcome!r}, and it never was so: {key.states}")
        # The call reports its own plan, or the first one that it could have seen: an equal one may come after a cancel.
        own = [revision for revision in revisions if revision in caller.wrote]
        key.reported = max(key.reported, max(own) if own else min(revisions))
        self._is_brought(plan.occurrence, f"{caller.name} returns {plan.outcome!r}")

    def plan_repaired(self, caller: Caller, plan: Plan) -> None:
        key = self.log.key(plan.occurrence)
        if plan.revision == key.now.revision and key.now.kind == "planned" and not key.tampered:
            key.reported = max(key.reported, plan.revision)
            self._is_brought(plan.occurrence, f"{caller.name} has repaired it")

    def call_refused(self, caller: Caller) -> None:
        call = caller.call
        key = self.log.key(planned_id(call.order.key))
        window = key.states[caller.since :]
        kinds = ("begun",) if call.replace else ("planned", *BEGUN)
        if key.tampered:
            return
        cancelled = any(one.kind == "cancelled" for one in window) and not call.replace
        if not cancelled and all(one.kind not in kinds or one.meets(call) for one in window):
            self.violated("I18", f"{caller.name} reports a conflict, and there never was one")

    def _is_brought(self, occurrence: str, why: str) -> None:
        key, run = self.log.key(occurrence), self.log.run(occurrence)
        if (
            key.now.kind == "planned"
            and key.stands
            and not key.tampered
            and not (run.recorded or run.lost or run.carriers)
        ):
            text = f"nothing brings revision {key.now.revision}, and {key.reported} was reported as planned"
            self.violated("I18", f"{why}: {text}")
