"""The moves of the small space (see ``walk``): what may happen next in a scene, and how it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from cronstack.occurrence import print_time, scheduled_id
from cronstack.steps import Call, Sleep, Work
from cronstack_infra.play.answer_dates import dated
from cronstack_infra.play.prove.models.planning import PlanningCall
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.wire import LOST
from cronstack_infra.play.prove.models.world import NOON
from cronstack_infra.play.prove.walk.programs import Begin
from cronstack_infra.play.prove.walk.scene import Scene
from cronstack_infra.play.prove.walk.space import PLANNED, Budget, Space
from cronstack_infra.play.prove.walk.steered import SteeredCaller, SteeredInvocation

Move = Callable[[Scene], None]
BUSY: Final = {"Error": {"Code": "ConflictException"}, "ResponseMetadata": {"HTTPStatusCode": 409}}


# -- the first scene ---------------------------------------------------------------------------------------------------
def create_scene(space: Space, budget: Budget) -> Scene:
    """Return the first scene of a space: what the space says has happened, and nothing has gone wrong yet."""
    scene = Scene(space, budget)
    for number, occurrence in enumerate(space.deliveries):
        event = _event(number, occurrence)
        scene.observer.event_accepted(event)
        scene.ahead.append((scene.world.now, event))
    if space.occupied:
        _occupy(scene)
    if space.calls or space.fires > 1:
        _plan(scene, space.fires)
    for number, call in enumerate(space.calls):
        _begin_call(scene, call, number)
    scene.world.said = []
    return scene


def _event(number: int, occurrence: int) -> QueuedEvent:
    due = NOON + occurrence * 1000
    body = {"cronstack": 1, "job": "stats", "scheduled": print_time(due), "input": {}}
    return QueuedEvent(body, scheduled_id(due), due, number=number)


def _occupy(scene: Scene) -> None:
    """Let the first event's handler begin, and put the second event into the slot."""
    deliver(scene, at=0)
    while not isinstance(scene.living[0].pending, Work):
        _carry_out(scene, at=0)
    _begin(scene, at=0, fails=False)
    deliver(scene, at=0)
    while len(scene.living) > 1:
        _carry_out(scene, at=1)


def _plan(scene: Scene, fires: int) -> None:
    """Schedule the key. Its schedule fires so often."""
    _begin_call(scene, PLANNED, 99)
    while scene.living:
        _carry_out(scene, at=0)
    [(due, event)] = scene.ahead
    for number in range(1, fires):
        twin = replace(event, number=number)
        scene.observer.carrier_doubled(twin)
        scene.ahead.append((due, twin))


def _begin_call(scene: Scene, call: PlanningCall, number: int) -> None:
    caller = SteeredCaller(scene.world, call, number)
    scene.observer.call_begins(caller)
    scene.living.append(caller)
    scene.resume(caller, None)


# -- what may happen next ----------------------------------------------------------------------------------------------
def moves(scene: Scene) -> Iterator[Move]:
    for at, one in enumerate(scene.living):
        if isinstance(one.pending, Work):  # nothing comes between the last look at the clock and the handler
            yield partial(_begin, at=at, fails=False)
            if scene.budget.failures:
                yield partial(_begin, at=at, fails=True)
            return
    for at, one in enumerate(scene.living):
        match one.pending:
            case Call(operation):
                yield partial(_carry_out, at=at)
                if scene.may_crash(one):
                    yield partial(_crash, at=at, why="is killed before that")
                    yield partial(_crash_after, at=at)
                if scene.budget.losses:
                    yield partial(_lose_answer, at=at)
                    if operation == "CreateSchedule":
                        yield partial(_conflict, at=at)
            case Sleep():
                if _may_pass(scene, one.wakes):
                    yield partial(_wake, at=at)
                if one.works and scene.may_crash(one):
                    yield partial(_crash, at=at, why="is killed in its handler")
    equal: set[object] = set()
    for at, (due, event) in enumerate(scene.ahead):
        # Two copies of an event that have not been delivered yet are as good as one another.
        same = (due, event.occurrence) if not (event.carrier or event.delivered) else (due, event.number)
        if same not in equal and not scene.is_beyond(due) and _may_pass(scene, due):
            equal.add(same)
            yield partial(deliver, at=at)


def _may_pass(scene: Scene, instant: int) -> bool:
    """Each program that time carries beyond its deadline costs one of the crashes."""
    beyond = scene.overrun(instant)
    return len(beyond) <= scene.budget.crashes and all(map(scene.may_crash, beyond))


# -- moves -------------------------------------------------------------------------------------------------------------
def _carry_out(scene: Scene, at: int) -> None:
    one = scene.living[at]
    scene.resume(one, dated(scene.apply(one), scene.world.now))


def _crash(scene: Scene, at: int, why: str) -> None:
    scene.spend(crashes=1)
    scene.kill(scene.living[at], why)


def _crash_after(scene: Scene, at: int) -> None:
    one = scene.living[at]
    scene.spend(crashes=1)
    scene.apply(one)
    scene.kill(one, "is killed after that")


def _lose_answer(scene: Scene, at: int) -> None:
    one = scene.living[at]
    scene.spend(losses=1)
    scene.apply(one)
    scene.world.say(one.name, "its answer is lost")
    scene.resume(one, LOST)


def _conflict(scene: Scene, at: int) -> None:
    """Scheduler is busy with a schedule of that name: it says so, and carries nothing out."""
    one = scene.living[at]
    scene.spend(losses=1)
    scene.world.say(one.name, "Scheduler reports a conflict")
    scene.resume(one, dated(BUSY, scene.world.now))


def _wake(scene: Scene, at: int) -> None:
    one = scene.living[at]
    scene.pass_time(one.wakes)
    if one in scene.living:
        scene.resume(one, None)


def _begin(scene: Scene, at: int, *, fails: bool) -> None:
    one = scene.living[at]
    scene.spend(failures=int(fails))
    assert isinstance(one.pending, Work)
    assert isinstance(one, SteeredInvocation)
    scene.world.say(one.name, f"handler begins, and {'will fail' if fails else 'will succeed'}: {one.pending}")
    scene.observer.observe_handler(one, one.pending)
    scene.resume(one, Begin(fails))


def deliver(scene: Scene, at: int) -> None:
    due, event = scene.ahead.pop(at)
    scene.pass_time(due)
    if event.carrier and not event.delivered:
        scene.world.store.schedules.pop(event.name, None)
        scene.observer.event_accepted(event)
    event.delivered += 1
    one = SteeredInvocation(scene.world, event, event.number * 100 + event.delivered, scene.time)
    scene.living.append(one)
    scene.world.say(one.name, f"is given {event.occurrence}, delivery {event.delivered}")
    scene.resume(one, None)
