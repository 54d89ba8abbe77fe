"""What a schedule of the group of carriers brings, and when, as GetSchedule returns it. Pure."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from cronstack.errors import EventError
from cronstack.event import parse_event
from cronstack.guard.carrier import OLDEST
from cronstack.ledger.open_runs import PATIENCE
from cronstack.occurrence import Occurrence, is_job_name, to_milliseconds


def event_of(got: Any) -> Occurrence | None:
    """Return the occurrence that a schedule brings; None if its input is not a Cronstack event."""
    try:
        event = json.loads(got["Target"].get("Input") or "")
        job = event.get("job") if isinstance(event, dict) else None
        return parse_event(event, str(job)) if is_job_name(job) else None
    except (ValueError, EventError, RecursionError):
        return None


def time_of(got: Any) -> int | None:
    """Return the time of a one-time schedule, in epoch milliseconds; None for a repeating schedule."""
    expression = str(got["ScheduleExpression"])
    if not expression.startswith("at("):
        return None
    with suppress(ValueError):
        at = datetime.fromisoformat(expression.removeprefix("at(").removesuffix(")"))
        return to_milliseconds(at.replace(tzinfo=UTC))
    return None


def brings(got: Any, job: str, now: int) -> str | None:
    """Return the id of the occurrence of ``job`` that a carrier still brings; None if it brings none.

    Scheduler gives up ``OLDEST`` seconds after its time. ``now``: epoch milliseconds.
    """
    event, due = event_of(got), time_of(got)
    if event is None or event.job != job or due is None or now - due > OLDEST * 1000 + PATIENCE:
        return None
    return event.id
