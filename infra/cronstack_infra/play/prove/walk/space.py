"""What a small space holds (see ``walk``): the events that are delivered, and how often something may go wrong."""

from __future__ import annotations

from typing import Final, NamedTuple

from cronstack.defaults import Overlap
from cronstack.onetime.schedules import Order
from cronstack_infra.play.prove.models.planning import PlanningCall
from cronstack_infra.play.prove.models.world import NOON
from cronstack_infra.play.prove.walk.steered import TIMEOUT

PLANNED: Final = PlanningCall("schedule", Order("order", NOON + 16_000, "soon", {}))


class Space(NamedTuple):
    """What is delivered: for each event the number of its occurrence."""

    name: str
    deliveries: tuple[int, ...]
    overlap: Overlap = "skip"
    calls: tuple[PlanningCall, ...] = ()
    """Calls of application code meanwhile, about the key that ``PLANNED`` has scheduled."""
    fires: int = 1
    """How often the schedule of that key fires. More than once: it is scheduled without any call meanwhile, too."""
    time: int = TIMEOUT * 1000
    """Milliseconds that an invocation has. With 6,000 it looks three times before it makes its carrier; with 5,200
    once, which is the same loop with a tenth of the states."""
    horizon: int | None = None
    """Milliseconds after which nothing more is delivered. Where one occurrence makes way for another, and that one's
    carrier may come at any time after its own, the space has no other end."""
    occupied: bool = False
    """Before anything can go wrong the first event's handler begins, and the second event waits in the slot."""
    frail: int | None = None
    """The number of the only event whose invocations crash, or outlive their deadline. None: all do."""


class Budget(NamedTuple):
    """How often something may go wrong."""

    crashes: int
    losses: int
    """Lost answers, and conflicts of Scheduler that are none."""
    failures: int
