"""Outages of DynamoDB, by the switch ``dynamodb-down``: one on each day in UTC, at a time by the seed. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from cronstack_infra.local.engine.chance import chance
from cronstack_infra.switches.settings import Switches

_DAY: Final = 86_400.0


def outage_of(switches: Switches, day: datetime) -> tuple[datetime, datetime]:
    """Return the start and the end of the outage of a day. They are equal without an outage."""
    length = min(switches.dynamodb_down, _DAY)
    midnight = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = midnight + timedelta(seconds=(_DAY - length) * chance(switches.seed, "dynamodb-down", midnight.date()))
    return begin, begin + timedelta(seconds=length)


def is_down(switches: Switches, now: datetime) -> bool:
    """Return whether DynamoDB answers each request with an error."""
    if not switches.dynamodb_down:
        return False
    begin, end = outage_of(switches, now)
    return begin <= now < end
