"""What happens to the pending occurrences of a job when the deployment changes or removes it. Pure.

the job, or its once(), is removed    the deploy check refuses the deployment while plans or unfinished runs wait
retrying, crashed                     a carrier brings the run back: it keeps its occurrence and number of attempts
buffered                              it keeps its place, and starts with the new code and policies
running                               the attempt ends with the old code; a retry runs the new code
planned                               a plan has a schedule of its own, which a deployment does not change
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from cronstack_infra.changes.policies import length
from cronstack_infra.changes.sides import JobSide

Kind = Literal["planned", "running", "retrying", "crashed", "buffered", "carrier"]
_REGARDLESS: Final = "cronstack cdk --even-if-waiting deploy"


@dataclass(frozen=True)
class Pending:
    """Pending occurrences of one job and one kind."""

    kind: Kind
    count: int
    first: datetime | None = None
    """Earliest due time."""
    last: datetime | None = None
    at_least: bool = False
    """More exist, and were not read."""


@dataclass(frozen=True)
class Fate:
    """Pending occurrences, and what happens to them."""

    pending: Pending
    text: str
    refused: bool = False
    """The deploy check refuses the deployment because of them."""


def fates(old: JobSide, new: JobSide | None, pending: Sequence[Pending]) -> Iterator[Fate]:
    """Yield what happens to each kind. ``new``: None if the job is removed."""
    for each in pending:
        if new is None:
            yield _removed(each)
        else:
            yield _kept(each, old, new)


def _removed(each: Pending) -> Fate:
    if each.kind == "running":
        return Fate(each, "the attempt may still end; if it fails, it is not retried")
    which = "each ends as a dead letter at its time" if each.kind == "planned" else "they end as dead letters"
    why = f"the deploy check refuses the removal while they wait; with {_REGARDLESS}, {which}"
    return Fate(each, why, refused=True)


def _kept(each: Pending, old: JobSide, new: JobSide) -> Fate:
    if old.job.by_code and not new.job.by_code and each.kind != "running":
        why = f"the deploy check refuses to remove once() while they wait; with {_REGARDLESS}, they still run"
        return Fate(each, why, refused=True)
    if each.kind == "planned":
        return Fate(each, f"their times stay; they run with the new code{_deadline(old, new)}")
    if each.kind == "running":
        return Fate(each, "ends with the old code and timeout; a retry runs the new code")
    if each.kind == "buffered":
        return Fate(each, f"keeps its place; starts with the new code{_deadline(old, new)}")
    if each.kind == "carrier":
        return Fate(each, "each comes back at its time, and runs the new code")
    kept = "" if old.job.retries == new.job.retries else "; a started run keeps its number of attempts"
    return Fate(each, f"same occurrence; the next attempt runs the new code{kept}")


def _deadline(old: JobSide, new: JobSide) -> str:
    if old.job.start_deadline == new.job.start_deadline:
        return ""
    return f"; missed if not started {length(new.job.start_deadline)} after the due time"
