"""Normal life: jobs that run, fail and recover, deploys, pauses, backfills. Nothing in it needs a notification."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from cronstack.declaration import Job
from cronstack.entropy import ulid
from cronstack.occurrence import trigger_id
from tests.cronstack.watchdog_simulation.cloud.functions import Attempt, Behaviour
from tests.cronstack.watchdog_simulation.cloud.virtual_time import DAY, HOUR, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.jobs import draw_job, draw_policies, instants
from tests.cronstack.watchdog_simulation.plot import Plot, wait

RESERVE: Final = 100 * SECOND
"""Milliseconds by which an event that is late, but in time, comes before it counts as late."""


def live(plot: Plot, jobs: int) -> None:
    """Add jobs that live normally."""
    for number in range(jobs):
        job = plot.add(draw_job(f"job_{number}", plot.chance, plot.epoch, slow=plot.slow))
        plot.world.usual[job.name] = _usual(plot, job, dead_allowed=job.alert_after > 1 and not plot.slow)
        _delays(plot, job)


def _usual(plot: Plot, job: Job, *, dead_allowed: bool) -> Callable[[Attempt], Behaviour]:
    """Return what the attempts of a job usually do: they succeed, at the latest in the last but one attempt."""
    chance = plot.chance
    long, fails, dies = chance.random() < 0.3, chance.random() < 0.4, chance.random() < 0.15
    since_dead = 0

    def behave(attempt: Attempt) -> Behaviour:
        nonlocal since_dead
        since_dead += 1
        takes = chance.randrange(200, 20 * SECOND)
        if long and chance.random() < 0.3:
            takes = chance.randrange(SECOND, plot.world.functions.jobs[job.name].timeout * 900)
        if attempt.number == 1 and plot.world.functions.jobs[job.name].retries:
            if fails and chance.random() < 0.15:
                return Behaviour(min(takes, 5 * SECOND), "fails")
            if dies and chance.random() < 0.1:
                return Behaviour(min(takes, 5 * SECOND), "is killed")
        if fails and dead_allowed and since_dead > 4 and chance.random() < 0.2:
            since_dead = 0  # fewer dead runs in a row than ``alert_after``
            return Behaviour(takes, "fails for good")
        return Behaviour(takes)

    return behave


def _delays(plot: Plot, job: Job) -> None:
    """Let some events come late, but in time."""
    chance = plot.chance
    if any(not when.expression.startswith(("cron(", "at(")) for when in job.schedules) or chance.random() < 0.6:
        return
    most = job.late_after * SECOND - RESERVE
    for due in instants(job, plot.epoch.start, 4):
        if chance.random() < 0.3:
            plot.world.delays[job.name, due] = chance.randrange(most)


def act(plot: Plot, until: int) -> None:
    """Plan what operators and deployers do until a moment."""
    chance = plot.chance
    for _ in range(chance.randrange(5)):
        action = chance.choice(
            (_pause, _trigger, _plan, _plan, _backfill, _deploy, _deploy, _letters if plot.slow else _deploy)
        )
        moment = plot.epoch.start + wait(chance, MINUTE, max(2 * MINUTE, until - plot.epoch.start))
        plot.at(moment, partial(action, plot))


def _letters(plot: Plot) -> None:
    """Let letters come and go, so that a queue is never empty for days, but no letter is old."""
    world, chance = plot.world, plot.chance
    url = chance.choice(list(world.queues.letters))
    for _ in range(4):
        body = f'{{"number":{world.time.now},"left":{chance.random()}}}'
        sent = wait(chance, 0, 4 * DAY)
        world.time.after(sent, partial(world.queues.send, url, body))
        world.time.after(sent + wait(chance, HOUR, 3 * DAY), partial(world.queues.drop, url, body))


def _own(plot: Plot) -> list[str]:
    """Return the jobs that live normally and are deployed now."""
    return [name for name in plot.world.stack.jobs if name.startswith("job_")]


def _pause(plot: Plot) -> None:
    world, chance = plot.world, plot.chance
    names = [name for name in _own(plot) if ("job#" + name, "lease") in world.store.items and not world.is_paused(name)]
    if names:
        name = chance.choice(names)
        world.note(f"pause {name}")
        world.pause(name)
        takes = wait(chance, MINUTE, 3 * DAY if plot.slow else 90 * MINUTE)
        world.time.after(takes, lambda: world.resume(name))


def _plan(plot: Plot) -> None:
    """Plan keys; move or cancel some of them."""
    world, chance = plot.world, plot.chance
    for name in [name for name in _own(plot) if world.stack.jobs[name].by_code]:
        for number in range(chance.randrange(1, 4)):
            key = f"{name}/{world.time.now}/{number}"
            due = (world.time.now + wait(chance, 30 * SECOND, 50 * MINUTE)) // SECOND * SECOND
            plot.plan(name, key, due)
            moment, what = world.time.now + wait(chance, SECOND, 40 * MINUTE), chance.randrange(4)
            if what == 0:
                world.time.at(moment, partial(plot.cancel, name, key))
            elif what == 1:
                later = moment + wait(chance, MINUTE, 20 * MINUTE)
                world.time.at(moment, partial(_move, plot, name, key, later))


def _move(plot: Plot, name: str, key: str, due: int) -> None:
    if name in plot.world.stack.jobs:
        plot.move(name, key, due)


def _trigger(plot: Plot) -> None:
    world = plot.world
    for name in _own(plot)[:1]:
        world.note(f"trigger {name}")
        occurrence = trigger_id(ulid(world.time.now, plot.chance))
        world.operate(name, "trigger", world.time.now // SECOND * SECOND, occurrence=occurrence)


def _backfill(plot: Plot) -> None:
    """Backfill instants before the history, or that have run."""
    world, chance = plot.world, plot.chance
    for name in _own(plot)[-1:]:
        job = world.stack.jobs[name]
        if any(when.expression.startswith("rate") for when in job.schedules):
            continue
        world.note(f"backfill {name}")
        first = world.time.now - wait(chance, 10 * MINUTE, 6 * HOUR)
        for due in instants(job, first, 3):
            if due < world.time.now:
                world.operate(name, "backfill", due)


def _deploy(plot: Plot) -> None:
    """Deploy a change of the jobs that live normally; sometimes it is rolled back."""
    world, chance = plot.world, plot.chance
    if not plot.deploys or world.time.now < world.stack.busy_until:
        return
    jobs, own = dict(world.stack.jobs), _own(plot)
    number = world.stack.deploys
    what = chance.choice(("add", "change", "change", "change", "remove", "rename", "policy", "nothing", "disable"))
    name = chance.choice(own) if own else ""
    if what == "add" or not own:
        jobs[f"job_new{number}"] = draw_job(f"job_new{number}", chance, plot.epoch, slow=plot.slow)
    elif what == "change":
        # A lower ``alert_after`` makes an incident of runs that have failed before, a lower timeout of one that runs,
        # a lower ``late_after`` of one whose event comes late, but in time.
        before, after = jobs[name], draw_job(name, chance, plot.epoch, slow=plot.slow)
        timeout = max(before.timeout, after.timeout)
        late_after = max(before.late_after, after.late_after)
        jobs[name] = after._replace(alert_after=before.alert_after, timeout=timeout, late_after=late_after)
    elif what == "remove":
        del jobs[name]
    elif what == "rename":
        jobs[f"job_now{number}"] = jobs.pop(name)._replace(name=f"job_now{number}")
    elif what == "policy":
        policies = draw_policies(chance)
        jobs[name] = jobs[name]._replace(late_after=max(policies["late_after"], jobs[name].late_after))
    elif what == "disable" and not plot.slow:  # after a week, it would be an incident
        jobs[name] = jobs[name]._replace(enabled=not jobs[name].enabled)
    rolls_back = chance.random() < 0.2
    if what == "change" and own and rolls_back:  # the rollback would lower the timeout again
        jobs[name] = jobs[name]._replace(timeout=world.stack.jobs[name].timeout)
    world.note(f"deploy: {what} {name}{', rolled back' if rolls_back else ''}")
    world.stack.deploy(jobs, rolls_back=rolls_back)
