"""``cronstack new job``: add a module with one job, and its test, to a project.

The command checks everything before it writes, and never overwrites a file.
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

FIRINGS: Final = 3
"""Number of due times in the test."""
RESERVED: Final = ("Run", "at", "cron", "job", "once", "rate")
"""Names that a module of jobs imports. A function with such a name would hide the import."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class NewFiles:
    """The two files to write, and the values for their templates."""

    module: Path
    test: Path
    values: dict[str, str]
    """Values by placeholder."""
    kind: str = ""
    """Prefix of the template names: "once_" for a job that code schedules."""


@click.command(short_help="Add a job and its test to this project.")
@click.argument("name")
@click.option("--cron", "cron", metavar="FIELDS", help="Six fields, such as '0 6 * * ? *', in the zone --timezone.")
@click.option("--rate", "rate", metavar="EVERY", help="A count and a unit, such as '5 minutes'.")
@click.option(
    "--at", "at", metavar="TIME", help="One local time in the zone --timezone, such as '2026-12-24T18:00:00'."
)
@click.option("--once", "by_code", is_flag=True, help="Application code schedules it with cronstack.once.")
@click.option("--timezone", metavar="ZONE", help="IANA name, such as Europe/Berlin.")
def command(name: str, cron: str | None, rate: str | None, at: str | None, by_code: bool, timezone: str | None) -> None:
    """Create a job in functions/jobs/NAME.py, and its test in tests/jobs/test_NAME.py.

    The test passes at once. Then write what the job does into the function. No file is overwritten.

    \b
    cronstack new job invoices --cron '0 6 * * ? *' --timezone Europe/Berlin
    cronstack new job refresh --rate '5 minutes'
    cronstack new job remind --once
    """
    schedules = {kind: value for kind, value in (("cron", cron), ("rate", rate), ("at", at)) if value is not None}
    if len(schedules) + by_code != 1:
        raise click.UsageError("Give exactly one of --cron, --rate, --at and --once.")
    if by_code and timezone is not None:
        raise click.UsageError("--timezone cannot be used with --once: code gives the time with its zone.")
    project, now = Project.find(), clock.now().replace(second=0, microsecond=0)
    _check_name(name, project)
    schedule = None if by_code else _schedule(*next(iter(schedules.items())), timezone, now)
    _check_jobs(name, project, now)
    files = prepare(project, name, schedule, now)
    write(files)
    click.echo(f"Created the job {click.style(name, bold=True)}:")
    for path in (files.module, files.test):
        click.echo(f"  {path.relative_to(project.root)}")
    click.echo(f"\n{_next_steps(name) if schedule is None else _first_run(schedule, now)}")
    if schedule is not None and (note := clock_note(schedule, now)) is not None:
        click.echo(f"Note: {note}", err=True)


def _next_steps(name: str) -> str:
    """Return the next steps for a job that code schedules."""
    return (
        f'Application code schedules it: once.schedule("{name}", key=…, after=…).\n'
        f'To permit this to a function, in infra/resources.py: stack.grant_schedule("{name}", function)'
    )


def _first_run(schedule: Schedule, now: datetime) -> str:
    """Return a sentence with the first due time."""
    if not schedule.has_grid:
        return f"{schedule.expression}, counted from its deployment."
    first = next(schedule.after(now))
    in_utc = "" if schedule.timezone == "UTC" else f", which is {utc(first)} UTC"
    return f"{schedule.expression} in {schedule.timezone}; first due on {local(first, schedule.timezone)}{in_utc}."


def _check_name(name: str, project: Project) -> None:
    longest = names.longest_job_name(project.stack())
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise click.BadParameter(
            f"{name!r} cannot be the name of a function. Use letters, digits and _, beginning with a letter,"
            " such as send_invoices.",
            param_hint="NAME",
        )
    if name in RESERVED:
        raise click.BadParameter(
            f"{name!r} is a name that modules of jobs import. Describe the job instead, such as send_invoices.",
            param_hint="NAME",
        )
    if len(name) > longest:
        raise click.BadParameter(
            f"{name!r} has {len(name)} characters; in the stack {project.stack()} a job's name has at most {longest}.",
            param_hint="NAME",
        )


def _schedule(kind: str, text: str, timezone: str | None, now: datetime) -> Schedule:
    """Return the schedule that the options describe. Raise ScheduleError, as for a declaration."""
    expression = f"{kind}({text})"
    if kind == "rate" and timezone is not None:
        raise click.UsageError("--timezone cannot be used with --rate: a rate is elapsed time and has no zone.")
    schedule = parse(expression, timezone=timezone or "UTC")
    if kind != "rate" and timezone is None:
        raise ScheduleError(
            f'{schedule.expression} has no time zone; give "UTC" if you mean UTC',
            remedy="For example --timezone Europe/Berlin.",
        )
    if not schedule.is_possible():
        raise ScheduleError(f"{schedule.expression} never fires: the calendar has no such day")
    for reason, remedy in undeployable(schedule):
        raise ScheduleError(reason, remedy=remedy)
    if next(schedule.after(now), None) is None:
        raise ScheduleError(f"{schedule.expression} ({schedule.timezone}) is in the past: it would never fire")
    return schedule


def _check_jobs(name: str, project: Project, now: datetime) -> None:
    """Raise BadParameter if another job has the name. Raise DeclarationError if an existing job is invalid."""
    from cronstack_infra.discovery.discover import discover

    if not (project.functions / "jobs").is_dir():
        return
    for declared in discover("jobs", project.functions, now=now).jobs:
        if declared.name == name:
            raise click.BadParameter(f"the job {name!r} exists already, at {declared.where}.", param_hint="NAME")


def prepare(project: Project, name: str, schedule: Schedule | None, now: datetime) -> NewFiles:
    """Return the two files to write. ``schedule`` None: application code schedules the job.

    Raise OperationError if one of them exists already.
    """
    module = project.functions / "jobs" / f"{name}.py"
    test = project.root / "tests" / "jobs" / f"test_{name}.py"
    for path in (module, module.with_suffix(""), test):
        if path.exists():
            raise _exists(path, project.root)
    if schedule is None:
        return NewFiles(module, test, {"name": name}, kind="once_")
    arguments = schedule.expression.partition("(")[2].removesuffix(")")
    zone = "" if schedule.kind == "rate" else f', timezone="{schedule.timezone}"'
    due = (moment.astimezone(ZoneInfo(schedule.timezone)) for moment in islice(schedule.after(now), FIRINGS))
    values = {
        "name": name,
        "imports": ", ".join(("Run", *sorted((schedule.kind, "job")))),
        "schedule": f'{schedule.kind}("{arguments}"{zone})',
        "from": now.isoformat(),
        "due": "\n".join(f'    "{moment.isoformat()}",' for moment in due),
    }
    return NewFiles(module, test, values)


def write(files: NewFiles) -> None:
    """Write both files, or none."""
    texts = {
        files.module: _filled(f"{files.kind}job.py.template", files.values),
        files.test: _filled(f"test_{files.kind}job.py.template", files.values),
    }
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except BaseException:  # raised again after clean-up, also Ctrl-C
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise


def _filled(template: str, values: dict[str, str]) -> str:
    text = (resources.files("cronstack_infra") / "scaffold" / template).read_text("utf-8")
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def _exists(path: Path, root: Path) -> OperationError:
    return OperationError(
        f"{path.relative_to(root)} exists already", remedy="Choose another name; nothing was written."
    )
