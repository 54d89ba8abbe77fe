"""The reader of commits: turns each request that was carried out into notifications of its changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cronstack.ledger.rows import FAILED
from cronstack.occurrence import is_planned, planned_id
from cronstack.steps import Call
from cronstack_infra.play.prove.log.listener import EventReceiver, LedgerState, PlanChange, PlanStart, Row, RunChange
from cronstack_infra.play.prove.log.log import Log, plain
from cronstack_infra.play.prove.log.plans import CallerRecord
from cronstack_infra.play.prove.log.records import InvocationRecord
from cronstack_infra.play.prove.models.queued import is_forged, read_text
from cronstack_infra.play.prove.models.world import EFFECTS, LEASE, PLANS, RUNS_OF_KEYS

if TYPE_CHECKING:
    from cronstack_infra.play.store.store import Item, ItemChange, Key


class CommitReader:
    """A reader of the store's last changes and of request parameters. It notifies a listener."""

    def __init__(self, log: Log, listener: EventReceiver) -> None:
        self.log, self._listener = log, listener
        self._plain: dict[Key, tuple[Item, Row]] = {}
        """The last item of each key, with its plain values. An item is never changed in place."""

    # -- requests of invocations ---------------------------------------------------------------------------------------
    def carried_out(self, invocation: InvocationRecord, call: Call, answer: Mapping[str, Any]) -> None:
        listener, log = self._listener, self.log
        listener.request_done(invocation, call, log.attempt_of(invocation), refused="Error" in answer)
        if call.operation == "SendMessage":
            self._letter(invocation, call.parameters["MessageBody"])
        elif call.operation == "CreateSchedule":
            listener.carrier_requested(invocation, json.loads(call.parameters["Target"]["Input"]))
        elif changes := log.world.store.changes:
            self._changed(invocation, changes)
        listener.request_reported(invocation)

    def _letter(self, invocation: InvocationRecord, body: str) -> None:
        letter = json.loads(body)
        about, condition = letter["cronstack"], letter["requestContext"]["condition"]
        if condition == "Refused":
            self._listener.event_refused(invocation, letter["responsePayload"]["errorType"])
        else:
            run, revision = self.log.run(about["occurrence"]), letter["requestPayload"].get("revision", 0)
            death = (about["attempt"], revision if condition == "Missed" else 0)
            self._listener.letter_sent(invocation, run, death, about["id"])

    def _changed(self, invocation: InvocationRecord, changes: list[ItemChange]) -> None:
        """Notify of the lease first, then of runs, then of effects, whatever their order in the transaction."""
        effects = [change for change in changes if change.key[0] == EFFECTS]
        for change in changes:
            if change.key == LEASE:
                self._lease_changed(invocation, change)
        for change in changes:
            if change.key[0].startswith(PLANS):
                self._plan_started(invocation, change)
            elif change.key[0].startswith((LEASE[0], RUNS_OF_KEYS)) and change.key != LEASE:
                self._run_changed(invocation, change, commits=bool(effects))
        for change in effects:
            self.log.world.count("handler", "effect committed")
            self._listener.effect_written(invocation, self.log.run(change.key[1]))
        if not self.log.without_lease and not self.log.lease_was_deleted:
            self._listener.committed(self._ledger_state())

    def _ledger_state(self) -> LedgerState:
        items = self.log.world.store.items
        lease = items.get(LEASE, {})
        holder = (lease["holder"]["S"], lease["occurrence"]["S"]) if "holder" in lease else None
        running, waiting = [], []
        for (partition, name), item in items.items():
            status = item["status"]["S"] if partition == LEASE[0] and "status" in item else ""
            if status == "running":
                running.append((item["holder"]["S"], name[4:]))
            elif status == "buffered":
                waiting.append(name[4:])
        return LedgerState(holder, lease["buffered"]["S"] if "buffered" in lease else None, running, waiting)

    def _rows(self, change: ItemChange) -> tuple[Row, Row]:
        """Return the item before and after, with plain values."""
        known = self._plain.get(change.key)
        before = known[1] if known is not None and known[0] is change.before else plain(change.before)
        after = plain(change.after)
        if change.after is not None:
            self._plain[change.key] = (change.after, after)
        return before, after

    def _lease_changed(self, invocation: InvocationRecord, change: ItemChange) -> None:
        before, after = self._rows(change)
        old, new = before.get("holder"), after.get("holder")
        if old is not None and new is None:
            self._listener.lease_released(invocation, old)
        elif new is not None and new != old:
            self._listener.lease_claimed(invocation, new, after["fence"])
        elif new is not None and before.get("expires") != after["expires"] and self.log.job.lease_holder is not None:
            self._listener.lease_renewed(invocation, self.log.job.lease_holder, after["expires"])

    def _run_changed(self, invocation: InvocationRecord, raw: ItemChange, *, commits: bool) -> None:
        run, listener = self.log.run(raw.key[1][4:]), self._listener
        before, after = self._rows(raw)
        old, new = before.get("status"), after.get("status")
        change = RunChange(invocation, run, before, after, commits)
        if old != new or before.get("holder") != after.get("holder"):
            self.log.world.count("transition", f"{old or 'none'} to {new}")
        listener.run_changed(change)
        if new == "running" and (old != "running" or before.get("attempt") != after["attempt"]):
            listener.claimed(change)
        elif old == "running" and new == "crashed":
            listener.crashed(change)
        elif old == "running":
            self._attempt_changed(change)
        elif old in FAILED and new == old and not change.creates:
            listener.letter_claimed(change)
        elif new in ("skipped", "missed"):
            listener.skipped_or_missed(change)
        elif new == "buffered":
            listener.buffered(change)

    def _attempt_changed(self, change: RunChange) -> None:
        before, after, attempt = change.before, change.after, change.run.open
        if attempt is None or attempt.holder != change.invocation.holder:
            self._listener.changed_by_another(change)
        elif change.new != "running":
            self._listener.settled(change, attempt)
        else:
            if before.get("expires") != after["expires"]:
                self._listener.lease_renewed(change.invocation, attempt, after["expires"])
            if before.get("checkpoint") != after.get("checkpoint"):
                self.log.world.count("handler", "checkpoint kept")
                self._listener.checkpoint_kept(change, attempt)

    # -- requests of application code ----------------------------------------------------------------------------------
    def carried_out_for(self, caller: CallerRecord, call: Call, answer: Mapping[str, Any]) -> None:
        if "Error" in answer:
            return
        if call.operation == "CreateSchedule":
            event = read_text(call.parameters["Target"]["Input"])
            if event is not None and is_planned(event.occurrence) and not is_forged(event, call.parameters["Name"]):
                self._listener.schedule_made(caller, self.log.key(event.occurrence), event.body["revision"])
        for change in self.log.world.store.changes if call.operation == "UpdateItem" else ():
            self._plan_changed(caller, change)

    def _plan_changed(self, caller: CallerRecord, raw: ItemChange) -> None:
        run, (before, after) = self.log.run(planned_id(raw.key[1])), self._rows(raw)
        change = PlanChange(caller, self.log.key(run.occurrence), run, before, after)
        self._count_plan(before, after)
        self._listener.plan_written(change)

    def _plan_started(self, invocation: InvocationRecord, raw: ItemChange) -> None:
        run, (before, after) = self.log.run(planned_id(raw.key[1])), self._rows(raw)
        self._count_plan(before, after)
        self._listener.plan_started(PlanStart(invocation, self.log.key(run.occurrence), run, before, after))

    def _count_plan(self, before: Row, after: Row) -> None:
        self.log.world.count("plan", f"{before.get('status') or 'none'} to {after.get('status')}")
