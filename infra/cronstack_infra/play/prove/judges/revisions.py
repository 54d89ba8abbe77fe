"""Revisions: a plan begins by its last revision, and not after a cancel; what has begun stays (I19, I20)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cronstack.occurrence import is_planned
from cronstack.onetime.planner import Plan
from cronstack.steps import Work
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import PlanChange, RunChange
from cronstack_infra.play.prove.log.plans import Caller, Kind, State
from cronstack_infra.play.prove.log.records import Attempt, Invoked

OVER: Final[tuple[Kind, ...]] = ("begun", "ended", "cancelled")


class Revisions(Judge):
    """Judges what calls and deliveries make of a key."""

    # -- calls ---------------------------------------------------------------------------------------------------------
    def plan_touched(self, change: PlanChange) -> None:
        before, after = change.before, change.after
        if before["event"] != after["event"] or ("confirmed" in before and "confirmed" not in after):
            self.violated("I20", f"{change.caller.name} has changed the plan, and not its revision")

    def plan_written(self, change: PlanChange) -> None:
        name, key, old, new = change.caller.name, change.key, change.old, change.new
        if change.caller.returned:
            self.violated("I19", f"{name} has returned, and a request of its makes {old} {new} since")
        if key.now.kind in ("begun", "ended"):
            self.violated("I19", f"{name} makes {new} what has {key.now.kind}")
        if new == "planned":
            revision = change.after["revision"]
            if revision <= key.now.revision:
                self.violated("I20", f"{name} plans revision {revision} after {key.now.revision}")
            if key.now.kind == "cancelled" and not change.caller.call.replace:
                self.violated("I19", f"{name} plans anew what was cancelled, without having said so")
        elif new != "skipped":
            self.violated("I19", f"{name} has made {old} {new}")

    def call_returned(self, caller: Caller, plan: Plan) -> None:
        window = self.log.key(plan.occurrence).states[caller.since :]
        if plan.outcome == "cancelled":
            self._was(caller, plan, window, ("cancelled",))
        elif plan.outcome == "too late":
            others = [one for one in window if one.revision not in caller.wrote]
            self._was(caller, plan, others, OVER if caller.call.what == "move" else OVER[:2])

    def _was(self, caller: Caller, plan: Plan, states: Iterable[State], kinds: tuple[Kind, ...]) -> None:
        if all(one.kind not in kinds for one in states):
            self.violated("I19", f"{caller.name} returns {plan.outcome!r}, and it never was so")

    # -- deliveries ----------------------------------------------------------------------------------------------------
    def claimed(self, change: RunChange) -> None:
        run, name, event = change.run, change.invoked.name, change.invoked.event
        if not is_planned(run.occurrence):
            return
        state = self.log.key(run.occurrence).now
        if state.kind in ("none", "cancelled"):
            self.violated("I19", f"{name} begins {run.occurrence}, where {state.kind} stands")
        revision = event.body["revision"]
        if (revision, event.due) != (state.revision, state.due):
            self.violated("I20", f"{name} begins by revision {revision}, planned is {state.revision}")

    def passed_over(self, change: RunChange) -> None:
        if not is_planned(change.run.occurrence):
            return
        state, revision = self.log.key(change.run.occurrence).now, change.invoked.event.body["revision"]
        if state.kind != "planned" or revision != state.revision:
            self.violated("I20", f"revision {revision} of {change.run.occurrence} misses what stands: {state}")

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        occurrence = attempt.run.occurrence
        if is_planned(occurrence) and self.log.key(occurrence).now.kind != "begun":
            kind = self.log.key(occurrence).now.kind
            self.violated("I19", f"{invoked.name} runs the handler of what is {kind}")
