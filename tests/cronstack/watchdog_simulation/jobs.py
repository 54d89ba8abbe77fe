"""Jobs of histories: declarations that a project may have, drawn by seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from cronstack.declaration import ONCE, Job, When, at, cron, job, rate
from cronstack.occurrence import to_datetime, to_milliseconds
from tests.cronstack.watchdog_simulation.cloud.stack import declared_schedules
from tests.cronstack.watchdog_simulation.cloud.virtual_time import DAY, HOUR, MINUTE, SECOND

ZONES: Final = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Asia/Tokyo")
CHANGES: Final = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, tzinfo=UTC)),
)
"""Changes of the clocks: the zone, and the instant."""
ARRIVES: Final = 76 * SECOND
"""Most milliseconds after its instant, and after its window, at which an event that is in time has left a row.

Scheduler may be a minute late, an early event waits for a carrier, and Lambda's queue takes a second.
"""
START: Final = 2 * SECOND
"""Milliseconds before its instant at which an attempt may start: the guard's margin."""
EARLY: Final = 61 * SECOND
"""Most milliseconds before its instant at which an event comes."""


class Epoch(NamedTuple):
    """The start of a history, and the zone of its jobs."""

    start: int
    zone: str


def draw_epoch(chance: random.Random) -> Epoch:
    """Draw the start: often shortly before a change of the clocks."""
    if chance.random() < 0.4:
        zone, change = chance.choice(CHANGES)
        start = to_milliseconds(change) - chance.randrange(10 * MINUTE, 2 * HOUR)
        return Epoch(start // SECOND * SECOND, zone)
    day = to_milliseconds(datetime(2026, 1, 1, tzinfo=UTC)) + chance.randrange(360) * DAY
    return Epoch(day + chance.randrange(DAY // SECOND) * SECOND, chance.choice(ZONES))


def declare(name: str, *schedule: When, **policies: Any) -> Job:
    """Return a declared job."""
    return job(name=name, schedule=schedule, **policies)(_handler)


def _handler(run: Any) -> None:
    """Do nothing: the simulation decides what the attempts of a job do."""


def instants(of: Job, after: int, count: int) -> list[int]:
    """Return the next instants of a job without rates, in epoch milliseconds."""
    found: set[int] = set()
    for schedule in declared_schedules(of):
        found.update(map(to_milliseconds, islice(schedule.after(to_datetime(after)), count)))
    return sorted(found)[:count]


def often(name: str, chance: random.Random, zone: str, minutes: int, **policies: Any) -> Job:
    """Return a job that is due every so many minutes."""
    window = policies.pop("window", None)
    first = chance.randrange(min(minutes, 60))
    fields = f"{first}/{minutes} * * * ? *" if minutes < 60 else f"{first} 0/{minutes // 60} * * ? *"
    return declare(name, cron(fields, timezone=zone, window=window), **policies)


def daily(name: str, due: tuple[int, ...], zone: str, **policies: Any) -> Job:
    """Return a job that is due once a day, at the local times of these instants of one hour."""
    for where in (zone, "UTC"):
        local = [to_datetime(each).astimezone(ZoneInfo(where)) for each in due]
        minutes = ",".join(str(each.minute) for each in local)
        made = declare(name, cron(f"{minutes} {local[0].hour} * * ? *", timezone=where), **policies)
        if instants(made, due[0] - MINUTE, len(due)) == list(due):
            return made
    raise AssertionError(f"no cron is due at {due}")


def draw_policies(chance: random.Random) -> dict[str, Any]:
    """Draw the policies of a job that lives a normal life."""
    return {
        "overlap": chance.choice(("skip", "skip", "buffer_one", "allow")),
        "retries": chance.choice((0, 1, 2, 2)),
        "timeout": chance.choice((60, 300, 900)),
        "start_deadline": chance.choice((1200, 3600, 3600)),
        "late_after": chance.choice((180, 300, 300, 600)),
        "alert_after": chance.choice((1, 1, 2, 3)),
        "on_missed": chance.choice(("report", "report", "run")),
    }


def draw_job(name: str, chance: random.Random, epoch: Epoch, *, slow: bool = False) -> Job:
    """Draw a job that lives a normal life. ``slow``: it is due a few times a day."""
    zone = epoch.zone if chance.random() < 0.7 else chance.choice(ZONES)
    policies = draw_policies(chance)
    if slow:
        hours = ",".join(str(hour) for hour in sorted(chance.sample(range(24), chance.choice((1, 2)))))
        return declare(name, cron(f"{chance.randrange(60)} {hours} * * ? *", timezone=zone), **policies)
    bounds: dict[str, Any] = {}
    if chance.random() < 0.15:
        bounds["start"] = to_datetime(epoch.start + chance.randrange(HOUR // SECOND) * SECOND)
    if chance.random() < 0.15:
        bounds["end"] = to_datetime(epoch.start + chance.randrange(HOUR, 3 * HOUR) // SECOND * SECOND)
    match chance.randrange(14):
        case 0:
            end = {"end": bounds["end"]} if "end" in bounds else {}
            return declare(name, rate(f"{chance.choice((15, 30, 45))} minutes", **end), **policies)
        case 1:
            due = to_datetime(epoch.start + chance.randrange(20 * MINUTE, 2 * HOUR)).astimezone(ZoneInfo(zone))
            local = (due + timedelta(hours=1)).replace(tzinfo=None, second=0, microsecond=0)
            return declare(name, at(local.isoformat(), timezone=zone), **policies)
        case 2:
            minutes = chance.choice((20, 30, 60))
            fields = (
                f"{chance.randrange(20)}/{minutes} * * * ? *" if minutes < 60 else f"{chance.randrange(60)} * * * ? *"
            )
            return declare(name, cron(fields, timezone=zone, window=chance.choice((5, 10, 15)), **bounds), **policies)
        case 3:
            other = chance.choice(ZONES)
            both = (
                cron("0/30 * * * ? *", timezone=zone, **bounds),
                cron(f"{chance.choice((0, 10))}/20 * * * ? *", timezone=other),
            )
            return declare(name, *both, **policies)
        case 4:
            return declare(name, cron("15,30 0,1,2,3,23 * * ? *", timezone=zone, **bounds), **policies)
        case 5:
            return declare(name, cron("0 0/2 * * ? *", timezone=zone), When(ONCE, None), **policies)
    minutes = chance.choice((15, 20, 30))
    return declare(name, cron(f"{chance.randrange(minutes)}/{minutes} * * * ? *", timezone=zone, **bounds), **policies)
