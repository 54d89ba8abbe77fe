"""The effects of clock changes on each job: a headline and a table for each change, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from cronstack_infra.cli.output.spans import iso, local, span, utc
from cronstack_infra.cli.output.tables import print_table
from cronstack_infra.play.dry.changes import ClockChange
from cronstack_infra.play.dry.effects import Effect
from cronstack_infra.play.dry.whatif import JobEffect, WhatIf

SHOWN: Final = 20
"""Most lines of a clock change; ``--json`` has all."""
LISTED: Final = 4
"""Most times that a line lists."""


def show(answers: WhatIf) -> None:
    click.echo(f"\n{click.style('Clock changes', underline=True)}")
    if not answers.changes:
        click.echo("None in this span, in the zones of these jobs.")
    for number, (change, effects) in enumerate(answers.changes):
        if number:
            click.echo()
        click.echo(f"{headline(change)}:")
        affected = sorted((found for found in effects if found.effect.kind != "moved"), key=_severity)
        moved = [found for found in effects if found.effect.kind == "moved"]
        shown = affected[:SHOWN] + (moved if len(effects) <= SHOWN else [])
        if shown:
            print_table(("job", "schedule", "what happens", "local", "UTC"), [_row(change, found) for found in shown])
        if len(affected) > SHOWN:
            click.echo(f"... and {len(affected) - SHOWN} more. To see them: --job J, or --json")
        if len(effects) > SHOWN and moved:
            others = "1 more keeps its" if len(moved) == 1 else f"{len(moved)} more keep their"
            click.echo(f"{others} local time: {_moved(change)}.")
        if not effects:
            click.echo("No job fires after it in this span.")


def _severity(found: JobEffect) -> tuple[int, int, str]:
    """Return the sort key of a row: skipped times first, and daily jobs before frequent ones."""
    return (("not at all", "shifted", "once", "left out").index(found.effect.kind), found.effect.of, found.job)


def headline(change: ClockChange) -> str:
    """Return "Europe/Berlin, Sun 2026-03-29: 02:00 CET becomes 03:00 CEST at 01:00 UTC"."""
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
            "jobs": [_object(found) for found in effects],
        }
        for change, effects in answers.changes
    ]


def _object(found: JobEffect) -> dict[str, Any]:
    effect = found.effect
    return {
        "job": found.job,
        "expression": found.schedule.expression,
        "effect": effect.kind,
        "local_times": [time.isoformat() for time in effect.times],
        "of_times": effect.of,
        "fires": [iso(time) for time in effect.fires],
        "silent": [iso(time) for time in effect.silent],
        "last_before": iso(effect.last),
        "next": iso(effect.next),
    }


def _row(change: ClockChange, found: JobEffect) -> tuple[str, ...]:
    return (found.job, found.schedule.expression, *_described(change, found.effect, found.schedule.timezone))


def _described(change: ClockChange, effect: Effect, zone: str) -> tuple[str, str, str]:
    """Return the effect, the local times, and the times in UTC."""
    times = _listed(f"{time:%H:%M}" for time in effect.times)
    fires = _listed(f"{time:%H:%M}" for time in effect.fires)
    following = "no next firing" if effect.next is None else f"next {utc(effect.next)}"
    match effect.kind:
        case "not at all":
            return ("does not fire that day", times, following)
        case "left out":
            count = len(effect.times)
            return (f"{count} of {effect.of} {'is' if count == 1 else 'are'} left out", times, following)
        case "once":
            silent = _listed(f"{time:%H:%M}" for time in effect.silent)
            return ("fires once, at the first pass", times, f"{effect.fires[0]:%Y-%m-%d} {fires}, silent at {silent}")
        case "shifted":
            return ("is shifted", f"{times} becomes {local(effect.fires[0], zone)}", utc(effect.fires[0]))
    return (_moved(change), _local(effect.next, zone), "" if effect.next is None else utc(effect.next))


def _moved(change: ClockChange) -> str:
    return f"{span(abs(change.after - change.before))} {'earlier' if change.forward else 'later'} in UTC"


def _local(moment: datetime | None, zone: str) -> str:
    return "" if moment is None else local(moment, zone)


def _listed(times: Iterable[str]) -> str:
    """Return "02:00 02:15 02:30 02:45", or "02:00 02:01 02:02 ... 02:59"."""
    texts: Sequence[str] = list(times)
    if len(texts) <= LISTED:
        return " ".join(texts)
    return f"{' '.join(texts[: LISTED - 1])} ... {texts[-1]}"
