"""The conditions of the guard's requests, each by its name. Pure data: expressions of DynamoDB.

In each ``#name`` is an attribute and ``:name`` a value (see ``statements``).
"""

from __future__ import annotations

from typing import Final

FREE: Final = "attribute_not_exists(#holder)"
"""Nobody holds the lease."""
FENCE_GROWS: Final = "(attribute_not_exists(#fence) OR #fence < :fence)"
"""The fence about to be written is the highest ever."""
HELD_AS_SEEN: Final = "#holder = :lease_holder AND #beats = :beats AND #fence < :fence"
"""The dead holder still has the lease, and gave no sign of life since we looked."""
MINE: Final = "#holder = :holder"
"""This attempt holds it."""
NEVER_STARTED: Final = "attribute_not_exists(#status)"
"""No attempt, no skip: the occurrence is untouched."""
WAITS_FOR_AN_ATTEMPT: Final = "#status IN (:retrying, :crashed) AND #attempt = :before"
"""An attempt ended badly, and nobody has begun the next one since we looked."""
DEAD_AS_SEEN: Final = "#status = :dead AND #attempt = :before"
"""The very death that the operator redrives."""
MISSED: Final = "#status = :missed AND attribute_not_exists(#attempt)"
"""It was too late to start, and still has never started."""
PLAN_AS_SEEN: Final = "#revision = :seen"
"""The missed run is still of the plan that was seen."""
RUNNING_AS_SEEN: Final = (
    "#status = :running AND #holder = :run_holder AND #attempt = :before"
    " AND (attribute_not_exists(#saves) OR #saves = :seen)"
)
"""The dead holder's attempt is still the last one, and kept no further checkpoint since we looked."""
RUNNING_BY_ME: Final = "#status = :running AND #holder = :holder"
"""The attempt that this holder opened is still open."""
BUFFERED: Final = "#status = :buffered"
"""It waits in the slot and was never started."""
IN_SLOT: Final = "#buffered = :occurrence"
"""The slot names this occurrence."""
SLOT_FREE: Final = "attribute_not_exists(#buffered)"
"""No occurrence waits for the lease, so one that has never started may have it."""
SLOT_AS_SEEN: Final = "#buffered = :slot"
"""The slot still names the occurrence that this request takes out of it."""
HELD_BY: Final = "#holder = :lease_holder"
"""The very holder that was met still has the lease: what waits for it does not wait for nobody."""
NOT_SHORTENED: Final = "#expires <= :expires"
"""An earlier renewal that arrives late must not take back what a later one gave."""
NEWER_CHECKPOINT: Final = "(attribute_not_exists(#saves) OR #saves < :saves)"
"""An earlier checkpoint that arrives late must not win."""
STARTED_ALONE: Final = (
    "(#status IN (:crashed, :buffered)"
    " OR (#status = :retrying AND (attribute_not_exists(#after) OR #after <= :rested))"
    " OR (#status = :running AND #expires < :surely_past))"
)
"""Without a lease (overlap "allow", or a key): ended badly and rested, or expired on every clock."""
OPEN_ALONE: Final = f"({NEVER_STARTED} OR {STARTED_ALONE})"
"""The same, or untouched."""
UNLISTED: Final = "#status IN (:running, :crashed) AND (attribute_not_exists(#event) OR attribute_not_exists(#listed))"
"""An attempt is open, or has died, and operators would not find what brings the next one."""
SAME_PLAN: Final = "(attribute_not_exists(#revision) OR (#revision = :revision AND #due = :due))"
"""The run is of the plan that the event was made for."""
UNREPORTED: Final = "#status IN (:dead, :missed) AND attribute_not_exists(#reported)"
"""Dead or missed, and no letter is known to be out."""
SAME_PAYLOAD: Final = "(attribute_not_exists(#payload) OR #payload = :payload)"
"""The occurrence was not claimed with another input. (Who claims with a lease has seen the item before it goes on.)"""
