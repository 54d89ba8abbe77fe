"""The bookkeeper: writes into the log what each notification has changed, after the judges have seen it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cronstack.errors import Unavailable
from cronstack.occurrence import is_planned, planned_id
from cronstack_infra.play.prove.log.listener import Listener, PlanBegin, PlanChange, Row, RunChange
from cronstack_infra.play.prove.log.plans import BEGUN, Caller, KeyRecord, State
from cronstack_infra.play.prove.log.records import ALIVE, Attempt, Death, Invoked, LetterClaim, RunRecord
from cronstack_infra.play.prove.models.world import PLANS, RUNS_OF_KEYS

if TYPE_CHECKING:
    from cronstack.onetime.planner import Plan
    from cronstack.steps import Work
    from cronstack_infra.play.prove.models.queued import QueuedEvent
    from cronstack_infra.play.store.store import Key


class Bookkeeper(Listener):
    """The owner of every field of the records that names no judge."""

    # -- requests of invocations ---------------------------------------------------------------------------------------
    def request_over(self, invoked: Invoked) -> None:
        invoked.saw_end = self.log.is_over(self.log.run(invoked.event.occurrence))

    def letter_sent(self, invoked: Invoked, run: RunRecord, death: Death, identity: str) -> None:
        run.letters[death] += 1

    def event_refused(self, invoked: Invoked, error: str) -> None:
        invoked.event.refused = error

    # -- the lease and runs --------------------------------------------------------------------------------------------
    def lease_claimed(self, invoked: Invoked, holder: str, fence: int) -> None:
        self.log.job.fence = fence

    def lease_renewed(self, invoked: Invoked, held: Attempt, expires: int) -> None:
        held.expires = expires

    def claimed(self, change: RunChange) -> None:
        log, run, item = self.log, change.run, change.after
        run.limit = log.next_limit(run)
        run.claims += 1
        run.fence = item["fence"]
        run.close()
        run.ended, run.death = None, ALIVE
        kept = frozenset((run.checkpoint, *run.late_checkpoints))
        attempt = Attempt(item["holder"], change.invoked, run, run.claims, item["fence"], item["expires"], kept)
        attempt.after_crash = change.old in ("running", "crashed")
        run.open = log.attempts[attempt.holder] = attempt
        self._key_worked(change)
        if not log.is_alone(run):
            if log.job.held is not None:
                log.job.held.lost = True
            log.job.held = attempt

    def crashed(self, change: RunChange) -> None:
        change.run.close()

    def checkpoint_kept(self, change: RunChange, attempt: Attempt) -> None:
        run, checkpoint = change.run, change.after["checkpoint"]
        if self.log.world.now > attempt.expires:
            run.late_checkpoints.add(checkpoint)
        else:
            run.checkpoint = checkpoint
            run.late_checkpoints.clear()

    def settled(self, change: RunChange, attempt: Attempt) -> None:
        log, run, status = self.log, change.run, change.new
        attempt.settled = status
        if attempt in log.job.working:  # committed: what its handler still does is no work on this occurrence
            attempt.how = "succeeded"
            log.job.working.remove(attempt)
        run.close()
        run.ended = None if status == "retrying" else status
        run.limit = change.after["limit"]  # higher where the attempt was given back
        if status == "dead":
            self._died(run, (attempt.number, 0), attempt)
        if not log.is_alone(run):
            log.job.held = None

    def _died(self, run: RunRecord, death: Death, sender: Attempt | LetterClaim) -> None:
        run.death = death
        run.deaths.add(death)
        run.sender, run.letter_noted = sender, False

    def letter_claimed(self, change: RunChange) -> None:
        run, after = change.run, change.after
        if change.before.get("holder") != after["holder"]:
            run.sender = LetterClaim(change.invoked, after["expires"])
        run.letter_noted = "reported" in after

    def passed_over(self, change: RunChange) -> None:
        run, invoked = change.run, change.invoked
        run.ended = change.new
        self._key_worked(change)
        if change.new == "missed":
            invoked.missed = (0, change.after.get("revision", 0))
            self._died(run, invoked.missed, LetterClaim(invoked, change.after["expires"]))

    def _key_worked(self, change: RunChange) -> None:
        event = change.invoked.event
        if is_planned(change.run.occurrence) and change.creates:
            key = self.log.key(change.run.occurrence)
            key.worked = (event.body["revision"], event.due)
            key.stray = key.tampered and (change.invoked.ended or change.invoked.given_up)

    def buffered(self, change: RunChange) -> None:
        change.run.waived = change.invoked.event.by_operator
        change.run.placed = change.invoked

    # -- handlers and invocations --------------------------------------------------------------------------------------
    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        self.log.handlers += 1
        attempt.how = "works"
        attempt.run.attempts.append(attempt)
        self.log.job.working.append(attempt)

    def handler_begins_unclaimed(self, invoked: Invoked) -> None:
        self.log.handlers += 1

    def handler_ends(self, invoked: Invoked, *, failed: bool) -> None:
        self._stop_working(invoked, "failed" if failed else "succeeded")

    def killed(self, invoked: Invoked) -> None:
        invoked.killed = self.log.run(invoked.event.occurrence).hampered = True
        self._stop_working(invoked, "crashed")

    def _stop_working(self, invoked: Invoked, how: str) -> None:
        attempt = self.log.attempt_of(invoked)
        if attempt is not None and attempt in self.log.job.working:
            attempt.how = how
            self.log.job.working.remove(attempt)

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        invoked.gave_up = isinstance(raised, Unavailable)
        self.log.run(invoked.event.occurrence).hampered |= raised is not None

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
        run.lost = run.swallowed = True
        run.unwritten |= event.unwritten

    def _can_bring(self, run: RunRecord, event: QueuedEvent) -> bool:
        """Whether the run can be worked by this event: of a key, only by that of the plan which it is worked by."""
        if not is_planned(run.occurrence):
            return True
        key = self.log.key(run.occurrence)
        if key.worked is not None and not self.log.is_planned_anew(run):
            return self.log.is_of_run(event)
        return event.body.get("revision") == key.now.revision

    def plan_repaired(self, caller: Caller, plan: Plan) -> None:
        # The new schedule may have fired, and be lost as the old one was, before its caller knows that it was made.
        run = self.log.run(plan.occurrence)
        run.lost = run.lost and not any(self._can_bring(run, event) for event in run.carriers)

    def run_mended(self, occurrence: str) -> None:
        self.log.run(occurrence).lost = False

    def carrier_deleted(self, event: QueuedEvent) -> None:
        self.log.run(event.occurrence).carriers.discard(event)

    delivery_done = carrier_deleted

    def delivery_given_up(self, event: QueuedEvent) -> None:
        run = self.log.run(event.occurrence)
        run.carriers.discard(event)
        run.recorded = run.recorded or event.carrier

    # -- calls of application code -------------------------------------------------------------------------------------
    def call_begins(self, caller: Caller) -> None:
        if caller.call.what != "sweep":
            caller.since = len(self.log.key(planned_id(caller.call.order.key)).states) - 1

    def schedule_made(self, caller: Caller, key: KeyRecord, revision: int) -> None:
        key.made.add(revision)

    def plan_written(self, change: PlanChange) -> None:
        caller, key, item = change.caller, change.key, change.after
        if change.new == "cancelled":
            key.over = key.now.revision
            key.states.append(key.now._replace(kind="cancelled"))
            return
        if key.now.kind == "none":
            self._forget(change.run.occurrence)
        caller.wrote.add(item["revision"])
        key.states.append(State("planned", item["revision"], item["due"], item["payload"], item["asked"]))

    def plan_begun(self, change: PlanBegin) -> None:
        key, status = change.key, change.after["status"]
        key.states.append(key.now._replace(kind=status))
        key.begins.add(change.after.get("revision", 0))
        key.begun = self.log.world.now
        if status == "missed":
            key.over = key.now.revision

    def _forget(self, occurrence: str) -> None:
        """Forget a run as the ledger has."""
        run, key = self.log.run(occurrence), self.log.key(occurrence)
        if key.worked and not self.log.has_row(run):
            self.log.runs[occurrence] = RunRecord(occurrence, events=run.events, carriers=run.carriers)
            key.worked = None

    def plan_tampered(self, occurrence: str, after: Row) -> None:
        key = self.log.key(occurrence)
        key.tampered = True
        self._forget(occurrence)
        if after.get("status") in BEGUN and isinstance(after.get("revision"), int):
            key.begins.add(after["revision"])

    def call_returned(self, caller: Caller, plan: Plan) -> None:
        caller.returned = True

    def call_refused(self, caller: Caller) -> None:
        caller.returned = True

    # -- the world -----------------------------------------------------------------------------------------------------
    def lease_deleted(self) -> None:
        self.log.touched = True
        self.log.job.fence, self.log.job.held = 0, None

    def expired(self, gone: Iterable[Key]) -> None:
        for partition, name in gone:
            if partition.startswith(PLANS):
                record = self.log.key(planned_id(name))
                record.over = record.now.revision
                record.states.append(State("none", record.now.revision))
            elif partition.startswith(RUNS_OF_KEYS) and self.log.key(name[4:]).tampered:
                self._forget(name[4:])  # an intruder could say that its plan was not begun
