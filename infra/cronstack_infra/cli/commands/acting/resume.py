"""``cronstack resume``: end the pause of a job, and show what it has passed over."""

from __future__ import annotations

from typing import Any

import click

from cronstack import clock
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.jobs import all_or_one
from cronstack_infra.cli.output.spans import span, utc
from cronstack_infra.cli.output.tables import print_json, printable
from cronstack_infra.ops.pause import PassedOver, Resumed, print_seconds, resume
from cronstack_infra.plural import counted


@click.command(short_help="End the pause of a job, and show what it has passed over.")
@click.argument("job", required=False)
@click.option("--all", "every", is_flag=True, help="Resume all jobs of the stack.")
@click.option("--reason", metavar="TEXT", default="", help="Why. The ledger keeps it with who and when.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: SelectedCloud, job: str | None, every: bool, reason: str, as_json: bool) -> None:
    """Resume JOB: its next occurrence runs. What was passed over does not run by itself; the command that runs it is
    printed.

    Runs that had started before the pause continue within 5 minutes.

    \b
    cronstack resume daily_stats
    cronstack resume --all
    """
    jobs = all_or_one(job, every=every)
    deployment, now = cloud.deployment(), clock.now()
    results = [resume(cloud, deployment, name, now=clock.now(), reason=reason) for name in cloud.jobs(deployment, jobs)]
    if as_json:
        print_json([_object(result) for result in results])
        return
    for result in results:
        if result.pause is None:
            click.echo(f"Nothing was changed: {result.job} is not paused.")
            continue
        click.echo(printable(f"Resumed: {result.job}, after {span(now - result.pause.at)} ({result.pause.reason})."))
        for line in lines(result.job, result.passed_over):
            click.echo(line)


def lines(job: str, over: PassedOver) -> list[str]:
    """Return what was passed over, and the commands that run it."""
    if not (over.occurrences or over.unrecorded or over.keys):
        return ["  Nothing was passed over."]
    text = []
    if over.occurrences:
        first, last = over.occurrences[0], over.occurrences[-1]
        between = f"{utc(first)} UTC" if first == last else f"from {utc(first)} to {utc(last)} UTC"
        text.append(f"  Passed over: {counted(len(over.occurrences), 'occurrence')}, {between}.")
    if over.unrecorded:
        count = counted(len(over.unrecorded), "occurrence")
        text.append(f"  Due without a row: {count}, the last at {utc(over.unrecorded[-1])} UTC. Their events may come.")
    if command := over.command(job):
        text.append(f"  They do not run by themselves. To run them: {command}")
    if over.keys:
        text.append(f"  Passed over: {counted(len(over.keys), 'plan')} of code, which can be planned again:")
        text.append(f"  cronstack once list {job} --status skipped")
    return text


def _object(result: Resumed) -> dict[str, Any]:
    over = result.passed_over
    return {
        "job": result.job,
        "resumed": result.pause is not None,
        "pause": None if result.pause is None else result.pause.as_json(),
        "passed_over": [print_seconds(due) for due in over.occurrences],
        "unrecorded": [print_seconds(due) for due in over.unrecorded],
        "keys": list(over.keys),
        "command": over.command(result.job) or None,
    }
