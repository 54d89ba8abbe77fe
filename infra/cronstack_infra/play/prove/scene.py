"""One state of the small space (see ``walk``): what is stored, who lives and what he was told, what is to come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from cronstack.declaration import job
from cronstack.driver import Returned
from cronstack.errors import CronstackError
from cronstack.occurrence import print_time, scheduled_id
from cronstack.run import Run
from cronstack.runtime import Ended
from cronstack.seam import Call, Sleep, Work
from cronstack_infra.play.prove.actor import TIMEOUT, Actor, Hand, digest
from cronstack_infra.play.prove.deliveries import BACK_OFF, LAMBDA_RETRIES, Asked, carried
from cronstack_infra.play.prove.drive import Begin, Programs, Step
from cronstack_infra.play.prove.mix import Mix
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.promises import Wish
from cronstack_infra.play.prove.records import Copies, shallow
from cronstack_infra.play.prove.space import PLANNED, Budget, Space
from cronstack_infra.play.prove.wire import LOST, described, holder_of
from cronstack_infra.play.prove.world import NOON, TABLE, Violation, World
from cronstack_infra.play.store import Item, Key, Store

RETRIES: Final = 1


class Still(World):
    """A world without chance, whose time moves when somebody waits for it."""

    def __init__(self, space: Space) -> None:
        self.mix = Mix(
            overlap=space.overlap,
            retries=RETRIES,
            timeout=TIMEOUT,
            start_deadline=3600,
            occurrences=1,
            gap=1000,
            latency=0,
            crowd=False,
            lease=None,
            commits=False,
            checkpoints=False,
            prompt=False,
            request_faults=((0.0, "lost answer"),),  # by choice, not by chance; so requests are not counted
            rates={"crash before": 0.0},
        )
        self.now = NOON
        self.store = Store(TABLE, lambda: self.now)
        self.counted: Counter[str] = Counter()
        self.trace = None
        self.faulty = True
        self.said: list[str] = []
        self._printed: dict[Key, tuple[Item, str]] = {}

    def fork(self) -> Still:
        new = shallow(self)
        new.store = self.store.fork(lambda: new.now)
        new._printed = dict(self._printed)
        return new

    def contents(self) -> list[str]:
        """What is stored, as text. An item is never changed in place, so what was printed of it once holds."""
        items, printed = self.store.items, self._printed
        for key, item in items.items():
            known = printed.get(key)
            if known is None or known[0] is not item:
                printed[key] = (item, f"{key} {sorted(item.items())}")
        return [printed[key][1] for key in sorted(items)]

    def say(self, who: str, what: str) -> None:
        self.said.append(f"{(self.now - NOON) / 1000:>8.3f} s  {who} {what}")


Move = Callable[["Scene"], None]


class Scene:
    """Copied before each move; ``key`` tells equal ones."""

    def __init__(self, space: Space, budget: Budget) -> None:
        self.world = world = Still(space)
        self.observer = Observer(world, retries=RETRIES, start_deadline=world.mix.start_deadline)
        self.actors: list[Actor | Hand] = []
        self.ahead: list[tuple[int, Asked]] = []
        self.recorded: list[str] = []
        self.made: dict[str, int] = {}
        """How often each carrier's name was taken."""
        self.budget, self.time, self.horizon = budget, space.time, space.horizon
        self.programs = Programs(job(name="stats", overlap=space.overlap, retries=RETRIES, timeout=TIMEOUT)(_elsewhere))
        for number, occurrence in enumerate(space.deliveries):
            asked = _event(number, occurrence)
            self.observer.run(asked.occurrence).asked.append(asked)
            self.ahead.append((world.now, asked))
        if space.occupied:
            self._occupy()
        if space.wishes:
            self._plan()
        for number, wish in enumerate(space.wishes):
            self._call(wish, number)
        world.said = []

    def _occupy(self) -> None:
        self.deliver(at=0)
        while not isinstance(self.actors[0].pending, Work):
            self._carry_out(at=0)
        self._begin(at=0, fails=False)
        self.deliver(at=0)
        while len(self.actors) > 1:
            self._carry_out(at=1)

    def _plan(self) -> None:
        """The key is scheduled, before anything can go wrong."""
        self._call(PLANNED, 99)
        while self.actors:
            self._carry_out(at=0)

    def _call(self, wish: Wish, number: int) -> None:
        hand = Hand(self.world, wish, number)
        self.observer.calls(hand)
        self.actors.append(hand)
        self._resume(hand, None)

    def copy(self) -> Scene:
        new = shallow(self)
        new.world = self.world.fork()
        copies: Copies = {id(self.world): new.world}
        new.observer = self.observer.fork(copies)
        new.actors = [actor.fork(copies) for actor in self.actors]
        new.ahead = [(due, asked.fork(copies)) for due, asked in self.ahead]
        new.recorded = list(self.recorded)
        new.made = dict(self.made)
        return new

    # -- what may happen next ------------------------------------------------------------------------------------------
    def moves(self) -> Iterator[Move]:
        for at, actor in enumerate(self.actors):
            if isinstance(actor.pending, Work):  # nothing comes between the last look at the clock and the handler
                yield partial(Scene._begin, at=at, fails=False)
                if self.budget.failures:
                    yield partial(Scene._begin, at=at, fails=True)
                return
        for at, actor in enumerate(self.actors):
            match actor.pending:
                case Call():
                    yield partial(Scene._carry_out, at=at)
                    if self.budget.crashes:
                        yield partial(Scene._crash, at=at, why="is killed before that")
                        yield partial(Scene._crash_after, at=at)
                    if self.budget.losses:
                        yield partial(Scene._lose_answer, at=at)
                case Sleep():
                    if self._may_pass(actor.wakes):
                        yield partial(Scene._wake, at=at)
                    if actor.works and self.budget.crashes:
                        yield partial(Scene._crash, at=at, why="is killed in its handler")
        equal: set[object] = set()
        for at, (due, asked) in enumerate(self.ahead):
            # Two copies of an event that have not been delivered yet are as good as one another.
            same = (due, asked.occurrence) if not (asked.carrier or asked.delivered) else (due, asked.number)
            if same not in equal and not self._is_beyond(due) and self._may_pass(due):
                equal.add(same)
                yield partial(Scene.deliver, at=at)

    def _is_beyond(self, due: int) -> bool:
        return self.horizon is not None and due > NOON + self.horizon

    def _overtaken(self, instant: int) -> list[Actor | Hand]:
        return [one for one in self.actors if not one.given_up and one.deadline <= instant]

    def _may_pass(self, instant: int) -> bool:
        return len(self._overtaken(instant)) <= self.budget.crashes

    def _pass(self, instant: int) -> None:
        """Time moves on. Whom it carries beyond his deadline is given up by Lambda, or killed in his handler."""
        for actor in self._overtaken(instant):
            self._spend(crashes=1)
            if isinstance(actor, Hand) or actor.works:
                self._kill(actor, "is killed at its deadline")
            else:
                actor.given_up = True
                self.world.say(actor.name, "is given up by Lambda, but not dead")
                self._lambda_ended(actor, actor.deadline)
        self.world.now = max(self.world.now, instant)

    def _spend(self, *, crashes: int = 0, losses: int = 0, failures: int = 0) -> None:
        left = self.budget
        self.budget = Budget(left.crashes - crashes, left.losses - losses, left.failures - failures)

    # -- moves ---------------------------------------------------------------------------------------------------------
    def _carry_out(self, at: int) -> None:
        actor = self.actors[at]
        self._resume(actor, self._apply(actor))

    def _crash(self, at: int, why: str) -> None:
        self._spend(crashes=1)
        self._kill(self.actors[at], why)

    def _crash_after(self, at: int) -> None:
        actor = self.actors[at]
        self._spend(crashes=1)
        self._apply(actor)
        self._kill(actor, "is killed after that")

    def _lose_answer(self, at: int) -> None:
        actor = self.actors[at]
        self._spend(losses=1)
        self._apply(actor)
        self.world.say(actor.name, "its answer is lost")
        self._resume(actor, LOST)

    def _wake(self, at: int) -> None:
        actor = self.actors[at]
        self._pass(actor.wakes)
        if actor in self.actors:
            self._resume(actor, None)

    def _begin(self, at: int, *, fails: bool) -> None:
        actor = self.actors[at]
        self._spend(failures=int(fails))
        assert isinstance(actor.pending, Work)
        assert isinstance(actor, Actor)
        self.world.say(actor.name, f"handler begins, and {'will fail' if fails else 'will succeed'}: {actor.pending}")
        self.observer.handler_begins(actor, actor.pending)
        self._resume(actor, Begin(fails))

    def deliver(self, at: int) -> None:
        due, asked = self.ahead.pop(at)
        self._pass(due)
        if asked.carrier and not asked.delivered:
            del self.world.store.schedules[asked.name]
            self.observer.run(asked.occurrence).asked.append(asked)
        asked.delivered += 1
        actor = Actor(self.world, asked, asked.number * 100 + asked.delivered, self.time)
        self.actors.append(actor)
        self.world.say(actor.name, f"is given {asked.occurrence}, delivery {asked.delivered}")
        self._resume(actor, None)

    # -- what comes of them --------------------------------------------------------------------------------------------
    def _apply(self, actor: Actor | Hand) -> Mapping[str, Any]:
        call = actor.pending
        assert isinstance(call, Call)
        answer = self.world.store(call.operation, call.parameters)
        self.world.say(actor.name, f"{described(call)} -> {answer.get('Error', {}).get('Code', 'done')}")
        if isinstance(actor, Hand):
            self.observer.carried_out_for(actor, call, answer)
        else:
            self.observer.carried_out(actor, call, answer)
        if call.operation == "DeleteSchedule" and "Error" not in answer:
            self._withdraw(actor, call.parameters["Name"])
        if call.operation == "CreateSchedule" and "Error" not in answer:
            asked, due = carried(call.parameters)
            # A name may be taken anew once its schedule has fired, and whoever it brings is somebody else.
            made = self.made[asked.name] = self.made.get(asked.name, 0) + 1
            asked.number = int(asked.name[-8:], 16) * 100 + made
            self.observer.made(asked)
            self.ahead.append((due, asked))
        return answer

    def _withdraw(self, actor: Actor | Hand, name: str) -> None:
        """It comes no more. Had it fired in its last moment, it would be as if it had before."""
        assert isinstance(actor, Hand)
        for at, (_, asked) in enumerate(self.ahead):
            if asked.name == name and not asked.delivered:
                del self.ahead[at]
                self.observer.run(asked.occurrence).carriers.discard(asked)
                self.observer.dropped(actor, asked.occurrence)
                return

    def _resume(self, actor: Actor | Hand, answer: Any) -> None:
        step = self.programs.answer(actor, answer)
        if isinstance(actor, Hand):
            self._hand_goes_on(actor, step)
            return
        if actor.works and not step.in_handler:
            self.observer.handler_ends(actor, failed=step.fails)
        actor.works = step.in_handler
        actor.pending, actor.printed = step.request, step.printed
        match step.end or step.request:
            case Ended(told_back, raised):
                self._finish(actor, told_back, raised)
            case CronstackError() as fault:
                self._finish(actor, {}, fault)
            case Call() as request:
                actor.holder = actor.holder or holder_of(request)
                self.observer.asked(actor, request)
            case Sleep(seconds):
                actor.wakes = self.world.now + int(seconds * 1000)

    def _hand_goes_on(self, hand: Hand, step: Step) -> None:
        hand.pending, hand.printed = step.request, step.printed
        match step.end or step.request:
            case Returned(plan):
                self._leave(hand, plan.outcome)
                self.observer.told(hand, plan)
            case CronstackError() as fault:
                self._leave(hand, type(fault).__name__)
            case Sleep(seconds):
                hand.wakes = self.world.now + int(seconds * 1000)

    def _leave(self, hand: Hand, how: str) -> None:
        hand.ended = True
        self.world.say(hand.name, f"ends: {how}")
        self.world.count("call", how)
        self.actors.remove(hand)

    def _finish(self, actor: Actor, answer: Mapping[str, Any], raised: BaseException | None) -> None:
        actor.ended = True
        how = answer.get("cronstack", "") if raised is None else f"raises {type(raised).__name__}"
        self.world.say(actor.name, f"ends: {how}")
        self.world.count("end", how)
        self.observer.ended(actor, answer, raised)
        self.actors.remove(actor)
        if not actor.given_up:
            self._lambda_ended(actor, self.world.now if raised is not None else None)

    def _kill(self, actor: Actor | Hand, why: str) -> None:
        if isinstance(actor, Hand):
            self.world.say(actor.name, why)
            self._leave(actor, "killed")
            return
        actor.ended = True
        self.world.say(actor.name, why)
        self.observer.killed(actor)
        self.actors.remove(actor)
        if not actor.given_up:
            self._lambda_ended(actor, self.world.now)

    def _lambda_ended(self, actor: Actor, failed: int | None) -> None:
        asked = actor.asked
        if failed is None:
            self.observer.discharged(asked)
        elif asked.delivered > LAMBDA_RETRIES:
            self.observer.recorded(asked)
            self.recorded.append(asked.occurrence)
            self.world.say("Lambda", f"gives {asked.occurrence} up: into the dead letters")
        else:
            self.ahead.append((failed + BACK_OFF[min(asked.delivered, 2) - 1], asked))

    def judge_the_end(self) -> None:
        """Nothing can happen any more: everything is final, or lies among the dead letters as Lambda's record.

        Or it comes after the horizon.
        """
        later = {asked.occurrence for due, asked in self.ahead if self._is_beyond(due)}
        left = [one for one in self.observer.unfinished() if one not in self.recorded and one not in later]
        if left:
            raise Violation("I9", f"nothing happens any more, and still not final: {', '.join(left)}")
        if self.world.store.schedules and not later:
            raise Violation("I21", f"left in Scheduler: {', '.join(self.world.store.schedules)}")

    # -- equality ------------------------------------------------------------------------------------------------------
    def key(self) -> bytes:
        """Of all that the future depends on."""
        observer = self.observer
        living = []
        for one in self.actors:
            own = observer.attempts.get(one.holder)
            flags = (one.given_up, one.works, one.letters, own and (own.settled, own.lost, own.how))
            times = (one.wakes, one.deadline, *(sorted(one.wrote) if isinstance(one, Hand) else ()))
            living.append((one.number, one.history and one.history.key, one.printed, times, flags))
        ahead = sorted((at, asked.number, asked.delivered, asked.refused) for at, asked in self.ahead)
        whole = (
            self.world.now,
            self.budget,
            self.world.contents(),
            sorted(living),
            ahead,
            self.recorded,
            sorted(self.made.items()),
            observer.digest(),
        )
        return digest(whole)


def _event(number: int, occurrence: int) -> Asked:
    due = NOON + occurrence * 1000
    event = {"cronstack": 1, "job": "stats", "scheduled": print_time(due), "input": {}}
    return Asked(event, scheduled_id(due), due, number=number)


def _elsewhere(run: Run) -> None:
    raise AssertionError("each invocation brings its handler")
