"""One state of the small space (see ``walk``): the store, the log, living programs with their answers, future events.

``moves`` changes a copy of a scene. This module carries out the effects of a move.
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
from cronstack_infra.play.prove.models.queued import BACK_OFF, LAMBDA_RETRIES, QueuedEvent, carrier_event
from cronstack_infra.play.prove.models.wire import describe, holder_of
from cronstack_infra.play.prove.models.world import NOON
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.walk.fixed_world import RETRIES, FixedWorld
from cronstack_infra.play.prove.walk.programs import Programs, Step
from cronstack_infra.play.prove.walk.space import Budget, Space
from cronstack_infra.play.prove.walk.steered import TIMEOUT, SteeredCaller, SteeredInvocation, digest

Program = SteeredInvocation | SteeredCaller


class Scene:
    """One state. It is copied before each move. Scenes with the same ``key`` are equal."""

    def __init__(self, space: Space, budget: Budget) -> None:
        self.world = world = FixedWorld(space)
        self.observer = Observer.of(world, retries=RETRIES, start_deadline=world.mix.start_deadline)
        self.living: list[Program] = []
        self.upcoming: list[tuple[int, QueuedEvent]] = []
        """Future events, with their times."""
        self.recorded: list[str] = []
        """Occurrences that Lambda gave up."""
        self.carrier_counts: dict[str, int] = {}
        """The number of carriers made, by name."""
        self.budget, self.time, self.horizon = budget, space.time, space.horizon
        self.crash_only = space.crash_only
        self.programs = Programs(
            job(name="stats", overlap=space.overlap, retries=RETRIES, timeout=TIMEOUT)(_never_called)
        )

    def copy(self) -> Scene:
        new = shallow(self)
        new.world = self.world.fork()
        copies: Copies = {id(self.world): new.world}
        new.observer = self.observer.fork(copies)
        new.living = [program.fork(copies) for program in self.living]
        new.upcoming = [(due, event.fork(copies)) for due, event in self.upcoming]
        new.recorded = list(self.recorded)
        new.carrier_counts = dict(self.carrier_counts)
        return new

    def spend(self, *, crashes: int = 0, losses: int = 0, failures: int = 0) -> None:
        left = self.budget
        self.budget = Budget(left.crashes - crashes, left.losses - losses, left.failures - failures)

    def may_crash(self, program: Program) -> bool:
        """Return whether a program may be killed now, or may pass its deadline."""
        if not self.budget.crashes:
            return False
        return self.crash_only is None or (
            isinstance(program, SteeredInvocation) and program.event.number == self.crash_only
        )

    # -- time ----------------------------------------------------------------------------------------------------------
    def is_beyond(self, due: int) -> bool:
        return self.horizon is not None and due > NOON + self.horizon

    def overrun(self, instant: int) -> list[Program]:
        """Return the programs whose deadline is past at that time."""
        return [program for program in self.living if not program.given_up and program.deadline <= instant]

    def pass_time(self, instant: int) -> None:
        """Move the time forward. A program at its deadline is killed in its handler, or times out in a request."""
        for program in self.overrun(instant):
            self.spend(crashes=1)
            if isinstance(program, SteeredCaller) or program.handler_running:
                self.kill(program, "is killed at its deadline")
            else:
                program.given_up = True
                self.world.add_trace(program.name, "is timed out by Lambda, but still runs")
                self._lambda_ended(program, program.deadline)
        self.world.now = max(self.world.now, instant)

    # -- requests ------------------------------------------------------------------------------------------------------
    def apply(self, program: Program) -> Mapping[str, Any]:
        """Carry out a program's request, and return the answer."""
        call = program.pending
        assert isinstance(call, Call)
        answer = self.world.store(call.operation, call.parameters)
        self.world.add_trace(program.name, f"{describe(call)} -> {answer.get('Error', {}).get('Code', 'done')}")
        if isinstance(program, SteeredCaller):
            self.observer.observe_caller(program, call, answer)
        else:
            self.observer.observe_answer(program, call, answer)
        if call.operation == "DeleteSchedule" and "Error" not in answer:
            self._delete_schedule(program, call.parameters["Name"])
        if call.operation == "CreateSchedule" and "Error" not in answer:
            event, due = carrier_event(call.parameters)
            # A name is free again when its schedule has fired: the next event of that name gets another number.
            made = self.carrier_counts[event.name] = self.carrier_counts.get(event.name, 0) + 1
            event.number = int(event.name[-8:], 16) * 100 + made
            self.observer.carrier_made(event)
            self.upcoming.append((due, event))
        return answer

    def _delete_schedule(self, program: Program, name: str) -> None:
        """Delete a schedule. A deleted schedule that still fires needs no scene: another move fires it before."""
        assert isinstance(program, SteeredCaller)
        for at, (_, event) in enumerate(self.upcoming):
            if event.name == name and not event.delivered:
                del self.upcoming[at]
                self.observer.carrier_deleted(event)
                self.observer.schedule_deleted(program, event.occurrence)
                return

    # -- programs ------------------------------------------------------------------------------------------------------
    def resume(self, program: Program, answer: Any) -> None:
        """Pass the answer to a program, and store its next request."""
        step = self.programs.answer(program, answer)
        if isinstance(program, SteeredCaller):
            self._resume_caller(program, step)
            return
        if program.handler_running and not step.in_handler:
            self.observer.handler_ends(program, failed=step.fails)
        program.handler_running = step.in_handler
        program.pending, program.request_text = step.request, step.request_text
        match step.end or step.request:
            case Ended(result, raised):
                self._finish(program, result, raised)
            case CronstackError() as fault:
                self._finish(program, {}, fault)
            case Call() as request:
                program.requested_at = self.world.now
                program.holder = program.holder or holder_of(request)
                self.observer.observe_request(program, request)
            case Sleep(seconds):
                program.wakes = self.world.now + int(seconds * 1000)

    def _resume_caller(self, caller: SteeredCaller, step: Step) -> None:
        caller.pending, caller.request_text = step.request, step.request_text
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
        self.world.add_trace(caller.name, f"ends: {how}")
        self.world.count("call", how)
        self.living.remove(caller)

    def _finish(self, program: SteeredInvocation, answer: Mapping[str, Any], raised: BaseException | None) -> None:
        program.ended = True
        how = answer.get("cronstack", "") if raised is None else f"raises {type(raised).__name__}"
        self.world.add_trace(program.name, f"ends: {how}")
        self.world.count("end", how)
        self.observer.observe_end(program, answer, raised)
        self.living.remove(program)
        if not program.given_up:
            self._lambda_ended(program, self.world.now if raised is not None else None)

    def kill(self, program: Program, why: str) -> None:
        self.world.add_trace(program.name, why)
        if isinstance(program, SteeredCaller):
            self._leave(program, "killed")
            return
        program.ended = True
        self.observer.killed(program)
        self.living.remove(program)
        if not program.given_up:
            self._lambda_ended(program, self.world.now)

    def _lambda_ended(self, program: SteeredInvocation, failed: int | None) -> None:
        """End an invocation as Lambda sees it. ``failed``: the time of its failure; None: it has returned."""
        event = program.event
        if failed is None:
            self.observer.delivery_done(event)
        elif event.delivered > LAMBDA_RETRIES:
            self.observer.delivery_given_up(event)
            self.recorded.append(event.occurrence)
            self.world.add_trace("Lambda", f"gives up {event.occurrence}, and sends it to the dead letters")
        else:
            self.upcoming.append((failed + BACK_OFF[min(event.delivered, 2) - 1], event))

    # -- judgement and equality ----------------------------------------------------------------------------------------
    def judge_the_end(self) -> None:
        """Judge a scene without moves: every run is final, among the dead letters, or comes after the horizon."""
        later = {event.occurrence for due, event in self.upcoming if self.is_beyond(due)}
        excused = later.union(self.recorded)
        self.observer.at_rest("not final, and nothing happens next", excused=excused)
        if not later:
            self.observer.schedules_left(self.world.store.schedules)

    def _known_time(self, program: Program) -> object:
        """Return what a program knows of the time. Application code needs only its clock, which is right."""
        if isinstance(program, SteeredCaller):
            return None
        return program.answer_timing, self.world.now - program.requested_at if isinstance(program.pending, Call) else 0

    def key(self) -> bytes:
        """Return a digest of everything that the future depends on."""
        observer = self.observer
        living = []
        for program in self.living:
            own = observer.log.attempts.get(program.holder)
            flags = (
                program.given_up,
                program.handler_running,
                program.letters,
                own and (own.settled, own.lost, own.handler_state),
            )
            times = (
                program.wakes,
                program.deadline,
                *(sorted(program.wrote) if isinstance(program, SteeredCaller) else ()),
            )
            living.append(
                (
                    program.number,
                    program.history and program.history.key,
                    program.request_text,
                    times,
                    flags,
                    self._known_time(program),
                )
            )
        upcoming = sorted((at, event.number, event.delivered, event.refused) for at, event in self.upcoming)
        whole = (
            self.world.now,
            self.budget,
            self.world.contents(),
            sorted(living),
            upcoming,
            self.recorded,
            sorted(self.carrier_counts.items()),
            observer.log.digest(),
        )
        return digest(whole)


def _never_called(run: Run) -> None:
    raise AssertionError("each invocation replaces the handler")
