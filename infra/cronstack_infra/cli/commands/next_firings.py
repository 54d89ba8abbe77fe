"""``cronstack next``: the next and the previous firings of jobs or of an expression."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import click

from cronstack import clock
from cronstack.errors import ScheduleError
from cronstack.timetable.instants import Schedule, parse
from cronstack_infra.cli.options.declared import declared_jobs, jobs_option, named
from cronstack_infra.cli.output.spans import iso, local, span, utc, with_window
from cronstack_infra.cli.output.tables import print_json, print_table

COLUMNS = ("next", "utc", "left", "last", "passed", "schedule", "job")
DEFAULT_COUNT = 5


def _instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Parse a time that has an offset from UTC. Callback of an option."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        reason = "has no time zone"
    except (ValueError, OverflowError):
        reason = "is not a valid time"
    raise click.BadParameter(f"{value!r} {reason}. Write 2026-03-29T00:00Z, or 2026-03-29T00:00+01:00.")


@dataclass(frozen=True)
class Firing:
    """One row of the table: an instant of a schedule. The first row of a schedule also has the previous instant."""

    job: str
    schedule: Schedule
    enabled: bool
    next: datetime | None
    last: datetime | None
    first: bool


@click.command(short_help="Show when jobs, or an expression, fire next.")
@click.argument("job", required=False)
@click.option("--expression", metavar="E", help="A schedule such as 'cron(0 6 * * ? *)', instead of a job.")
@click.option("--timezone", metavar="Z", help="IANA name of the expression's time zone. Defaults to UTC.")
@click.option("--after", "asked", metavar="T", callback=_instant, help="Begin at this time instead of now.")
@click.option(
    "-n",
    "count",
    type=click.IntRange(1, 10_000),
    help="Firings of each schedule. Defaults to 5 with JOB or --expression, else to 1.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@jobs_option
def command(
    job: str | None,
    expression: str | None,
    timezone: str | None,
    asked: datetime | None,
    count: int | None,
    as_json: bool,
    package: str,
) -> None:
    """Show when all jobs, one JOB, or an --expression fire next.

    NEXT is in the schedule's time zone, UTC in UTC. LAST is the previous instant of the schedule, whether or not it was
    deployed then.
    """
    now = clock.now() if asked is None else asked
    by_code: list[str] = []
    if expression is not None:
        if job is not None:
            raise click.UsageError("Give JOB or --expression, not both.")
        schedules = [("", _possible(parse(expression, timezone=timezone or "UTC")), True)]
    else:
        if timezone is not None:
            raise click.UsageError("--timezone needs --expression: the schedules of a job have their own time zones.")
        jobs = declared_jobs(package, now).jobs
        chosen = jobs if job is None else (named(job, jobs),)
        schedules = [(found.name, schedule, found.job.enabled) for found in chosen for schedule in found.schedules]
        by_code = [found.name for found in chosen if found.job.by_code]
    most = count or (DEFAULT_COUNT if job or expression else 1)
    firings = [firing for schedule in schedules for firing in _firings(*schedule, now, most)]
    firings.sort(key=lambda firing: (firing.next is None, firing.next or now, firing.job))
    if as_json:
        print_json([_object(firing, now) for firing in firings])
    elif firings:
        width = len(COLUMNS) - (expression is not None)  # an expression has no job
        print_table(COLUMNS[:width], [_row(firing, now)[:width] for firing in firings])
        _explain([schedule for _, schedule, _ in schedules], now)
    elif not by_code:
        click.echo("No job has a schedule.")
    if by_code and not as_json:
        gap = "\n" if firings else ""
        click.echo(f"{gap}Scheduled by code: {', '.join(by_code)}. To list the plans: cronstack once list")


def _possible(schedule: Schedule) -> Schedule:
    if not schedule.is_possible():
        raise ScheduleError(f"{schedule.expression} never fires: the calendar has no such day")
    return schedule


def _firings(job: str, schedule: Schedule, enabled: bool, now: datetime, count: int) -> list[Firing]:
    last = next(schedule.before(now), None)
    coming: list[datetime | None] = [*islice(schedule.after(now), count)] or [None]
    return [
        Firing(job, schedule, enabled, moment, None if number else last, number == 0)
        for number, moment in enumerate(coming)
    ]


def _row(firing: Firing, now: datetime) -> tuple[str, ...]:
    zone = firing.schedule.timezone
    coming = ("-", "-", "-")
    if firing.next is not None:
        coming = (local(firing.next, zone), utc(firing.next), span(firing.next - now))
    passed = ("-", "-") if firing.first else ("", "")
    if firing.last is not None:
        passed = (local(firing.last, zone), f"{span(now - firing.last)} ago")
    return (*coming, *passed, with_window(firing.schedule), firing.job + ("" if firing.enabled else " (paused)"))


def _explain(schedules: list[Schedule], now: datetime) -> None:
    """Print a note on rates. A rate has no first instant before it is deployed."""
    rates = sorted({schedule.expression for schedule in schedules if not schedule.has_grid})
    if rates:
        click.echo(
            f"\n{', '.join(rates)}: counted here from {utc(now)} UTC. "
            "After the deployment it counts from the creation of the schedule, when it fires first."
        )


def _object(firing: Firing, now: datetime) -> dict[str, Any]:
    schedule = firing.schedule
    return {
        "job": firing.job or None,
        "expression": schedule.expression,
        "timezone": schedule.timezone,
        "window": schedule.window or None,
        "enabled": firing.enabled,
        "next": iso(firing.next),
        "local": None if firing.next is None else firing.next.astimezone(ZoneInfo(schedule.timezone)).isoformat(),
        "left_seconds": None if firing.next is None else (firing.next - now).total_seconds(),
        "last": iso(firing.last),
        "passed_seconds": None if firing.last is None else (now - firing.last).total_seconds(),
        "counted_from": None if schedule.has_grid else iso(now),
    }
