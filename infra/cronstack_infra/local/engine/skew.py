"""How far the clock of a sandbox is off, by the switch ``clock-skew``. Pure."""

from __future__ import annotations

from cronstack_infra.local.engine.chance import chance
from cronstack_infra.switches.settings import Switches


def seconds_ahead(switches: Switches, function: str, number: int) -> float:
    """Return the seconds by which the clock of a function's new sandbox is ahead; below 0 if it is behind.

    number: of the sandbox, among all that were made.
    """
    if not switches.clock_skew:
        return 0.0
    return switches.clock_skew * (2 * chance(switches.seed, "skew", function, number) - 1)
