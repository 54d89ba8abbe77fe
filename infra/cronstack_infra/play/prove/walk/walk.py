"""The small space, walked to its end: every order of requests, with every crash and every lost answer, none by chance.

A scene is a store, the observer's log, the living invocations and the events still to be delivered. The walk takes
every possible move from each scene: one invocation's request is carried out, or the invocation is killed before or
after it, or its answer is lost, or Scheduler reports a conflict that is none; a handler begins, fails, ends; a pause is
over; an event comes. Requests take no time. The clock moves only to the end of a pause, to a redelivery or to a
carrier. An invocation whose deadline passes in the middle of a request is given up by Lambda and goes on as a zombie:
that costs one of the crashes.

A scene holds no program, only the answers that each invocation was given, and when (see ``programs``). Two scenes with
the same store, the same log, the same answers to each living invocation and the same events ahead have the same
future: the second is not walked.
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
    """How a scene was reached."""

    before: Step | None
    what: str

    def trace(self) -> list[str]:
        lines, step = [], self
        while step.before is not None:
            lines.append(step.what)
            step = step.before
        return lines[::-1]


@dataclass(slots=True)
class Walked:
    """The result of a space, or how far its walk has come."""

    space: str
    states: int = 0
    transitions: int = 0
    ends: int = 0
    """States from which nothing follows; in each everything is final."""
    whole: bool = True
    """False: the time was up before all states were walked."""
    seconds: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)
    invariant: str = ""
    text: str = ""
    trace: list[str] = field(default_factory=list)


def moved(seconds: int) -> PlanningCall:
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
    Space("a key that is moved", deliveries=(), calls=(moved(40),)),
    Space("a key that is cancelled", deliveries=(), calls=(PlanningCall("cancel", PLANNED.order),)),
    Space("two deliveries of a key", deliveries=(), fires=2, time=5_200),
)
SMALL: Final = Budget(crashes=2, losses=1, failures=0)
LOOKS: Final = 64
"""States between two looks at the clock."""


Watch = Callable[[Walked], None]


def walk(space: Space, budget: Budget = SMALL, *, seconds: float | None = None, watch: Watch | None = None) -> Walked:
    """Depth first, up to the first violation. ``seconds``: how long at most; ``watch`` is called from time to time."""
    walked = Walked(space.name)
    began = clock.monotonic()
    first = create_scene(space, budget)
    seen: set[bytes] = {first.key()}
    stack: list[tuple[Scene, Step]] = [(first, Step(None, ""))]
    while stack:
        scene, path = stack.pop()
        walked.states += 1
        if walked.states % LOOKS == 0:
            walked.seconds = clock.monotonic() - began
            if watch is not None:
                watch(walked)
            if seconds is not None and walked.seconds > seconds:
                walked.whole = False
                break
        moved = False
        try:
            for child, what in _next(scene):
                moved = True
                walked.transitions += 1
                key = child.key()
                if key in seen:
                    continue
                seen.add(key)
                stack.append((child, Step(path, what)))
            if not moved:
                walked.ends += 1
                scene.judge_the_end()
        except Violation as found:
            walked.invariant, walked.text = found.invariant, str(found)
            walked.trace = [*path.trace(), *scene.world.said]
            break
    first.programs.close()
    walked.seconds = clock.monotonic() - began
    walked.counted = first.world.counted
    return walked


def _next(scene: Scene) -> Iterator[tuple[Scene, str]]:
    for move in moves(scene):
        child = scene.copy()
        scene.world.said = child.world.said = []
        move(child)
        yield child, "; ".join(child.world.said)
