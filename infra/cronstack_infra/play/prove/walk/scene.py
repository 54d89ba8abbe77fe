"""One state of the small space (see ``walk``): the store, the log, living programs with their answers, events to come.

``moves`` changes a copy of it. Here is what follows from a move.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cronstack.declaration import job
from cronstack.driver import Returned
from cronstack.errors import CronstackError
from cronstack.run import Run
from cronstack.runtime import Ended
from cronstack.steps import Call, Sleep
from cronstack_infra.play.prove.models.copies import Copies, shallow
from cronstack_infra.play.prove.models.queued import BACK_OFF, LAMBDA_RETRIES, QueuedEvent, carried
from cronstack_infra.play.prove.models.wire import described, holder_of
from cronstack_infra.play.prove.models.world import NOON
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.walk.fixed_world import RETRIES, FixedWorld
from cronstack_infra.play.prove.walk.programs import Programs, Step
from cronstack_infra.play.prove.walk.space import Budget, Space
from cronstack_infra.play.prove.walk.steered import TIMEOUT, SteeredCaller, SteeredInvocation, digest

Program = SteeredInvocation | SteeredCaller


class Scene:
    """Copied before each move; ``key`` tells equal ones."""

    def __init__(self, space: Space, budget: Budget) -> None:
        self.world = world = FixedWorld(space)
        self.observer = Observer.of(world, retries=RETRIES, start_deadline=world.mix.start_deadline)
        self.living: list[Program] = []
        self.ahead: list[tuple[int, QueuedEvent]] = []
        """Events to come, and when."""
        self.recorded: list[str] = []
        """Occurrences that Lambda gave up."""
        self.made: dict[str, int] = {}
        """How often a carrier of each name was made."""
        self.budget, self.time, self.horizon = budget, space.time, space.horizon
        self.frail = space.frail
        self.programs = Programs(job(name="stats", overlap=space.overlap, retries=RETRIES, timeout=TIMEOUT)(_elsewhere))

    def copy(self) -> Scene:
        new = shallow(self)
        new.world = self.world.fork()
        copies: Copies = {id(self.world): new.world}
        new.observer = self.observer.fork(copies)
        new.living = [one.fork(copies) for one in self.living]
        new.ahead = [(due, event.fork(copies)) for due, event in self.ahead]
        new.recorded = list(self.recorded)
        new.made = dict(self.made)
        return new

    def spend(self, *, crashes: int = 0, losses: int = 0, failures: int = 0) -> None:
        left = self.budget
        self.budget = Budget(left.crashes - crashes, left.losses - losses, left.failures - failures)

    def may_crash(self, one: Program) -> bool:
        """Tell whether a program may be killed now, or be carried beyond its deadline."""
        if not self.budget.crashes:
            return False
        return self.frail is None or (isinstance(one, SteeredInvocation) and one.event.number == self.frail)

    # -- time ----------------------------------------------------------------------------------------------------------
    def is_beyond(self, due: int) -> bool:
        return self.horizon is not None and due > NOON + self.horizon

    def overrun(self, instant: int) -> list[Program]:
        """Return the programs whose deadline is past at that time."""
        return [one for one in self.living if not one.given_up and one.deadline <= instant]

    def pass_time(self, instant: int) -> None:
        """Move time on. At its deadline a program is killed in its handler, or given up by Lambda in a request."""
        for one in self.overrun(instant):
            self.spend(crashes=1)
            if isinstance(one, SteeredCaller) or one.works:
                self.kill(one, "is killed at its deadline")
            else:
                one.given_up = True
                self.world.say(one.name, "is given up by Lambda, but not dead")
                self._lambda_ended(one, one.deadline)
        self.world.now = max(self.world.now, instant)

    # -- requests ------------------------------------------------------------------------------------------------------
    def apply(self, one: Program) -> Mapping[str, Any]:
        """Carry out a program's request, and return the answer."""
        call = one.pending
        assert isinstance(call, Call)
        answer = self.world.store(call.operation, call.parameters)
        self.world.say(one.name, f"{described(call)} -> {answer.get('Error', {}).get('Code', 'done')}")
        if isinstance(one, SteeredCaller):
            self.observer.observe_caller(one, call, answer)
        else:
            self.observer.observe_answer(one, call, answer)
        if call.operation == "DeleteSchedule" and "Error" not in answer:
            self._withdraw(one, call.parameters["Name"])
        if call.operation == "CreateSchedule" and "Error" not in answer:
            event, due = carried(call.parameters)
            # A name is free again when its schedule has fired: the next event of that name is another one.
            made = self.made[event.name] = self.made.get(event.name, 0) + 1
            event.number = int(event.name[-8:], 16) * 100 + made
            self.observer.carrier_made(event)
            self.ahead.append((due, event))
        return answer

    def _withdraw(self, one: Program, name: str) -> None:
        """Delete a schedule. That it fires all the same needs no scene of its own: another move fires it before."""
        assert isinstance(one, SteeredCaller)
        for at, (_, event) in enumerate(self.ahead):
            if event.name == name and not event.delivered:
                del self.ahead[at]
                self.observer.carrier_deleted(event)
                self.observer.schedule_deleted(one, event.occurrence)
                return

    # -- programs ------------------------------------------------------------------------------------------------------
    def resume(self, one: Program, answer: Any) -> None:
        """Give a program the answer to its request, and take its next one."""
        step = self.programs.answer(one, answer)
        if isinstance(one, SteeredCaller):
            self._resume_caller(one, step)
            return
        if one.works and not step.in_handler:
            self.observer.handler_ends(one, failed=step.fails)
        one.works = step.in_handler
        one.pending, one.printed = step.request, step.printed
        match step.end or step.request:
            case Ended(result, raised):
                self._finish(one, result, raised)
            case CronstackError() as fault:
                self._finish(one, {}, fault)
            case Call() as request:
                one.asked_at = self.world.now
                one.holder = one.holder or holder_of(request)
                self.observer.observe_request(one, request)
            case Sleep(seconds):
                one.wakes = self.world.now + int(seconds * 1000)

    def _resume_caller(self, caller: SteeredCaller, step: Step) -> None:
        caller.pending, caller.printed = step.request, step.printed
        match step.end or step.request:
            case Returned(plan):
                self._leave(caller, plan.outcome)
                self.observer.call_returned(caller, plan)
            case CronstackError() as fault:
                self._leave(caller, type(fault).__name__)
            case Sleep(seconds):
                caller.wakes = self.world.now + int(seconds * 1000)

    def _leave(self, caller: SteeredCaller, how: str) -> None:
        caller.ended = True
        self.world.say(caller.name, f"ends: {how}")
        self.world.count("call", how)
        self.living.remove(caller)

    def _finish(self, one: SteeredInvocation, answer: Mapping[str, Any], raised: BaseException | None) -> None:
        one.ended = True
        how = answer.get("cronstack", "") if raised is None else f"raises {type(raised).__name__}"
        self.world.say(one.name, f"ends: {how}")
        self.world.count("end", how)
        self.observer.observe_end(one, answer, raised)
        self.living.remove(one)
        if not one.given_up:
            self._lambda_ended(one, self.world.now if raised is not None else None)

    def kill(self, one: Program, why: str) -> None:
        self.world.say(one.name, why)
        if isinstance(one, SteeredCaller):
            self._leave(one, "killed")
            return
        one.ended = True
        self.observer.killed(one)
        self.living.remove(one)
        if not one.given_up:
            self._lambda_ended(one, self.world.now)

    def _lambda_ended(self, one: SteeredInvocation, failed: int | None) -> None:
        """End an invocation as Lambda sees it. ``failed``: when; None: it has returned."""
        event = one.event
        if failed is None:
            self.observer.delivery_done(event)
        elif event.delivered > LAMBDA_RETRIES:
            self.observer.delivery_given_up(event)
            self.recorded.append(event.occurrence)
            self.world.say("Lambda", f"gives {event.occurrence} up: into the dead letters")
        else:
            self.ahead.append((failed + BACK_OFF[min(event.delivered, 2) - 1], event))

    # -- judgement and equality ----------------------------------------------------------------------------------------
    def judge_the_end(self) -> None:
        """Judge a scene without moves. All must be final, or lie among the dead letters, or come after the horizon."""
        later = {event.occurrence for due, event in self.ahead if self.is_beyond(due)}
        excused = later.union(self.recorded)
        self.observer.at_rest("nothing happens any more, and still not final", excused=excused)
        if not later:
            self.observer.schedules_left(self.world.store.schedules)

    def _time_of(self, one: Program) -> object:
        """Return what a program knows of the time. Application code needs no more than its clock, which is right."""
        if isinstance(one, SteeredCaller):
            return None
        return one.heard, self.world.now - one.asked_at if isinstance(one.pending, Call) else 0

    def key(self) -> bytes:
        """Return a digest of all that the future depends on."""
        observer = self.observer
        living = []
        for one in self.living:
            own = observer.log.attempts.get(one.holder)
            flags = (one.given_up, one.works, one.letters, own and (own.settled, own.lost, own.how))
            times = (one.wakes, one.deadline, *(sorted(one.wrote) if isinstance(one, SteeredCaller) else ()))
            living.append((one.number, one.history and one.history.key, one.printed, times, flags, self._time_of(one)))
        ahead = sorted((at, event.number, event.delivered, event.refused) for at, event in self.ahead)
        whole = (
            self.world.now,
            self.budget,
            self.world.contents(),
            sorted(living),
            ahead,
            self.recorded,
            sorted(self.made.items()),
            observer.log.digest(),
        )
        return digest(whole)


def _elsewhere(run: Run) -> None:
    raise AssertionError("each invocation brings its handler")
