"""All faults, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.cronstack.watchdog_simulation.faults.arrivals import failed, late, lost, silent_rate, too_late
from tests.cronstack.watchdog_simulation.faults.lasting import (
    abandoned_for_days,
    dead_letters,
    disabled,
    failing_for_days,
    paused,
)
from tests.cronstack.watchdog_simulation.faults.stuck import (
    abandoned,
    buffered,
    lost_carrier,
    overdue_plan,
    overrunning,
)
from tests.cronstack.watchdog_simulation.faults.surroundings import (
    clock,
    metrics,
    own_clock,
    schedule_deleted,
    schedule_edited,
)
from tests.cronstack.watchdog_simulation.plot import Plot

Fault = Callable[[Plot], None]
"""Adds a job, lets the fault happen, repairs it, and states what the watchdog must publish."""

FAULTS: Final[dict[str, Fault]] = {
    "lost": lost,
    "late": late,
    "too-late": too_late,
    "silent-rate": silent_rate,
    "failed": failed,
    "abandoned": abandoned,
    "overrunning": overrunning,
    "buffered": buffered,
    "lost-carrier": lost_carrier,
    "overdue-plan": overdue_plan,
    "schedule-deleted": schedule_deleted,
    "schedule-edited": schedule_edited,
    "clock": clock,
    "metrics": metrics,
    "own-clock": own_clock,
}
"""In histories whose passes are five minutes apart."""
SLOW_FAULTS: Final[dict[str, Fault]] = {
    "abandoned-for-days": abandoned_for_days,
    "failing-for-days": failing_for_days,
    "paused": paused,
    "disabled": disabled,
    "dead-letters": dead_letters,
}
"""In histories whose passes are hours apart."""
ONLY_ONCE: Final = ("own-clock", "dead-letters")
"""Faults of the stack, of which a history has only one."""
