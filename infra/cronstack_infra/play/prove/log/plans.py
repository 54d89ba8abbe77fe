"""Records of what application code has planned: each key's history, and each call that is under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from cronstack_infra.play.prove.models.copies import shallow

if TYPE_CHECKING:
    from cronstack_infra.play.prove.models.planning import PlanningCall
    from cronstack_infra.play.prove.models.world import World

Kind = Literal["none", "planned", "begun", "missed", "cancelled"]
BEGUN: Final[tuple[Kind, ...]] = ("begun", "missed")
"""What a delivery has decided on. Planners can plan anew what was missed, but nothing else of this."""


class State(NamedTuple):
    """What stood under a key, and by which plan."""

    kind: Kind
    revision: int = 0
    due: int = 0
    payload: str = ""
    asked: str = ""

    def meets(self, call: PlanningCall) -> bool:
        """Whether it is what the call wants to stand under the key."""
        order = call.order
        same_time = self.due == order.due or (order.relative and self.asked == order.asked)
        return self.kind != "none" and same_time and (call.what == "move" or self.payload == order.payload)


@dataclass(slots=True, eq=False)
class KeyRecord:
    """A key's history."""

    states: list[State] = field(default_factory=lambda: [State("none")])
    reported: int = 0
    """The highest revision that a returned call or a sweep has reported as planned. Judge: promises."""
    over: int = 0
    """The highest revision that was cancelled or missed, or forgotten when it was over."""
    made: set[int] = field(default_factory=set)
    """Revisions for which a schedule was created."""
    begins: set[int] = field(default_factory=set)
    """Revisions of which the row has said that they are begun or missed."""
    begun: int = 0
    """When it was begun, by the true clock."""
    worked: tuple[int, int] | None = None
    """Revision and due time of the event that has created the run; None: there is no run."""
    stray: bool = False
    """The run was created by a request that came late, when an intruder had already let its event be overtaken."""
    tampered: bool = False
    """An intruder has written its row."""

    @property
    def now(self) -> State:
        return self.states[-1]

    @property
    def stands(self) -> bool:
        """Application code relies on it: it was reported, and neither cancelled nor missed since."""
        return self.reported > self.over

    def digest(self) -> object:
        plans = (tuple(self.states), self.reported, self.over, tuple(sorted(self.made)))
        return plans, tuple(sorted(self.begins)), self.worked, self.stray, self.tampered

    def fork(self) -> KeyRecord:
        new = shallow(self)
        new.states, new.made, new.begins = list(self.states), set(self.made), set(self.begins)
        return new


class Caller:
    """Application code in the middle of a call, as the log knows it."""

    def __init__(self, name: str, world: World, call: PlanningCall) -> None:
        self.name, self.world, self.call = name, world, call
        self.began = world.now
        self.since = 0
        """Index of the key's state when the call began."""
        self.wrote: set[int] = set()
        """Revisions that it has planned."""
        self.ended = self.returned = False
