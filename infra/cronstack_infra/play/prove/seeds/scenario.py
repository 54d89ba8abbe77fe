"""One seed from its first event to its last: a schedule fires, operators act, faults stop, and everything ends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from cronstack.declaration import Job, job
from cronstack.occurrence import is_planned, print_time, scheduled_id
from cronstack.run import Run
from cronstack_infra.play.prove.judges.schedules import LONG
from cronstack_infra.play.prove.models.code import Rollout
from cronstack_infra.play.prove.models.queued import QueuedEvent
from cronstack_infra.play.prove.models.shell import HandlerFailedForGood
from cronstack_infra.play.prove.models.switches import EARLIEST, LOSES_EVENTS
from cronstack_infra.play.prove.models.world import NOON, Violation, World
from cronstack_infra.play.prove.observer import Observer
from cronstack_infra.play.prove.seeds.application import Application
from cronstack_infra.play.prove.seeds.coverage import JUDGED, RAN, WANTED
from cronstack_infra.play.prove.seeds.deliveries import Deliveries
from cronstack_infra.play.prove.seeds.intruder import Intruder
from cronstack_infra.play.prove.seeds.operators import Operators

NAME: Final = "stats"
DAY: Final = 86_400_000
MOST_STEPS: Final = 20_000
EARLY: Final = 3_600_000
"""Most milliseconds by which an event that is sent by hand comes before its time."""
HEALING: Final = 6 * 3_600_000
"""Milliseconds after the last redrive within which everything must have ended."""


@dataclass(slots=True)
class SeedResult:
    """The result of a seed."""

    seed: int
    steps: int
    handlers: int
    invariant: str = ""
    """The invariant that was violated; "" for none."""
    text: str = ""
    trace: list[str] = field(default_factory=list)
    counted: Counter[str] = field(default_factory=Counter)


def play(seed: int, *, tracing: bool = False, rollout: Rollout | None = None, switch: str | None = None) -> SeedResult:
    """Play one seed. The verdict contains a violation. Any other exception is a defect of the guard or of the proof.

    ``rollout``: a deploy of another version's code in the middle. ``switch``: the switch at its maximum.
    """
    scenario = Scenario(seed, tracing=tracing, rollout=rollout, switch=switch)
    verdict = SeedResult(seed, 0, 0)
    try:
        scenario.play()
    except Violation as violation:
        verdict.invariant, verdict.text = violation.invariant, str(violation)
    finally:
        for sandbox in scenario.deliveries.sandboxes:
            sandbox.close()
        for planner in scenario.application.planners:
            planner.close()
    world = scenario.world
    verdict.steps, verdict.handlers = world.steps, scenario.observer.log.handlers
    verdict.counted, verdict.trace = world.counted, world.trace or []
    return verdict


class Scenario:
    """A world with one job, its events and its operators."""

    def __init__(
        self, seed: int, *, tracing: bool = False, rollout: Rollout | None = None, switch: str | None = None
    ) -> None:
        self.world = world = World(seed, tracing=tracing, rollout=rollout, switch=switch)
        mix = world.mix
        world.add_trace("seed", f"{seed}: {mix}")
        self.observer = Observer.of(world, retries=mix.retries, start_deadline=mix.start_deadline)
        self.deliveries = Deliveries(world, self.observer, self._job())
        self.application = Application(world, self.deliveries)
        self._sent: list[QueuedEvent] = []
        self.operators = Operators(world, self.deliveries, NAME, self._sent)
        self._first_due = NOON + max(int(world.switch("early") or 0), EARLY if mix.has("delivered early") else 0)
        self._longest = DAY * (400 if world.mix.far else 40)
        """Milliseconds after which no event may be on its way."""

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
        return declare(_never_called)

    def play(self) -> None:
        world = self.world
        self._fire()
        self.operators.begin(self._first_due)
        if self.world.mix.keys:
            self.application.begin()
            if any(world.switch(name) for name in LOSES_EVENTS):
                world.call_later(EARLIEST + world.switch_chance.random() * 4 * EARLIEST + LONG, self.application.sweep)
            if self.world.mix.intruder:
                Intruder(self.world, self.deliveries, self.application.keys, self._sent).begin()
        if self.world.chance.random() < 0.5:
            self._run_until_idle(self._longest)
        else:
            self._run_until(self._first_due + int(self.world.chance.random() * 1_000_000))
        self._heal()
        if self.world.mix.has("leap"):
            self._leap()
        ran, expected = self.observer.log.share()
        world.counted.update({RAN: ran, WANTED: expected, JUDGED: 1})

    # -- events --------------------------------------------------------------------------------------------------------
    def _fire(self) -> None:
        world, mix = self.world, self.world.mix
        for number in range(mix.occurrences):
            due = self._first_due + number * mix.gap
            late, earlier = int(world.chance.random() * 2_000), 0
            if mix.crowd:
                late = (mix.occurrences - 1 - number) * 700 + int(world.chance.random() * 100)  # 300 ms apart
            if world.strikes("delivered late"):
                late = mix.start_deadline * 1000 + world.chance.choice((-500, 500, 60_000))
            elif world.strikes("delivered out of time"):
                late = 16 * DAY + world.chance.choice((-60_000, 60_000))
            if world.strikes("delivered early"):
                late = -int(world.chance.random() * world.chance.choice((8_000, 60_000, EARLY)))
            elif earlier := world.scheduler.earlier():
                late = -earlier
            self._send(due, due - world.now + late, by_schedule=True, early=bool(earlier))
            if world.strikes("duplicate at once"):
                self._send(due, due - world.now + late)
            if world.strikes("duplicate later"):
                self._send(
                    due, due - world.now + late + int(world.chance.random() * world.chance.choice((10_000, 400_000)))
                )
            if world.strikes("another input"):
                self._send(due, due - world.now + late, given={"other": 1})

    def _send(
        self,
        due: int,
        delay: int,
        given: dict[str, Any] | None = None,
        *,
        by_schedule: bool = False,
        early: bool = False,
    ) -> None:
        body = {
            "cronstack": 1,
            "job": NAME,
            "scheduled": print_time(due),
            "schedule": "arn:aws:scheduler:us-east-1:123456789012:schedule/shop/shop-stats.1",
            "delivery": "d32c5kddcf5bb8c3",
            "input": given or {},
        }
        event = QueuedEvent(body, scheduled_id(due), due)
        self._sent.append(event)
        if early:
            event.switches = ("early",)
        if by_schedule and self.world.mix.switches:
            self.world.call_later(max(0, delay), lambda: self.deliveries.fire(event))
        else:
            self.deliveries.accept(event, max(0, delay))

    # -- the end -------------------------------------------------------------------------------------------------------
    def _run_until(self, moment: int) -> None:
        while self.world.now < moment and self.world.step():
            pass

    def _run_until_idle(self, bound: int) -> None:
        world, end = self.world, self.world.now + bound
        while world.step():
            if world.steps > MOST_STEPS or world.now > end:
                self.observer.no_rest()

    def _heal(self) -> None:
        """Stop all faults. Check that everything is final, or is among the dead letters and ends by one redrive."""
        world, observer = self.world, self.observer
        world.faulty = False
        world.rollout.finish()
        world.add_trace("world", "faults stop")
        self.operators.resume()
        self._run_until_idle(self._longest)
        if any(run.was_lost for run in observer.log.runs.values()):
            for times in (1, 2):  # the lease of a sandbox that was frozen may end later than the first
                world.call_later(times * LONG, self.operators.repair)
            if world.mix.keys:
                world.call_later(LONG, self.application.sweep)
            self._run_until_idle(self._longest)
            observer.at_rest_after_repair({event.occurrence for event in self.deliveries.recorded})
        left, self.deliveries.recorded = self.deliveries.recorded, []
        left = [event for event in left if not event.forged or observer.log.is_of_run(event)]
        unfinished = observer.log.unfinished()
        observer.at_rest("not final, and nothing brings them back", excused={event.occurrence for event in left})
        again = {(event.occurrence, str(event.body.get("input")), event.body.get("revision")): event for event in left}
        for event in again.values():
            if event.occurrence in unfinished:
                self.operators.redrive(event, None)
        self._run_until_idle(HEALING)
        given_up = [event.occurrence for event in self.deliveries.recorded]
        observer.at_rest("faults have stopped, and still not final", given_up=given_up)
        if world.mix.keys:
            world.call_later(LONG, self.application.sweep)
            self._run_until_idle(self._longest)
            observer.at_rest_after_sweep()

    def _leap(self) -> None:
        """Let weeks pass: DynamoDB deletes expired items, and Lambda delivers old events again."""
        world, log = self.world, self.observer.log
        world.count("fault", "leap")
        world.now += world.chance.choice((1, 13, 15, 17, 34, 36, 60)) * DAY
        gone = world.store.expire(world.now // 1000)
        world.add_trace("DynamoDB", f"{(world.now - NOON) // DAY} days later; expired: {[key[1] for key in gone]}")
        plans = [run.events[-1] for name, run in log.runs.items() if is_planned(name) and run.events]
        for event in [*self._sent, *(event for event in plans if not event.by_operator)]:
            again = QueuedEvent(event.body, event.occurrence, event.due, alias=event.alias, forged=event.forged)
            self.deliveries.accept(again, int(world.chance.random() * 1000))
        self.observer.expired(gone)
        self._first_due = world.now // 1000 * 1000
        self._fire()
        self._run_until_idle(DAY)
        self._heal()


def _never_called(run: Run) -> None:
    raise AssertionError("each sandbox replaces the handler")
