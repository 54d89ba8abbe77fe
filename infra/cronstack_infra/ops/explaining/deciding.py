"""Decide why an occurrence is in its present state. Pure.

a run that exists decides                     but a missed run's key may have been planned again: then its plan
a plan without a run                          planned, moved, cancelled, started
neither                                       the schedules, dead letters and carriers
"""

from __future__ import annotations

from cronstack.ledger.open_runs import is_planned_again
from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.of_plans import of_plan
from cronstack_infra.ops.explaining.of_runs import of_run
from cronstack_infra.ops.explaining.of_times import of_time
from cronstack_infra.ops.explaining.verdict import Verdict


def explain(facts: Facts) -> Verdict:
    """Return why the occurrence is in its present state."""
    run, plan = facts.run, facts.plan
    if run is not None and not is_planned_again(run, plan):
        return of_run(facts, run)
    return of_plan(facts, plan) if plan is not None else of_time(facts)
