"""One seed from its first event to the last: a schedule that fires, operators in the middle, then peace and the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from cronstack.declaration import Job, job
from cronstack.entropy import ulid
from cronstack.event import operator_event, parse_event, redrive_event
from cronstack.occurrence import is_planned, print_time, scheduled_id, trigger_id, with_generation
from cronstack.run import Run
from cronstack_infra.play.prove.application import Application
from cronstack_infra.play.prove.deliveries import Asked, Deliveries
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.promises import LONG
from cronstack_infra.play.prove.records import RunRecord
from cronstack_infra.play.prove.sandbox import HandlerFailedForGood
from cronstack_infra.play.prove.world import LEASE, NOON, Violation, World

NAME: Final = "stats"
DAY: Final = 86_400_000
MOST_STEPS: Final = 20_000
HEALING: Final = 6 * 3_600_000
"""Milliseconds in which everything must have ended after that."""


@dataclass(slots=True)
class Verdict:
    """What came of a seed."""

    seed: int
    steps: int
    handlers: int
    invariant: str = ""
    """The one that was violated, "" for none."""
    text: str = ""
    trace: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)


def play(seed: int, *, tracing: bool = False) -> Verdict:
    """Play one seed. What is violated is in the verdict; what is raised is broken, the code under proof or this one."""
    scenario = Scenario(seed, tracing=tracing)
    verdict = Verdict(seed, 0, 0)
    try:
        scenario.play()
    except Violation as found:
        verdict.invariant, verdict.text = found.invariant, str(found)
    finally:
        for sandbox in scenario.deliveries.sandboxes:
            sandbox.close()
        for planner in scenario.application.planners:
            planner.close()
    world = scenario.world
    verdict.steps, verdict.handlers = world.steps, scenario.observer.handlers
    verdict.counted, verdict.trace = world.counted, world.trace or []
    return verdict


class Scenario:
    """A world, its one job, and what happens to it."""

    def __init__(self, seed: int, *, tracing: bool = False) -> None:
        self.world = world = World(seed, tracing=tracing)
        mix = world.mix
        world.say("seed", f"{seed}: {mix}")
        self.observer = Observer(world, retries=mix.retries, start_deadline=mix.start_deadline)
        self.deliveries = Deliveries(world, self.observer, self._job())
        self.application = Application(world, self.deliveries)
        self._sent: list[Asked] = []
        self._first_due = NOON
        self._longest = DAY * (400 if world.mix.far else 40)
        """Milliseconds after which everything has come to rest."""

    def _job(self) -> Job:
        mix = self.world.mix

        declare = job(
            name=NAME,
            overlap=mix.overlap,
            retries=mix.retries,
            timeout=mix.timeout,
            start_deadline=mix.start_deadline,
            lease=mix.lease,
            permanent=[HandlerFailedForGood],
        )
        return declare(_elsewhere)

    def play(self) -> None:
        self._fire()
        self._operate()
        if self.world.mix.keys:
            self.application.begin()
        if self.world.chance.random() < 0.5:
            self._until_quiet(self._longest)
        else:
            self._until(NOON + int(self.world.chance.random() * 1_000_000))
        self._heal()
        if self.world.mix.has("leap"):
            self._leap()

    # -- what is sent --------------------------------------------------------------------------------------------------
    def _fire(self) -> None:
        world, mix = self.world, self.world.mix
        for number in range(mix.occurrences):
            due = self._first_due + number * mix.gap
            late = int(world.chance.random() * 2_000)
            if mix.crowd:
                late = -number * 700 + int(world.chance.random() * 100)
            if world.strikes("delivered late"):
                late = mix.start_deadline * 1000 + world.chance.choice((-500, 500, 60_000))
            elif world.strikes("delivered out of time"):
                late = 16 * DAY + world.chance.choice((-60_000, 60_000))
            self._send(due, due - world.now + late)
            if world.strikes("duplicate at once"):
                self._send(due, due - world.now + late)
            if world.strikes("duplicate later"):
                self._send(
                    due, due - world.now + late + int(world.chance.random() * world.chance.choice((10_000, 400_000)))
                )
            if world.strikes("another input"):
                self._send(due, due - world.now + late, given={"other": 1})

    def _send(self, due: int, delay: int, given: dict[str, Any] | None = None) -> None:
        event = {
            "cronstack": 1,
            "job": NAME,
            "scheduled": print_time(due),
            "schedule": "arn:aws:scheduler:us-east-1:123456789012:schedule/shop/shop-stats.1",
            "delivery": "d32c5kddcf5bb8c3",
            "input": given or {},
        }
        asked = Asked(event, scheduled_id(due), due)
        self._sent.append(asked)
        self.deliveries.accept(asked, max(0, delay))

    # -- operators in the middle ---------------------------------------------------------------------------------------
    def _operate(self) -> None:
        world = self.world
        span = world.mix.occurrences * world.mix.gap + 400_000
        for fault, act in (
            ("redrive", self._redrive_the_dead),
            ("redrive of nothing", self._redrive_nothing),
            ("backfill", self._backfill),
            ("trigger", self._trigger),
            ("new generation", self._repeat),
            ("lease deleted", self._delete_lease),
            ("outage", self._begin_outage),
        ):
            needs_firings = act in (self._redrive_nothing, self._backfill, self._repeat)
            if world.mix.has(fault) and (self._sent or not needs_firings):
                for _ in range(world.chance.choice((1, 1, 2, 3))):
                    early = act == self._delete_lease and world.chance.random() < 0.5  # while a handler runs
                    world.later(world.chance.random() * (span - 390_000 if early else span), act)

    def _redrive_the_dead(self) -> None:
        for run in list(self.observer.runs.values()):
            if run.ended == "dead" and run.letters[run.claims] and run.asked:
                died = self._that_died(run)
                self._redrive(died, run.claims)
                if self.world.chance.random() < 0.3:
                    self._redrive(died, run.claims)

    def _that_died(self, run: RunRecord) -> Asked:
        """An event of its: what code has scheduled died by the plan's last revision."""
        return max(run.asked, key=lambda asked: int(asked.event.get("revision", 0)))

    def _redrive(self, asked: Asked, attempt: int | None) -> None:
        self.world.count("fault", "redrive")
        occurrence = parse_event(asked.event, NAME)
        event = redrive_event(occurrence, requested=self.world.now, attempt=attempt)
        again = Asked(event, occurrence.id, occurrence.due, by_operator=True, redrive=attempt)
        run = self.observer.run(occurrence.id)
        again.acts = run.ended == "dead" and run.claims == attempt
        self.deliveries.accept(again, int(self.world.chance.random() * 1000))

    def _redrive_nothing(self) -> None:
        self.world.count("fault", "redrive of nothing")
        asked = self.world.chance.choice(self._sent)
        self._redrive(asked, self.world.chance.choice((1, 1, 2, 7)))

    def _backfill(self) -> None:
        self.world.count("fault", "backfill")
        self._operators("backfill", self.world.chance.choice(self._sent).due)

    def _repeat(self) -> None:
        self.world.count("fault", "new generation")
        self._operators("backfill", self.world.chance.choice(self._sent).due, generation=2)

    def _trigger(self) -> None:
        self.world.count("fault", "trigger")
        occurrence = trigger_id(ulid(self.world.now, self.world.chance))
        self._operators("trigger", self.world.now // 1000 * 1000, occurrence=occurrence)

    def _operators(self, kind: Any, due: int, occurrence: str | None = None, generation: int = 1) -> None:
        event = operator_event(
            NAME, kind, due=due, requested=self.world.now, input={}, occurrence=occurrence, generation=generation
        )
        name = occurrence or with_generation(scheduled_id(due), generation)
        self.deliveries.accept(Asked(event, name, due, by_operator=True))

    def _delete_lease(self) -> None:
        if self.world.faulty:
            self.world.count("fault", "lease deleted")
            self.world.say("somebody", "deletes the lease by hand")
            self.observer.touched = True
            self.observer.job.fence, self.observer.job.held = 0, None
            self.world.store.delete(LEASE)

    def _begin_outage(self) -> None:
        self.world.count("fault", "outage")
        self.world.down_until = self.world.now + self.world.chance.choice((5_000, 70_000, 250_000))

    # -- peace ---------------------------------------------------------------------------------------------------------
    def _until(self, moment: int) -> None:
        while self.world.now < moment and self.world.step():
            pass

    def _until_quiet(self, bound: int) -> None:
        world, end = self.world, self.world.now + bound
        while world.step():
            if world.steps > MOST_STEPS or world.now > end:
                raise Violation("I9", f"it does not come to rest: {self.observer.unfinished()}")

    def _heal(self) -> None:
        """No more faults. Whatever is not final then lies among the dead letters; one redrive by operators ends it."""
        world = self.world
        world.faulty = False
        world.say("everybody", "faults stop")
        self._until_quiet(self._longest)
        left, self.deliveries.recorded = self.deliveries.recorded, []
        unfinished = self.observer.unfinished()
        told = {asked.occurrence for asked in left}
        if lost := [occurrence for occurrence in unfinished if occurrence not in told]:
            raise Violation("I9", f"not final, and nothing brings it back: {', '.join(lost)}")
        again = {(asked.occurrence, str(asked.event["input"]), asked.event.get("revision")): asked for asked in left}
        for asked in again.values():
            if asked.occurrence in unfinished:
                self._redrive(asked, None)
        self._until_quiet(HEALING)
        if unfinished := self.observer.unfinished():
            raise Violation("I9", f"faults have stopped, and still not final: {', '.join(unfinished)}")
        if self.deliveries.recorded:
            raise Violation("I9", f"without a fault, Lambda gave {self.deliveries.recorded[0].occurrence} up")
        if world.mix.keys:
            self._sweep()

    def _sweep(self) -> None:
        """Plans of which nobody was told are left; one sweep finds them."""
        self.world.later(LONG, self.application.sweep)
        self._until_quiet(self._longest)
        if forsaken := self.observer.forsaken():
            raise Violation("I21", f"a sweep has not found {', '.join(forsaken)}")
        if unfinished := self.observer.unfinished():
            raise Violation("I21", f"found by a sweep, and still not final: {', '.join(unfinished)}")
        if left := sorted(self.world.store.schedules):
            raise Violation("I21", f"everything is at rest, and left in Scheduler: {', '.join(left)}")

    def _leap(self) -> None:
        """Weeks pass, what has expired is deleted, and Lambda brings old events once more."""
        world = self.world
        world.count("fault", "leap")
        world.now += world.chance.choice((1, 13, 15, 17, 34, 36, 60)) * DAY
        gone = world.store.expire(world.now // 1000)
        world.say("somebody", f"{(world.now - NOON) // DAY} days later; expired: {[key[1] for key in gone]}")
        plans = [run.asked[-1] for name, run in self.observer.runs.items() if is_planned(name) and run.asked]
        for asked in [*self._sent, *(asked for asked in plans if not asked.by_operator)]:
            self.deliveries.accept(Asked(asked.event, asked.occurrence, asked.due), int(world.chance.random() * 1000))
        self.observer.expired(gone)
        self._first_due = world.now // 1000 * 1000
        self._fire()
        self._until_quiet(DAY)
        self._heal()


def _elsewhere(run: Run) -> None:
    raise AssertionError("each sandbox brings its handler")
