"""List the watchdog's incidents, show one as it was notified, and acknowledge it."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cronstack.deployed.job_metadata import jobs_of_template
from cronstack.errors import OperationError
from cronstack.ledger import watch_rows
from cronstack.ledger.watch_rows import IncidentItem
from cronstack.occurrence import print_instant, to_datetime, to_milliseconds
from cronstack.watchdog.accounts import headline
from cronstack.watchdog.texts import notice
from cronstack_infra.ops.audit import Action, Operator, record

STACK: Final = "-"
"""How an operator writes the stack instead of a job."""
PAGE: Final = Path(__file__).with_name("INCIDENTS.md")
"""The page with a section for each cause, and for the silent watchdog. The wheel has it, too."""
TRIES: Final = 3
"""Most writes of an acknowledgement, if passes of the watchdog change the row meanwhile."""


@dataclass(frozen=True)
class Incident:
    """An incident as operators see it."""

    id: str
    job: str
    """ "" for the stack."""
    cause: str
    what: str
    """The headline of its notification."""
    status: str
    """ "open", "acknowledged" or "cleared"."""
    since: datetime
    """When the problem began."""
    opened: datetime
    notified: datetime | None
    """When the last notification was published."""
    cleared: datetime | None
    pending: str
    """The notification that must still be published: "alert", "reminder" or "clear"; "" for none."""
    by: str
    """ARN of the operator who has acknowledged it."""
    reason: str
    facts: Mapping[str, Any]
    item: IncidentItem
    """The row."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object of ``--json``; null for a missing value."""
        times = {name: _print(getattr(self, name)) for name in ("since", "opened", "notified", "cleared")}
        names = ("id", "job", "cause", "what", "status", "pending", "by", "reason")
        return {name: getattr(self, name) or None for name in names} | times | {"facts": dict(self.facts)}


def incidents(dynamodb: Any, ledger: str, *, cleared: bool = False) -> list[Incident]:
    """Return the open incidents, the oldest first. ``cleared``: also those that ended in the last 35 days."""
    found, start = list[IncidentItem](), None
    while True:
        answer = dynamodb.query(**watch_rows.query_incidents(ledger, start).parameters)
        found += map(watch_rows.read_incident, answer["Items"])
        start = answer.get("LastEvaluatedKey")
        if not start:
            break
    wanted = (item for item in found if cleared or item.status == "open")
    return [_incident(item) for item in sorted(wanted, key=lambda item: (item.status != "open", item.since, item.id))]


def find(dynamodb: Any, ledger: str, job: str, cause: str) -> Incident:
    """Return the last incident of a job and a cause. Raise OperationError if it is missing."""
    item = _read(dynamodb, ledger, job, cause)
    if item is not None:
        return _incident(item)
    known = [f"{one.job or STACK} {one.cause}" for one in incidents(dynamodb, ledger, cleared=True)]
    near = difflib.get_close_matches(f"{job or STACK} {cause}", known, n=1, cutoff=0.5)
    remedy = f"Did you mean {near[0]}? " if near else ""
    raise OperationError(
        f"no incident {cause!r} of {job or 'the stack'}",
        remedy=f"{remedy}Known incidents: {', '.join(known) or 'none'}.",
    )


def acknowledge(dynamodb: Any, ledger: str, job: str, cause: str, *, operator: Operator, at: datetime) -> Incident:
    """Stop the reminders of an open incident. The all-clear still comes, and another problem is a new alert.

    Raise OperationError if there is no such incident, or if it is cleared.
    """
    details = {"cause": cause, "incident": find(dynamodb, ledger, job, cause).id}
    record(dynamodb, ledger, Action(job, "incidents ack", at, operator, details))
    for _ in range(TRIES):
        incident = find(dynamodb, ledger, job, cause)
        if incident.status == "cleared":
            raise OperationError(
                f"the incident {cause!r} of {job or 'the stack'} is cleared since {_print(incident.cleared)}",
                remedy="Nothing is left to acknowledge: no reminder will come.",
            )
        ack = json.dumps({"by": operator.by, "reason": operator.reason})
        item = incident.item._replace(acked=to_milliseconds(at), ack=ack)
        try:
            dynamodb.update_item(**watch_rows.write_incident(ledger, item).parameters)
        except dynamodb.exceptions.ConditionalCheckFailedException:
            continue  # the watchdog has changed the row meanwhile
        return _incident(item)
    raise OperationError(
        f"the watchdog changes the incident {cause!r} of {job or 'the stack'} at this moment",
        remedy="Run the command again.",
    )


def help_of(cause: str) -> str:
    """Return the section of the page about a cause. Raise OperationError if it has none."""
    _, *parts = PAGE.read_text(encoding="utf-8").split("\n## ")
    sections = {title: text.strip() for title, _, text in (part.partition("\n") for part in parts)}
    if cause in sections:
        return sections[cause]
    near = difflib.get_close_matches(cause, sections, n=1)
    remedy = f"Did you mean {near[0]}? " if near else ""
    raise OperationError(f"{cause!r} is not a cause of incidents", remedy=f"{remedy}Causes: {', '.join(sections)}.")


def text_of(cloudformation: Any, stack: str, incident: Incident, now: datetime) -> str:
    """Return the incident as its notification shows it, with times in UTC and in the job's zone."""
    body = cloudformation.get_template(StackName=stack)["TemplateBody"]
    jobs = jobs_of_template(json.loads(body) if isinstance(body, str) else body)
    job = jobs.get(incident.job)
    zone = job.schedules[0].timezone if job is not None and job.schedules else "UTC"
    kind = "clear" if incident.status == "cleared" else "alert"
    return notice(kind, incident.item, stack, zone, to_milliseconds(now)).body


def _read(dynamodb: Any, ledger: str, job: str, cause: str) -> IncidentItem | None:
    item = dynamodb.get_item(**watch_rows.get_incident(ledger, job, cause).parameters).get("Item")
    return watch_rows.read_incident(item) if item else None


def _incident(item: IncidentItem) -> Incident:
    ack = json.loads(item.ack) if item.ack else {}
    status = "acknowledged" if item.status == "open" and item.acked else item.status
    return Incident(
        item.id,
        item.job,
        item.cause,
        headline(item),
        status,
        to_datetime(item.since),
        to_datetime(item.opened),
        to_datetime(item.notified) if item.notified else None,
        to_datetime(item.cleared) if item.cleared else None,
        item.pending,
        ack.get("by", ""),
        ack.get("reason", ""),
        json.loads(item.facts),
        item,
    )


def _print(instant: datetime | None) -> str | None:
    return None if instant is None else print_instant(instant)
