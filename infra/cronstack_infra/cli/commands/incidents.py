"""``cronstack incidents``: list, show, explain and acknowledge what the watchdog has found."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click

from cronstack import clock
from cronstack.watchdog.scene import CAUSES
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.output.spans import span
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.ops.audit import caller
from cronstack_infra.ops.incidents import STACK, Incident, acknowledge, find, help_of, incidents, text_of
from cronstack_infra.plural import counted

COLUMNS: Final = ("job", "cause", "what", "since", "status", "notified", "incident")
_JOB = click.argument("job", metavar="JOB|-")
_CAUSE = click.argument("cause", type=click.Choice(CAUSES), metavar="CAUSE")


@click.group(short_help="List what the watchdog has found, and acknowledge it.")
def command() -> None:
    """Problems that the watchdog has found and notified. An incident ends by itself when its problem has ended."""


@command.command("list", short_help="List the open incidents.")
@click.option("--all", "every", is_flag=True, help="Also those that were cleared in the last 35 days.")
@click.option("--exit-code", "by_exit_code", is_flag=True, help="Exit with 1 if one is open and not acknowledged.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def list_incidents(cloud: SelectedCloud, every: bool, by_exit_code: bool, as_json: bool) -> int:
    """List the open incidents, the oldest first.

    \b
    JSON, one object per incident; null for a missing value:
      id, job, cause           job is null for an incident of the stack
      what                     the headline of its notification
      status                   "open", "acknowledged" or "cleared"
      since, opened, notified, cleared
      pending                  a notification that was not published yet
      by, reason               who has acknowledged it, and why
      facts                    the values behind the text
    """
    deployment = cloud.deployment()
    found = incidents(cloud("dynamodb"), deployment.ledger, cleared=every)
    if as_json:
        print_json([incident.as_json() for incident in found])
    elif found:
        now = clock.now()
        print_table(COLUMNS, [_cells(incident, now) for incident in found])
        click.echo(f"\n{counted(len(found), 'incident')}. Help: cronstack incidents show JOB CAUSE")
    else:
        click.echo("No incidents.")
    return 1 if by_exit_code and any(incident.status == "open" for incident in found) else 0


@command.command("show", short_help="Show an incident as it was notified.")
@_JOB
@_CAUSE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def show(cloud: SelectedCloud, job: str, cause: str, as_json: bool) -> None:
    """Print what happened, since when, why, and what to run next. JOB is "-" for incidents of the stack."""
    deployment = cloud.deployment()
    incident = find(cloud("dynamodb"), deployment.ledger, _job(job), cause)
    if as_json:
        print_json(incident.as_json())
        return
    click.echo(text_of(cloud("cloudformation"), deployment.stack, incident, clock.now()), nl=False)
    if incident.status == "acknowledged":
        click.echo(f"Acknowledged by {incident.by}: {incident.reason or 'no reason was given'}")


@command.command("ack", short_help="Acknowledge an incident: no more reminders.")
@_JOB
@_CAUSE
@click.option("--reason", metavar="TEXT", default="", help="Why, or who works on it. The ledger keeps it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def ack(cloud: SelectedCloud, job: str, cause: str, reason: str, as_json: bool) -> None:
    """Stop the reminders of an open incident. JOB is "-" for incidents of the stack.

    The all-clear still comes. If the problem changes, such as by another error, a new alert comes.
    """
    deployment = cloud.deployment()
    operator = caller(cloud("sts"), reason)
    done = acknowledge(cloud("dynamodb"), deployment.ledger, _job(job), cause, operator=operator, at=clock.now())
    if as_json:
        print_json(done.as_json())
    else:
        click.echo(f"{done.job or 'stack'}: {done.cause} acknowledged. No more reminders come.")


@command.command("help", short_help="Explain a cause of incidents.")
@click.argument("cause", metavar="CAUSE")
def explain(cause: str) -> None:
    """Print what CAUSE means, and what to do. This needs no stack.

    \b
    cronstack incidents help failed
    cronstack incidents help watchdog-silent
    """
    click.echo(f"{cause}\n\n{help_of(cause)}")


def _job(given: str) -> str:
    return "" if given == STACK else given


def _cells(incident: Incident, now: datetime) -> tuple[str, ...]:
    notified = f"{span(now - incident.notified)} ago" if incident.notified else "not yet"
    since = f"{span(now - incident.since)} ago"
    return (incident.job or STACK, incident.cause, incident.what, since, incident.status, notified, incident.id)
