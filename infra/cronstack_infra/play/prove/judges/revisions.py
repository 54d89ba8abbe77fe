"""Revisions: a plan begins by its last revision, and not after a cancel; what has begun stays (I19, I20)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cronstack.occurrence import is_planned
from cronstack.onetime.planner import Plan
from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import PlanBegin, PlanChange, RunChange
from cronstack_infra.play.prove.log.plans import BEGUN, Caller, Kind, State
from cronstack_infra.play.prove.log.records import Attempt, Death, Invoked, RunRecord

OVER: Final[tuple[Kind, ...]] = ("begun", "cancelled")
"""Where a move comes too late."""
LEADS: Final[Mapping[Kind, tuple[str, ...]]] = {"planned": ("begun",), "begun": ("missed",), "missed": ("missed",)}
"""What a delivery makes of a plan. A redrive of a miss begins it again."""


class Revisions(Judge):
    """Judges what calls and deliveries make of a key."""

    # -- calls ---------------------------------------------------------------------------------------------------------
    def plan_written(self, change: PlanChange) -> None:
        name, key, old, new = change.caller.name, change.key, change.old, change.new
        if key.tampered:
            return
        if change.caller.returned:
            self.violated("I19", f"{name} has returned, and a request of its makes {old} {new} since")
        if key.now.kind == "begun" or (key.now.kind == "missed" and new != "planned"):
            self.violated("I19", f"{name} makes {new} what is {key.now.kind}")
        if new == "planned":
            revision = change.after["revision"]
            if revision <= key.now.revision:
                self.violated("I20", f"{name} plans revision {revision} after {key.now.revision}")
            call = change.caller.call
            said = call.replace or (key.now.kind == "missed" and call.what == "move")
            if key.now.kind in ("cancelled", "missed") and not said:
                self.violated("I19", f"{name} plans anew what was {key.now.kind}, without having said so")
        elif new != "cancelled":
            self.violated("I19", f"{name} has made {old} {new}")

    def call_returned(self, caller: Caller, plan: Plan) -> None:
        key = self.log.key(plan.occurrence)
        window = key.states[caller.since :]
        if key.tampered:
            return
        if plan.outcome == "cancelled":
            self._was(caller, plan, window, ("cancelled",))
        elif plan.outcome == "too late":
            others = [one for one in window if one.revision not in caller.wrote]
            self._was(caller, plan, others, OVER if caller.call.what == "move" else BEGUN)

    def _was(self, caller: Caller, plan: Plan, states: Iterable[State], kinds: tuple[Kind, ...]) -> None:
        if all(one.kind not in kinds for one in states):
            self.violated("I19", f"{caller.name} returns {plan.outcome!r}, and it never was so")

    # -- deliveries ----------------------------------------------------------------------------------------------------
    def plan_begun(self, change: PlanBegin) -> None:
        name, event, state = change.invoked.name, change.invoked.event, change.key.now
        if (event.body["revision"], event.due) != (change.after.get("revision"), change.after.get("due")):
            self.violated("I20", f"{name} begins a plan that is not its event's: {change.after}")
        if change.key.tampered:
            return
        redriven = state.kind == "missed" and event.redrive is not None and event.by_operator
        leads = ("begun",) if redriven else LEADS.get(state.kind, ())
        if change.after["status"] not in leads:
            self.violated("I19", f"{name} makes {change.after['status']} what is {state.kind}")
        self._is_of(change.invoked, (state.revision, state.due), "begins the plan")

    def letter_sent(self, invoked: Invoked, run: RunRecord, death: Death, identity: str) -> None:
        """A letter of a miss can be redriven, or its key planned anew: the plan must say that it was missed."""
        if not is_planned(run.occurrence) or death[0]:
            return
        key = self.log.key(run.occurrence)
        known = any(state.kind == "missed" and state.revision == death[1] for state in key.states)
        if not known and not key.tampered:
            self.violated("I19", f"{invoked.name} reports that {run.occurrence} was missed, and its plan is not")

    def claimed(self, change: RunChange) -> None:
        if is_planned(change.run.occurrence):
            self._is_begun(change)

    passed_over = claimed

    def _is_begun(self, change: RunChange) -> None:
        """A run comes after the begin of its plan, and all its attempts are of that plan."""
        key, name, revision = self.log.key(change.run.occurrence), change.invoked.name, change.after["revision"]
        if not change.creates:
            assert key.worked is not None
            self._is_of(change.invoked, key.worked, "works the run")
        elif revision not in key.begins:
            self.violated("I19", f"{name} creates the run of revision {revision}, which is {key.now.kind}")
        elif not key.tampered:
            self._is_of(change.invoked, (key.now.revision, key.now.due), "creates the run")

    def _is_of(self, invoked: Invoked, plan: tuple[int, int], what: str) -> None:
        own = (invoked.event.body["revision"], invoked.event.due)
        if own != plan:
            self.violated("I20", f"{invoked.name} {what} by revision and due time {own}, not {plan}")

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        occurrence = attempt.run.occurrence
        if is_planned(occurrence) and self.log.key(occurrence).worked is None:
            kind = self.log.key(occurrence).now.kind
            self.violated("I19", f"{invoked.name} runs the handler of what is {kind}")
