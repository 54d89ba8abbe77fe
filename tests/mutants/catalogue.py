"""All mutants of the guard's protocol."""

from __future__ import annotations

from tests.mutants.protocol import (
    carriers,
    external_author,
    guard,
    ledger,
    misses,
    pauses,
    plans,
    scheduler,
    slot,
    times,
)

MUTANTS = (
    *ledger.MUTANTS,
    *guard.MUTANTS,
    *carriers.MUTANTS,
    *scheduler.MUTANTS,
    *slot.MUTANTS,
    *plans.MUTANTS,
    *times.MUTANTS,
    *misses.MUTANTS,
    *pauses.MUTANTS,
    *external_author.MUTANTS,
)
