"""Planning rights: code that may only plan changes runs only by the event of a plan (I26).

An intruder writes anything into plans, and sends anything by their alias. The other invariants judge the effects on
started runs: none is lost, none runs twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cronstack.occurrence import is_planned, payload_hash
from cronstack_infra.play.prove.judges.judge import Judge
from cronstack_infra.play.prove.log.listener import PlanStart, Row, RunChange
from cronstack_infra.play.prove.log.plans import STARTED
from cronstack_infra.play.prove.log.records import AttemptRecord, Death, InvocationRecord, RunRecord


class PlanningRights(Judge):
    """The judge of invocations that came by the alias for plans, and of the events that continue a key's run."""

    def run_changed(self, change: RunChange) -> None:
        self._check_planned(change.invocation, change.run.occurrence, "changes its run")

    def lease_claimed(self, invocation: InvocationRecord, holder: str, fence: int) -> None:
        self._check_planned(invocation, "the lease", "takes it")

    def letter_sent(self, invocation: InvocationRecord, run: RunRecord, death: Death, identity: str) -> None:
        self._check_planned(invocation, run.occurrence, "sends its letter")

    def carrier_requested(self, invocation: InvocationRecord, body: Row) -> None:
        own = invocation.event.body
        if "key" in own and (body.get("key") != own["key"] or ("by" in body and "by" not in own)):
            self.violated("I26", f"{invocation.name} makes a carrier for {body}, but its own event is {own}")
        unanswered = invocation.silent_since is not None or invocation.scheduler_failed
        if invocation.event.forged and not unanswered and body.get("revision") == own.get("revision"):
            self._check_event_of_plan(invocation)

    def _check_event_of_plan(self, invocation: InvocationRecord) -> None:
        """Check that no carrier is made for an event that belongs to no plan, whatever its time."""
        event, key = invocation.event, self.log.key(invocation.event.occurrence)
        plan = (event.body.get("revision"), event.due)
        if not key.tampered and all((state.revision, state.due) != plan for state in key.states):
            self.violated("I26", f"{invocation.name} makes a carrier for a forged event: {event.body}")

    def plan_started(self, change: PlanStart) -> None:
        before, after = change.before.get("status"), change.after["status"]
        reopened = before == "missed" and change.invocation.event.by_operator
        if after == STARTED and before != "planned" and not reopened:
            self.violated("I26", f"{change.invocation.name} starts a plan that is {before}")

    def claimed(self, change: RunChange) -> None:
        """Check that all attempts of a key are by the event that has created its run, or by an equal one."""
        if not is_planned(change.run.occurrence) or change.creates:
            return
        event, name = change.invocation.event, change.invocation.name
        if not self.log.is_of_run(event) or payload_hash(event.body["input"]) != change.before["payload"]:
            self.violated(
                "I26", f"{name} continues {change.run.occurrence} by another event than its plan's: {event.body}"
            )

    def ended(
        self, invocation: InvocationRecord, attempt: AttemptRecord | None, answer: Row, raised: BaseException | None
    ) -> None:
        result: Mapping[str, Any] = {} if raised is not None else answer
        body = invocation.event.body
        foreign = "key" not in body or "by" in body or "carrier" in body
        if invocation.event.alias and foreign and raised is None and result.get("cronstack") != "refused":
            self.violated("I26", f"{invocation.name} came by the alias for plans, and ended with {result} for {body}")

    def _check_planned(self, invocation: InvocationRecord, resource: str, action: str) -> None:
        if invocation.event.alias and not is_planned(resource):
            self.violated("I26", f"{invocation.name}, by the alias for plans, {action}: {resource}")
