"""The story of a failed test: a line for each attempt, the newest at the bottom. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cronstack_infra.plural import counted
from cronstack_infra.testing.places import Place

LINES: Final = 40
"""Attempts that are shown; of more, the others are only counted where they were."""
NEWEST: Final = 10
"""Of them, shown whatever they are; the rest is for what did not simply succeed, and then for the next newest."""
MANY: Final = 20
"""Attempts of other jobs from which on the story shows how to do without them."""
_GOOD: Final = ("succeeded",)


def story(
    events: Sequence[Mapping[str, Any]],
    places: Mapping[str, Place],
    *,
    began: datetime,
    now: datetime,
    about: Collection[str] | None = None,
) -> str:
    """Return the time line of the jobs that the test is about, and for each job its place and the count of its runs.

    about: jobs of the time line; each other job has one line. Defaults to all.
    """
    attempts = [event for event in events if event.get("event") == "attempt"]
    own = [row for row in attempts if about is None or row["job"] in about]
    lines = [f"from {_minute(began)} to {_minute(now)} UTC", *_timeline(own), ""]
    first = [job for job in places if about is None or job in about]
    lines += [_summary(job, places[job], attempts) for job in first]
    others = [job for job in places if job not in first]
    lines += [_summary(job, places[job], attempts, with_failure=True) for job in others]
    if len(attempts) - len(own) > max(MANY, len(own)):
        lines.append(f"Most attempts were of other jobs. Keep their schedules from firing: {marker(first)}")
    return "\n".join(lines)


def marker(jobs: Iterable[str]) -> str:
    """The marker that lets only these jobs' schedules fire."""
    names = ", ".join(f'"{job}"' for job in jobs)
    return f"@pytest.mark.cronstack(only=[{names}])"


def _timeline(attempts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    shown = _chosen(attempts)
    width = max((len(str(attempts[number]["job"])) for number in shown), default=0)
    following = 0
    for number in shown:
        if number > following:
            yield _left_out(attempts[following:number])
        yield _line(attempts[number], width)
        following = number + 1
    if not shown:
        yield "nothing ran"


def _summary(job: str, place: Place, attempts: Sequence[Mapping[str, Any]], *, with_failure: bool = False) -> str:
    """ "functions/jobs/hello.py:6: hello: 2 succeeded, 1 dead", and on request the last failure's error."""
    own = [row for row in attempts if row["job"] == job]
    text = f"{place}: {job}: {_counted(own) or 'did not run'}"
    errors = [str(row["error"]) for row in own if row.get("error")]
    return f"{text}; last error: {errors[-1]}" if with_failure and errors else text


def _chosen(attempts: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which are shown: a job of every minute must not push out the one that failed an hour ago."""
    newest_first = range(len(attempts) - 1, -1, -1)
    telling = [number for number in newest_first if attempts[number]["outcome"] not in _GOOD]
    ordered = dict.fromkeys([*newest_first[:NEWEST], *telling, *newest_first])
    return sorted(list(ordered)[:LINES])


def _left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    """ "… 83 attempts: 83 succeeded"."""
    return f"… {counted(len(rows), 'attempt')}: {_counted(rows)}"


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
