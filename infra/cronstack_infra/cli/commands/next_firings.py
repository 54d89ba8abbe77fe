"""``cronstack next``: the next firings of jobs or of an expression, and the last ones of their timetables."""

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
A_FEW = 5


def _instant(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Parse a time that has an offset from UTC. A callback of an option."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        why = "does not say in which time zone"
    except (ValueError, OverflowError):
        why = "is no time"
    raise click.BadParameter(f"{value!r} {why}. Write 2026-03-29T00:00Z, or 2026-03-29T00:00+01:00.")


@dataclass(frozen=True)
class Firing:
    """One line of the table: an instant of a schedule. The first line of a schedule has the previous instant, too."""

    job: str
    schedule: Schedule
    enabled: bool
    next: datetime | None
    last: datetime | None
    first: bool


@click.command(short_help="Tell when jobs, or an expression, fire next.")
@click.argument("job", required=False)
@click.option("--expression", metavar="E", help="Of a schedule, such as 'cron(0 6 * * ? *)', instead of a job's.")
@click.option("--timezone", metavar="Z", help="IANA name of the expression's time zone. Defaults to UTC.")
@click.option("--after", "asked", metavar="T", callback=_instant, help="Count from this time, not from now.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), help="Instants of each schedule. Defaults to 1, or to 5.")
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
    """Tell when jobs fire next: all of them, one JOB, or any --expression.

    NEXT is told in the schedule's time zone and in UTC; LAST is the instant before by its timetable, whether or not
    it was deployed then.
    """
    now = clock.now() if asked is None else asked
    by_code: list[str] = []
    if expression is not None:
        if job is not None:
            raise click.UsageError("Give a JOB or an --expression, not both.")
        of = [("", _possible(parse(expression, timezone=timezone or "UTC")), True)]
    else:
        if timezone is not None:
            raise click.UsageError("--timezone belongs to --expression; a job's schedules have their own.")
        jobs = declared_jobs(package, now).jobs
        chosen = jobs if job is None else (named(job, jobs),)
        of = [(each.name, schedule, each.job.enabled) for each in chosen for schedule in each.schedules]
        by_code = [each.name for each in chosen if each.job.by_code]
    wanted = count or (A_FEW if job or expression else 1)
    firings = [firing for each in of for firing in _firings(*each, now, wanted)]
    firings.sort(key=lambda firing: (firing.next is None, firing.next or now, firing.job))
    if as_json:
        print_json([_object(firing, now) for firing in firings])
    elif firings:
        width = len(COLUMNS) - (expression is not None)  # which is no job's
        print_table(COLUMNS[:width], [_row(firing, now)[:width] for firing in firings])
        _explain([schedule for _, schedule, _ in of], now)
    elif not by_code:
        click.echo("No job has a schedule.")
    if by_code and not as_json:
        apart = "\n" if firings else ""
        click.echo(f"{apart}When code says: {', '.join(by_code)}. What it has planned: cronstack once list")


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
    """Print a note on rates: before its deployment a rate has no first instant."""
    vague = sorted({schedule.expression for schedule in schedules if not schedule.has_grid})
    if vague:
        click.echo(
            f"\n{', '.join(vague)}: counted here from {utc(now)} UTC; "
            "once deployed, from the schedule's creation, when it fires for the first time."
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
