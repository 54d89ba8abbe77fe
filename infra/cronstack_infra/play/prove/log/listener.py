"""The notifications of a world: what was committed, sent, begun and ended.

The observer notifies the judges first, then the bookkeeper. So a judge finds the records as they were before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from cronstack.onetime.planner import Plan
    from cronstack.steps import Call, Work
    from cronstack_infra.play.prove.log.log import Log
    from cronstack_infra.play.prove.log.plans import Caller, KeyRecord
    from cronstack_infra.play.prove.log.records import Attempt, Death, Invoked, RunRecord
    from cronstack_infra.play.prove.models.queued import QueuedEvent
    from cronstack_infra.play.store.store import Key

Row = Mapping[str, Any]
"""An item with plain values; empty if it does not exist."""


class RunChange(NamedTuple):
    """A run's item was changed by an invocation."""

    invoked: Invoked
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
        """Whether it is the first write of the run, or a later plan goes on over what its key had missed."""
        return self.old is None or (self.old == "missed" and self.before.get("revision") != self.after.get("revision"))


class PlanBegin(NamedTuple):
    """A plan was begun by an invocation."""

    invoked: Invoked
    key: KeyRecord
    run: RunRecord
    before: Row
    after: Row


class PlanChange(NamedTuple):
    """A plan was changed by application code."""

    caller: Caller
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


class Standing(NamedTuple):
    """What the ledger holds of the job after a request. Planned runs are left out: they share no lease."""

    holder: tuple[str, str] | None
    """The lease's holder, and its occurrence."""
    slot: str | None
    """The occurrence in the slot."""
    running: list[tuple[str, str]]
    """Holder and occurrence of each run that is running."""
    waiting: list[str]
    """The occurrences that are buffered."""


class Acknowledgement(NamedTuple):
    """Lambda takes an event for done, because its invocation has returned."""

    invoked: Invoked
    event: QueuedEvent
    run: RunRecord
    over: bool
    """The occurrence is final, or was when the invocation's last request was carried out."""
    carried: bool
    """Another event of the occurrence is on its way or among the dead letters."""
    redriven: bool
    """The redrive that the event asks for has begun."""


class Listener:
    """Gets every notification. A subclass overrides those that it needs."""

    def __init__(self, log: Log) -> None:
        self.log = log

    # -- requests of invocations ---------------------------------------------------------------------------------------
    def request_leaves(self, invoked: Invoked, call: Call, attempt: Attempt | None) -> None:
        """An invocation sends a request."""

    def request_done(self, invoked: Invoked, call: Call, attempt: Attempt | None, *, refused: bool) -> None:
        """A request was carried out or refused. Notifications of what it has changed follow."""

    def request_over(self, invoked: Invoked) -> None:
        """All that a request has changed was notified."""

    def letter_sent(self, invoked: Invoked, run: RunRecord, death: Death, identity: str) -> None:
        """A dead letter was sent."""

    def event_refused(self, invoked: Invoked, error: str) -> None:
        """A letter was sent that refuses the invocation's event."""

    def carrier_requested(self, invoked: Invoked, body: Row) -> None:
        """An invocation asks for a schedule that brings this event. A schedule of that name may exist already."""

    # -- the lease -----------------------------------------------------------------------------------------------------
    def lease_claimed(self, invoked: Invoked, holder: str, fence: int) -> None:
        """The lease has a new holder. Notifications of its run follow."""

    def lease_released(self, invoked: Invoked, holder: str) -> None:
        """The lease has no holder any more."""

    def lease_renewed(self, invoked: Invoked, held: Attempt, expires: int) -> None:
        """The end of a lease was moved: the job's, or that of a run that needs no lease."""

    # -- runs ----------------------------------------------------------------------------------------------------------
    def run_changed(self, change: RunChange) -> None:
        """A run's item was changed in any way. One of the following notifications may come after it."""

    def claimed(self, change: RunChange) -> None:
        """An attempt begins."""

    def crashed(self, change: RunChange) -> None:
        """The attempt of a dead holder was marked by a takeover."""

    def checkpoint_kept(self, change: RunChange, attempt: Attempt) -> None:
        """A running attempt has stored a checkpoint."""

    def settled(self, change: RunChange, attempt: Attempt) -> None:
        """A running attempt has ended."""

    def changed_by_another(self, change: RunChange) -> None:
        """A running attempt was changed or settled by an invocation that does not hold it."""

    def letter_claimed(self, change: RunChange) -> None:
        """What is dead or missed was changed and still is: its letter was claimed, or noted as sent."""

    def passed_over(self, change: RunChange) -> None:
        """A run that never started was recorded as skipped or missed."""

    def buffered(self, change: RunChange) -> None:
        """A run was put into the slot."""

    def effect_written(self, invoked: Invoked, run: RunRecord) -> None:
        """A handler's own write was committed."""

    def committed(self, standing: Standing) -> None:
        """All changes of one request to the ledger were notified."""

    # -- plans ---------------------------------------------------------------------------------------------------------
    def plan_begun(self, change: PlanBegin) -> None:
        """An invocation has begun a plan, or has given it back as missed."""

    def plan_tampered(self, occurrence: str, after: Row) -> None:
        """An intruder has written a plan."""

    # -- handlers and invocations --------------------------------------------------------------------------------------
    def answer_changed(self, invoked: Invoked, switch: str) -> None:
        """An invocation gets an answer that a switch has changed."""

    def hung(self, invoked: Invoked) -> None:
        """The deadline has come while an invocation waited for an answer."""

    def handler_begins(self, invoked: Invoked, attempt: Attempt, work: Work) -> None:
        """The runtime runs the handler."""

    def handler_begins_unclaimed(self, invoked: Invoked) -> None:
        """The runtime runs the handler, and has claimed nothing."""

    def handler_ends(self, invoked: Invoked, *, failed: bool) -> None:
        """The handler has returned or raised."""

    def killed(self, invoked: Invoked) -> None:
        """The invocation's process is gone."""

    def ended(self, invoked: Invoked, attempt: Attempt | None, answer: Row, raised: BaseException | None) -> None:
        """The invocation has returned or raised."""

    def acknowledged(self, event: Acknowledgement) -> None:
        """It has returned in time, so Lambda will not deliver the event again."""

    # -- events on their way -------------------------------------------------------------------------------------------
    def event_accepted(self, event: QueuedEvent) -> None:
        """Lambda has queued an event."""

    def carrier_made(self, event: QueuedEvent) -> None:
        """A schedule was created that brings an event."""

    def carrier_doubled(self, event: QueuedEvent) -> None:
        """Scheduler fires a schedule twice; this is the second event."""

    def carrier_deleted(self, event: QueuedEvent) -> None:
        """A schedule was deleted before it fired."""

    def carrier_lost(self, event: QueuedEvent) -> None:
        """An outage has swallowed a schedule: it is gone, and so is its event."""

    def run_mended(self, occurrence: str) -> None:
        """Operators have looked at an open run, and have sent its event again where nothing brings it."""

    def delivery_done(self, event: QueuedEvent) -> None:
        """Lambda will not deliver the event again."""

    def delivery_given_up(self, event: QueuedEvent) -> None:
        """Lambda has put the event among the dead letters."""

    # -- calls of application code -------------------------------------------------------------------------------------
    def call_begins(self, caller: Caller) -> None:
        """Application code calls ``once``."""

    def schedule_made(self, caller: Caller, key: KeyRecord, revision: int) -> None:
        """A call has created the schedule of a revision."""

    def schedule_deleted(self, caller: Caller, occurrence: str) -> None:
        """A call has deleted a schedule that had not fired."""

    def plan_written(self, change: PlanChange) -> None:
        """A call has written a new revision, or cancelled the plan."""

    def call_returned(self, caller: Caller, plan: Plan) -> None:
        """A call has returned a plan."""

    def call_refused(self, caller: Caller) -> None:
        """A call has raised OnceConflict: the key stands for something else."""

    def plan_repaired(self, caller: Caller, plan: Plan) -> None:
        """A sweep has repaired a plan."""

    def sweep_done(self, caller: Caller) -> None:
        """A sweep has ended."""

    # -- the world -----------------------------------------------------------------------------------------------------
    def lease_deleted(self) -> None:
        """The lease's item was deleted by hand."""

    def expired(self, gone: Iterable[Key]) -> None:
        """DynamoDB has deleted items whose time to live is over."""

    def no_rest(self) -> None:
        """Faults have stopped or are few, and events still follow events."""

    def at_rest(self, why: str, *, excused: Collection[str] = (), given_up: Iterable[str] = ()) -> None:
        """Nothing is on its way any more.

        ``excused``: occurrences that lie among the dead letters or come later; ``given_up``: those that Lambda gave up
        though faults had stopped.
        """

    def at_rest_after_mending(self, excused: Collection[str]) -> None:
        """Nothing is on its way any more, and operators have repaired what outages had swallowed.

        ``excused``: occurrences that lie among the dead letters.
        """

    def at_rest_after_sweep(self) -> None:
        """Nothing is on its way any more, and a sweep has repaired what was left."""

    def schedules_left(self, names: Iterable[str]) -> None:
        """Nothing is on its way any more, and these schedules exist."""
