"""``cronstack new job``: write a module with one job, and its test, into a project.

The command checks everything before it writes. It writes new files only and never overwrites one.
"""

from __future__ import annotations

import keyword
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import click

from cronstack import clock
from cronstack.errors import OperationError, ScheduleError
from cronstack.timetable.instants import Schedule, parse
from cronstack_infra import names
from cronstack_infra.cli.output.spans import local, utc
from cronstack_infra.discovery.clock_notes import clock_note
from cronstack_infra.discovery.validation import undeployable
from cronstack_infra.project import Project

FEW: Final = 3
"""Number of firings in the test."""
TAKEN: Final = ("Run", "at", "cron", "job", "once", "rate")
"""Names that a module of jobs imports. A function of such a name would hide the import."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Writing:
    """The two files to write, and the values for their templates."""

    module: Path
    test: Path
    values: dict[str, str]
    """Value of each placeholder."""
    kind: str = ""
    """ "once_" for the templates of a job that code schedules."""


@click.command(short_help="A job and its test, into this project.")
@click.argument("name")
@click.option("--cron", "cron", metavar="FIELDS", help="Six fields, '0 6 * * ? *', in the time zone --timezone.")
@click.option("--rate", "rate", metavar="EVERY", help="A count and a unit, '5 minutes'.")
@click.option("--at", "at", metavar="TIME", help="Once, at a local time, '2026-12-24T18:00:00', of --timezone.")
@click.option("--once", "by_code", is_flag=True, help="Whenever application code says, by cronstack.once.")
@click.option("--timezone", metavar="ZONE", help="IANA name, such as Europe/Berlin.")
def command(name: str, cron: str | None, rate: str | None, at: str | None, by_code: bool, timezone: str | None) -> None:
    """Write functions/jobs/NAME.py, a job that runs when you say, and tests/jobs/test_NAME.py, its test.

    Both are right as they are; put what the job does where it answers. Nothing is overwritten.

    \b
    cronstack new job invoices --cron '0 6 * * ? *' --timezone Europe/Berlin
    cronstack new job refresh --rate '5 minutes'
    cronstack new job remind --once
    """
    given = {kind: value for kind, value in (("cron", cron), ("rate", rate), ("at", at)) if value is not None}
    if len(given) + by_code != 1:
        raise click.UsageError("Say when it runs, by one of --cron, --rate, --at and --once.")
    if by_code and timezone is not None:
        raise click.UsageError("With --once code says the time and its zone; leave out --timezone.")
    project, now = Project.find(), clock.now().replace(second=0, microsecond=0)
    _check_name(name, project)
    schedule = None if by_code else _schedule(*next(iter(given.items())), timezone, now)
    _check_jobs(name, project, now)
    writing = prepare(project, name, schedule, now)
    write(writing)
    click.echo(f"A new job, {click.style(name, bold=True)}:")
    for path in (writing.module, writing.test):
        click.echo(f"  {path.relative_to(project.root)}")
    click.echo(f"\n{_told_by_code(name) if schedule is None else _told(schedule, now)}")
    if schedule is not None and (note := clock_note(schedule, now)) is not None:
        click.echo(f"Note: {note}", err=True)


def _told_by_code(name: str) -> str:
    """Return what to do next for a job that code schedules."""
    return (
        f'It runs when code says: once.schedule("{name}", key=…, after=…).\n'
        f'Let a function say so, in infra/resources.py: stack.grant_schedule("{name}", function)'
    )


def _told(schedule: Schedule, now: datetime) -> str:
    """Return when the job runs first."""
    if not schedule.has_grid:
        return f"{schedule.expression}, counted from its deployment on."
    first = next(schedule.after(now))
    in_utc = "" if schedule.timezone == "UTC" else f", which is {utc(first)} UTC"
    return f"{schedule.expression} in {schedule.timezone}; next on {local(first, schedule.timezone)}{in_utc}."


def _check_name(name: str, project: Project) -> None:
    longest = names.longest_job_name(project.stack())
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise click.BadParameter(
            f"{name!r} cannot be the name of a function. Take letters, digits and _, a letter first: send_invoices.",
            param_hint="NAME",
        )
    if name in TAKEN:
        raise click.BadParameter(
            f"{name!r} is a word that modules of jobs import. Say what it does.", param_hint="NAME"
        )
    if len(name) > longest:
        raise click.BadParameter(
            f"{name!r} has {len(name)} characters; in the stack {project.stack()} a job's name has at most {longest}.",
            param_hint="NAME",
        )


def _schedule(kind: str, text: str, timezone: str | None, now: datetime) -> Schedule:
    """Return the schedule of the options. Raise ScheduleError, as for a declaration."""
    expression = f"{kind}({text})"
    if kind == "rate" and timezone is not None:
        raise click.UsageError("A rate is elapsed time, whatever the clocks do; leave out --timezone.")
    schedule = parse(expression, timezone=timezone or "UTC")
    if kind != "rate" and timezone is None:
        raise ScheduleError(
            f'{schedule.expression} does not say in which time zone; write "UTC" if it is that',
            remedy="For example --timezone Europe/Berlin.",
        )
    if not schedule.is_possible():
        raise ScheduleError(f"{schedule.expression} never fires: the calendar has no such day")
    for why, remedy in undeployable(schedule):
        raise ScheduleError(why, remedy=remedy)
    if next(schedule.after(now), None) is None:
        raise ScheduleError(f"{schedule.expression} ({schedule.timezone}) is past: it would never fire")
    return schedule


def _check_jobs(name: str, project: Project, now: datetime) -> None:
    """Raise BadParameter if another job has the name. Raise DeclarationError if an existing job is invalid."""
    from cronstack_infra.discovery.discover import discover

    if not (project.functions / "jobs").is_dir():
        return
    for declared in discover("jobs", project.functions, now=now).jobs:
        if declared.name == name:
            raise click.BadParameter(f"there is a job {name!r}, at {declared.where}.", param_hint="NAME")


def prepare(project: Project, name: str, schedule: Schedule | None, now: datetime) -> Writing:
    """Return the two files to write. Without a schedule, application code schedules the job.

    Raise OperationError if a file exists already.
    """
    module = project.functions / "jobs" / f"{name}.py"
    test = project.root / "tests" / "jobs" / f"test_{name}.py"
    for path in (module, module.with_suffix(""), test):
        if path.exists():
            raise _in_the_way(path, project.root)
    if schedule is None:
        return Writing(module, test, {"name": name}, kind="once_")
    inside = schedule.expression.partition("(")[2].removesuffix(")")
    zone = "" if schedule.kind == "rate" else f', timezone="{schedule.timezone}"'
    due = (moment.astimezone(ZoneInfo(schedule.timezone)) for moment in islice(schedule.after(now), FEW))
    values = {
        "name": name,
        "imports": ", ".join(("Run", *sorted((schedule.kind, "job")))),
        "schedule": f'{schedule.kind}("{inside}"{zone})',
        "from": now.isoformat(),
        "due": "\n".join(f'    "{moment.isoformat()}",' for moment in due),
    }
    return Writing(module, test, values)


def write(writing: Writing) -> None:
    """Write both files, or none."""
    texts = {
        writing.module: _filled(f"{writing.kind}job.py.template", writing),
        writing.test: _filled(f"test_{writing.kind}job.py.template", writing),
    }
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _filled(template: str, writing: Writing) -> str:
    text = (resources.files("cronstack_infra") / "scaffold" / template).read_text("utf-8")
    for name, value in writing.values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _in_the_way(path: Path, root: Path) -> OperationError:
    return OperationError(
        f"{path.relative_to(root)} is there already", remedy="Take another name; nothing was written."
    )
