"""Events on their way to a function: in Lambda's asynchronous queue, or in a schedule that a delivery has made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from cronstack.errors import EventError
from cronstack.event import parse_event
from cronstack.guard.carrier import renamed
from cronstack.occurrence import to_milliseconds
from cronstack.onetime import schedules
from cronstack.settings import PLANS
from cronstack_infra.play.prove.models.copies import Copies, shallow

LAMBDA_RETRIES: Final = 2
"""Lambda's own limit. The guard uses these retries only for crashes and faults."""
MOST_AGAIN: Final = 9
"""Most schedules of one plan. Each is made because the one before may never fire."""
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
    redrives_death: bool = False
    """It redrives a death that existed when the redrive was requested."""
    carrier: bool = False
    """Scheduler brings it, because a delivery made a schedule for it."""
    delivered: int = 0
    """Number of deliveries so far."""
    name: str = ""
    """The name of the carrier's schedule."""
    number: int = 0
    """In a scene: distinguishes carriers with the same name."""
    refused: str = ""
    """The error type in the letter that refuses it, such as "TooOld" or "PayloadMismatch"."""
    at: int = 0
    """The time for which its schedule was made."""
    fires: int = 0
    """The time at which Scheduler fires it."""
    to_slot: bool = False
    """Its carrier was made to bring its occurrence out of the slot."""
    alias: bool = False
    """It comes by the alias for plans, so it was sent with planning rights only."""
    forged: bool = False
    """An intruder has sent it."""
    not_in_ledger: bool = False
    """Its schedule was made while the ledger did not answer, so its event is in no row."""
    time_uncertain: bool = False
    """The maker of its schedule was frozen, did not know the time, or had no answer from Scheduler before."""
    deleted: bool = False
    """Its schedule was deleted in time: it will not be delivered."""
    switches: tuple[str, ...] = ()
    """The switches that have changed its delivery."""

    def fork(self, copies: Copies) -> QueuedEvent:
        known = copies.get(id(self))
        if known is None:
            known = copies[id(self)] = shallow(self)
        assert isinstance(known, QueuedEvent)
        return known


def carrier_event(parameters: Mapping[str, Any]) -> tuple[QueuedEvent, int]:
    """Return the event that a schedule delivers, and its time. ``parameters``: of CreateSchedule.

    Raise ValueError for an event that Lambda does not accept.
    """
    target = parameters["Target"]
    alias = str(target["Arn"]).endswith(f":{PLANS}")
    at = datetime.fromisoformat(parameters["ScheduleExpression"].removeprefix("at(").rstrip(")")).replace(tzinfo=UTC)
    name = str(parameters["Name"])
    due = to_milliseconds(at)
    event = read_text(target["Input"])
    if event is None:
        raise ValueError(f"the input of schedule {name} is not JSON")
    event.carrier, event.alias, event.name, event.at = True, alias, name, due
    event.forged = alias and is_forged(event, name)
    return event, due


def is_forged(event: QueuedEvent, name: str) -> bool:
    """Return whether the schedule of this name belongs to another plan: its row was tampered with."""
    key, revision = event.body.get("key"), event.body.get("revision")
    if not isinstance(revision, int):
        return True
    own = schedules.name("stats", str(key), revision)
    return name not in (renamed(own, again) for again in range(MOST_AGAIN))


def read_text(text: str) -> QueuedEvent | None:
    """Return an event to queue. Return None for text that is not JSON: Lambda does not accept it."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read_event(body if isinstance(body, dict) else {"no object": body})


def read_event(body: dict[str, Any]) -> QueuedEvent:
    """Return an event to queue. An event that no job accepts gets its own occurrence."""
    try:
        of = parse_event(body, "stats")
    except EventError:
        return QueuedEvent(body, "refused", 0)
    return QueuedEvent(body, of.id, of.due, by_operator=of.by_operator, redrive=of.redrive)
