"""January 2013, day by day: read the statistics table, compare it with the file, and draw it as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from zoneinfo import ZoneInfo

from cronstack.errors import OperationError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NEW_YORK: Final = ZoneInfo("America/New_York")
FROM: Final = datetime(2013, 1, 1, tzinfo=NEW_YORK).astimezone(UTC)
TO: Final = datetime(2013, 2, 1, tzinfo=NEW_YORK).astimezone(UTC)
"""The span to backfill. The job fires at 23:55 in New York, so the span has one occurrence per day."""
DAYS: Final = tuple(f"2013-01-{day:02}" for day in range(1, 32))

BARS: Final = "▁▂▃▄▅▆▇█"


class Statistics(NamedTuple):
    """One day as ``examples/daily_stats.py`` counted it."""

    day: str
    flights: int
    cancelled: int


def stored(dynamodb: DynamoDBClient, table: str) -> list[Statistics]:
    """Return the items of the table, by day."""
    found = [
        Statistics(item["day"]["S"], int(item["flights"]["N"]), int(item["cancelled"]["N"]))
        for page in dynamodb.get_paginator("scan").paginate(TableName=table)
        for item in page["Items"]
    ]
    return sorted(found)


def check(found: Sequence[Statistics], counted: Mapping[str, int]) -> None:
    """Raise OperationError unless each day of the month exists once, with as many flights as its file."""
    flights = {statistics.day: statistics.flights for statistics in found}
    if wrong := [day for day in DAYS if flights.get(day) != counted[day]]:
        day = wrong[0]
        raise OperationError(
            f"{len(wrong)} of {len(DAYS)} days are wrong: {day} has {flights.get(day)} flights, its file {counted[day]}"
        )
    if unexpected := sorted(set(flights) - set(DAYS)):
        raise OperationError(f"the statistics contain unexpected days: {', '.join(unexpected[:3])}")


def drawn(found: Sequence[Statistics]) -> str:
    """Return one bar per day. Its height is relative to the quietest and the busiest day."""
    numbers = [statistics.flights for statistics in found]
    low, high = min(numbers), max(numbers)
    return "".join(BARS[round((number - low) / max(high - low, 1) * (len(BARS) - 1))] for number in numbers)
