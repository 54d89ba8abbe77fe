"""Faults of schedules and of clocks."""

from __future__ import annotations

from typing import Any

from tests.cronstack.watchdog_simulation.cloud.functions import STACK
from tests.cronstack.watchdog_simulation.cloud.schedules import LIST_LAG
from tests.cronstack.watchdog_simulation.cloud.services import METRIC_DELAY, Point
from tests.cronstack.watchdog_simulation.cloud.stack import schedule_name, schedule_parameters
from tests.cronstack.watchdog_simulation.cloud.virtual_time import HOUR, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.jobs import ARRIVES, EARLY, instants, often
from tests.cronstack.watchdog_simulation.plot import LAG, Plot, wait


def schedule_deleted(plot: Plot) -> None:
    """Delete a declared schedule by hand, and create it again later."""
    chance, name, world = plot.chance, plot.name("schedule-deleted"), plot.world
    job = plot.add(often(name, chance, plot.epoch.zone, chance.choice((10, 20, 30, 60))))
    struck = plot.first + wait(chance, SECOND, 20 * MINUTE)
    repaired = struck + wait(chance, 5 * plot.pause, 5 * plot.pause + 20 * MINUTE)
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
    repaired = struck + wait(chance, 5 * plot.pause, 5 * plot.pause + 20 * MINUTE)
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
    due, _, second = instants(job, plot.first, 3)  # an overtaken pass may use up the evidence of the run after ``due``
    ahead = wait(chance, 60 * SECOND, 4 * MINUTE)
    plot.at(due - EARLY - SECOND, lambda: world.functions.skews.__setitem__(name, ahead))
    plot.at(due + 4 * MINUTE, lambda: world.functions.skews.pop(name))
    world.schedules.punctual.add(schedule_name(name, 1))  # an early event reads the time at AWS before its claim
    judged = max(job.late_after * SECOND, ARRIVES) + LAG
    plot.expect(
        name,
        "clock",
        due - EARLY,
        due + judged,
        f"its clock is {ahead // 1000} s ahead",
        cleared=due,
        cleared_by=second + judged,
        clear_passes=2,
    )


def metrics(plot: Plot) -> None:
    """Let Lambda throttle a function, keep its events for long, or drop them."""
    chance, name, world = plot.chance, plot.name("metrics"), plot.world
    plot.add(often(name, chance, plot.epoch.zone, chance.choice((20, 30))))
    metric, value, cause = chance.choice(
        (
            ("Throttles", 150.0, "throttled"),
            ("AsyncEventAge", 1_000_000.0, "event-age"),
            ("AsyncEventsDropped", 1.0, "undelivered"),
            ("DestinationDeliveryFailures", 2.0, "undelivered"),
        )
    )
    struck = plot.first + wait(chance, SECOND, 80 * MINUTE)
    world.metrics.points.setdefault(metric, []).append(Point(struck, f"{STACK}-{name}", value))
    by = struck + METRIC_DELAY + HOUR + MINUTE
    plot.expect(
        name,
        cause,
        struck,
        by,
        f"{metric} of its function is {value}",
        passes=2,
        cleared=struck,
        cleared_by=by + HOUR,
        clear_passes=4,
    )


def own_clock(plot: Plot) -> None:
    """Let the watchdog's own clock be wrong for a while."""
    chance, world = plot.chance, plot.world
    plot.faults.append("own-clock")
    world.compares_clocks = True
    struck = plot.first + wait(chance, 8 * MINUTE, 20 * MINUTE)
    repaired = struck + wait(chance, 2 * plot.pause + MINUTE, 26 * MINUTE)
    off = chance.choice((-50, -20, 20, 50)) * SECOND
    plot.at(struck, lambda: setattr(world, "skew", off))
    plot.at(repaired, lambda: setattr(world, "skew", 0))
    plot.expect("", "clock", struck, struck, f"its own clock is off by {off} ms", cleared=repaired, cleared_by=repaired)
