"""The attempts of a trace as columns of numbers, deflated: what 525,600 runs need to open at once. Pure.

Each column is little-endian and as long as there are attempts, sorted by their start:

    start     uint32   tenths of a second since the span began, as difference to the attempt before
    seconds   uint32   milliseconds it took
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
"""How bad each outcome is. The page draws the worst one on top and shows counts from ``BAD`` on in red."""
BAD: Final = 4
MOST_NOTES: Final = 20_000
"""Attempts that did not succeed whose reason is told; the others are drawn and counted like them."""
LONGEST_NOTE: Final = 300

_UNKNOWN: Final = OUTCOMES.index("refused")


def pack(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The page's data out of a trace's rows; None when the first or the last one is missing."""
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
    """Those before it had crashed before its occurrence's handler was started: it is no retry."""


def _attempt(row: Mapping[str, Any], first: float, job: int) -> _Attempt:
    outcome = OUTCOMES.index(row["outcome"]) if row["outcome"] in OUTCOMES else _UNKNOWN
    start = round((_seconds(row["began"]) - first) * 10)
    told = str(row.get("reason") or "") + (": " if row.get("reason") and row.get("error") else "")
    note = (told + str(row.get("error") or ""))[:LONGEST_NOTE]
    took, number = round(row["seconds"] * 1000), min(row["attempt"], 255)
    return _Attempt(start, took, job, outcome, number, _name(row), note, "first" in row)


def _name(row: Mapping[str, Any]) -> str:
    """Of its occurrence; a key says more than the hash that it is known by."""
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
        assert column.itemsize == {"I": 4, "H": 2}[column.typecode], "the page counts on these sizes"
        if byteorder == "big":
            column.byteswap()
    raw = b"".join(column.tobytes() for column in (starts, seconds, jobs, outcomes, numbers))
    return base64.b64encode(zlib.compress(raw, 9)).decode(), notes


def _job(of: Mapping[str, Any]) -> dict[str, Any]:
    """A job of the page. Its zone is that of its first schedule, UTC without one."""
    zones = [one[1] for one in of["schedules"] if not isinstance(one, str) and len(one) > 1 and one[1]]
    about = {"name": of["job"], "schedules": _schedules(of), "where": of.get("where", "")}
    return about | {"zone": zones[0] if zones else "UTC"}


def _schedules(of: Mapping[str, Any]) -> list[str]:
    return [one if isinstance(one, str) else " ".join(str(part) for part in one if part) for one in of["schedules"]]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()
