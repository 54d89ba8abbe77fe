"""Faults that last for days, in histories whose passes are hours apart: with reminders, acknowledgements, letters."""

from __future__ import annotations

from typing import Final

from cronstack.declaration import cron
from cronstack.occurrence import scheduled_id, to_datetime
from tests.cronstack.watchdog_simulation.cloud.functions import DELIVERY_LETTERS, HANDLER_LETTERS, Behaviour
from tests.cronstack.watchdog_simulation.cloud.stack import LONGEST_DEPLOY
from tests.cronstack.watchdog_simulation.cloud.virtual_time import DAY, HOUR, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.jobs import ARRIVES, EARLY, START, declare, instants
from tests.cronstack.watchdog_simulation.judge import Expectation
from tests.cronstack.watchdog_simulation.plot import LAG, Plot, wait

PAUSED: Final = 7 * DAY
OLD: Final = 4 * DAY


def _acknowledge(plot: Plot, of: Expectation, first: int, last: int) -> None:
    """Let an operator acknowledge the incident at some moment, in half of the histories."""
    if plot.chance.random() < 0.5:
        return
    moment = first + wait(plot.chance, 0, max(SECOND, last - first))

    def acknowledge() -> None:
        if plot.world.acknowledge(of.job, of.cause):
            of.acked = plot.world.time.now

    plot.at(moment, acknowledge)


def abandoned_for_days(plot: Plot) -> None:
    """Kill an attempt of a monthly job, and lose its event."""
    chance, name = plot.chance, plot.name("abandoned-for-days")
    due = (plot.epoch.start + DAY + wait(chance, 0, DAY)) // MINUTE * MINUTE
    at = to_datetime(due)
    job = plot.add(declare(name, cron(f"{at.minute} {at.hour} {at.day} {at.month} ? *", timezone="UTC"), timeout=60))
    plot.behave(job, due, Behaviour(wait(chance, SECOND, 50 * SECOND), "is killed"))
    plot.world.functions.drops_events.add(name)
    ends = 65 * SECOND + 10 * MINUTE
    repaired = due + wait(chance, 20 * HOUR, 4 * DAY)
    plot.probe(repaired, name, scheduled_id(due), "running")
    plot.at(repaired, lambda: plot.world.fix(name, scheduled_id(due)))
    made = plot.expect(
        name,
        "abandoned",
        due - START + ends,
        due + ARRIVES + ends + LAG,
        "an attempt was killed, and nothing takes its lease over for days",
        cleared=repaired,
        cleared_by=repaired + 25 * SECOND + LAG,
    )
    _acknowledge(plot, made, due + 5 * HOUR, repaired)


def failing_for_days(plot: Plot) -> None:
    """Let each run of a daily job fail, for some days."""
    chance, name = plot.chance, plot.name("failing-for-days")
    fields = f"{chance.randrange(60)} {chance.randrange(24)} * * ? *"
    job = plot.add(declare(name, cron(fields, timezone=plot.epoch.zone), retries=0))
    count = chance.choice((1, 2, 3, 4))
    dues = instants(job, plot.epoch.start + DAY, count + 1)
    takes = wait(chance, SECOND, 30 * SECOND)
    for due in dues[:count]:
        plot.behave(job, due, Behaviour(takes, "fails"))
        plot.at(due + HOUR, lambda: plot.world.drop_letters(name))
    plot.probe(dues[-1] + ARRIVES + 21 * SECOND, name, scheduled_id(dues[-1]), "succeeded")
    made = plot.expect(
        name,
        "failed",
        dues[0] - START,
        dues[0] + ARRIVES + takes + LAG,
        f"{count} days in a row have failed",
        cleared=dues[-1] - EARLY,
        cleared_by=dues[-1] + ARRIVES + 21 * SECOND + LAG,
    )
    _acknowledge(plot, made, dues[0] + 5 * HOUR, dues[-1])


def paused(plot: Plot) -> None:
    """Pause a job for more than a week."""
    chance, name, world = plot.chance, plot.name("paused"), plot.world
    fields = f"{chance.randrange(60)} {chance.randrange(24)} * * ? *"
    plot.add(declare(name, cron(fields, timezone=plot.epoch.zone)))
    struck = plot.epoch.start + DAY + wait(chance, 5 * HOUR, DAY)
    repaired = struck + PAUSED + wait(chance, 14 * HOUR, 10 * DAY)
    plot.at(struck, lambda: world.pause(name))
    plot.at(repaired, lambda: world.resume(name))
    made = plot.expect(
        name,
        "paused",
        struck + PAUSED,
        struck + PAUSED + LAG,
        "it is paused for more than a week",
        surely=repaired,
        cleared=repaired,
        cleared_by=repaired + LAG,
    )
    _acknowledge(plot, made, struck + PAUSED + 5 * HOUR, repaired)


def disabled(plot: Plot) -> None:
    """Deploy a job that is disabled, and enable it by another deploy after more than a week."""
    chance, name, world = plot.chance, plot.name("disabled"), plot.world
    fields = f"{chance.randrange(60)} {chance.randrange(24)} * * ? *"
    job = plot.add(declare(name, cron(fields, timezone=plot.epoch.zone), enabled=False))
    repaired = plot.epoch.start + PAUSED + wait(chance, 14 * HOUR, 9 * DAY)
    plot.deploys = False  # another deploy at the same time would be refused
    plot.at(repaired, lambda: world.stack.deploy(world.stack.jobs | {name: job._replace(enabled=True)}))
    plot.expect(
        name,
        "paused",
        plot.epoch.start + PAUSED,
        plot.epoch.start + PAUSED + LAG,
        "its declaration disables it for more than a week",
        surely=repaired,
        cleared=repaired,
        cleared_by=repaired + LONGEST_DEPLOY + LAG,
    )


def dead_letters(plot: Plot) -> None:
    """Leave a letter in a queue for more than four days."""
    chance, world = plot.chance, plot.world
    plot.faults.append("dead-letters")
    queue = chance.choice((DELIVERY_LETTERS, HANDLER_LETTERS))
    struck = plot.epoch.start + DAY + wait(chance, 0, DAY)
    repaired = struck + OLD + wait(chance, 30 * HOUR, 5 * DAY)
    plot.at(struck, lambda: world.queues.send(queue, '{"job":"gone"}') and None)
    plot.at(repaired, lambda: world.queues.letters[queue].clear())
    made = plot.expect(
        "",
        "dead-letters",
        struck + OLD,
        struck + OLD + LAG,
        "a letter is in its queue for four days",
        surely=repaired,
        seen=struck,
        cleared=repaired,
        cleared_by=repaired,
    )
    _acknowledge(plot, made, struck + OLD + 5 * HOUR, repaired)
