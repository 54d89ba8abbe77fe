"""``cronstack prove``: run the guard under random faults from thousands of seeds, and show the coverage."""

from __future__ import annotations

import os
from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click

from cronstack import clock
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.plural import counted

if TYPE_CHECKING:
    from cronstack_infra.play.prove.seeds.scenario import SeedResult
    from cronstack_infra.play.prove.seeds.search import Found
    from cronstack_infra.play.prove.walk.walk import Walked

SHOWN: Final = 40
"""Trace lines shown for a violation; ``--replay`` shows all."""
DEFAULT_SEEDS: Final = 2000
"""Seeds, unless the command line gives a number."""
DEFAULT_SEEDS_WITH_SWITCH: Final = 1000
ALL: Final = "all"
PARALLEL_FROM: Final = 1000
"""Fewest seeds for which all cores are used."""
TITLES: Final = {
    "decision": "Decisions of admission",
    "fault": "Faults",
    "transition": "State transitions of a run",
    "plan": "Status changes of a plan",
    "intruder": "Writes of an intruder that can only plan",
    "end": "How deliveries ended",
    "deferral": "Why deliveries were deferred",
    "clock": "Wrong clocks of sandboxes, and freezes that stopped the monotonic clock",
    "switch": "Switches: answers and deliveries that differ from the kindest behaviour of AWS",
    "repaired": "Open runs that operators repaired, as strays --fix does",
    "handler": "Calls of handlers to the guard",
    "carrier": "Carriers",
    "call": "How calls of application code ended",
    "killed after": "Steps after which a call of application code was killed",
}


def _check_finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Raise BadParameter for "inf", "nan" and numbers that are too large, such as 1e400."""
    if value is not None and not isfinite(value):
        raise click.BadParameter(f"{value} is not a finite number of seconds.")
    return value


def _check_switch(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Raise BadParameter for a switch that a proof does not simulate."""
    from cronstack_infra.play.prove.models.switches import SWITCHES

    if value is not None and value not in (*SWITCHES, ALL):
        names = ", ".join((*SWITCHES, ALL))
        raise click.BadParameter(f"{value} is not a switch of a proof. Use one of: {names}.")
    return value


@click.command(short_help="Run the guard under random faults and check its invariants.")
@click.option("--seeds", type=click.IntRange(1), help="Number of seeds. Defaults to 2000; with --switch to 1000.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="The first seed.")
@click.option("--replay", type=click.IntRange(0), metavar="SEED", help="Run one seed and show each step.")
@click.option(
    "--switch",
    metavar="NAME",
    callback=_check_switch,
    help="Use this switch at its maximum in each seed. all: each switch in turn.",
)
@click.option("--exhaustive", is_flag=True, help="Instead explore small worlds completely, in every order of requests.")
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    callback=_check_finite,
    help="With --exhaustive: time limit for each small world.",
)
@click.option(
    "--crashes", type=click.IntRange(0), default=2, show_default=True, help="With --exhaustive: number of crashes."
)
@click.option(
    "--losses", type=click.IntRange(0), default=1, show_default=True, help="With --exhaustive: number of lost answers."
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="Processes. Defaults to the cores of this machine; below 1000 seeds to 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    seeds: int | None,
    first: int,
    replay: int | None,
    switch: str | None,
    exhaustive: bool,
    seconds: float | None,
    crashes: int,
    losses: int,
    processes: int | None,
    as_json: bool,
) -> int:
    """Run the real code of the guard in simulated worlds. Each seed has its own faults, interleaved at every request.

    Clocks differ, sandboxes crash, freeze and resume, answers are lost, events arrive twice. After each step the
    invariants are checked against what was actually written and done. At the end the faults stop, and every run must
    become final. Half of the seeds also use switches: undocumented behaviour of AWS, and outages during a deploy. The
    same seed repeats the same steps. Exit code 1 if an invariant was violated.

    \b
    cronstack prove --seeds 20000
    cronstack prove --replay 2282
    cronstack prove --switch past-at=ignored
    cronstack prove --switch all
    cronstack prove --exhaustive
    """
    if exhaustive:
        return _explore(seconds, crashes, losses, processes or os.cpu_count() or 1, as_json)
    if replay is not None:
        return _replay(replay, switch, as_json)
    seeds = seeds or (DEFAULT_SEEDS_WITH_SWITCH if switch else DEFAULT_SEEDS)
    processes = processes or (1 if seeds < PARALLEL_FROM else os.cpu_count() or 1)
    if switch == ALL:
        return _each_switch(seeds, first, processes, as_json)
    began = clock.monotonic()
    found = _search(seeds, first, processes, switch)
    seconds = clock.monotonic() - began
    if as_json:
        print_json(_as_json(found, seconds))
    else:
        _show(found, seconds, switch)
    return 1 if found.violations else 0


def _explore(seconds: float | None, crashes: int, losses: int, processes: int, as_json: bool) -> int:
    """Explore each small world, with up to the given numbers of crashes and lost answers."""
    from rich.console import Console

    from cronstack_infra.play.prove.walk.space import Budget
    from cronstack_infra.play.prove.walk.walk import SPACES
    from cronstack_infra.play.prove.walk.walks import walk_all

    budget = Budget(crashes, losses, failures=0)
    reached = {}
    with Console(stderr=True).status("walking") as status:

        def watch(walked: Walked) -> None:
            reached[walked.space] = walked.states
            status.update(f"walked {sum(reached.values()):,} states, now of: {walked.space}, {walked.seconds:.0f} s")

        spaces = walk_all(budget, seconds=seconds, watch=watch, processes=processes)
    if as_json:
        print_json([asdict(walked) | {"counted": dict(walked.counted)} for walked in spaces])
    else:
        rows = [
            (
                walked.space,
                f"{walked.states:,}",
                f"{walked.transitions:,}",
                f"{walked.ends:,}",
                "yes" if walked.whole else "no",
                walked.invariant,
            )
            for walked in spaces
        ]
        print_table(("space", "states", "transitions", "ends", "whole", "violated"), rows)
        for walked in spaces:
            if walked.invariant:
                click.echo("\n".join(["", walked.text, "", *walked.trace]))
        click.echo(f"\nBudget of each space: crashes {crashes}, lost answers {losses}, failing handlers 0.")
        for space in SPACES:
            if space.horizon is not None:
                click.echo(f"Followed for {space.horizon / 1000:g} s of virtual time: {space.name}.")
        states, passed = sum(walked.states for walked in spaces), sum(walked.seconds for walked in spaces)
        click.echo(f"\n{counted(states, 'state')} in {passed:.1f} s.")
    return 1 if any(walked.invariant for walked in spaces) else 0


def _each_switch(seeds: int, first: int, processes: int, as_json: bool) -> int:
    """Run the seeds with each switch at its maximum, and show how often it was used."""
    from cronstack_infra.play.prove.models.switches import SWITCHES
    from cronstack_infra.play.prove.seeds.coverage import share_that_ran

    found = {name: _search(seeds, first, processes, name) for name in SWITCHES}
    if as_json:
        print_json({name: _as_json(result, 0.0) for name, result in found.items()})
    else:
        rows = [
            (
                name,
                f"{result.counted[f'switch: {name}']:,}",
                f"{share_that_ran(result.counted):.0%}",
                ", ".join(f"{verdict.seed} ({verdict.invariant})" for verdict in result.violations[:3]),
            )
            for name, result in found.items()
        ]
        print_table(("switch", "used", "ran", "violated in seeds"), rows)
        violations = sum(len(result.violations) for result in found.values())
        click.echo(f"\n{counted(seeds, 'seed')} for each switch at its maximum: {counted(violations, 'violation')}.")
    return 1 if any(result.violations for result in found.values()) else 0


def _search(seeds: int, first: int, processes: int, switch: str | None) -> Found:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from cronstack_infra.play.prove.seeds.search import search

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("seeds", total=seeds)

        def on_progress(done: int) -> None:
            progress.update(bar, completed=done)

        return search(seeds, first=first, processes=processes, switch=switch, on_progress=on_progress)


def _replay(seed: int, switch: str | None, as_json: bool) -> int:
    from cronstack_infra.play.prove.seeds.scenario import play

    verdict = play(seed, tracing=True, switch=None if switch == ALL else switch)
    if as_json:
        print_json(_violation(verdict) | {"steps": verdict.steps, "trace": verdict.trace})
    else:
        for line in verdict.trace:
            click.echo(line)
        click.echo(f"\n{verdict.text or 'No invariant was violated.'} ({counted(verdict.steps, 'step')})")
    return 1 if verdict.invariant else 0


def _show(found: Found, seconds: float, switch: str | None) -> None:
    from cronstack_infra.play.prove.seeds.coverage import (
        ENOUGH,
        JUDGED,
        RAN,
        SEEDS,
        WANTED,
        reached,
        seldom,
        share_that_ran,
    )

    rare = set(seldom(found.counted, found.seeds))
    for kind, title in TITLES.items():
        click.echo(f"\n{title}")
        rows = [
            (what, str(times), "seldom" if f"{kind}: {what}" in rare else "")
            for what, times in sorted(reached(found.counted, kind).items())
        ]
        print_table(("what", "times", ""), rows)
    if rare:
        click.echo(f"\nSeldom: fewer than {ENOUGH} times in {SEEDS} seeds, at this rate.")
    click.echo(
        f"\nOf {counted(found.counted[WANTED], 'occurrence')} that should run, {found.counted[RAN]:,} succeeded"
        f" ({share_that_ran(found.counted):.0%}). In {counted(found.counted[JUDGED], 'seed')} every run became final."
    )
    click.echo(
        f"\n{counted(found.seeds, 'seed')}, {counted(found.steps, 'step')},"
        f" {counted(found.handlers, 'handler run')} in {seconds:.1f} s"
        f" ({found.seeds / max(seconds, 0.001):.0f} seeds/s): {counted(len(found.violations), 'violation')}."
    )
    if found.violations:
        _explain(found.violations[0], switch)
        others = [f"{verdict.seed} ({verdict.invariant})" for verdict in found.violations[1:10]]
        if others:
            click.echo(f"Also seeds {', '.join(others)}{' ...' if len(found.violations) > 10 else ''}")


def _explain(violation: SeedResult, switch: str | None) -> None:
    from cronstack_infra.play.prove.seeds.scenario import play

    trace = play(violation.seed, tracing=True, switch=switch).trace
    click.echo(f"\nSeed {violation.seed}: {violation.text}\n")
    for line in trace[:1] + (["..."] if len(trace) > SHOWN else []) + trace[1:][-SHOWN:]:
        click.echo(f"  {line}")
    at_maximum = f" --switch {switch}" if switch else ""
    click.echo(f"\nTo see the whole trace: cronstack prove --replay {violation.seed}{at_maximum}")


def _as_json(found: Found, seconds: float) -> dict[str, Any]:
    from cronstack_infra.play.prove.seeds.coverage import JUDGED, RAN, WANTED, reached, share_that_ran

    return {
        "seeds": found.seeds,
        "steps": found.steps,
        "handlers": found.handlers,
        "seconds": round(seconds, 1),
        "violations": [_violation(verdict) for verdict in found.violations],
        "ran": found.counted[RAN],
        "should_have_run": found.counted[WANTED],
        "share_that_ran": round(share_that_ran(found.counted), 3),
        "ends_judged": found.counted[JUDGED],
        "coverage": {kind: reached(found.counted, kind) for kind in TITLES},
    }


def _violation(verdict: SeedResult) -> dict[str, Any]:
    return {"seed": verdict.seed, "invariant": verdict.invariant or None, "text": verdict.text or None}
