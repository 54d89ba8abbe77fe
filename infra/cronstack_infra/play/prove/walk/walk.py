"""The complete walk of a small space: every order of requests, with every crash and every lost answer.

A scene is a store, the observer's log, the living invocations and the events still to be delivered. The walk takes
every possible move from each scene: one invocation's request is carried out, or the invocation is killed before or
after it, or its answer is lost, or Scheduler reports a conflict without a reason; a handler starts, fails, ends; a
pause ends; an event comes. Requests take no time. The clock moves only to the end of a pause, to a redelivery or to a
carrier. If its deadline passes in the middle of a request, Lambda times out an invocation, which continues as a zombie.
That costs one of the crashes.

A scene contains no program, only the answers to each invocation and their times (see ``programs``). Two scenes with the
same store, the same log, the same answers to each living invocation and the same future events have the same future:
the second is not walked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cronstack import clock
from cronstack_infra.play.prove.models.planning import PlanningCall
from cronstack_infra.play.prove.models.world import NOON, Violation
from cronstack_infra.play.prove.walk.moves import create_scene, moves
from cronstack_infra.play.prove.walk.scene import Scene
from cronstack_infra.play.prove.walk.space import PLANNED, Budget, Space


class Step(NamedTuple):
    """A move that led to a scene, linked to the step before it."""

    before: Step | None
    description: str

    def trace(self) -> list[str]:
        lines, step = [], self
        while step.before is not None:
            lines.append(step.description)
            step = step.before
        return lines[::-1]


@dataclass(slots=True)
class Walked:
    """The result of a walk, or its progress."""

    space: str
    states: int = 0
    transitions: int = 0
    ends: int = 0
    """Number of states without a move. In each of them everything is final."""
    whole: bool = True
    """False if the time limit ended the walk before all states were reached."""
    seconds: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)
    invariant: str = ""
    text: str = ""
    trace: list[str] = field(default_factory=list)


def move_to(seconds: int) -> PlanningCall:
    """Return a call that moves the planned key to so many seconds after noon."""
    return PlanningCall("move", PLANNED.order._replace(due=NOON + seconds * 1000, asked=f"after {seconds} s"))


SPACES: Final = (
    Space("two deliveries of one occurrence", deliveries=(0, 0), time=5_200),
    Space("two occurrences of one job", deliveries=(0, 1)),
    Space('two deliveries of one occurrence, overlap "allow"', deliveries=(0, 0), overlap="allow", time=5_200),
    Space('two occurrences of one job, overlap "buffer_one"', deliveries=(0, 1), overlap="buffer_one"),
    Space(
        'one runs, one waits in the slot, one is new, overlap "buffer_one"',
        deliveries=(0, 1, 2),
        overlap="buffer_one",
        time=5_200,
        horizon=62_000,
        occupied=True,
    ),
    Space("a key that is moved", deliveries=(), calls=(move_to(40),)),
    Space("a key that is cancelled", deliveries=(), calls=(PlanningCall("cancel", PLANNED.order),)),
    Space("two deliveries of a key", deliveries=(), fires=2, time=5_200),
)
SMALL: Final = Budget(crashes=2, losses=1, failures=0)
STATES_PER_REPORT: Final = 64
"""States between two reports of the progress, which also check the time limit."""


Watch = Callable[[Walked], None]


def walk(space: Space, budget: Budget = SMALL, *, seconds: float | None = None, watch: Watch | None = None) -> Walked:
    """Walk a space depth first, up to the first violation.

    ``seconds``: the time limit. ``watch`` is called with the progress from time to time.
    """
    walked = Walked(space.name)
    began = clock.monotonic()
    first = create_scene(space, budget)
    seen: set[bytes] = {first.key()}
    stack: list[tuple[Scene, Step]] = [(first, Step(None, ""))]
    while stack:
        scene, path = stack.pop()
        walked.states += 1
        if walked.states % STATES_PER_REPORT == 0:
            walked.seconds = clock.monotonic() - began
            if watch is not None:
                watch(walked)
            if seconds is not None and walked.seconds > seconds:
                walked.whole = False
                break
        has_moves = False
        try:
            for child, description in _next(scene):
                has_moves = True
                walked.transitions += 1
                key = child.key()
                if key in seen:
                    continue
                seen.add(key)
                stack.append((child, Step(path, description)))
            if not has_moves:
                walked.ends += 1
                scene.judge_the_end()
        except Violation as violation:
            walked.invariant, walked.text = violation.invariant, str(violation)
            walked.trace = [*path.trace(), *scene.world.trace_lines]
            break
    first.programs.close()
    walked.seconds = clock.monotonic() - began
    walked.counted = first.world.counted
    return walked


def _next(scene: Scene) -> Iterator[tuple[Scene, str]]:
    for move in moves(scene):
        child = scene.copy()
        scene.world.trace_lines = child.world.trace_lines = []
        move(child)
        yield child, "; ".join(child.world.trace_lines)
