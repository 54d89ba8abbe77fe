"""Faults of what is left behind: leases, slots, carriers, plans, attempts that run too long."""

from __future__ import annotations

import json
from typing import Final

from cronstack.declaration import ONCE, Job, When
from cronstack.occurrence import planned_id, scheduled_id
from cronstack.onetime import schedules
from tests.cronstack.watchdog_simulation.cloud.functions import ONCE as PLANS_GROUP
from tests.cronstack.watchdog_simulation.cloud.functions import Behaviour
from tests.cronstack.watchdog_simulation.cloud.stack import schedule_name
from tests.cronstack.watchdog_simulation.cloud.virtual_time import HOUR, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.jobs import ARRIVES, START, daily, declare
from tests.cronstack.watchdog_simulation.plot import LAG, Plot, wait

CLOCKS: Final = 10 * SECOND
"""Milliseconds by which clocks may differ."""
OVERDUE: Final = 10 * MINUTE
"""Milliseconds for which a run may wait for what brings it."""


def abandoned(plot: Plot) -> None:
    """Kill an attempt, and lose its event: its lease stays."""
    chance, name = plot.chance, plot.name("abandoned")
    due = _minute(plot.first + wait(chance, 5 * MINUTE, 30 * MINUTE))
    job = plot.add(
        daily(name, (due,), plot.epoch.zone, timeout=60, overlap=chance.choice(("skip", "buffer_one", "allow")))
    )
    plot.behave(job, due, Behaviour(wait(chance, SECOND, 50 * SECOND), "is killed"))
    plot.world.functions.drops_events.add(name)
    ends = (60 + 5) * SECOND + OVERDUE
    repaired = due + ARRIVES + ends + LAG + wait(chance, 2 * plot.pause + MINUTE, 26 * MINUTE)
    plot.probe(repaired, name, scheduled_id(due), "running")
    plot.at(repaired, lambda: plot.world.fix(name, scheduled_id(due)))
    plot.probe(repaired + 25 * SECOND, name, scheduled_id(due), "succeeded")
    plot.expect(
        name,
        "abandoned",
        due - START + ends,
        due + ARRIVES + ends + LAG,
        "an attempt was killed, and nothing takes its lease over",
        surely=repaired,
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
        due + max(ARRIVES + after * SECOND + CLOCKS, job.late_after * SECOND) + LAG,
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
    repaired = due + OVERDUE + wait(chance, 2 * plot.pause + MINUTE, 26 * MINUTE)
    plot.probe(repaired, name, scheduled_id(due), "buffered")
    _repair(plot, job, scheduled_id(due), repaired)
    plot.expect(
        name,
        "buffered",
        due + OVERDUE,
        due + OVERDUE + LAG,
        "an occurrence waits in the slot, and nothing brings it",
        surely=repaired,
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
    repaired = by + wait(chance, 2 * plot.pause + MINUTE, 26 * MINUTE)
    plot.probe(repaired, name, scheduled_id(due), "retrying")
    _repair(plot, job, scheduled_id(due), repaired)
    plot.expect(
        name,
        "lost-carrier",
        due - START + 60 * SECOND + OVERDUE,
        by,
        "a retry has no carrier",
        surely=repaired,
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
    repaired = first + wait(chance, 2 * plot.pause + MINUTE, 26 * MINUTE)

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
        surely=repaired,
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


def _minute(moment: int) -> int:
    return moment // MINUTE * MINUTE
