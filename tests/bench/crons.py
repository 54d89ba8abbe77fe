"""A thousand generated jobs, and five libraries for cron expressions, each with its fastest documented call.

Fields are minutes, hours, day of month, month, weekday; each library gets them in its own syntax. All of them support
the generated expressions: values, lists, ranges, steps, names of weekdays, the last day.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

SINCE = datetime(2027, 1, 1, tzinfo=UTC)
BEFORE = SINCE - timedelta(seconds=1)
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


class Fields(NamedTuple):
    minutes: str
    hours: str
    day: str = "*"
    month: str = "*"
    weekday: str = "*"

    def aws(self) -> str:
        """Return the six fields of AWS, in which one of the days is "?"."""
        weekday = "?" if self.weekday == "*" else self.weekday
        day = self.day if self.weekday == "*" else "?"
        return f"{self.minutes} {self.hours} {day} {self.month} {weekday} *"


def generated(count: int = 1000, seed: int = 1) -> list[Fields]:
    """Return mostly daily and hourly jobs, some every five minutes, and a few every minute."""
    chance = random.Random(seed)
    minute, hour = (lambda: str(chance.randrange(60))), (lambda: str(chance.randrange(24)))
    kinds: list[tuple[int, Callable[[], Fields]]] = [
        (4, lambda: Fields("*", "*")),
        (16, lambda: Fields("*/5", "*")),
        (30, lambda: Fields(chance.choice(["*/15", "0,30", "*/20"]), "*")),
        (50, lambda: Fields("0,15,30,45", chance.choice(["8-17", "6-22", "0-5"]), weekday="MON-FRI")),
        (130, lambda: Fields(minute(), "*")),
        (120, lambda: Fields(minute(), chance.choice(["*/2", "*/6", "8-18", "0,12"]))),
        (350, lambda: Fields(minute(), hour())),
        (100, lambda: Fields(minute(), hour(), weekday="MON-FRI")),
        (100, lambda: Fields(minute(), hour(), weekday=chance.choice(WEEKDAYS))),
        (60, lambda: Fields(minute(), hour(), day=str(chance.randint(1, 28)))),
        (30, lambda: Fields(minute(), hour(), day="L")),
        (10, lambda: Fields(minute(), hour(), day="1", month=chance.choice(["1", "1,4,7,10", "*/6"]))),
    ]
    weights, makes = zip(*kinds, strict=True)
    return [make() for make in chance.choices(makes, weights, k=count)]


def cronstack(fields: Fields) -> Iterator[datetime]:
    from cronstack import parse

    return parse(f"cron({fields.aws()})").after(BEFORE)


def croniter(fields: Fields) -> Iterator[float]:
    from croniter import croniter

    return croniter(" ".join(fields), BEFORE, ret_type=float).all_next(float)


def cronsim(fields: Fields) -> Iterator[datetime]:
    from cronsim import CronSim

    return CronSim(" ".join(fields), BEFORE)


def pyawscron(fields: Fields) -> Iterator[datetime]:
    from pyawscron import AWSCron

    expression, moment = AWSCron(fields.aws()), BEFORE
    while True:
        moment = expression.occurrence(moment).next()
        yield moment


def aws_croniter(fields: Fields) -> Iterator[datetime]:
    from aws_croniter import AwsCroniter

    expression, moment = AwsCroniter(fields.aws()), BEFORE
    while True:
        moment = expression.occurrence(moment).next()
        yield moment


def apscheduler(fields: Fields) -> Iterator[datetime]:
    from apscheduler.triggers.cron import CronTrigger

    trigger = CronTrigger(
        minute=fields.minutes,
        hour=fields.hours,
        day="last" if fields.day == "L" else fields.day,
        month=fields.month,
        day_of_week=fields.weekday.lower(),
        second=0,
        timezone=UTC,
    )
    moment = trigger.get_next_fire_time(None, BEFORE)
    while True:
        yield moment
        moment = trigger.get_next_fire_time(moment, moment)


LIBRARIES: dict[str, Callable[[Fields], Iterator[datetime] | Iterator[float]]] = {
    "croniter": croniter,
    "cronsim": cronsim,
    "pyawscron": pyawscron,
    "aws-croniter": aws_croniter,
    "APScheduler": apscheduler,
}
