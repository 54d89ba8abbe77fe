"""The life of an incident, from finding to all-clear. Pure.

    row                        finding               next row                             publishes
    none, or cleared           yes                   open, new id, pending alert          alert
    open                       same fingerprint      as it is; after the pause: pending   reminder, unless acknowledged
    open                       other fingerprint     open, new id, pending alert          alert
    open                       no, and was judged    cleared, pending clear               clear
    open "late"                no, but "missed"      cleared                              nothing: see "missed"
    any, with ``pending``                            pending ""                           what is pending, first

A row is written before its notification is published, and again after that. A pass that is killed between publishes
and records leaves ``pending``, so the next pass publishes again, with the same id. A notification is never lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, NamedTuple

from cronstack.ledger.watch_rows import IncidentItem
from cronstack.watchdog.scene import DAY, Cause, Finding

REMIND_AFTER: Final = DAY
"""Milliseconds between two notifications of an open incident."""
_SLOW: Final[dict[Cause, int]] = {"paused": 7 * DAY}
KEPT: Final = 35 * DAY
"""Milliseconds for which a cleared incident stays in the ledger."""


class Write(NamedTuple):
    """The next step of an incident: a row that must be written, and what to publish before it."""

    item: IncidentItem
    publish: str = ""
    """ "alert", "reminder" or "clear": publish it before the write. "": only write."""
    opens: bool = False
    clears: bool = False


def next_step(
    row: IncidentItem | None,
    finding: Finding | None,
    *,
    judged: bool,
    now: int,
    ulid: Callable[[], str],
    superseded: bool = False,
) -> Write | None:
    """Return the next step of an incident; None if nothing is left to do in this pass.

    ``judged``: whether the pass looked for the cause. ``superseded``: another incident replaces this one.
    """
    if row is not None and row.pending == "reminder" and row.acked:
        return Write(row._replace(pending=""))  # acknowledged before a killed pass has published it
    if row is not None and row.pending:
        return Write(row._replace(pending="", notified=now), publish=row.pending)
    is_open = row is not None and row.status == "open"
    if finding is not None:
        if row is None or not is_open or row.fingerprint != finding.fingerprint:
            return Write(_opened(row, finding, now, ulid()), opens=not is_open)
        if not row.acked and now - row.notified >= _SLOW.get(finding.cause, REMIND_AFTER):
            return Write(row._replace(pending="reminder", facts=_text(finding)))
        return None
    if row is None or not is_open or not judged:
        return None
    return Write(row._replace(status="cleared", cleared=now, pending="" if superseded else "clear"), clears=True)


def _opened(row: IncidentItem | None, finding: Finding, now: int, id: str) -> IncidentItem:
    return IncidentItem(
        finding.job,
        finding.cause,
        id,
        fingerprint=finding.fingerprint,
        since=finding.since,
        opened=now,
        pending="alert",
        facts=_text(finding),
        revision=0 if row is None else row.revision,
    )


def _text(finding: Finding) -> str:
    return json.dumps(dict(finding.facts), separators=(",", ":"))
