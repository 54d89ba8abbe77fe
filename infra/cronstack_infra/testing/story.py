"""What happened, for the reader of a failed test: a line an attempt, the newest at the bottom. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cronstack_infra.testing.places import Place

LINES: Final = 40
"""Attempts that are shown; of more, the others are only counted where they were."""
NEWEST: Final = 10
"""Of them, shown whatever they are; the rest is for what did not simply succeed, and then for the next newest."""
_GOOD: Final = ("succeeded",)


def story(events: Sequence[Mapping[str, Any]], places: Mapping[str, Place], *, began: datetime, now: datetime) -> str:
    """Time line, then each job with its file and line and what came of its runs."""
    attempts = [event for event in events if event.get("event") == "attempt"]
    lines = [f"from {_minute(began)} to {_minute(now)} UTC"]
    shown = _chosen(attempts)
    width = max((len(str(attempts[number]["job"])) for number in shown), default=0)
    following = 0
    for number in shown:
        if number > following:
            lines.append(_left_out(attempts[following:number]))
        lines.append(_line(attempts[number], width))
        following = number + 1
    if not shown:
        lines.append("nothing ran")
    lines.append("")
    for job, place in places.items():
        own = [row for row in attempts if row["job"] == job]
        lines.append(f"{place}: {job}: {_counted(own) or 'did not run'}")
    return "\n".join(lines)


def _chosen(attempts: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which are shown: a job of every minute must not push out the one that failed an hour ago."""
    newest_first = range(len(attempts) - 1, -1, -1)
    telling = [number for number in newest_first if attempts[number]["outcome"] not in _GOOD]
    ordered = dict.fromkeys([*newest_first[:NEWEST], *telling, *newest_first])
    return sorted(list(ordered)[:LINES])


def _left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    """ "… 83 attempts: 83 succeeded"."""
    return f"… {len(rows)} attempt{'' if len(rows) == 1 else 's'}: {_counted(rows)}"


def _line(row: Mapping[str, Any], width: int) -> str:
    """ "2027-03-28 01:30:00.012  nightly  t-2027-…  attempt 1  succeeded in 0.03 s"."""
    why = " ".join(str(row[field]) for field in ("reason", "error") if row.get(field))
    number = f"attempt {row['attempt']}" if row["attempt"] else "no attempt"
    text = (
        f"{_second(str(row['began']))}  {row['job']:{width}}  {row.get('key') or row['occurrence']}  {number}"
        f"  {row['outcome']} after {row['seconds']:g} s"
    )
    return f"{text}: {why}" if why else text


def _counted(rows: Iterable[Mapping[str, Any]]) -> str:
    """ "10 succeeded, 2 crashed"."""
    found = Counter(str(row["outcome"]) for row in rows)
    ordered = sorted(found.items(), key=lambda one: (one[0] not in _GOOD, -one[1], one[0]))
    return ", ".join(f"{count} {outcome}" for outcome, count in ordered)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def _second(stamp: str) -> str:
    """ "2027-03-28 01:30:00.012", of an ISO stamp."""
    return stamp.replace("T", " ").removesuffix("Z")
