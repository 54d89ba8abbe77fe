"""All mutants."""

from __future__ import annotations

from tests.mutants import (
    of_an_outsider,
    of_carriers,
    of_misses,
    of_plans,
    of_scheduler,
    of_the_guard,
    of_the_ledger,
    of_the_slot,
    of_time,
)

MUTANTS = (
    *of_the_ledger.MUTANTS,
    *of_the_guard.MUTANTS,
    *of_carriers.MUTANTS,
    *of_scheduler.MUTANTS,
    *of_the_slot.MUTANTS,
    *of_plans.MUTANTS,
    *of_time.MUTANTS,
    *of_misses.MUTANTS,
    *of_an_outsider.MUTANTS,
)
