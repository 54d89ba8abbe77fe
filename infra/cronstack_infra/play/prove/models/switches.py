"""The switches of a seed: those of ``cronstack_infra.switches`` (what AWS leaves open), and outages of a deploy.

A seed plays a few of them in addition to its fault mix. Half of the seeds play none, to reach what only happens without
them. Switches have their own random numbers: a seed without switches is the same world as before they were drawn.

    early               Scheduler fires up to so long before its time: cron, carriers, plans
    past-at=...         an at() that is past when Scheduler receives it is refused, fires at once, or is accepted and
                        never fires (and then still occupies its name)
    create-throttled    CreateSchedule is throttled
    create-conflicts    CreateSchedule is answered by ConflictException, though no schedule has the name
    stale-schedules     GetSchedule does not find a schedule for so long after its creation
    role-delay          for so long a role cannot be assumed: CreateSchedule is refused with ValidationException
    missing-role        the role of all schedules is missing for so long: a firing is lost without a letter
    missing-target      the function is missing for so long: a firing becomes a dead letter of Scheduler
    missing-queue       function and queue are missing for so long: a firing is lost
    group-deletion      the groups are deleted once, and their schedules with them
    clock-skew=240      sandboxes whose clocks are four minutes off; AWS accepts their signatures
    clock-skew=600      sandboxes whose clocks are ten minutes off; AWS refuses each of their requests
    async-delay         events wait up to so long in Lambda's queue before the first delivery
    hanging             requests that get no answer before the transport gives up, carried out or not
    deploy              the job's function is updated while runs are open: it has another timeout from here on
    dynamodb-down       the table answers nothing but errors for so long

Not played: an empty short poll of a queue, because only operators' tools poll queues.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from random import Random

HOUR: Final = 3_600_000
PastAt = Literal["fires", "refused", "ignored"]

SWITCHES: Final[Mapping[str, tuple[float, ...]]] = {
    "early": (20_000, 60_000, HOUR),
    "past-at=refused": (1,),
    "past-at=fires": (1,),
    "past-at=ignored": (1,),
    "create-throttled": (0.1, 0.3, 0.6),
    "create-conflicts": (0.1, 0.3, 0.6),
    "stale-schedules": (1_000, 5_000),
    "role-delay": (20_000, 60_000),
    "missing-role": (60_000, 600_000),
    "missing-target": (60_000, 600_000),
    "missing-queue": (60_000, 600_000),
    "group-deletion": (1,),
    "clock-skew=240": (0.2, 0.5),
    "clock-skew=600": (0.1, 0.3),
    "async-delay": (600_000, 6 * HOUR - 60_000),
    "hanging": (0.03, 0.1, 0.3),
    "deploy": (1,),
    "dynamodb-down": (600_000, HOUR, 3 * HOUR),
}
"""The settings that are drawn; the last one is the maximum. Shares, or milliseconds."""
OUTAGES: Final = ("missing-role", "missing-target", "missing-queue")
"""Outages in which firings of Scheduler do not reach the function."""
LOSES_EVENTS: Final = (*OUTAGES[::2], "group-deletion")
"""Switches that lose schedules without a letter. ``cronstack once strays`` repairs this afterwards."""
ALTERNATIVES: Final = (
    ("past-at=refused", "past-at=fires", "past-at=ignored"),
    ("clock-skew=240", "clock-skew=600"),
)
"""A seed plays at most one switch of each group."""
DISTURBED: Final = 0.5
"""Share of seeds with switches."""
DRAWN: Final = 0.15
"""Probability of each switch in these seeds."""
OFTEN: Final = {"past-at=ignored": 0.4, "past-at=refused": 0.25, "stale-schedules": 0.25}
"""Probability of switches that seldom change an answer: they are drawn more often."""
EARLIEST: Final = 240_000
"""Milliseconds after the seed's first event within which outages begin."""


def draw_switches(chance: Random) -> dict[str, float]:
    """Draw the switches of a seed with their settings."""
    if chance.random() >= DISTURBED:
        return {}
    drawn = {
        name: chance.choice(settings) for name, settings in SWITCHES.items() if chance.random() < OFTEN.get(name, DRAWN)
    }
    for group in ALTERNATIVES:
        if len(several := [name for name in group if name in drawn]) > 1:
            kept = chance.choice(several)
            drawn = {name: setting for name, setting in drawn.items() if name == kept or name not in group}
    return drawn


def at_maximum(switches: Mapping[str, float], name: str) -> dict[str, float]:
    """Return the switches with one at its maximum, and without those that it excludes."""
    excluded = {other for group in ALTERNATIVES if name in group for other in group}
    return {other: setting for other, setting in switches.items() if other not in excluded} | {name: SWITCHES[name][-1]}


def mark_answer(answer: Mapping[str, Any], switch: str) -> dict[str, Any]:
    """Mark an answer as changed by a switch. It is counted when code under proof gets it."""
    return {**answer, MARK: switch}


MARK: Final = "Switch"
