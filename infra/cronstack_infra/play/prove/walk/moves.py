"""The moves of the small space (see ``walk``): what may happen next in a scene, and its effects."""

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
    """Return the first scene of a space: its events and calls have started, and nothing has gone wrong yet."""
    scene = Scene(space, budget)
    for number, occurrence in enumerate(space.deliveries):
        event = _event(number, occurrence)
        scene.observer.event_accepted(event)
        scene.upcoming.append((scene.world.now, event))
    if space.occupied:
        _occupy(scene)
    if space.calls or space.fires > 1:
        _plan(scene, space.fires)
    for number, call in enumerate(space.calls):
        _begin_call(scene, call, number)
    scene.world.trace_lines = []
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
    _begin_handler(scene, at=0, fails=False)
    deliver(scene, at=0)
    while len(scene.living) > 1:
        _carry_out(scene, at=1)


def _plan(scene: Scene, fires: int) -> None:
    """Schedule the key. Its schedule fires ``fires`` times."""
    _begin_call(scene, PLANNED, 99)
    while scene.living:
        _carry_out(scene, at=0)
    [(due, event)] = scene.upcoming
    for number in range(1, fires):
        twin = replace(event, number=number)
        scene.observer.carrier_doubled(twin)
        scene.upcoming.append((due, twin))


def _begin_call(scene: Scene, call: PlanningCall, number: int) -> None:
    caller = SteeredCaller(scene.world, call, number)
    scene.observer.call_begins(caller)
    scene.living.append(caller)
    scene.resume(caller, None)


# -- what may happen next ----------------------------------------------------------------------------------------------
def moves(scene: Scene) -> Iterator[Move]:
    for at, program in enumerate(scene.living):
        if isinstance(program.pending, Work):  # nothing happens between the last read of the clock and the handler
            yield partial(_begin_handler, at=at, fails=False)
            if scene.budget.failures:
                yield partial(_begin_handler, at=at, fails=True)
            return
    for at, program in enumerate(scene.living):
        match program.pending:
            case Call(operation):
                yield partial(_carry_out, at=at)
                if scene.may_crash(program):
                    yield partial(_crash, at=at, why="is killed before that")
                    yield partial(_crash_after, at=at)
                if scene.budget.losses:
                    yield partial(_lose_answer, at=at)
                    if operation == "CreateSchedule":
                        yield partial(_conflict, at=at)
            case Sleep():
                if _may_pass(scene, program.wakes):
                    yield partial(_wake, at=at)
                if program.handler_running and scene.may_crash(program):
                    yield partial(_crash, at=at, why="is killed in its handler")
    equal: set[object] = set()
    for at, (due, event) in enumerate(scene.upcoming):
        # Two copies of an event that have not been delivered yet lead to equal scenes.
        same = (due, event.occurrence) if not (event.carrier or event.delivered) else (due, event.number)
        if same not in equal and not scene.is_beyond(due) and _may_pass(scene, due):
            equal.add(same)
            yield partial(deliver, at=at)


def _may_pass(scene: Scene, instant: int) -> bool:
    """Return whether time may pass to ``instant``. Each program whose deadline passes costs one crash."""
    beyond = scene.overrun(instant)
    return len(beyond) <= scene.budget.crashes and all(map(scene.may_crash, beyond))


# -- moves -------------------------------------------------------------------------------------------------------------
def _carry_out(scene: Scene, at: int) -> None:
    program = scene.living[at]
    scene.resume(program, dated(scene.apply(program), scene.world.now))


def _crash(scene: Scene, at: int, why: str) -> None:
    scene.spend(crashes=1)
    scene.kill(scene.living[at], why)


def _crash_after(scene: Scene, at: int) -> None:
    program = scene.living[at]
    scene.spend(crashes=1)
    scene.apply(program)
    scene.kill(program, "is killed after that")


def _lose_answer(scene: Scene, at: int) -> None:
    program = scene.living[at]
    scene.spend(losses=1)
    scene.apply(program)
    scene.world.add_trace(program.name, "its answer is lost")
    scene.resume(program, LOST)


def _conflict(scene: Scene, at: int) -> None:
    """Answer that Scheduler is busy with a schedule of that name. Nothing is carried out."""
    program = scene.living[at]
    scene.spend(losses=1)
    scene.world.add_trace(program.name, "Scheduler reports a conflict")
    scene.resume(program, dated(BUSY, scene.world.now))


def _wake(scene: Scene, at: int) -> None:
    program = scene.living[at]
    scene.pass_time(program.wakes)
    if program in scene.living:
        scene.resume(program, None)


def _begin_handler(scene: Scene, at: int, *, fails: bool) -> None:
    program = scene.living[at]
    scene.spend(failures=int(fails))
    assert isinstance(program.pending, Work)
    assert isinstance(program, SteeredInvocation)
    scene.world.add_trace(
        program.name, f"handler starts, and {'will fail' if fails else 'will succeed'}: {program.pending}"
    )
    scene.observer.observe_handler(program, program.pending)
    scene.resume(program, Begin(fails))


def deliver(scene: Scene, at: int) -> None:
    due, event = scene.upcoming.pop(at)
    scene.pass_time(due)
    if event.carrier and not event.delivered:
        scene.world.store.schedules.pop(event.name, None)
        scene.observer.event_accepted(event)
    event.delivered += 1
    program = SteeredInvocation(scene.world, event, event.number * 100 + event.delivered, scene.time)
    scene.living.append(program)
    scene.world.add_trace(program.name, f"gets {event.occurrence}, delivery {event.delivered}")
    scene.resume(program, None)
