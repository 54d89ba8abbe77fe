"""The faults that histories plant: each adds a job, lets the fault happen, repairs it, and states what is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from cronstack.declaration import ONCE, Job, When
from cronstack.occurrence import planned_id, scheduled_id
from cronstack.onetime import schedules
from tests.cronstack.watchdog_simulation.functions import ONCE as PLANS_GROUP
from tests.cronstack.watchdog_simulation.functions import STACK, Behaviour
from tests.cronstack.watchdog_simulation.jobs import ARRIVES, EARLY, daily, declare, instants, often
from tests.cronstack.watchdog_simulation.plot import LAG, Plot, wait
from tests.cronstack.watchdog_simulation.schedules import LIST_LAG
from tests.cronstack.watchdog_simulation.stack import schedule_name, schedule_parameters
from tests.cronstack.watchdog_simulation.virtual_time import DAY, HOUR, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.world import LOST

START: Final = 2 * SECOND
"""Milliseconds before its instant at which an attempt may start: the guard's margin."""
MISSED_MARGIN: Final = 120 * SECOND
OVERDUE: Final = 10 * MINUTE


def lost(plot: Plot) -> None:
    """Lose the event of one instant: it is late, then missed, until a later one arrives or the watchdog runs it."""
    chance, name = plot.chance, plot.name("lost")
    runs = chance.random() < 0.4
    window = chance.choice((None, None, None, 5, 10))
    late, deadline = chance.choice((120, 300, 300, 600)), chance.choice((600, 900, 1800))
    job = plot.add(
        often(
            name,
            chance,
            plot.epoch.zone,
            chance.choice((15, 20, 30, 60)),
            window=window,
            late_after=late,
            start_deadline=deadline,
            on_missed="run" if runs else "report",
            overlap=chance.choice(("skip", "buffer_one", "allow")),
        )
    )
    due, following = instants(job, plot.first, 2)
    plot.world.delays[name, due] = LOST
    wide = (window or 0) * MINUTE
    missed = due + wide + deadline * SECOND + MISSED_MARGIN
    _late(plot, job, due, until=missed)
    again = following + wide + max(late * SECOND, ARRIVES) + LAG
    plot.probe(missed, name, scheduled_id(due), "")
    plot.expect(
        name,
        "missed",
        missed,
        missed,
        "its event was lost",
        cleared=missed if runs else max(missed, following - EARLY),
        cleared_by=max(missed, min(again, missed + MINUTE) if runs else again),
        clear_passes=3 if runs else 1,
    )
    if runs:
        plot.checks.append(lambda: _ran(plot, name, due, 1))
    else:
        plot.checks.append(lambda: _ran(plot, name, due, 0))


def _late(plot: Plot, job: Job, due: int, *, until: int, arrives: tuple[int, int] | None = None) -> None:
    """Expect that an occurrence is late. ``until``: it is missed. ``arrives``: the first and last moment of its row."""
    wide = max((when.window or 0 for when in job.schedules), default=0) * MINUTE
    first = due + wide + job.late_after * SECOND
    if arrives is None:
        if first < until:
            plot.expect(job.name, "late", first, first, "its event is lost", until=until, silent_end=True)
        return
    plot.expect(
        job.name,
        "late",
        first,
        first,
        "its event comes late",
        until=arrives[0],
        cleared=arrives[0],
        cleared_by=arrives[1] + LAG,
    )


def _ran(plot: Plot, job: str, due: int, expected: int) -> str:
    times = sum(1 for each in plot.world.functions.starts if (each.job, each.occurrence) == (job, scheduled_id(due)))
    return "" if times == expected else f"{job}: {scheduled_id(due)} has run {times} times, not {expected}"


def late(plot: Plot) -> None:
    """Delay an event: it is late, and runs before its start deadline."""
    chance, name = plot.chance, plot.name("late")
    job = plot.add(
        often(
            name,
            chance,
            plot.epoch.zone,
            60,
            window=chance.choice((None, None, 5, 10)),
            late_after=chance.choice((120, 300, 600)),
            overlap=chance.choice(("skip", "buffer_one", "allow")),
        )
    )
    (due,) = instants(job, plot.first, 1)
    wide = (job.schedules[0].window or 0) * MINUTE
    delay = wide + job.late_after * SECOND + wait(chance, 7 * MINUTE, 25 * MINUTE)
    plot.world.delays[name, due] = delay
    _late(plot, job, due, until=due + HOUR, arrives=(due + delay - EARLY, due + wide + delay + ARRIVES))
    plot.probe(due + delay - EARLY, name, scheduled_id(due), "")
    plot.checks.append(lambda: _ran(plot, name, due, 1))


def too_late(plot: Plot) -> None:
    """Delay an event beyond its start deadline: its run is missed."""
    chance, name = plot.chance, plot.name("too-late")
    deadline = chance.choice((600, 900, 1200))
    job = plot.add(
        often(
            name,
            chance,
            plot.epoch.zone,
            chance.choice((30, 60)),
            late_after=chance.choice((120, 300)),
            start_deadline=deadline,
        )
    )
    due, following = instants(job, plot.first, 2)
    delay = deadline * SECOND + wait(chance, 70 * SECOND, 6 * MINUTE)
    plot.world.delays[name, due] = delay
    absent = due + deadline * SECOND + MISSED_MARGIN
    first, by = min(absent, due + delay - EARLY), min(absent, due + delay + ARRIVES)
    _late(plot, job, due, until=first)
    later = following + max(job.late_after * SECOND, ARRIVES) + LAG
    cleared = max(first, following - EARLY)
    plot.expect(name, "missed", first, by + LAG, "its event came too late", cleared=cleared, cleared_by=max(by, later))
    plot.probe(due + delay + ARRIVES, name, scheduled_id(due), "missed")
    plot.checks.append(lambda: _ran(plot, name, due, 0))


def failed(plot: Plot) -> None:
    """Let runs fail: as many in a row as ``alert_after`` says, sometimes with another error at the end."""
    chance, name = plot.chance, plot.name("failed")
    count, retries = chance.choice((1, 1, 2, 3)), chance.choice((0, 0, 1))
    job = plot.add(
        often(
            name,
            chance,
            plot.epoch.zone,
            chance.choice((10, 15, 20)),
            alert_after=count,
            retries=retries,
            overlap=chance.choice(("skip", "buffer_one", "allow")),
        )
    )
    changes = chance.random() < 0.4
    dues = instants(job, plot.first, count + 3)
    fails = count + changes
    takes = wait(chance, SECOND, 30 * SECOND)
    for number, due in enumerate(dues[:fails]):
        error = "TimeoutError" if number == count else "RuntimeError"
        result = "fails" if retries else "fails for good"
        plot.behave(job, due, *[Behaviour(takes, result, error)] * (retries + 1))
    ends = ARRIVES + takes + retries * (ARRIVES + 66 * SECOND + takes) + LAG
    last, well = dues[count - 1], dues[fails]
    plot.probe(last + ends, name, scheduled_id(last), "dead")
    plot.probe(well + ARRIVES + 21 * SECOND, name, scheduled_id(well), "succeeded")
    more: dict[str, Any] = {"cleared": well - EARLY, "cleared_by": well + ARRIVES + 21 * SECOND + LAG}
    why = f"{count} runs in a row have failed"
    if changes:
        plot.expect(name, "failed", last - START, last + ends, why, until=dues[count] + ends, silent_end=True)
        plot.expect(name, "failed", dues[count] - START, dues[count] + ends, "the error has changed", **more)
    else:
        plot.expect(name, "failed", last - START, last + ends, why, **more)


def abandoned(plot: Plot) -> None:
    """Kill an attempt, and lose its event: its lease stays."""
    chance, name = plot.chance, plot.name("abandoned")
    due = _minute(plot.first + wait(chance, 5 * MINUTE, 30 * MINUTE))
    job = plot.add(
        daily(name, (due,), plot.epoch.zone, timeout=60, overlap=chance.choice(("skip", "buffer_one", "allow")))
    )
    plot.behave(job, due, Behaviour(wait(chance, SECOND, 50 * SECOND), "is killed"))
    plot.world.functions.forgets.add(name)
    ends = (60 + 5) * SECOND + OVERDUE
    repaired = due + ARRIVES + ends + LAG + wait(chance, 11 * MINUTE, 20 * MINUTE)
    plot.probe(repaired, name, scheduled_id(due), "running")
    plot.at(repaired, lambda: plot.world.fix(name, scheduled_id(due)))
    plot.probe(repaired + 25 * SECOND, name, scheduled_id(due), "succeeded")
    plot.expect(
        name,
        "abandoned",
        due - START + ends,
        due + ARRIVES + ends + LAG,
        "an attempt was killed, and nothing takes its lease over",
        cleared=repaired,
        cleared_by=repaired + 25 * SECOND + LAG,
    )


def overrunning(plot: Plot) -> None:
    """Let an attempt run longer than ``overrun_after``."""
    chance, name = plot.chance, plot.name("overrunning")
    due = _minute(plot.first + wait(chance, 2 * MINUTE, 20 * MINUTE))
    after = chance.choice((60, 120, 240))
    overlap = chance.choice(("skip", "buffer_one", "allow"))
    job = plot.add(daily(name, (due,), plot.epoch.zone, timeout=900, overrun_after=after, overlap=overlap))
    takes = wait(chance, (after + 30) * SECOND, 880 * SECOND)
    plot.behave(job, due, Behaviour(takes))
    plot.probe(due - START + takes - SECOND, name, scheduled_id(due), "running")
    plot.probe(due + ARRIVES + takes, name, scheduled_id(due), "succeeded")
    plot.expect(
        name,
        "overrunning",
        due - START + after * SECOND,
        due + max(ARRIVES + after * SECOND, job.late_after * SECOND) + LAG,
        f"an attempt takes {takes // 1000} s, more than {after} s",
        cleared=due - START + takes,
        cleared_by=due + ARRIVES + max(takes, job.late_after * SECOND) + LAG,
        clear_passes=2,
    )


def buffered(plot: Plot) -> None:
    """Lose the carrier of an occurrence in the slot."""
    chance, name = plot.chance, plot.name("buffered")
    hour = -(-(plot.first + 5 * MINUTE) // HOUR) * HOUR
    first = hour + chance.randrange(45) * MINUTE
    due = first + 10 * MINUTE
    job = plot.add(daily(name, (first, due), "UTC", timeout=900, overlap="buffer_one"))
    plot.behave(job, first, Behaviour(wait(chance, 13 * MINUTE, 14 * MINUTE)))
    _swallow(plot, job, due + ARRIVES + LAG)
    repaired = due + OVERDUE + wait(chance, 11 * MINUTE, 20 * MINUTE)
    plot.probe(repaired, name, scheduled_id(due), "buffered")
    _repair(plot, job, scheduled_id(due), repaired)
    plot.expect(
        name,
        "buffered",
        due + OVERDUE,
        due + OVERDUE + LAG,
        "an occurrence waits in the slot, and nothing brings it",
        cleared=repaired,
        cleared_by=repaired + 25 * SECOND + LAG,
    )


def _swallow(plot: Plot, job: Job, moment: int) -> None:
    """Delete the carriers of a job at a moment, and let later ones vanish."""
    world = plot.world

    def vanish() -> None:
        world.swallowed.add(job.name)
        world.delete_carriers(job.name)

    plot.at(moment, vanish)


def _repair(plot: Plot, job: Job, occurrence: str, moment: int) -> None:
    world = plot.world

    def bring() -> None:
        world.swallowed.discard(job.name)
        world.fix(job.name, occurrence)

    plot.at(moment, bring)
    plot.probe(moment + 25 * SECOND, job.name, occurrence, "succeeded")


def lost_carrier(plot: Plot) -> None:
    """Lose the carrier of a retry."""
    chance, name = plot.chance, plot.name("lost-carrier")
    due = _minute(plot.first + wait(chance, 2 * MINUTE, 20 * MINUTE))
    overlap = chance.choice(("skip", "buffer_one", "allow"))
    job = plot.add(daily(name, (due,), plot.epoch.zone, retries=2, overlap=overlap))
    takes = wait(chance, SECOND, 30 * SECOND)
    plot.behave(job, due, Behaviour(takes, "fails"))
    plot.world.swallowed.add(name)
    plot.world.schedules.punctual.add(schedule_name(name, 1))  # the carrier of an early event would be lost, too
    by = due + ARRIVES + takes + 66 * SECOND + OVERDUE + LAG
    repaired = by + wait(chance, 11 * MINUTE, 20 * MINUTE)
    plot.probe(repaired, name, scheduled_id(due), "retrying")
    _repair(plot, job, scheduled_id(due), repaired)
    plot.expect(
        name,
        "lost-carrier",
        due - START + 60 * SECOND + OVERDUE,
        by,
        "a retry has no carrier",
        cleared=repaired,
        cleared_by=repaired + 25 * SECOND + LAG,
    )


def overdue_plan(plot: Plot) -> None:
    """Delete the schedule of a plan, or lose its event."""
    chance, name = plot.chance, plot.name("overdue-plan")
    world = plot.world
    job = plot.add(declare(name, When(ONCE, None), late_after=chance.choice((60, 300, 600))))
    due = _minute(plot.first + wait(chance, 5 * MINUTE, 30 * MINUTE))
    key, made = f"order/{chance.randrange(10_000)}", plot.epoch.start + wait(chance, SECOND, 9 * MINUTE)
    plot.at(made, lambda: plot.plan(name, key, due))
    if chance.random() < 0.5:
        world.swallowed.add(name)
    else:
        plot.at(due - wait(chance, SECOND, 3 * MINUTE), lambda: _delete_plans(plot, name))
    first = due + max(job.late_after * SECOND, 5 * MINUTE)
    repaired = first + wait(chance, 11 * MINUTE, 20 * MINUTE)

    def bring() -> None:
        world.swallowed.discard(name)
        row = next(row for (pk, sk), row in world.store.items.items() if pk.startswith(f"plan#{name}#") and sk == key)
        world.functions.invoke(name, json.loads(row["event"]["S"]), alias="plans")

    plot.probe(repaired, name, planned_id(key), "")
    plot.at(repaired, bring)
    plot.probe(repaired + 25 * SECOND, name, planned_id(key), "succeeded")
    plot.expect(
        name,
        "overdue-plan",
        first,
        first + LAG,
        "the schedule of a plan was lost",
        cleared=repaired,
        cleared_by=repaired + 25 * SECOND + LAG,
    )
    occurrence = planned_id(key)
    plot.checks.append(
        lambda: (
            ""
            if sum(each.occurrence == occurrence for each in world.functions.starts) == 1
            else f"{key} has not run once"
        )
    )


def _delete_plans(plot: Plot, job: str) -> None:
    group = plot.world.schedules.groups[PLANS_GROUP]
    for name in [name for name in group if name.startswith(schedules.prefix(job))]:
        plot.world.schedules.delete(PLANS_GROUP, name)


def schedule_deleted(plot: Plot) -> None:
    """Delete a declared schedule by hand, and create it again later."""
    chance, name, world = plot.chance, plot.name("schedule-deleted"), plot.world
    job = plot.add(often(name, chance, plot.epoch.zone, chance.choice((10, 20, 30, 60))))
    struck = plot.first + wait(chance, SECOND, 20 * MINUTE)
    repaired = struck + wait(chance, 25 * MINUTE, 50 * MINUTE)
    plot.deploys = False
    plot.at(struck, lambda: world.schedules.delete(STACK, schedule_name(name, 1)))
    plot.at(repaired, lambda: world.schedules.create(schedule_parameters(job, 1)))
    plot.expect(
        name,
        "schedule-deleted",
        struck,
        struck,
        "its schedule was deleted by hand",
        passes=2,
        cleared=repaired,
        cleared_by=repaired + LIST_LAG + LAG,
        clear_passes=2,
    )


def schedule_edited(plot: Plot) -> None:
    """Edit a declared schedule by hand, and restore it later."""
    chance, name, world = plot.chance, plot.name("schedule-edited"), plot.world
    job = plot.add(often(name, chance, plot.epoch.zone, chance.choice((10, 20, 30, 60))))
    own = schedule_parameters(job, 1)
    edits: tuple[dict[str, Any], ...] = (
        {"State": "DISABLED"},
        {"ScheduleExpression": "cron(7 4 * * ? *)"},
        {"ScheduleExpressionTimezone": "Asia/Tehran"},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 7}},
        {"Target": own["Target"] | {"Input": own["Target"]["Input"].replace('"input": {}', '"input": {"dry": true}')}},
    )
    edit = chance.choice(edits)
    assert all(own.get(key) != value for key, value in edit.items()), "the edit changes nothing"
    struck = plot.first + wait(chance, SECOND, 20 * MINUTE)
    repaired = struck + wait(chance, 25 * MINUTE, 50 * MINUTE)
    plot.deploys = False
    plot.at(struck, lambda: world.schedules.update(STACK, own["Name"], **edit))
    plot.at(repaired, lambda: world.schedules.update(STACK, own["Name"], **own))
    plot.expect(
        name,
        "schedule-edited",
        struck,
        struck,
        f"its schedule was edited by hand: {edit}",
        passes=2,
        cleared=repaired,
        cleared_by=repaired,
        clear_passes=2,
    )


def clock(plot: Plot) -> None:
    """Let the clock of a job's machines be ahead by minutes."""
    chance, name, world = plot.chance, plot.name("clock"), plot.world
    job = plot.add(often(name, chance, plot.epoch.zone, chance.choice((20, 30)), late_after=300))
    due, following = instants(job, plot.first, 2)
    ahead = wait(chance, 60 * SECOND, 4 * MINUTE)
    plot.at(due - EARLY - SECOND, lambda: world.functions.skews.__setitem__(name, ahead))
    plot.at(due + 4 * MINUTE, lambda: world.functions.skews.pop(name))
    judged = max(job.late_after * SECOND, ARRIVES) + LAG
    plot.expect(
        name,
        "clock",
        due - EARLY,
        due + judged,
        f"its clock is {ahead // 1000} s ahead",
        cleared=due,
        cleared_by=following + judged,
        clear_passes=2,
    )


def own_clock(plot: Plot) -> None:
    """Let the watchdog's own clock be wrong for a while."""
    chance, world = plot.chance, plot.world
    plot.faults.append("own-clock")
    world.compares_clocks = True
    struck = plot.first + wait(chance, 8 * MINUTE, 20 * MINUTE)
    repaired = struck + wait(chance, 11 * MINUTE, 20 * MINUTE)
    off = chance.choice((-50, -20, 20, 50)) * SECOND
    plot.at(struck, lambda: setattr(world, "skew", off))
    plot.at(repaired, lambda: setattr(world, "skew", 0))
    plot.expect("", "clock", struck, struck, f"its own clock is off by {off} ms", cleared=repaired, cleared_by=repaired)


def _minute(moment: int) -> int:
    return moment // MINUTE * MINUTE


FAULTS: Final[dict[str, Callable[[Plot], None]]] = {
    "lost": lost,
    "late": late,
    "too-late": too_late,
    "failed": failed,
    "abandoned": abandoned,
    "overrunning": overrunning,
    "buffered": buffered,
    "lost-carrier": lost_carrier,
    "overdue-plan": overdue_plan,
    "schedule-deleted": schedule_deleted,
    "schedule-edited": schedule_edited,
    "clock": clock,
    "own-clock": own_clock,
}
