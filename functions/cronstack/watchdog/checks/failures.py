"""Failed: dead runs in a row. Pure.

The runs of schedules and operators are ordered by their end. A run that succeeds ends the row; skipped and missed runs,
and runs that are not finished, do not count. The runs of keys are independent: their row is the number of dead ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from cronstack.deployed.job_metadata import JobMetadata
from cronstack.ledger.rows import RunItem
from cronstack.watchdog.scene import DAY, Finding

IsNew = Callable[[RunItem], bool]
"""Returns whether a failed run was not known to an earlier pass."""
KEPT: Final = 14 * DAY
"""Milliseconds for which a queue keeps a dead letter. Older dead runs of keys do not count."""


def dead_of(runs: Iterable[RunItem], now: int) -> list[RunItem]:
    """Return the dead runs that count."""
    return [run for run in runs if run.status == "dead" and (not run.key or now - run.ended <= KEPT)]


def needs_history(dead: Sequence[RunItem], is_new: IsNew, *, is_open: bool) -> bool:
    """Return whether the latest runs of the job must be read."""
    return any(not run.key and (is_open or is_new(run)) for run in dead)


def check(job: JobMetadata, dead: Sequence[RunItem], history: Sequence[RunItem] | None, is_new: IsNew) -> list[Finding]:
    """Judge the dead runs of a job. ``history``: its latest runs; None if they are not needed."""
    rows = {} if history is None else {run.occurrence: run for run in (*history, *dead)}
    finished = sorted(
        (run for run in rows.values() if not run.key and run.status in ("succeeded", "dead")),
        key=lambda run: (run.ended, run.occurrence),
    )
    streaks: list[list[RunItem]] = [[]]
    for run in finished:
        if run.status == "dead":
            streaks[-1].append(run)
        elif streaks[-1]:
            streaks.append([])
    found = [streak for streak in streaks[:-1] if streak and is_new(streak[-1])]
    found += [streaks[-1]]
    keys = sorted((run for run in dead if run.key), key=lambda run: run.ended)
    for streak, of_keys in [(keys, True), *((streak, False) for streak in reversed(found))]:
        if len(streak) >= job.alert_after:
            return [_failed(job, streak, of_keys=of_keys)]
    return []


def _failed(job: JobMetadata, streak: Sequence[RunItem], *, of_keys: bool) -> Finding:
    latest = streak[-1]
    error = error_of(latest)
    facts = {
        "occurrence": latest.occurrence,
        "key": latest.key,
        "count": len(streak),
        "attempts": latest.attempt,
        "error": error.get("type", "?"),
        "message": str(error.get("message", ""))[:300],
        "ended": latest.ended,
        "alert_after": job.alert_after,
        "of_keys": of_keys,
    }
    return Finding(job.job, "failed", streak[0].ended, facts, fingerprint=str(error.get("type", "?")))


def error_of(run: RunItem) -> dict[str, Any]:
    """Return the error that a run stores, with "type" and "message"; an empty dict for none."""
    try:
        error = json.loads(run.error or "{}")
    except ValueError:
        return {}
    return error if isinstance(error, dict) else {}
