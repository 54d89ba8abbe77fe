"""``cronstack audit``: list the actions of operators, with who, when and why."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.times import since_option
from cronstack_infra.cli.output.spans import utc
from cronstack_infra.cli.output.tables import print_json, print_table
from cronstack_infra.ops.audit import THE_STACK, Action, latest_actions

COLUMNS: Final = ("time (UTC)", "job", "action", "by", "why", "details")
DEFAULT_SPAN: Final = "30d"
LONGEST_DETAILS: Final = 100


@click.command(short_help="List the actions of operators: who, when and why.")
@click.argument("job", required=False)
@click.option("--since", metavar="T", default=DEFAULT_SPAN, show_default=True, help="90m, 12h or 7d ago, or a time.")
@click.option("--action", metavar="NAME", help="Only this action, such as redrive.")
@click.option("-n", "count", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Most rows to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, job: str | None, since: str, action: str | None, count: int, as_json: bool) -> None:
    """List the actions on one JOB, or on all, the latest first, with those on the whole stack.

    A command that changes something writes its row before it acts. So a row shows the request, and "cronstack runs"
    shows the result. The ledger keeps a row for 400 days.

    \b
    JSON, one object per action; null for a missing value:
      id, job, at              job is null for an action on the whole stack
      action, by               the command; ARN of the caller
      reason, details          --reason; what the command was asked to change
    """
    now = clock.now()
    begin = since_option("--since", since, now)
    deployment = cloud.deployment()
    jobs = [*cloud.jobs(deployment, job), THE_STACK]
    last = now + timedelta(minutes=5)  # the clock of another operator may be ahead
    dynamodb = cloud("dynamodb")
    found = latest_actions(dynamodb, deployment.ledger, jobs, begin, last, most=count, action=action)
    if as_json:
        print_json([each.as_json() for each in found])
    elif found:
        print_table(COLUMNS, [_cells(each) for each in found])
    else:
        click.echo("No actions.")


def _cells(action: Action) -> tuple[str, ...]:
    details = json.dumps(dict(action.details), ensure_ascii=False)
    shown = details if len(details) <= LONGEST_DETAILS else f"{details[:LONGEST_DETAILS]}…"
    by = action.operator.by.rpartition(":")[2]
    return (utc(action.at.replace(microsecond=0)), action.job or "-", action.action, by, action.operator.reason, shown)
