"""The notifications of a world: commits, letters, starts and ends.

The observer notifies the judges first, then the bookkeeper. So a judge reads the records from before the change.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from cronstack.onetime.planner import Plan
    from cronstack.steps import Call, Work
    from cronstack_infra.play.prove.log.log import Log
    from cronstack_infra.play.prove.log.plans import CallerRecord, KeyRecord
    from cronstack_infra.play.prove.log.records import AttemptRecord, Death, InvocationRecord, RunRecord
    from cronstack_infra.play.prove.models.queued import QueuedEvent
    from cronstack_infra.play.store.store import Key

Row = Mapping[str, Any]
"""An item with plain values; empty if it does not exist."""


class RunChange(NamedTuple):
    """A change of a run's item by an invocation."""

    invocation: InvocationRecord
    run: RunRecord
    before: Row
    after: Row
    commits: bool
    """A handler's own writes are part of the transaction."""

    @property
    def old(self) -> str | None:
        return self.before.get("status")

    @property
    def new(self) -> str:
        return str(self.after.get("status"))

    @property
    def creates(self) -> bool:
        """Whether this is the first write of the run, or a later plan replaces the missed run of its key."""
        return self.old is None or (self.old == "missed" and self.before.get("revision") != self.after.get("revision"))


class PlanStart(NamedTuple):
    """The start of a plan by an invocation."""

    invocation: InvocationRecord
    key: KeyRecord
    run: RunRecord
    before: Row
    after: Row


class PlanChange(NamedTuple):
    """A change of a plan by application code."""

    caller: CallerRecord
    key: KeyRecord
    run: RunRecord
    before: Row
    after: Row

    @property
    def old(self) -> str | None:
        return self.before.get("status")

    @property
    def new(self) -> str:
        return str(self.after.get("status"))


class LedgerState(NamedTuple):
    """The job's state in the ledger after a request. Planned runs are left out: they need no lease."""

    holder: tuple[str, str] | None
    """The lease's holder, and its occurrence."""
    slot: str | None
    """The occurrence in the slot."""
    running: list[tuple[str, str]]
    """Holder and occurrence of each run that is running."""
    waiting: list[str]
    """The occurrences that are buffered."""


class Acknowledgement(NamedTuple):
    """An event that Lambda will not deliver again, because its invocation has returned."""

    invocation: InvocationRecord
    event: QueuedEvent
    run: RunRecord
    final: bool
    """The occurrence is final, or was final when the invocation's last request was carried out."""
    carried: bool
    """Another event of the occurrence is on its way or among the dead letters."""
    redriven: bool
    """The redrive that the event requests has started."""


class EventReceiver:
    """The base class of all receivers. A subclass overrides the notifications that it needs."""

    def __init__(self, log: Log) -> None:
        self.log = log

    # -- requests of invocations ---------------------------------------------------------------------------------------
    def request_sent(self, invocation: InvocationRecord, call: Call, attempt: AttemptRecord | None) -> None:
        """An invocation sends a request."""

    def request_done(
        self, invocation: InvocationRecord, call: Call, attempt: AttemptRecord | None, *, refused: bool
    ) -> None:
        """A request was carried out or refused. Notifications of what it has changed follow."""

    def request_reported(self, invocation: InvocationRecord) -> None:
        """All changes of a request were notified."""

    def letter_sent(self, invocation: InvocationRecord, run: RunRecord, death: Death, identity: str) -> None:
        """A dead letter was sent."""

    def event_refused(self, invocation: InvocationRecord, error: str) -> None:
        """A letter was sent that refuses the invocation's event."""

    def carrier_requested(self, invocation: InvocationRecord, body: Row) -> None:
        """An invocation requests a schedule that brings this event. A schedule of that name may exist already."""

    # -- the lease -----------------------------------------------------------------------------------------------------
    def lease_claimed(self, invocation: InvocationRecord, holder: str, fence: int) -> None:
        """The lease has a new holder. Notifications of its run follow."""

    def lease_released(self, invocation: InvocationRecord, holder: str) -> None:
        """The lease no longer has a holder."""

    def lease_renewed(self, invocation: InvocationRecord, lease_holder: AttemptRecord, expires: int) -> None:
        """The end of a lease was moved: the job's lease, or that of a run that does not need the job's lease."""

    # -- runs ----------------------------------------------------------------------------------------------------------
    def run_changed(self, change: RunChange) -> None:
        """A run's item was changed in any way. One of the following notifications may follow."""

    def claimed(self, change: RunChange) -> None:
        """An attempt begins."""

    def crashed(self, change: RunChange) -> None:
        """A takeover has marked the attempt of a dead holder."""

    def checkpoint_kept(self, change: RunChange, attempt: AttemptRecord) -> None:
        """A running attempt has stored a checkpoint."""

    def settled(self, change: RunChange, attempt: AttemptRecord) -> None:
        """A running attempt has ended."""

    def changed_by_another(self, change: RunChange) -> None:
        """A running attempt was changed or settled by an invocation that does not hold it."""

    def letter_claimed(self, change: RunChange) -> None:
        """A dead or missed run has claimed its letter, or noted it as sent. Its status is unchanged."""

    def skipped_or_missed(self, change: RunChange) -> None:
        """A run that never started was recorded as skipped or missed."""

    def buffered(self, change: RunChange) -> None:
        """An occurrence was put into the slot."""

    def effect_written(self, invocation: InvocationRecord, run: RunRecord) -> None:
        """A handler's own write was committed."""

    def committed(self, ledger_state: LedgerState) -> None:
        """All changes of one request to the ledger were notified, with the state after them."""

    # -- plans ---------------------------------------------------------------------------------------------------------
    def plan_started(self, change: PlanStart) -> None:
        """An invocation has started a plan, or has recorded it as missed or skipped."""

    def plan_tampered(self, occurrence: str, after: Row) -> None:
        """An intruder has written a plan."""

    # -- handlers and invocations --------------------------------------------------------------------------------------
    def answer_changed(self, invocation: InvocationRecord, switch: str) -> None:
        """An invocation gets an answer that a switch has changed."""

    def hung(self, invocation: InvocationRecord) -> None:
        """An invocation waited for an answer until its deadline."""

    def handler_begins(self, invocation: InvocationRecord, attempt: AttemptRecord, work: Work) -> None:
        """The runtime runs the handler."""

    def handler_begins_unclaimed(self, invocation: InvocationRecord) -> None:
        """The runtime runs the handler without a claim."""

    def handler_ends(self, invocation: InvocationRecord, *, failed: bool) -> None:
        """The handler has returned or raised."""

    def killed(self, invocation: InvocationRecord) -> None:
        """The invocation's process was killed."""

    def ended(
        self, invocation: InvocationRecord, attempt: AttemptRecord | None, answer: Row, raised: BaseException | None
    ) -> None:
        """The invocation has returned or raised."""

    def acknowledged(self, event: Acknowledgement) -> None:
        """An invocation has returned in time, so Lambda will not deliver the event again."""

    # -- events on their way -------------------------------------------------------------------------------------------
    def event_accepted(self, event: QueuedEvent) -> None:
        """Lambda has queued an event."""

    def carrier_made(self, event: QueuedEvent) -> None:
        """A schedule was created that brings an event."""

    def carrier_doubled(self, event: QueuedEvent) -> None:
        """Scheduler fires a schedule twice. This is the second event."""

    def carrier_deleted(self, event: QueuedEvent) -> None:
        """A schedule was deleted before it fired."""

    def carrier_lost(self, event: QueuedEvent) -> None:
        """An outage has lost a schedule and its event."""

    def run_repaired(self, occurrence: str) -> None:
        """Operators have sent the event of an open run again, because nothing brings it."""

    def delivery_done(self, event: QueuedEvent) -> None:
        """Lambda will not deliver the event again."""

    def delivery_given_up(self, event: QueuedEvent) -> None:
        """Lambda has put the event among the dead letters."""

    # -- calls of application code -------------------------------------------------------------------------------------
    def call_begins(self, caller: CallerRecord) -> None:
        """Application code calls ``once``."""

    def schedule_made(self, caller: CallerRecord, key: KeyRecord, revision: int) -> None:
        """A call has created the schedule of a revision."""

    def schedule_deleted(self, caller: CallerRecord, occurrence: str) -> None:
        """A call has deleted a schedule that had not fired."""

    def plan_written(self, change: PlanChange) -> None:
        """A call has written a new revision, or cancelled the plan."""

    def call_returned(self, caller: CallerRecord, plan: Plan) -> None:
        """A call has returned a plan."""

    def call_refused(self, caller: CallerRecord) -> None:
        """A call has raised OnceConflict: the key has another plan."""

    def plan_repaired(self, caller: CallerRecord, plan: Plan) -> None:
        """A sweep has repaired a plan."""

    def sweep_done(self, caller: CallerRecord) -> None:
        """A sweep has ended."""

    # -- the world -----------------------------------------------------------------------------------------------------
    def lease_deleted(self) -> None:
        """The lease's item was deleted by hand."""

    def job_paused(self) -> None:
        """An operator has paused the job, and has the answer."""

    def job_resumed(self) -> None:
        """An operator has resumed the job."""

    def expired(self, gone: Iterable[Key]) -> None:
        """DynamoDB has deleted items whose time to live is over."""

    def no_rest(self) -> None:
        """Events still follow events, though faults have stopped or are few."""

    def at_rest(self, why: str, *, excused: Collection[str] = (), given_up: Iterable[str] = ()) -> None:
        """No event is on its way.

        ``excused``: occurrences that are among the dead letters or come later; ``given_up``: those that Lambda gave up
        though faults had stopped.
        """

    def at_rest_after_repair(self, excused: Collection[str]) -> None:
        """No event is on its way, and operators have repaired what outages had lost.

        ``excused``: occurrences that are among the dead letters.
        """

    def at_rest_after_sweep(self) -> None:
        """No event is on its way, and a sweep has repaired what was left."""

    def schedules_left(self, names: Iterable[str]) -> None:
        """No event is on its way, and these schedules exist."""
