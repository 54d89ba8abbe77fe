"""The clock error of a sandbox, by the switch ``clock-skew``. Pure."""

from __future__ import annotations

from cronstack_infra.local.engine.chance import chance
from cronstack_infra.switches.settings import Switches


def seconds_ahead(switches: Switches, function: str, number: int) -> float:
    """Return the seconds by which the clock of a function's new sandbox is ahead; negative if it is behind.

    number: the sandbox's number, counted over all functions.
    """
    if not switches.clock_skew:
        return 0.0
    return switches.clock_skew * (2 * chance(switches.seed, "skew", function, number) - 1)
