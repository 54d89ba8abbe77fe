"""Records of application code that plans: the history of each key, and each call that is running."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cronstack.ledger.rows import PLAN_STATUSES, PlanStatus
from cronstack_infra.play.prove.models.copies import shallow

if TYPE_CHECKING:
    from cronstack_infra.play.prove.models.planning import PlanningCall
    from cronstack_infra.play.prove.models.world import World

Kind = PlanStatus | Literal["none"]
_, STARTED, MISSED, SKIPPED, _ = PLAN_STATUSES
STARTED_KINDS: Final[tuple[Kind, ...]] = (STARTED, MISSED)
"""The kinds of a plan that has started, or was missed. Of these, a call can replace only a missed plan."""
UNSTARTED_KINDS: Final[tuple[Kind, ...]] = (MISSED, SKIPPED)
"""The kinds of a plan whose time has passed without a start. A replace or a move plans it again."""


class KeyState(NamedTuple):
    """The state of a key, and its plan."""

    kind: Kind
    revision: int = 0
    due: int = 0
    payload: str = ""
    asked: str = ""

    def satisfies(self, call: PlanningCall) -> bool:
        """Return whether the key has the plan that the call requests."""
        order = call.order
        same_time = self.due == order.due or (order.relative and self.asked == order.asked)
        return self.kind != "none" and same_time and (call.operation == "move" or self.payload == order.payload)


@dataclass(slots=True, eq=False)
class KeyRecord:
    """A key's history."""

    states: list[KeyState] = field(default_factory=lambda: [KeyState("none")])
    reported_revision: int = 0
    """The highest revision that a returned call or a sweep has reported as planned. Judge: call_reports."""
    ended_revision: int = 0
    """The highest revision that was cancelled, missed or skipped, or whose row was deleted after its end."""
    scheduled_revisions: set[int] = field(default_factory=set)
    """Revisions for which a schedule was created."""
    started_revisions: set[int] = field(default_factory=set)
    """Revisions whose row was started or missed."""
    started_at: int = 0
    """The time of the start, by the true clock."""
    run_plan: tuple[int, int] | None = None
    """Revision and due time of the event that has created the run; None: no run exists."""
    created_late: bool = False
    """A late request has created the run, after an intruder's plan had overtaken its event."""
    tampered: bool = False
    """An intruder has written its row."""

    @property
    def now(self) -> KeyState:
        return self.states[-1]

    @property
    def is_relied_on(self) -> bool:
        """Whether application code relies on the plan: it was reported, and neither cancelled nor missed since."""
        return self.reported_revision > self.ended_revision

    def digest(self) -> object:
        revisions = (self.reported_revision, self.ended_revision, tuple(sorted(self.scheduled_revisions)))
        started = tuple(sorted(self.started_revisions))
        return tuple(self.states), revisions, started, self.run_plan, self.created_late, self.tampered

    def fork(self) -> KeyRecord:
        new = shallow(self)
        new.states = list(self.states)
        new.scheduled_revisions, new.started_revisions = set(self.scheduled_revisions), set(self.started_revisions)
        return new


class CallerRecord:
    """The record of application code during a call."""

    def __init__(self, name: str, world: World, call: PlanningCall) -> None:
        self.name, self.world, self.call = name, world, call
        self.began = world.now
        self.since = 0
        """Index of the key's state when the call began."""
        self.wrote: set[int] = set()
        """Revisions that the call has planned."""
        self.ended = self.returned = False
