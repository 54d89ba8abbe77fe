"""The effects of clock changes on each job: a headline and a table for each change, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from cronstack_infra.cli.output.spans import iso, local, span, utc
from cronstack_infra.cli.output.tables import print_table
from cronstack_infra.play.dry.changes import Change
from cronstack_infra.play.dry.effects import Effect
from cronstack_infra.play.dry.whatif import JobEffect, WhatIf

SHOWN: Final = 20
"""Lines of a change; ``--json`` has them all."""
LISTED: Final = 4
"""Times that a line lists."""


def show(answers: WhatIf) -> None:
    click.echo(f"\n{click.style('Changes of clocks', underline=True)}")
    if not answers.changes:
        click.echo("None in this span, in the zones of these jobs.")
    for number, (change, effects) in enumerate(answers.changes):
        if number:
            click.echo()
        click.echo(f"{headline(change)}:")
        struck = sorted((each for each in effects if each.effect.kind != "moved"), key=_gravity)
        moved = [each for each in effects if each.effect.kind == "moved"]
        shown = struck[:SHOWN] + (moved if len(effects) <= SHOWN else [])
        if shown:
            print_table(("job", "schedule", "what happens", "local", "UTC"), [_row(change, each) for each in shown])
        if len(struck) > SHOWN:
            click.echo(f"... and {len(struck) - SHOWN} more; --job J or --json shows them.")
        if len(effects) > SHOWN and moved:
            keep = "1 more keeps its" if len(moved) == 1 else f"{len(moved)} more keep their"
            click.echo(f"{keep} local time: {_moved(change)}.")
        if not effects:
            click.echo("nothing fires after it in this span.")


def _gravity(each: JobEffect) -> tuple[int, int, str]:
    """Return the sort key of a row: missed times first, and daily jobs before those of every five minutes."""
    return (("not at all", "shifted", "once", "left out").index(each.effect.kind), each.effect.of, each.job)


def headline(change: Change) -> str:
    """ "Europe/Berlin, Sun 2026-03-29: 02:00 CET becomes 03:00 CEST at 01:00 UTC"."""
    there = ZoneInfo(change.zone)
    new = change.at.astimezone(there)
    old = (change.at - timedelta(seconds=1)).astimezone(there)
    was = change.at.replace(tzinfo=None) + change.before
    date = "" if was.date() == new.date() else f"{new:%Y-%m-%d} "
    return (
        f"{change.zone}, {was:%a %Y-%m-%d}: {was:%H:%M} {old:%Z} becomes {date}{new:%H:%M %Z} at {utc(change.at)} UTC"
    )


def as_objects(answers: WhatIf) -> list[dict[str, Any]]:
    return [
        {
            "zone": change.zone,
            "at": iso(change.at),
            "seconds_before": int(change.before.total_seconds()),
            "seconds_after": int(change.after.total_seconds()),
            "jobs": [_object(each) for each in effects],
        }
        for change, effects in answers.changes
    ]


def _object(each: JobEffect) -> dict[str, Any]:
    does = each.effect
    return {
        "job": each.job,
        "expression": each.schedule.expression,
        "effect": does.kind,
        "local_times": [time.isoformat() for time in does.times],
        "of_times": does.of,
        "fires": [iso(time) for time in does.fires],
        "silent": [iso(time) for time in does.silent],
        "last_before": iso(does.last),
        "next": iso(does.next),
    }


def _row(change: Change, each: JobEffect) -> tuple[str, ...]:
    does = each.effect
    return (each.job, each.schedule.expression, *_told(change, does, each.schedule.timezone))


def _told(change: Change, does: Effect, zone: str) -> tuple[str, str, str]:
    """What happens, the local times, the times in UTC."""
    times = _listed(f"{time:%H:%M}" for time in does.times)
    fires = _listed(f"{time:%H:%M}" for time in does.fires)
    coming = "no next one" if does.next is None else f"next {utc(does.next)}"
    match does.kind:
        case "not at all":
            return ("does not fire that day", times, coming)
        case "left out":
            return (f"{len(does.times)} of {does.of} {'is' if len(does.times) == 1 else 'are'} left out", times, coming)
        case "once":
            silent = _listed(f"{time:%H:%M}" for time in does.silent)
            return ("fires once, at the first pass", times, f"{does.fires[0]:%Y-%m-%d} {fires}, silent at {silent}")
        case "shifted":
            return ("is shifted", f"{times} becomes {local(does.fires[0], zone)}", utc(does.fires[0]))
    return (_moved(change), _local(does.next, zone), "" if does.next is None else utc(does.next))


def _moved(change: Change) -> str:
    return f"{span(abs(change.after - change.before))} {'earlier' if change.forward else 'later'} in UTC"


def _local(moment: datetime | None, zone: str) -> str:
    return "" if moment is None else local(moment, zone)


def _listed(times: Iterable[str]) -> str:
    """ "02:00 02:15 02:30 02:45", or "02:00 02:01 02:02 ... 02:59"."""
    all_of_them: Sequence[str] = list(times)
    if len(all_of_them) <= LISTED:
        return " ".join(all_of_them)
    return f"{' '.join(all_of_them[: LISTED - 1])} ... {all_of_them[-1]}"
