"""Run past occurrences of a job on purpose: what is missing, what has failed, or everything again.

aims          the aim for each occurrence, by the rows of the ledger
planning      the occurrences of a span, from the deployed schedules and the ledger
rescheduled   refuses days whose work an earlier schedule may have done
recording     the plan as a row of the ledger, so that an interrupted backfill can be continued
carrying_out  sends the events: one after the other, or several at the same time
"""

from cronstack_infra.ops.backfill.aims import KINDS, DueOccurrence, Kind
from cronstack_infra.ops.backfill.carrying_out import Filled, carry_out
from cronstack_infra.ops.backfill.planning import UNASKED, BackfillPlan, plan_backfill, timezone_of

__all__ = [
    "KINDS",
    "UNASKED",
    "BackfillPlan",
    "DueOccurrence",
    "Filled",
    "Kind",
    "carry_out",
    "plan_backfill",
    "timezone_of",
]
