"""Revisions: a plan starts by its last revision, never after a cancel; what has started stays so (I19, I20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cronstack.occurrence import is_planned
from cronstack.onetime.planner import Plan
from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import PlanChange, PlanStart, RunChange
from cronstack_infra.play.prove.log.plans import STARTED, UNSTARTED_KINDS, CallerRecord, KeyState, Kind
from cronstack_infra.play.prove.log.records import AttemptRecord, Death, InvocationRecord, RunRecord

TOO_LATE: Final[tuple[Kind, ...]] = (STARTED, "cancelled")
"""The kinds for which a move is too late."""
ENDED: Final[tuple[Kind, ...]] = (STARTED, *UNSTARTED_KINDS)
"""The kinds for which a cancel is too late."""
NEXT_KINDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "planned": (STARTED, "skipped"),
    STARTED: ("missed",),
    "missed": ("missed",),
}
"""The next kinds of a plan that a delivery may write. In addition, a redrive starts a missed plan again."""


class Revisions(Judge):
    """The judge of how calls and deliveries change a key."""

    # -- calls ---------------------------------------------------------------------------------------------------------
    def plan_written(self, change: PlanChange) -> None:
        name, key, old, new = change.caller.name, change.key, change.old, change.new
        if key.tampered:
            return
        if change.caller.returned:
            self.violated("I19", f"{name} has returned, and its request changes {old} to {new} after that")
        if key.now.kind == STARTED or (key.now.kind in UNSTARTED_KINDS and new != "planned"):
            self.violated("I19", f"{name} changes {key.now.kind} to {new}")
        if new == "planned":
            revision = change.after["revision"]
            if revision <= key.now.revision:
                self.violated("I20", f"{name} plans revision {revision} after {key.now.revision}")
            call = change.caller.call
            on_purpose = call.replace or (key.now.kind in UNSTARTED_KINDS and call.operation == "move")
            if key.now.kind in ("cancelled", *UNSTARTED_KINDS) and not on_purpose:
                self.violated("I19", f"{name} plans a key again that was {key.now.kind}, without replace or move")
        elif new != "cancelled":
            self.violated("I19", f"{name} has changed {old} to {new}")

    def call_returned(self, caller: CallerRecord, plan: Plan) -> None:
        key = self.log.key(plan.occurrence)
        window = key.states[caller.since :]
        if key.tampered:
            return
        if plan.outcome == "cancelled":
            self._check_was(caller, plan, window, ("cancelled",))
        elif plan.outcome == "too late":
            others = [state for state in window if state.revision not in caller.wrote]
            self._check_was(caller, plan, others, TOO_LATE if caller.call.operation == "move" else ENDED)

    def _check_was(self, caller: CallerRecord, plan: Plan, states: Iterable[KeyState], kinds: tuple[Kind, ...]) -> None:
        if all(state.kind not in kinds for state in states):
            self.violated("I19", f"{caller.name} returns {plan.outcome!r}, which was never true")

    # -- deliveries ----------------------------------------------------------------------------------------------------
    def plan_started(self, change: PlanStart) -> None:
        name, event, state = change.invocation.name, change.invocation.event, change.key.now
        if (event.body["revision"], event.due) != (change.after.get("revision"), change.after.get("due")):
            self.violated("I20", f"{name} starts another plan than its event's: {change.after}")
        if change.key.tampered:
            return
        redriven = state.kind == "missed" and event.redrive is not None and event.by_operator
        next_kinds = (STARTED,) if redriven else NEXT_KINDS.get(state.kind, ())
        if change.after["status"] not in next_kinds:
            self.violated("I19", f"{name} changes {state.kind} to {change.after['status']}")
        self._check_plan(change.invocation, (state.revision, state.due), "starts the plan")

    def letter_sent(self, invocation: InvocationRecord, run: RunRecord, death: Death, identity: str) -> None:
        """Check that the plan is missed: a letter of a miss can be redriven, or its key planned again."""
        if not is_planned(run.occurrence) or death[0]:
            return
        key = self.log.key(run.occurrence)
        known = any(state.kind == "missed" and state.revision == death[1] for state in key.states)
        if not known and not key.tampered:
            self.violated("I19", f"{invocation.name} reports {run.occurrence} as missed, but its plan was never missed")

    def claimed(self, change: RunChange) -> None:
        if is_planned(change.run.occurrence):
            self._check_started(change)

    skipped_or_missed = claimed

    def _check_started(self, change: RunChange) -> None:
        """Check that a run follows the start of its plan, and that all its attempts are of that plan."""
        key, name, revision = self.log.key(change.run.occurrence), change.invocation.name, change.after["revision"]
        if not change.creates:
            assert key.run_plan is not None
            self._check_plan(change.invocation, key.run_plan, "continues the run")
        elif revision not in key.started_revisions:
            self.violated("I19", f"{name} creates the run of revision {revision}, which is {key.now.kind}")
        elif not key.tampered:
            self._check_plan(change.invocation, (key.now.revision, key.now.due), "creates the run")

    def _check_plan(self, invocation: InvocationRecord, plan: tuple[int, int], action: str) -> None:
        own = (invocation.event.body["revision"], invocation.event.due)
        if own != plan:
            self.violated("I20", f"{invocation.name} {action} by revision and due time {own}, not {plan}")

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        occurrence = attempt.run.occurrence
        if is_planned(occurrence) and self.log.key(occurrence).run_plan is None:
            kind = self.log.key(occurrence).now.kind
            self.violated("I19", f"{invocation.name} runs the handler of a key that is {kind}")
