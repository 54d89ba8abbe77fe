"""``cronstack once``: schedule, move, cancel and list one-time occurrences, as code does with ``cronstack.once``."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeVar

import click

from cronstack import clock
from cronstack.errors import OperationError
from cronstack.onetime.once import Once
from cronstack.onetime.planner import Plan
from cronstack_infra.cli.commands.once import importing as once_import
from cronstack_infra.cli.commands.once.removed import note_removed
from cronstack_infra.cli.commands.once.wording import (
    FAILED,
    errors_as_options,
    left,
    move_missed,
    sentence,
    when_options,
)
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.inputs import json_object
from cronstack_infra.cli.options.reasons import announce_action, reason_option
from cronstack_infra.cli.output.counting import counting
from cronstack_infra.cli.output.rows import note_missed, status_of, took, why
from cronstack_infra.cli.output.spans import utc
from cronstack_infra.cli.output.tables import print_json, print_table, printable, short
from cronstack_infra.ops.deployment import Deployment
from cronstack_infra.ops.listing import ROW_STATUSES
from cronstack_infra.ops.onetime import (
    PlannedKey,
    find_key,
    list_keys,
    once_of,
    plan_as_json,
    schedule_of,
    wiring_of,
    wirings,
)
from cronstack_infra.ops.runs import RunRow

COLUMNS: Final = ("job", "key", "status", "due (UTC)", "left", "asked for", "why")
NO_ONCE_JOBS: Final = "Code can schedule no job of this stack. Declare such a job with @job(schedule=once())."

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
key_option = click.option("--key", metavar="K", required=True, help="Name of the plan, such as order-4711.")

R = TypeVar("R")


def key_of(command: Callable[..., R]) -> Callable[..., R]:
    """Add the key of an existing plan, as an argument or as --key."""

    @click.argument("name", metavar="KEY", required=False)
    @click.option("--key", metavar="KEY", help="Same as the argument KEY.")
    @functools.wraps(command)
    def with_key(*args: Any, name: str | None, key: str | None, **options: Any) -> R:
        if name is not None and key is not None:
            raise click.UsageError(f"Give the key only once: {name!r} and --key {key!r} were given.")
        if name is None and key is None:
            raise click.UsageError("The key of the plan is missing. Give KEY or --key KEY.")
        return command(*args, key=name if key is None else key, **options)

    return with_key


class ScheduleByDefault(click.Group):
    """A group that runs ``schedule``, unless the first argument is the name of a command or a help option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            near = get_close_matches(args[0], self.commands, n=1, cutoff=0.75)
            if near and not any(word.startswith("--key") for word in args):  # without a key, the user meant a command
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx=ctx)
            args = ["schedule", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=ScheduleByDefault,
    short_help="Schedule, move, cancel and list one-time occurrences of a job.",
    subcommand_metavar="JOB --key K (--at T | --in SPAN) | COMMAND [ARGS]...",
)
def command() -> None:
    """Schedule a JOB once, under a key, as cronstack.once does for application code.

    The job is declared with @job(schedule=once()). Scheduling the same key with the same content again changes nothing.
    If a job has the name of a command below, write "cronstack once schedule JOB".

    \b
    cronstack once remind --key order-4711 --in 3d --input '{"order": 4711}'
    cronstack once remind --key order-4712 --at 2027-03-28T09:00 --timezone Europe/Berlin
    """


command.add_command(once_import.command)


@command.command(short_help="Schedule JOB once. The word 'schedule' may be left out.")
@click.argument("job")
@key_option
@when_options
@click.option("--input", metavar="JSON", callback=json_object, help="Input of the handler. Defaults to {}.")
@click.option(
    "--replace",
    is_flag=True,
    help="Replace an existing plan with another time or input, also a cancelled or missed one.",
)
@reason_option
@json_option
@cloud_options
def schedule(
    cloud: SelectedCloud,
    job: str,
    key: str,
    input: dict[str, Any] | None,
    replace: bool,
    terms: dict[str, Any],
    reason: str,
    as_json: bool,
) -> int:
    """Schedule JOB once under a key. Exit code 1 if the key has another time or input, has begun, or was cancelled."""
    asked = _Asked("once schedule", reason, {"key": key, "replace": replace, "due": _written(terms)})

    def change(once: Once) -> Plan:
        return once.schedule(job, key=key, input=input, replace=replace, **terms)

    return _change(cloud, job, as_json, asked, change)


@command.command(short_help="Move a plan to another time.")
@click.argument("job")
@key_of
@when_options
@reason_option
@json_option
@cloud_options
def move(cloud: SelectedCloud, job: str, key: str, terms: dict[str, Any], reason: str, as_json: bool) -> int:
    """Move a plan to another time, also after it was missed.

    Exit code 1 if its run has begun, if it was cancelled ("too late"), or if the key is unknown.
    """
    asked = _Asked("once move", reason, {"key": key, "due": _written(terms)})
    return _change(cloud, job, as_json, asked, lambda once: once.move(job, key, **terms))


@command.command(short_help="Cancel a plan.")
@click.argument("job")
@key_of
@reason_option
@json_option
@cloud_options
def cancel(cloud: SelectedCloud, job: str, key: str, reason: str, as_json: bool) -> int:
    """Cancel a plan. After the answer "cancelled" it never runs. Exit code 1 if it has begun or was missed."""
    asked = _Asked("once cancel", reason, {"key": key})
    return _change(cloud, job, as_json, asked, lambda once: once.cancel(job, key))


@command.command(short_help="Show one plan and its run.")
@click.argument("job")
@key_of
@json_option
@cloud_options
def show(cloud: SelectedCloud, job: str, key: str, as_json: bool) -> int:
    """Show the plan of a key, and its run. Exit code 1 if the key is unknown.

    \b
    JSON: the fields of "cronstack once list --json", and
      schedule                 group and name in EventBridge Scheduler, while it is planned
    """
    once, deployment = _open(cloud, job)
    now = clock.now()
    with errors_as_options():
        found = find_key(cloud("dynamodb"), deployment, once, job, key, now)
    known = found.status != ""
    location = schedule_of(wiring_of(deployment, job), found.plan)
    if as_json:
        print_json({**found.as_json(), "schedule": location or None})
    elif not known:
        raise OperationError(sentence(found.plan, now))
    else:
        for name, value in _fields(found, location, now).items():
            click.echo(f"{name:<12}{printable(value)}")
    return 0 if known else 1


def _fields(found: PlannedKey, schedule: str, now: datetime) -> dict[str, str]:
    plan, run = found.plan, found.run
    due = plan.at if run is None else run.due
    fields = {
        "job": plan.job,
        "key": repr(plan.key),
        "status": found.status if run is None else status_of(run),
        "due": f"{utc(due)} UTC, {left(due, now)}",
        "asked for": plan.asked or "-",
        "occurrence": plan.occurrence,
        "moved": "never" if not plan.moves else "once" if plan.moves == 1 else f"{plan.moves} times",
        "schedule": schedule or "-",
        "input": "-" if plan.input is None else json.dumps(plan.input, ensure_ascii=False),
    }
    if run is not None:
        fields["attempt"] = f"{run.attempt} of {run.limit}, {took(run.took)}" if run.attempt else "-"
        fields["why"] = why(run) or "-"
        fields["result"] = "-" if run.result is None else json.dumps(run.result, ensure_ascii=False)
        if run.remedy:
            fields["to start it"] = f"{run.remedy}, or {move_missed(plan)}"
    return fields


@command.command("list", short_help="List the plans, by time.")
@click.argument("job", required=False)
@click.option("--prefix", metavar="P", default="", help="Only keys that begin with P. No others are read.")
@click.option("--status", type=click.Choice(ROW_STATUSES), help="Only plans or runs in this status, such as planned.")
@json_option
@cloud_options
def list_(cloud: SelectedCloud, job: str | None, prefix: str, status: str | None, as_json: bool) -> None:
    """List the plans of one JOB, or of all, by time.

    A plan is planned, cancelled or begun. The list shows a begun plan with the status of its run. --status begun lists
    all begun plans. --status retrying, crashed, buffered, missed and dead read no other plans. Plans that have run are
    listed as long as the ledger keeps them.

    \b
    JSON, one object per key; null for a missing value:
      job, key, occurrence     of the plan
      status                   planned, begun, missed, skipped or cancelled
      due, asked               its time in UTC, and as requested, with its zone
      revision, moves          number of this version of the plan; number of moves
      input                    while it is planned or missed
      run                      the run, as in "cronstack runs --json"
    """
    note_removed(cloud, cloud.deployment(), job)
    once, deployment = _open(cloud, job)
    jobs, now = [job] if job is not None else list(wirings(deployment)), clock.now()
    with errors_as_options(), counting("plans") as seen:
        keys = list_keys(cloud("dynamodb"), deployment, once, jobs, now=now, prefix=prefix, status=status, seen=seen)
        found = list(keys)
    found.sort(key=lambda entry: (entry.plan.due, entry.plan.job, entry.plan.key))
    if as_json:
        print_json([entry.as_json() for entry in found])
    elif found:
        print_table(COLUMNS, [_cells(entry, now) for entry in found])
        if note := note_missed(entry.run for entry in found if entry.run is not None):
            click.echo(f"\n{note}")
    else:
        click.echo("No plans." if jobs else NO_ONCE_JOBS)


def _cells(found: PlannedKey, now: datetime) -> tuple[str, ...]:
    plan, run = found.plan, found.run
    coming = left(plan.at, now) if plan.status == "planned" else "-"
    status = plan.status if run is None else _state(run)
    return (
        plan.job,
        short(plan.key),
        status,
        utc(plan.at),
        coming,
        plan.asked,
        _why(plan) if run is None else why(run),
    )


def _why(plan: Plan) -> str:
    return "paused" if plan.status == "skipped" else ""


def _state(run: RunRow) -> str:
    """Return "retrying at 12:00:05, 2 of 3", "succeeded"."""
    several = run.attempt and run.status not in ("succeeded", "missed")
    return f"{status_of(run)}, {run.attempt} of {run.limit}" if several else status_of(run)


def _open(cloud: SelectedCloud, job: str | None) -> tuple[Once, Deployment]:
    """Return ``once`` and the deployment.

    Raise OperationError if nothing is deployed, or if code cannot schedule the job.
    """
    deployment = cloud.deployment()
    if job is not None:
        wiring_of(deployment, job)
    return once_of(cloud, deployment), deployment


class _Asked(NamedTuple):
    """What is recorded before a plan is changed."""

    action: str
    reason: str
    details: Mapping[str, Any]


def _written(terms: Mapping[str, Any]) -> str | None:
    """Return the time of a plan as the operator gave it: a time, or a length of time from now."""
    given = next((terms[name] for name in ("at", "after") if terms.get(name) is not None), None)
    return None if given is None else str(given)


def _change(cloud: SelectedCloud, job: str, as_json: bool, asked: _Asked, call: Callable[[Once], Plan]) -> int:
    once, deployment = _open(cloud, job)
    announce_action(cloud, deployment, job, asked.action, asked.reason, **asked.details)
    with errors_as_options():
        plan = call(once)
    if as_json:
        print_json({**plan_as_json(plan), "outcome": plan.outcome})
        return 1 if plan.outcome in FAILED else 0
    if plan.outcome in FAILED:
        raise OperationError(sentence(plan, clock.now()))
    click.echo(sentence(plan, clock.now()))
    return 0
