"""The attempts of a trace as deflated columns of numbers, so that a page of 525,600 runs opens at once. Pure.

Each column is little-endian and has one number for each attempt, sorted by start:

    start     uint32   tenths of a second since the start of the span, as difference to the previous attempt
    seconds   uint32   duration in milliseconds
    job       uint16   index into "jobs"
    outcome   uint8    index into OUTCOMES
    attempt   uint8    its number; 0: its handler was not started; 255: that or more
"""

from __future__ import annotations

import base64
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from sys import byteorder
from typing import Any, Final, NamedTuple

from cronstack.ledger.rows import OUTCOMES
from cronstack_infra.play.simulation.trace import COUNTS

SEVERITY: Final = {
    "succeeded": 0,
    "duplicate": 0,
    "overtaken": 0,
    "buffered": 1,
    "deferred": 1,
    "skipped": 2,
    "retrying": 3,
    "crashed": 4,
    "missed": 5,
    "dead": 6,
    "refused": 6,
}
"""Severity of each outcome. The page draws the worst one on top, and shows counts from ``BAD`` on in red."""
BAD: Final = 4
MOST_NOTES: Final = 20_000
"""Maximum of listed attempts that did not succeed. All others are still drawn and counted."""
LONGEST_NOTE: Final = 300

_UNKNOWN: Final = OUTCOMES.index("refused")


def pack(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the page's data from a trace's rows, None if the first or the last row is missing."""
    begin: Mapping[str, Any] | None = None
    end: Mapping[str, Any] | None = None
    attempts: list[_Attempt] = []
    index: dict[str, int] = {}
    jobs: list[dict[str, Any]] = []
    first = 0.0
    for row in rows:
        match row["event"]:
            case "begin":
                begin, first = row, _seconds(row["from"])
                jobs = [_job(of) for of in row["jobs"]]
                index = {of["name"]: number for number, of in enumerate(jobs)}
            case "end":
                end = row
            case "attempt" if begin is not None:
                if row["job"] not in index:
                    index[row["job"]] = len(jobs)
                    jobs.append({"name": row["job"], "schedules": [], "zone": "UTC", "where": ""})
                attempts.append(_attempt(row, first, index[row["job"]]))
    if begin is None or end is None:
        return None
    attempts.sort(key=lambda attempt: (attempt.start, attempt.took))
    columns, notes = _columns(attempts)
    return {
        "stack": begin.get("stack", ""),
        "from": begin["from"],
        "until": begin["until"],
        "seed": begin.get("seed"),
        "faults": begin.get("faults", "none"),
        "jobs": jobs,
        "outcomes": OUTCOMES,
        "severity": [SEVERITY[outcome] for outcome in OUTCOMES],
        "bad": BAD,
        "counts": COUNTS,
        "missed_letters": end.get("missed_letters", 0),
        "deferred": end.get("deferred", {}),
        "attempts": len(attempts),
        "columns": columns,
        "first": [place for place, row in enumerate(attempts) if row.first],
        "notes": notes,
        "notes_left_out": sum(OUTCOMES[attempt.outcome] != "succeeded" for attempt in attempts) - len(notes),
    }


class _Attempt(NamedTuple):
    start: int
    took: int
    job: int
    outcome: int
    number: int
    occurrence: str
    note: str
    first: bool
    """True: not a retry, because earlier attempts crashed before the handler of the occurrence was started."""


def _attempt(row: Mapping[str, Any], first: float, job: int) -> _Attempt:
    outcome = OUTCOMES.index(row["outcome"]) if row["outcome"] in OUTCOMES else _UNKNOWN
    start = round((_seconds(row["began"]) - first) * 10)
    reason = str(row.get("reason") or "") + (": " if row.get("reason") and row.get("error") else "")
    note = (reason + str(row.get("error") or ""))[:LONGEST_NOTE]
    took, number = round(row["seconds"] * 1000), min(row["attempt"], 255)
    return _Attempt(start, took, job, outcome, number, _name(row), note, "first" in row)


def _name(row: Mapping[str, Any]) -> str:
    """Return the name of its occurrence: its key, if any, which is more readable than the hash in its id."""
    return str(row.get("key") or row["occurrence"])


def _columns(attempts: Sequence[_Attempt]) -> tuple[str, list[list[Any]]]:
    starts, seconds, jobs = array("I"), array("I"), array("H")
    outcomes, numbers = array("B"), array("B")
    notes: list[list[Any]] = []
    before = 0
    for place, (start, took, job, outcome, number, occurrence, note, _) in enumerate(attempts):
        start = max(start, 0)
        starts.append(start - before)
        before = start
        seconds.append(min(took, 0xFFFFFFFF))
        jobs.append(job)
        outcomes.append(outcome)
        numbers.append(number)
        if outcome != 0 and len(notes) < MOST_NOTES:
            notes.append([place, occurrence, note])
    for column in (starts, seconds, jobs):
        assert column.itemsize == {"I": 4, "H": 2}[column.typecode], "the page needs these sizes"
        if byteorder == "big":
            column.byteswap()
    raw = b"".join(column.tobytes() for column in (starts, seconds, jobs, outcomes, numbers))
    return base64.b64encode(zlib.compress(raw, 9)).decode(), notes


def _job(of: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job of the page. Its zone is that of its first schedule, UTC without one."""
    zones = [each[1] for each in of["schedules"] if not isinstance(each, str) and len(each) > 1 and each[1]]
    about = {"name": of["job"], "schedules": _schedules(of), "where": of.get("where", "")}
    return about | {"zone": zones[0] if zones else "UTC"}


def _schedules(of: Mapping[str, Any]) -> list[str]:
    return [each if isinstance(each, str) else " ".join(str(part) for part in each if part) for each in of["schedules"]]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()
