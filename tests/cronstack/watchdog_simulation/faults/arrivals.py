"""Faults of occurrences: lost, late, too late, failed."""

from __future__ import annotations

from typing import Any, Final

from cronstack.declaration import Job, rate
from cronstack.occurrence import scheduled_id
from tests.cronstack.watchdog_simulation.cloud.functions import Behaviour
from tests.cronstack.watchdog_simulation.cloud.virtual_time import HOUR, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.jobs import ARRIVES, EARLY, START, declare, instants, often
from tests.cronstack.watchdog_simulation.judge import FOR_EVER
from tests.cronstack.watchdog_simulation.plot import LAG, Plot, wait
from tests.cronstack.watchdog_simulation.world import LOST

MISSED_MARGIN: Final = 120 * SECOND
"""Milliseconds after the start deadline at which an occurrence without a row is missed."""


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
    # The event of the watchdog may wait in Lambda's queue longer than until the next pass.
    queued = wait(chance, 2 * plot.pause, 25 * MINUTE) if chance.random() < 0.3 else 3 * SECOND
    plot.world.queued[name] = queued
    wide = (window or 0) * MINUTE
    missed = due + wide + deadline * SECOND + MISSED_MARGIN
    _late(plot, job, due, until=missed)
    plot.ends = max(plot.ends, missed + queued + 3 * plot.pause)
    again = following + wide + max(late * SECOND, ARRIVES) + LAG
    plot.probe(missed, name, scheduled_id(due), "")
    plot.expect(
        name,
        "missed",
        missed,
        missed,
        "its event was lost",
        cleared=missed if runs else max(missed, following - EARLY),
        cleared_by=max(missed, min(again, missed + MINUTE + queued) if runs else again),
        clear_passes=3 + queued // plot.pause if runs else 1,
    )
    plot.checks.append(lambda: _ran(plot, name, due, int(runs)))
    plot.checks.append(lambda: _started(plot, name, int(runs)))


def _late(
    plot: Plot,
    job: Job,
    due: int,
    *,
    until: int,
    surely: int | None = None,
    arrives: tuple[int, int] | None = None,
    solved: int = FOR_EVER,
) -> None:
    """Expect that an occurrence is late. ``until``: it is missed. ``arrives``: the first and last moment of its row.

    ``solved``: when the miss may be cleared, too. A first pass after that clears both.
    """
    wide = max((when.window or 0 for when in job.schedules), default=0) * MINUTE
    first = due + wide + job.late_after * SECOND
    if arrives is None:
        if first < until:
            required = until if surely is None else surely
            why = "its event is lost"
            plot.expect(
                job.name, "late", first, first, why, until=until, surely=required, silent_end=True, arrives=solved
            )
        return
    plot.expect(
        job.name,
        "late",
        first,
        first,
        "its event comes late",
        until=arrives[1],
        surely=arrives[0],
        cleared=arrives[0],
        cleared_by=arrives[1] + LAG,
    )


def _ran(plot: Plot, job: str, due: int, expected: int) -> str:
    times = sum(1 for each in plot.world.functions.starts if (each.job, each.occurrence) == (job, scheduled_id(due)))
    if expected and plot.world.row(job, scheduled_id(due)).get("reason") == {"S": "overlap"}:
        return ""  # the next occurrence was running when the watchdog's event arrived
    return "" if times == expected else f"{job}: {scheduled_id(due)} has run {times} times, not {expected}"


def _started(plot: Plot, job: str, expected: int) -> str:
    """Check how often the watchdog has invoked the function. A pass that dies may leave one more invocation."""
    times = sum(1 for _, name, _ in plot.world.invoked if name == job)
    died = sum(not done.finished for done in plot.world.passes)
    right = expected <= times <= expected * (1 + died)
    return "" if right else f"{job}: the watchdog has started it {times} times, not {expected}"


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
    later = following + max(job.late_after * SECOND, ARRIVES) + LAG
    cleared = max(first, following - EARLY)
    _late(plot, job, due, until=by, surely=first, solved=cleared)
    plot.expect(name, "missed", first, by + LAG, "its event came too late", cleared=cleared, cleared_by=max(by, later))
    plot.probe(due + delay + ARRIVES, name, scheduled_id(due), "missed")
    plot.checks.append(lambda: _ran(plot, name, due, 0))


def silent_rate(plot: Plot) -> None:
    """Lose all events of a rate for a while."""
    chance, name, world = plot.chance, plot.name("silent-rate"), plot.world
    minutes, late_after = chance.choice((7, 10, 15, 20)), chance.choice((120, 300))
    deadline = chance.choice((600, 900))
    job = plot.add(
        declare(name, rate(f"{minutes} minutes"), late_after=late_after, start_deadline=deadline, overlap="allow")
    )
    period = minutes * MINUTE
    # Before its first late run, the watchdog has read no run of the job: it counts from its first pass.
    number = (plot.first + late_after * SECOND + 8 * MINUTE - plot.epoch.start) // period + 3
    due = plot.epoch.start + number * period
    missed = due + deadline * SECOND + MISSED_MARGIN + MINUTE
    count = chance.choice((1, 2, 3)) if minutes >= 15 else chance.choice((2, 4, 5))
    again = due + count * period
    plot.at(due - EARLY - SECOND, lambda: world.silent.add(name))
    plot.at(again - EARLY - SECOND, lambda: world.silent.discard(name))
    first = due + job.late_after * SECOND + MINUTE
    why, arrives = f"{count} events of a rate are lost", again + ARRIVES + LAG
    if missed + 12 * MINUTE < again - EARLY:
        plot.expect(name, "late", first, first + SECOND, why, until=missed, silent_end=True, arrives=again - EARLY)
        plot.expect(
            name,
            "missed",
            missed,
            missed + SECOND,
            why,
            until=arrives,
            surely=again - EARLY,
            cleared=again - EARLY,
            cleared_by=arrives,
        )
    elif missed > arrives:
        if again - EARLY > first:
            plot.expect(
                name,
                "late",
                first,
                first + SECOND,
                why,
                until=arrives,
                surely=again - EARLY,
                cleared=again - EARLY,
                cleared_by=arrives,
            )
    else:  # it runs again near the moment at which it is missed: it may be late, or missed, or both
        surely = min(missed, again - EARLY)
        plot.expect(name, "late", first, first + SECOND, why, until=arrives, surely=surely, cleared=again - EARLY)
        plot.expect(name, "missed", missed, None, why, until=arrives, cleared=again - EARLY, cleared_by=arrives)


def failed(plot: Plot) -> None:
    """Let runs fail: as many in a row as ``alert_after``, sometimes with another error at the end."""
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
        until, surely = dues[count] + ends, dues[count] - START
        plot.expect(name, "failed", last - START, last + ends, why, until=until, surely=surely, silent_end=True)
        plot.expect(name, "failed", dues[count] - START, dues[count] + ends, "the error has changed", **more)
    else:
        plot.expect(name, "failed", last - START, last + ends, why, **more)
