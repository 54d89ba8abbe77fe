"""The conditions of the guard's requests, by name: expressions of DynamoDB. Pure.

``#name`` is an attribute and ``:name`` a value (see ``statements``).
"""

from __future__ import annotations

from typing import Final

FREE: Final = "attribute_not_exists(#holder)"
"""The lease is free."""
FENCE_GROWS: Final = "(attribute_not_exists(#fence) OR #fence < :fence)"
"""The new fence is higher than every earlier one."""
HELD_AS_SEEN: Final = "#holder = :lease_holder AND #beats = :beats AND #fence < :fence"
"""The dead holder still has the lease, and has not renewed it since it was read."""
MINE: Final = "#holder = :holder"
"""This attempt holds the lease."""
NEVER_STARTED: Final = "attribute_not_exists(#status)"
"""The occurrence has no run: no attempt, no skip, no miss."""
WAITS_FOR_AN_ATTEMPT: Final = "#status IN (:retrying, :crashed) AND #attempt = :before"
"""An attempt failed or crashed, and no other one has started since the run was read."""
DEAD_AS_SEEN: Final = "#status = :dead AND #attempt = :before"
"""The run is dead after the attempt that the operator redrives."""
MISSED: Final = "#status = :missed AND attribute_not_exists(#attempt)"
"""The run was missed, and has never started."""
PLAN_AS_SEEN: Final = "#revision = :seen"
"""The missed run still belongs to the plan that was read."""
RUNNING_AS_SEEN: Final = (
    "#status = :running AND #holder = :run_holder AND #attempt = :before"
    " AND (attribute_not_exists(#saves) OR #saves = :seen)"
)
"""The dead holder's attempt is still the last one, and has stored no checkpoint since the run was read."""
RUNNING_BY_ME: Final = "#status = :running AND #holder = :holder"
"""The attempt that this holder opened is still open."""
BUFFERED: Final = "#status = :buffered"
"""The run waits in the slot and has never started."""
IN_SLOT: Final = "#buffered = :occurrence"
"""The slot names this occurrence."""
SLOT_FREE: Final = "attribute_not_exists(#buffered)"
"""No occurrence waits for the lease, so one that has never started may take it."""
SLOT_AS_SEEN: Final = "#buffered = :slot"
"""The slot still names the occurrence that this request removes from it."""
HELD_BY: Final = "#holder = :lease_holder"
"""The lease still belongs to the holder that was read, so waiting for it makes sense."""
NOT_SHORTENED: Final = "#expires <= :expires"
"""An earlier renewal that arrives late must not shorten the lease."""
NEWER_CHECKPOINT: Final = "(attribute_not_exists(#saves) OR #saves < :saves)"
"""An earlier checkpoint that arrives late must not replace a later one."""
STARTED_WITHOUT_LEASE: Final = (
    "(#status IN (:crashed, :buffered)"
    " OR (#status = :retrying AND (attribute_not_exists(#after) OR #after <= :rested))"
    " OR (#status = :running AND #expires < :surely_past))"
)
"""For a run without a lease (overlap "allow", or a key): failed and its pause is over, or expired by every clock."""
OPEN_WITHOUT_LEASE: Final = f"({NEVER_STARTED} OR {STARTED_WITHOUT_LEASE})"
"""As ``STARTED_WITHOUT_LEASE``, or the occurrence has no run."""
UNLISTED: Final = "#status IN (:running, :crashed) AND (attribute_not_exists(#event) OR attribute_not_exists(#listed))"
"""An attempt is open or crashed, and operators could not find the event for the next one."""
SAME_PLAN: Final = "(attribute_not_exists(#revision) OR (#revision = :revision AND #due = :due))"
"""The run belongs to the plan of the event."""
UNREPORTED: Final = "#status IN (:dead, :missed) AND attribute_not_exists(#reported)"
"""Dead or missed, and no letter is recorded as sent."""
SAME_PAYLOAD: Final = "(attribute_not_exists(#payload) OR #payload = :payload)"
"""The occurrence was not claimed with another input. (A claim with a lease compares the input of the item instead.)"""
