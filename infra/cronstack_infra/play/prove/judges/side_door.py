"""The side door: what may only plan changes no run but by the event of a plan (I26).

An intruder writes anything into plans, and sends anything by their alias. What follows for started runs is judged by
the other invariants: none is lost, none runs twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cronstack.occurrence import is_planned, payload_hash
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import PlanBegin, Row, RunChange
from cronstack_infra.play.prove.log.records import Attempt, Death, Invoked, RunRecord


class SideDoor(Judge):
    """Judges what an invocation does that came by the alias for plans, and whose event works the run of a key."""

    def run_changed(self, change: RunChange) -> None:
        self._is_planned(change.invoked, change.run.occurrence, "changes its run")

    def lease_claimed(self, invoked: Invoked, holder: str, fence: int) -> None:
        self._is_planned(invoked, "the lease", "takes it")

    def letter_sent(self, invoked: Invoked, run: RunRecord, death: Death, identity: str) -> None:
        self._is_planned(invoked, run.occurrence, "sends its letter")

    def carrier_requested(self, invoked: Invoked, body: Row) -> None:
        own = invoked.event.body
        if "key" in own and (body.get("key") != own["key"] or ("by" in body and "by" not in own)):
            self.violated("I26", f"{invoked.name} makes a carrier for {body}, and was given {own}")
        unanswered = invoked.silent_since is not None or invoked.scheduler_failed
        if invoked.event.forged and not unanswered and body.get("revision") == own.get("revision"):
            self._is_of_plan(invoked)

    def _is_of_plan(self, invoked: Invoked) -> None:
        """No carrier is kept for an event that no plan has, of whatever time it is."""
        event, key = invoked.event, self.log.key(invoked.event.occurrence)
        plan = (event.body.get("revision"), event.due)
        if not key.tampered and all((state.revision, state.due) != plan for state in key.states):
            self.violated("I26", f"{invoked.name} has a forged event carried: {event.body}")

    def plan_begun(self, change: PlanBegin) -> None:
        before, after = change.before.get("status"), change.after["status"]
        reopened = before == "missed" and change.invoked.event.by_operator
        if after == "begun" and before != "planned" and not reopened:
            self.violated("I26", f"{change.invoked.name} begins a plan that is {before}")

    def claimed(self, change: RunChange) -> None:
        """All attempts of a key are by the event that has created its run, or by one like it."""
        if not is_planned(change.run.occurrence) or change.creates:
            return
        event, name = change.invoked.event, change.invoked.name
        if not self.log.is_of_run(event) or payload_hash(event.body["input"]) != change.before["payload"]:
            self.violated("I26", f"{name} works {change.run.occurrence} by another event than its plan's: {event.body}")

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        told: Mapping[str, Any] = {} if raised is not None else answer
        body = invoked.event.body
        foreign = "key" not in body or "by" in body or "carrier" in body
        if invoked.event.alias and foreign and raised is None and told.get("cronstack") != "refused":
            self.violated("I26", f"{invoked.name} came by the alias for plans, and ended {told} for {body}")

    def _is_planned(self, invoked: Invoked, what: str, does: str) -> None:
        if invoked.event.alias and not is_planned(what):
            self.violated("I26", f"{invoked.name}, by the alias for plans, {does}: {what}")
