"""The clocks of one machine, which AWS promises nothing about, and the remaining time that Lambda's context says.

A wall clock is off by up to ten minutes, ahead or behind, and may be set in the middle of an invocation. A monotonic
clock is right, but on some machines it stands still while they are frozen. (Not both on one machine: then nothing there
would tell how much time has passed.) The context of Lambda's Python runtime computes the
remaining time by the wall clock and says at least 0: so it says nothing, too little or too much. Other runtimes count
it down right. Lambda itself ends an invocation at its true deadline, whatever the clocks say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cronstack_infra.play.prove.models.mix import SKEWED

if TYPE_CHECKING:
    from random import Random

    from cronstack_infra.play.prove.models.world import World

FOUR_MINUTES: Final = 240_000
TEN_MINUTES: Final = 600_000
OFF: Final = (20_000, FOUR_MINUTES, 299_000, TEN_MINUTES)
"""Milliseconds by which a clock is off, or at most off, where that is a fault."""
NARROW: Final = (-1000, -900, 0, 900, 1000)
"""Milliseconds by which clocks that agree within the margin are off."""
UNSURE: Final = (-1000, -300, 0, 0, 900)
"""Milliseconds by which the dates of AWS's answers are off: one may be reused for a second, and its servers differ."""


class Clocks:
    """The clocks of a sandbox, or of a machine with application code."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.offset = _offset(world)
        """Milliseconds by which the wall clock is ahead; negative: behind."""
        self._stood = 0
        """Milliseconds for which the monotonic clock stood still."""
        self._stands = world.chance.random() < 0.5
        """The monotonic clock stands still in a freeze, and nobody sets the wall clock."""
        off = self.offset or world.mix.has("clock steps")
        self.context_by_wall = bool(off) and _chance(world).random() < 0.6
        """Lambda's context computes the remaining time by the wall clock."""

    def wall(self) -> int:
        """Return epoch milliseconds."""
        return self._world.now + self.offset

    def monotonic(self) -> float:
        """Return seconds."""
        return (self._world.now - self._stood) / 1000

    def remaining(self, deadline: int) -> int:
        """Return the milliseconds that the context says. ``deadline``: true epoch milliseconds."""
        return max(0, deadline - (self.wall() if self.context_by_wall else self._world.now))

    def freeze(self, milliseconds: int) -> None:
        """Freeze the machine from now on."""
        if self._stands:
            self._stood += milliseconds
            self._world.count("clock", "monotonic stood still")

    def step(self) -> None:
        """Set the wall clock."""
        if self._stands:
            return
        self.offset = _far_off(self._world) if self._world.chance.random() < 0.5 else _offset(self._world)

    def count(self) -> None:
        """Count how wrong they are, for a sandbox that begins."""
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
        if share is not None and world.aws.random() < share:
            return world.aws.choice((-off, off))
    if world.mix.has(SKEWED) and world.faulty and world.chance.random() < 0.5:
        return _far_off(world)
    return world.chance.choice(NARROW) if world.mix.has("skew") else 0


def _far_off(world: World) -> int:
    chance = world.chance
    off = chance.choice(OFF)
    return chance.choice((-1, 1)) * (off if chance.random() < 0.5 else int(chance.random() * off))


def _chance(world: World) -> Random:
    return world.aws if world.mix.switches else world.chance


def unsure(world: World) -> int:
    """Draw the milliseconds by which the date of an answer is off."""
    return world.chance.choice(UNSURE) if world.mix.has("skew") and world.faulty else 0
