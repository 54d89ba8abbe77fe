"""A small space (see ``walk``): the events that are delivered, and how often something may go wrong."""

from __future__ import annotations

from typing import Final, NamedTuple

from cronstack.defaults import Overlap
from cronstack.onetime.schedules import Order
from cronstack_infra.play.prove.models.planning import PlanningCall
from cronstack_infra.play.prove.models.world import NOON
from cronstack_infra.play.prove.walk.steered import TIMEOUT

PLANNED: Final = PlanningCall("schedule", Order("order", NOON + 16_000, "soon", {}))


class Space(NamedTuple):
    """The events and calls of a space. ``deliveries``: for each event the number of its occurrence."""

    name: str
    deliveries: tuple[int, ...]
    overlap: Overlap = "skip"
    calls: tuple[PlanningCall, ...] = ()
    """Calls of application code at the same time, on the key that ``PLANNED`` has scheduled."""
    fires: int = 1
    """How often the schedule of that key fires. If more than once, the key is scheduled even without ``calls``."""
    time: int = TIMEOUT * 1000
    """Milliseconds until the deadline. With 6,000 an invocation retries its claim three times before it makes its
    carrier; with 5,200 once, which is the same loop with a tenth of the states."""
    horizon: int | None = None
    """Milliseconds after which nothing more is delivered. The space needs this end where one occurrence makes way for
    another, whose carrier may come at any time."""
    occupied: bool = False
    """At the beginning the first event's handler runs, and the second event waits in the slot."""
    crash_only: int | None = None
    """The number of the only event whose invocations may crash or pass their deadline. None: all may."""


class Budget(NamedTuple):
    """How often something may go wrong."""

    crashes: int
    losses: int
    """Lost answers, and conflicts that Scheduler reports without a reason."""
    failures: int
