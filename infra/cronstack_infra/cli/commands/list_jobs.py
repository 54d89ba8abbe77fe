"""``cronstack list``: the declared jobs, their schedules and policies, and when each fires next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from cronstack import clock
from cronstack.declaration import ONCE
from cronstack.timetable.instants import Schedule
from cronstack_infra.cli.options.declared import declared_jobs, jobs_option
from cronstack_infra.cli.output.spans import iso, local, with_window
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.discovery.clock_notes import clock_notes
from cronstack_infra.discovery.coincidences import coincidence_notes
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.discovery.rate_notes import rate_notes
from cronstack_infra.lock_file import LOCK, is_build_server, read_lock, update
from cronstack_infra.project import Project

COLUMNS = ("job", "schedule", "time zone", "next", "overlap", "retries", "where")


@click.command(short_help="List the declared jobs.")
@jobs_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(package: str, as_json: bool) -> None:
    """List the declared jobs of this project: schedules, policies, next firing, file and line.

    New jobs are added to cronstack.lock, which you commit. The list shows the declarations; the deployed stack may be
    older.
    "cronstack next" shows more of the times.
    """
    now = clock.now()
    jobs = declared_jobs(package, now).jobs
    _lock(package, jobs)
    for note in (*clock_notes(jobs, now), *coincidence_notes(jobs, now), *rate_notes(jobs)):
        click.echo(f"Note: {note}", err=True)
    if as_json:
        print_json([_object(declared, now) for declared in jobs])
    elif jobs:
        print_table(COLUMNS, (row for declared in jobs for row in _rows(declared, now)))
    else:
        click.echo(f"No jobs yet: put @job(...) above a function in functions/{package}/hello.py.")


def _lock(package: str, jobs: Sequence[DeclaredJob]) -> None:
    """Add the jobs to cronstack.lock. Print changes, and the jobs in it that are no longer declared."""
    root, declared = Project.find().root, {one.name: one.job.by_code for one in jobs}
    before, lock = read_lock(root), update(root, package, declared, local=is_build_server())
    if lock is not None and lock != before and not is_build_server():
        click.echo(f"Note: {LOCK} has new jobs. Commit it.", err=True)
    removed = lock.removed(package, declared) if lock is not None else {}
    for job in removed:
        click.echo(
            f"Note: {job} is in {LOCK} and no longer declared. When nothing of it waits: cronstack retire {job}",
            err=True,
        )


def _rows(declared: DeclaredJob, now: datetime) -> Iterator[tuple[str, ...]]:
    """Yield a row for each schedule. Only the first row of a job has its policies."""
    job = declared.job
    policies = (job.overlap, str(job.retries), declared.where)
    if not declared.schedules and not job.by_code:
        yield (declared.name, "only when triggered", "", "", *policies)
    if job.by_code:
        yield (declared.name, ONCE, "", "scheduled by code", *policies)
    for number, schedule in enumerate(declared.schedules):
        coming = "paused" if not job.enabled else _next(schedule, now)
        first = number == 0 and not job.by_code
        zone = "" if schedule.kind == "rate" else schedule.timezone
        yield (
            declared.name if first else "",
            with_window(schedule),
            zone,
            coming,
            *(policies if first else ("",) * len(policies)),
        )


def _next(schedule: Schedule, now: datetime) -> str:
    if not schedule.has_grid:
        return "counted from its deployment"
    moment = next(schedule.after(now), None)
    return "never again" if moment is None else local(moment, schedule.timezone)


def _object(declared: DeclaredJob, now: datetime) -> dict[str, Any]:
    job = declared.job
    return {
        "job": declared.name,
        "handler": job.handler,
        "schedules": [
            {
                "expression": schedule.expression,
                "timezone": schedule.timezone,
                "start": iso(schedule.start),
                "end": iso(schedule.end),
                "window": schedule.window or None,
                "next": iso(next(schedule.after(now), None)) if schedule.has_grid and job.enabled else None,
            }
            for schedule in declared.schedules
        ],
        "by_code": job.by_code,
        "overlap": job.overlap,
        "retries": job.retries,
        "timeout": job.timeout,
        "memory": job.memory,
        "start_deadline": job.start_deadline,
        "enabled": job.enabled,
        "where": declared.where,
    }
