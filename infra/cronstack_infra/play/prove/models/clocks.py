"""The clocks of one machine, about which AWS guarantees nothing, and the remaining time of Lambda's context.

A wall clock is off by up to ten minutes, ahead or behind, and may be set in the middle of an invocation. A monotonic
clock is right, but on some machines it stops while they are frozen. (Not both on one machine: then nothing would show
how much time has passed.) The context of Lambda's Python runtime computes the remaining time by the wall clock and
returns at least 0: so its value is 0, too small or too large. Other runtimes count it down correctly. Lambda itself
ends an invocation at its true deadline, whatever the clocks show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cronstack_infra.play.prove.models.mix import SKEWED

if TYPE_CHECKING:
    from random import Random

    from cronstack_infra.play.prove.models.world import World

FOUR_MINUTES: Final = 240_000
TEN_MINUTES: Final = 600_000
OFFSETS: Final = (20_000, FOUR_MINUTES, 299_000, TEN_MINUTES)
"""Milliseconds by which a clock is off, or at most off, as a fault."""
SMALL_OFFSETS: Final = (-1000, -900, 0, 900, 1000)
"""Milliseconds by which clocks within the margin are off."""
DATE_ERRORS: Final = (-1000, -300, 0, 0, 900)
"""Milliseconds by which the dates of AWS's answers are off: one may be reused for a second, and its servers differ."""


class Clocks:
    """The clocks of a sandbox, or of a machine with application code."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset = _offset(world)
        """Milliseconds by which the wall clock is ahead; negative: behind."""
        self._frozen_for = 0
        """Milliseconds for which the monotonic clock was stopped."""
        self._stops_in_freeze = world.chance.random() < 0.5
        """The monotonic clock stops in a freeze, and the wall clock is never set."""
        off = self.offset or world.mix.has("clock steps")
        self.context_by_wall = bool(off) and _chance(world).random() < 0.6
        """Lambda's context computes the remaining time by the wall clock."""

    def wall(self) -> int:
        """Return epoch milliseconds."""
        return self._world.now + self.offset

    def monotonic(self) -> float:
        """Return seconds."""
        return (self._world.now - self._frozen_for) / 1000

    def remaining(self, deadline: int) -> int:
        """Return the milliseconds that the context returns. ``deadline``: true epoch milliseconds."""
        return max(0, deadline - (self.wall() if self.context_by_wall else self._world.now))

    def freeze(self, milliseconds: int) -> None:
        """Freeze the machine from now on."""
        if self._stops_in_freeze:
            self._frozen_for += milliseconds
            self._world.count("clock", "monotonic stopped")

    def step(self) -> None:
        """Set the wall clock."""
        if self._stops_in_freeze:
            return
        self.offset = _large_offset(self._world) if self._world.chance.random() < 0.5 else _offset(self._world)

    def count(self) -> None:
        """Count the errors of the clocks when a sandbox starts."""
        world, off = self._world, self.offset
        if abs(off) > 2_000:
            world.count("clock", f"{'ahead' if off > 0 else 'behind'} by {'minutes' if abs(off) > 60_000 else 'more'}")
        if abs(off) == FOUR_MINUTES and world.switch("clock-skew=240"):
            world.count("switch", "clock-skew=240")
        if self.context_by_wall:
            world.count("clock", "context by the wall clock")


def _offset(world: World) -> int:
    """Draw how far a wall clock is off."""
    for switch, off in (("clock-skew=240", FOUR_MINUTES), ("clock-skew=600", TEN_MINUTES)):
        share = world.switch(switch) if world.faulty else None
        if share is not None and world.switch_chance.random() < share:
            return world.switch_chance.choice((-off, off))
    if world.mix.has(SKEWED) and world.faulty and world.chance.random() < 0.5:
        return _large_offset(world)
    return world.chance.choice(SMALL_OFFSETS) if world.mix.has("skew") else 0


def _large_offset(world: World) -> int:
    chance = world.chance
    off = chance.choice(OFFSETS)
    return chance.choice((-1, 1)) * (off if chance.random() < 0.5 else int(chance.random() * off))


def _chance(world: World) -> Random:
    return world.switch_chance if world.mix.switches else world.chance


def date_error(world: World) -> int:
    """Draw the milliseconds by which the date of an answer is off."""
    return world.chance.choice(DATE_ERRORS) if world.mix.has("skew") and world.faulty else 0
