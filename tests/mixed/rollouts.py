"""Deploys during a seed: the code that a new invocation runs, stage after stage.

    deploy               before ── both ── after
    rollback             after ── both ── before
    forward again        before ── both ── after ── both ── before, and after once faults have stopped

An invocation, or a call of application code, keeps its code until its end. While both are deployed, it chooses one at
random.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cronstack.entropy import seeded
from cronstack_infra.play.prove.models.world import NOON

if TYPE_CHECKING:
    from cronstack_infra.play.prove.models.code import Code

BEGINS: Final = (2_000, 60_000, 300_000, 900_000)
"""Milliseconds within which the first stage ends."""
LASTS: Final = (2_000, 60_000, 600_000, 3_600_000)
"""Milliseconds within which each further stage ends."""


class Rollout:
    """Stages with their deployed codes. The last stage lasts until faults have stopped."""

    def __init__(self, seed: int, stages: tuple[tuple[Code, ...], ...], end: Code) -> None:
        self._chance = seeded(seed)
        self._end: Code | None = None
        self._final, self._stages = end, stages
        moments, moment = [], NOON
        for number in range(len(stages) - 1):
            moment += int(self._chance.random() * self._chance.choice(LASTS if number else BEGINS))
            moments.append(moment)
        self._moments = moments

    def code(self, now: int) -> Code:
        if self._end is not None:
            return self._end
        stage = self._stages[sum(moment <= now for moment in self._moments)]
        return stage[0] if len(stage) == 1 else self._chance.choice(stage)

    def finish(self) -> None:
        self._end = self._final


def deploy(seed: int, before: Code, after: Code) -> Rollout:
    return Rollout(seed, ((before,), (before, after), (after,)), after)


def rollback(seed: int, before: Code, after: Code) -> Rollout:
    return deploy(seed, after, before)


def forward_again(seed: int, before: Code, after: Code) -> Rollout:
    """Return a rollback of a higher version. Rows that the older code refuses end when the newer code is back."""
    both = (before, after)
    return Rollout(seed, ((before,), both, (after,), both, (before,)), after)


Shape = Callable[[int, "Code", "Code"], Rollout]
SHAPES: Final[dict[str, Shape]] = {"deploy": deploy, "rollback": rollback, "forward again": forward_again}
EQUAL: Final = ("deploy", "rollback")
"""Shapes for two versions that read each other's rows."""
RAISED: Final = ("deploy", "forward again")
"""Shapes for a version with a higher ``v``: the older code refuses its rows, so it cannot be the last."""
