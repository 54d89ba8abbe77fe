"""One history by its seed: quiet, or with faults. It is played, and judged."""

from __future__ import annotations

import random
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from cronstack.occurrence import print_time
from tests.cronstack.watchdog_simulation.cloud.virtual_time import DAY, MINUTE, SECOND
from tests.cronstack.watchdog_simulation.cloud.wire import Strike
from tests.cronstack.watchdog_simulation.faults.catalogue import FAULTS, ONLY_ONCE, SLOW_FAULTS
from tests.cronstack.watchdog_simulation.jobs import draw_epoch
from tests.cronstack.watchdog_simulation.judge import Verdict, judge
from tests.cronstack.watchdog_simulation.life import act, live
from tests.cronstack.watchdog_simulation.plot import Plot
from tests.cronstack.watchdog_simulation.world import World

Kind = Literal["quiet", "faults"]
KINDS: Final[tuple[Kind, ...]] = ("faults", "quiet")
SLOW: Final = 0.15
"""Share of histories with faults that last for days."""
HOWS: Final = ("killed before", "killed after", "killed after", "throttled", "lost answer", "overtaken")


@dataclass
class Played:
    """The result of one history."""

    seed: int
    kind: Kind
    faults: list[str]
    verdicts: list[Verdict]
    passes: int
    kills: int
    story: list[str] = field(default_factory=list)


def play(seed: int, kind: Kind, *, only: Sequence[str] = (), verbose: bool = False) -> Played:
    """Play the history of a seed. ``only``: the faults to choose from. ``verbose``: keep its story."""
    chance = random.Random(f"{kind} {seed}")
    epoch = draw_epoch(chance)
    world = World(chance.randrange(1 << 48), epoch.start)
    plot = Plot(world, epoch)
    if kind == "quiet":
        _quiet(plot)
    else:
        _faulty(plot, list(only))
    world.stack.create(plot.jobs)
    strikes = plot.chance.random() < (0.5 if kind == "faults" else 0.1)
    kills = 0
    verdicts: list[Verdict] = []
    try:
        kills = _passes(plot, strikes=strikes)
    except Exception:  # of the watchdog, or of the simulation: both are a violation
        verdicts.append(Verdict("exception", traceback.format_exc(limit=-4)))
    else:
        verdicts += judge(world.passes, world.topic.published, plot.expectations)
        verdicts += [Verdict("runs", text) for check in plot.checks if (text := check())]
    story = _story(plot) if verbose else []
    return Played(seed, kind, plot.faults, verdicts, len(world.passes), kills, story)


def _quiet(plot: Plot) -> None:
    chance = plot.chance
    plot.slow = chance.random() < 0.15
    live(plot, chance.choice((1, 1, 2, 3)))
    lasts = wait_days(plot) if plot.slow else chance.randrange(45, 130) * MINUTE
    plot.ends = plot.epoch.start + lasts
    act(plot, plot.ends)


def wait_days(plot: Plot) -> int:
    return plot.chance.randrange(2, 6) * DAY


def _faulty(plot: Plot, names: list[str]) -> None:
    chance = plot.chance
    plot.slow = chance.random() < SLOW if not names else names[0] in SLOW_FAULTS
    known = SLOW_FAULTS if plot.slow else FAULTS
    choices = [name for name in names or known if name in known]
    for _ in range(chance.choice((1, 1, 2, 3))):
        name = chance.choice(choices)
        if "own-clock" in plot.faults or (name == "own-clock" and plot.faults):
            continue  # by the watchdog's clock, the other faults begin at other moments
        if name not in ONLY_ONCE or name not in plot.faults:
            known[name](plot)
    live(plot, chance.choice((0, 0, 1)))
    act(plot, plot.ends)


def _passes(plot: Plot, *, strikes: bool) -> int:
    """Run the passes of the watchdog until the history ends. Return the number of passes that have died."""
    world, chance, kills = plot.world, plot.chance, 0
    moment = plot.epoch.start // (5 * MINUTE) * 5 * MINUTE
    while True:
        pause = plot.pause if not plot.slow else chance.randrange(24, 156) * 5 * MINUTE
        skipped = chance.random() <= 0.02 and len(world.passes) > 1  # faults begin after the first two passes
        moment += 2 * pause if skipped else pause
        world.time.run_until(moment + chance.randrange(45) * SECOND)
        strike = _strike(chance) if strikes and len(world.passes) > 2 and chance.random() < 0.3 else None
        done = world.watch(strike)
        kills += not done.finished
        if world.time.now > plot.ends and done.finished:
            return kills


def _strike(chance: random.Random) -> Strike:
    """Draw the fault of a pass: at any request, or at those that matter most."""
    operation = chance.choice(("", "Publish", "Publish", "UpdateItem", "Invoke"))
    number = chance.randrange(1, 40) if operation == "" else chance.choice((1, 1, 1, 12))
    how = chance.choice(HOWS)
    if how == "overtaken" and not operation:
        operation = "UpdateItem"  # a process that is frozen while it reads judges by an old time
    return Strike(number, how, operation)


def _story(plot: Plot) -> list[str]:
    world = plot.world
    lines = [f"from {print_time(plot.epoch.start)} in {plot.epoch.zone}, faults: {', '.join(plot.faults) or 'none'}"]
    lines += [f"job {name}: {job.schedules} {job.overlap}" for name, job in plot.jobs.items()]
    lines += [f"expects {each}" for each in plot.expectations]
    lines += world.notes
    for done in world.passes:
        published = [each for each in world.topic.published if each.number == done.number]
        state = "" if done.finished else "  overtaken" if done.overtaken else "  died"
        if published or state:
            last = "/".join(done.requests[-1]) if done.requests else ""
            lines.append(f"{print_time(done.at)}  pass with {len(done.requests)} requests, the last {last}{state}")
        for each in published:
            lines.append(f"    {each.attributes.get('kind'):9} {each.attributes.get('incident')} {each.subject}")
    return lines
