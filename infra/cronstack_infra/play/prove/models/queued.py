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
"""Lambda's own limit. The guard uses these retries for crashes and faults only."""
MOST_AGAIN: Final = 9
"""Schedules of one plan, each made because the one before may never fire."""
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
    alias: bool = False
    """It comes by the alias for plans, so code that may only plan has sent it."""
    forged: bool = False
    """An intruder has sent it."""
    unwritten: bool = False
    """Its schedule was made while the ledger did not answer, so no row could keep its event."""
    doubtful: bool = False
    """What has made its schedule was frozen, or did not know the time, or Scheduler had not answered it before."""
    gone: bool = False
    """Its schedule was deleted in time: it does not come."""
    switches: tuple[str, ...] = ()
    """What made its delivery another one than AWS's kindest."""

    def fork(self, copies: Copies) -> QueuedEvent:
        known = copies.get(id(self))
        if known is None:
            known = copies[id(self)] = shallow(self)
        assert isinstance(known, QueuedEvent)
        return known


def carried(parameters: Mapping[str, Any]) -> tuple[QueuedEvent, int]:
    """Return the event that a schedule brings, and when. ``parameters``: of CreateSchedule.

    Raises ValueError for one that Lambda does not take.
    """
    target = parameters["Target"]
    alias = str(target["Arn"]).endswith(f":{PLANS}")
    at = datetime.fromisoformat(parameters["ScheduleExpression"].removeprefix("at(").rstrip(")")).replace(tzinfo=UTC)
    name = str(parameters["Name"])
    due = to_milliseconds(at)
    event = read_text(target["Input"])
    if event is None:
        raise ValueError(f"{name} brings no JSON")
    event.carrier, event.alias, event.name, event.at = True, alias, name, due
    event.forged = alias and is_forged(event, name)
    return event, due


def is_forged(event: QueuedEvent, name: str) -> bool:
    """Whether the schedule of this name is another plan's: the row from which it was made was tampered with."""
    key, revision = event.body.get("key"), event.body.get("revision")
    if not isinstance(revision, int):
        return True
    own = schedules.name("stats", str(key), revision)
    return name not in (renamed(own, again) for again in range(MOST_AGAIN))


def read_text(text: str) -> QueuedEvent | None:
    """Return an event to queue. None: Lambda does not take it, because it is no JSON."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read_event(body if isinstance(body, dict) else {"no object": body})


def read_event(body: dict[str, Any]) -> QueuedEvent:
    """Return an event to queue. One that no job takes belongs to an occurrence of its own."""
    try:
        of = parse_event(body, "stats")
    except EventError:
        return QueuedEvent(body, "refused", 0)
    return QueuedEvent(body, of.id, of.due, by_operator=of.by_operator, redrive=of.redrive)
