"""The report of a failed test: a timeline with a line for each attempt, and a summary of each job. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cronstack_infra.plural import counted
from cronstack_infra.testing.places import Place

LINES: Final = 40
"""Most attempts that the timeline shows. Further attempts are only counted."""
NEWEST: Final = 10
"""Newest attempts, which are always shown. Then attempts that did not succeed come first, then the next newest."""
MANY: Final = 20
"""Least attempts of other jobs with which the report shows how to keep their schedules from firing."""
_GOOD: Final = ("succeeded",)


def story(
    events: Sequence[Mapping[str, Any]],
    places: Mapping[str, Place],
    *,
    began: datetime,
    now: datetime,
    about: Collection[str] | None = None,
) -> str:
    """Return the timeline of the jobs that the test uses, and for each job its place and the counts of its attempts.

    about: jobs of the timeline; each other job gets one line. Defaults to all.
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
    """Return the marker with which only the schedules of these jobs fire."""
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
    """Return "functions/jobs/hello.py:6: hello: 2 succeeded, 1 dead", optionally with the last error."""
    own = [row for row in attempts if row["job"] == job]
    text = f"{place}: {job}: {_counted(own) or 'did not run'}"
    errors = [str(row["error"]) for row in own if row.get("error")]
    return f"{text}; last error: {errors[-1]}" if with_failure and errors else text


def _chosen(attempts: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the indexes of the attempts to show. A frequent job must not hide a failure an hour ago."""
    newest_first = range(len(attempts) - 1, -1, -1)
    failed = [number for number in newest_first if attempts[number]["outcome"] not in _GOOD]
    ordered = dict.fromkeys([*newest_first[:NEWEST], *failed, *newest_first])
    return sorted(list(ordered)[:LINES])


def _left_out(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return "… 83 attempts: 83 succeeded"."""
    return f"… {counted(len(rows), 'attempt')}: {_counted(rows)}"


def _line(row: Mapping[str, Any], width: int) -> str:
    """Return "2027-03-28 01:30:00.012  nightly  t-2027-…  attempt 1  succeeded after 0.03 s"."""
    why = " ".join(str(row[field]) for field in ("reason", "error") if row.get(field))
    number = f"attempt {row['attempt']}" if row["attempt"] else "no attempt"
    text = (
        f"{_second(str(row['began']))}  {row['job']:{width}}  {row.get('key') or row['occurrence']}  {number}"
        f"  {row['outcome']} after {row['seconds']:g} s"
    )
    return f"{text}: {why}" if why else text


def _counted(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return "10 succeeded, 2 crashed"."""
    found = Counter(str(row["outcome"]) for row in rows)
    ordered = sorted(found.items(), key=lambda item: (item[0] not in _GOOD, -item[1], item[0]))
    return ", ".join(f"{count} {outcome}" for outcome, count in ordered)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}"


def _second(stamp: str) -> str:
    """Return "2027-03-28 01:30:00.012" for an ISO timestamp."""
    return stamp.replace("T", " ").removesuffix("Z")
