"""Reports of calls: what ``once`` reports as planned starts, and each report was true (I18)."""

from __future__ import annotations

from cronstack.occurrence import planned_id
from cronstack.onetime.planner import Plan
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.plans import STARTED, UNSTARTED_KINDS, CallerRecord, KeyRecord


class CallReports(Judge):
    """The judge of a call when it returns: its report must have been true at some moment since the call began.

    After that, no commit may break the report. ``revisions`` judges cancels.
    """

    def schedule_deleted(self, caller: CallerRecord, occurrence: str) -> None:
        self._check_delivered(occurrence, f"{caller.name} deletes the last schedule")

    def call_returned(self, caller: CallerRecord, plan: Plan) -> None:
        key = self.log.key(plan.occurrence)
        window = key.states[caller.since :]
        if key.tampered:
            return
        if plan.outcome in ("planned", "moved", "unchanged"):
            revisions = [state.revision for state in window if state.satisfies(caller.call)]
            self._check_report(caller, key, plan, revisions)
        elif plan.outcome == "unknown" and all(state.kind != "none" for state in window):
            self.violated("I18", f"{caller.name} returns {plan.outcome!r}, which was never true")

    def _check_report(self, caller: CallerRecord, key: KeyRecord, plan: Plan, revisions: list[int]) -> None:
        if not revisions:
            self.violated("I18", f"{caller.name} returns {plan.outcome!r}, which was never true: {key.states}")
        # The call reports its own plan, or the first one that it can have read: an equal one may follow a cancel.
        own = [revision for revision in revisions if revision in caller.wrote]
        key.reported_revision = max(key.reported_revision, max(own) if own else min(revisions))
        self._check_delivered(plan.occurrence, f"{caller.name} returns {plan.outcome!r}")

    def plan_repaired(self, caller: CallerRecord, plan: Plan) -> None:
        key = self.log.key(plan.occurrence)
        if plan.revision == key.now.revision and key.now.kind == "planned" and not key.tampered:
            key.reported_revision = max(key.reported_revision, plan.revision)
            self._check_delivered(plan.occurrence, f"{caller.name} has repaired it")

    def call_refused(self, caller: CallerRecord) -> None:
        call = caller.call
        key = self.log.key(planned_id(call.order.key))
        window = key.states[caller.since :]
        kinds = (STARTED,) if call.replace else ("planned", STARTED, *UNSTARTED_KINDS)
        if key.tampered:
            return
        cancelled = any(state.kind == "cancelled" for state in window) and not call.replace
        if not cancelled and all(state.kind not in kinds or state.satisfies(call) for state in window):
            self.violated("I18", f"{caller.name} reports a conflict that never existed")

    def _check_delivered(self, occurrence: str, why: str) -> None:
        key, run = self.log.key(occurrence), self.log.run(occurrence)
        if (
            key.now.kind == "planned"
            and key.is_relied_on
            and not key.tampered
            and not (run.recorded or run.lost or run.carriers)
        ):
            text = f"nothing brings revision {key.now.revision}, and {key.reported_revision} was reported as planned"
            self.violated("I18", f"{why}: {text}")
