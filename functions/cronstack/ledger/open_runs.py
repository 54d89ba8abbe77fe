"""Runs of the index that wait for an attempt, or for their dead letter: what brings them back, and when. Pure.

    status      comes back by                                  its time
    retrying    the carrier of its retry                       the end of its pause
    crashed     Lambda, which retries a killed function        when the crash was found
    buffered    the carriers that check once a minute          when it was due
    running     the carrier of a delivery that waits for it    the end of its lease
    dead        the carrier that sends its letter              the end of its lease
    missed      the same

A running run is in the index only in its second attempt or a later one, or if another delivery waits for its end
(``run_requests.keep_event``): otherwise Lambda retries it. A dead or missed run waits until its letter was sent.
"""

from __future__ import annotations

from typing import Final

from cronstack.ledger.rows import FAILED, PlanItem, RunItem

PATIENCE: Final = 600_000
"""Milliseconds after the time of a run during which its event may still arrive."""
WAITING: Final = ("retrying", "crashed", "buffered", "running")


def is_waiting(run: RunItem) -> bool:
    """Return whether something must still come for the run: an attempt, or the sending of its letter."""
    return run.status in WAITING or (run.status in FAILED and not run.reported)


def comes_back_at(run: RunItem) -> int:
    """Return the time at which the run should have come back, in epoch milliseconds."""
    if run.status in ("running", *FAILED):
        return max(run.expires, run.ended)
    return max(run.after, run.ended) if run.status != "buffered" else run.due


def is_overdue(run: RunItem, now: int) -> bool:
    """Return whether the run should have come back more than ``PATIENCE`` ago. ``now``: epoch milliseconds."""
    return is_waiting(run) and now - comes_back_at(run) > PATIENCE


def is_same(run: RunItem, fresh: RunItem | None) -> bool:
    """Return whether a later read of the run shows the same state."""
    return fresh is not None and (fresh.status, fresh.attempt, fresh.holder) == (run.status, run.attempt, run.holder)


def is_planned_again(run: RunItem, plan: PlanItem | None) -> bool:
    """Return whether a missed run's key has a later plan, which then has the status of the key."""
    return run.status == "missed" and plan is not None and plan.revision > run.revision
