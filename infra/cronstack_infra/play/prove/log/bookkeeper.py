"""The bookkeeper: writes the change of each notification into the log, after the judges."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cronstack.errors import Unavailable
from cronstack.occurrence import is_planned, planned_id
from cronstack_infra.play.prove.log.listener import EventReceiver, PlanChange, PlanStart, Row, RunChange
from cronstack_infra.play.prove.log.plans import STARTED_KINDS, CallerRecord, KeyRecord, KeyState
from cronstack_infra.play.prove.log.records import ALIVE, AttemptRecord, Death, InvocationRecord, LetterClaim, RunRecord
from cronstack_infra.play.prove.models.world import PLANS, RUNS_OF_KEYS

if TYPE_CHECKING:
    from cronstack.onetime.planner import Plan
    from cronstack.steps import Work
    from cronstack_infra.play.prove.models.queued import QueuedEvent
    from cronstack_infra.play.store.store import Key


class Bookkeeper(EventReceiver):
    """The writer of every field of the records that names no judge."""

    # -- requests of invocations ---------------------------------------------------------------------------------------
    def request_reported(self, invocation: InvocationRecord) -> None:
        invocation.saw_final = self.log.is_final(self.log.run(invocation.event.occurrence))

    def letter_sent(self, invocation: InvocationRecord, run: RunRecord, death: Death, identity: str) -> None:
        run.letters[death] += 1

    def event_refused(self, invocation: InvocationRecord, error: str) -> None:
        invocation.event.refused = error

    # -- the lease and runs --------------------------------------------------------------------------------------------
    def lease_claimed(self, invocation: InvocationRecord, holder: str, fence: int) -> None:
        self.log.job.fence = fence

    def lease_renewed(self, invocation: InvocationRecord, lease_holder: AttemptRecord, expires: int) -> None:
        lease_holder.expires = expires

    def claimed(self, change: RunChange) -> None:
        log, run, item = self.log, change.run, change.after
        run.limit = log.next_limit(run)
        run.claims += 1
        run.fence = item["fence"]
        run.close()
        run.ended, run.death = None, ALIVE
        kept = frozenset((run.checkpoint, *run.late_checkpoints))
        attempt = AttemptRecord(
            item["holder"], change.invocation, run, run.claims, item["fence"], item["expires"], kept
        )
        attempt.after_crash = change.old in ("running", "crashed")
        run.open = log.attempts[attempt.holder] = attempt
        self._record_run_plan(change)
        if not log.needs_no_lease(run):
            if log.job.lease_holder is not None:
                log.job.lease_holder.lost = True
            log.job.lease_holder = attempt

    def crashed(self, change: RunChange) -> None:
        change.run.close()

    def checkpoint_kept(self, change: RunChange, attempt: AttemptRecord) -> None:
        run, checkpoint = change.run, change.after["checkpoint"]
        if self.log.world.now > attempt.expires:
            run.late_checkpoints.add(checkpoint)
        else:
            run.checkpoint = checkpoint
            run.late_checkpoints.clear()

    def settled(self, change: RunChange, attempt: AttemptRecord) -> None:
        log, run, status = self.log, change.run, change.new
        attempt.settled = status
        if attempt in log.job.working:  # committed: the rest of its handler does not count for this occurrence
            attempt.handler_state = "succeeded"
            log.job.working.remove(attempt)
        run.close()
        run.ended = None if status == "retrying" else status
        run.limit = change.after["limit"]  # higher where the attempt was given back
        if status == "dead":
            self._died(run, (attempt.number, 0), attempt)
        if not log.needs_no_lease(run):
            log.job.lease_holder = None

    def _died(self, run: RunRecord, death: Death, sender: AttemptRecord | LetterClaim) -> None:
        run.death = death
        run.deaths.add(death)
        run.sender, run.letter_noted = sender, False

    def letter_claimed(self, change: RunChange) -> None:
        run, after = change.run, change.after
        if change.before.get("holder") != after["holder"]:
            run.sender = LetterClaim(change.invocation, after["expires"])
        run.letter_noted = "reported" in after

    def skipped_or_missed(self, change: RunChange) -> None:
        run, invocation = change.run, change.invocation
        run.ended = change.new
        self._record_run_plan(change)
        if change.new == "missed":
            invocation.missed = (0, change.after.get("revision", 0))
            self._died(run, invocation.missed, LetterClaim(invocation, change.after["expires"]))

    def _record_run_plan(self, change: RunChange) -> None:
        event = change.invocation.event
        if is_planned(change.run.occurrence) and change.creates:
            key = self.log.key(change.run.occurrence)
            key.run_plan = (event.body["revision"], event.due)
            key.created_late = key.tampered and (change.invocation.ended or change.invocation.given_up)

    def buffered(self, change: RunChange) -> None:
        change.run.no_start_deadline = change.invocation.event.by_operator
        change.run.placed_by = change.invocation

    # -- handlers and invocations --------------------------------------------------------------------------------------
    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        self.log.handlers += 1
        attempt.handler_state = "works"
        attempt.run.attempts.append(attempt)
        self.log.job.working.append(attempt)

    def handler_begins_unclaimed(self, invocation: InvocationRecord) -> None:
        self.log.handlers += 1

    def handler_ends(self, invocation: InvocationRecord, *, failed: bool) -> None:
        self._stop_working(invocation, "failed" if failed else "succeeded")

    def killed(self, invocation: InvocationRecord) -> None:
        invocation.killed = self.log.run(invocation.event.occurrence).had_failed_delivery = True
        self._stop_working(invocation, "crashed")

    def _stop_working(self, invocation: InvocationRecord, how: str) -> None:
        attempt = self.log.attempt_of(invocation)
        if attempt is not None and attempt in self.log.job.working:
            attempt.handler_state = how
            self.log.job.working.remove(attempt)

    def ended(
        self, invocation: InvocationRecord, attempt: AttemptRecord | None, answer: Row, raised: BaseException | None
    ) -> None:
        invocation.gave_up = isinstance(raised, Unavailable)
        self.log.run(invocation.event.occurrence).had_failed_delivery |= raised is not None

    # -- events on their way -------------------------------------------------------------------------------------------
    def event_accepted(self, event: QueuedEvent) -> None:
        self.log.run(event.occurrence).events.append(event)

    def carrier_made(self, event: QueuedEvent) -> None:
        run = self.log.run(event.occurrence)
        run.carriers.add(event)
        run.lost = run.lost and not self._can_bring(run, event)

    carrier_doubled = carrier_made

    def carrier_lost(self, event: QueuedEvent) -> None:
        run = self.log.run(event.occurrence)
        run.carriers.discard(event)
        run.lost = run.was_lost = True
        run.not_in_ledger |= event.not_in_ledger

    def _can_bring(self, run: RunRecord, event: QueuedEvent) -> bool:
        """Return whether this event can continue the run. A key's run needs the event of its own plan."""
        if not is_planned(run.occurrence):
            return True
        key = self.log.key(run.occurrence)
        if key.run_plan is not None and not self.log.is_replanned(run):
            return self.log.is_of_run(event)
        return event.body.get("revision") == key.now.revision

    def plan_repaired(self, caller: CallerRecord, plan: Plan) -> None:
        # The new schedule may have fired and be lost, like the old one, before its caller has the answer.
        run = self.log.run(plan.occurrence)
        run.lost = run.lost and not any(self._can_bring(run, event) for event in run.carriers)

    def run_repaired(self, occurrence: str) -> None:
        self.log.run(occurrence).lost = False

    def carrier_deleted(self, event: QueuedEvent) -> None:
        self.log.run(event.occurrence).carriers.discard(event)

    delivery_done = carrier_deleted

    def delivery_given_up(self, event: QueuedEvent) -> None:
        run = self.log.run(event.occurrence)
        run.carriers.discard(event)
        run.recorded = run.recorded or event.carrier

    # -- calls of application code -------------------------------------------------------------------------------------
    def call_begins(self, caller: CallerRecord) -> None:
        if caller.call.operation != "sweep":
            caller.since = len(self.log.key(planned_id(caller.call.order.key)).states) - 1

    def schedule_made(self, caller: CallerRecord, key: KeyRecord, revision: int) -> None:
        key.scheduled_revisions.add(revision)

    def plan_written(self, change: PlanChange) -> None:
        caller, key, item = change.caller, change.key, change.after
        if change.new == "cancelled":
            key.ended_revision = key.now.revision
            key.states.append(key.now._replace(kind="cancelled"))
            return
        if key.now.kind == "none":
            self._drop_run(change.run.occurrence)
        caller.wrote.add(item["revision"])
        key.states.append(KeyState("planned", item["revision"], item["due"], item["payload"], item["asked"]))

    def plan_started(self, change: PlanStart) -> None:
        key, status = change.key, change.after["status"]
        key.states.append(key.now._replace(kind=status))
        if status == "skipped":
            key.ended_revision = key.now.revision
            return
        key.started_revisions.add(change.after.get("revision", 0))
        key.started_at = self.log.world.now
        if status == "missed":
            key.ended_revision = key.now.revision

    def _drop_run(self, occurrence: str) -> None:
        """Drop the record of a run whose row the ledger has deleted."""
        run, key = self.log.run(occurrence), self.log.key(occurrence)
        if key.run_plan and not self.log.has_row(run):
            self.log.runs[occurrence] = RunRecord(occurrence, events=run.events, carriers=run.carriers)
            key.run_plan = None

    def plan_tampered(self, occurrence: str, after: Row) -> None:
        key = self.log.key(occurrence)
        key.tampered = True
        self._drop_run(occurrence)
        if after.get("status") in STARTED_KINDS and isinstance(after.get("revision"), int):
            key.started_revisions.add(after["revision"])

    def call_returned(self, caller: CallerRecord, plan: Plan) -> None:
        caller.returned = True

    def call_refused(self, caller: CallerRecord) -> None:
        caller.returned = True

    # -- the world -----------------------------------------------------------------------------------------------------
    def lease_deleted(self) -> None:
        self.log.lease_was_deleted = True
        self.log.job.fence, self.log.job.lease_holder = 0, None
        self.job_resumed()

    def job_paused(self) -> None:
        self.log.job.paused = True

    def job_resumed(self) -> None:
        if self.log.job.paused:
            self.log.job.paused, self.log.job.resumed_at = False, self.log.world.now

    def expired(self, gone: Iterable[Key]) -> None:
        for partition, name in gone:
            if partition.startswith(PLANS):
                record = self.log.key(planned_id(name))
                record.ended_revision = record.now.revision
                record.states.append(KeyState("none", record.now.revision))
            elif partition.startswith(RUNS_OF_KEYS) and self.log.key(name[4:]).tampered:
                self._drop_run(name[4:])  # an intruder could write that its plan has not started
