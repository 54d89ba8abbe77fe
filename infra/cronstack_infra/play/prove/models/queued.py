"""Events on their way to a function: in Lambda's asynchronous queue, or in a schedule that a delivery has made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cronstack.event import parse_event
from cronstack.occurrence import to_milliseconds
from cronstack_infra.play.prove.models.copies import Copies, shallow

LAMBDA_RETRIES: Final = 2
"""Lambda's own limit. The guard uses these retries for crashes and faults only."""
BACK_OFF: Final = (60_000, 120_000)
"""Milliseconds before Lambda's second and third delivery."""


@dataclass(slots=True, eq=False)
class QueuedEvent:
    """An event that Lambda or Scheduler will deliver."""

    body: dict[str, Any]
    occurrence: str
    due: int
    by_operator: bool = False
    redrive: int | None = None
    acts: bool = False
    """It redrives a death that existed when the redrive was requested."""
    carrier: bool = False
    """Scheduler brings it, because a delivery made a schedule for it."""
    delivered: int = 0
    """Number of deliveries so far."""
    name: str = ""
    """Of the carrier's schedule."""
    number: int = 0
    """Tells carriers of one name apart, in a scene."""
    refused: str = ""
    """The error type in the letter that refuses it: "TooOld", "PayloadMismatch"."""
    at: int = 0
    """The time for which its schedule was made."""
    fires: int = 0
    """When Scheduler fires it."""
    to_slot: bool = False
    """It was made to bring its occurrence out of the slot."""
    gone: bool = False
    """Its schedule was deleted in time: it does not come."""

    def fork(self, copies: Copies) -> QueuedEvent:
        known = copies.get(id(self))
        if known is None:
            known = copies[id(self)] = shallow(self)
        assert isinstance(known, QueuedEvent)
        return known


def carried(parameters: Mapping[str, Any]) -> tuple[QueuedEvent, int]:
    """Return the event that a schedule brings, and when. ``parameters``: of CreateSchedule."""
    body = json.loads(parameters["Target"]["Input"])
    of = parse_event(body, body["job"])
    at = datetime.fromisoformat(parameters["ScheduleExpression"].removeprefix("at(").rstrip(")")).replace(tzinfo=UTC)
    name = str(parameters["Name"])
    due = to_milliseconds(at)
    event = QueuedEvent(
        body, of.id, of.due, by_operator=of.by_operator, redrive=of.redrive, carrier=True, name=name, at=due
    )
    return event, due
