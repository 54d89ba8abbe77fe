"""``cronstack trigger``: run a job now, or the occurrence of a given time."""

from __future__ import annotations

import json
from typing import Any

import click

from cronstack import clock, entropy
from cronstack_infra.cli.options.clouds import Cloud, cloud_options
from cronstack_infra.cli.options.inputs import json_object
from cronstack_infra.cli.options.times import a_time, moment_option
from cronstack_infra.cli.output.tables import print_json, printable
from cronstack_infra.cli.output.waiting import Attempts

PATIENCE = 1200.0
"""Seconds that --wait waits, enough for several attempts and their pauses."""


@click.command(short_help="Run a job now, or for a time of your choice.")
@click.argument("job")
@click.option(
    "--at",
    "at",
    metavar="TIME",
    callback=a_time,
    help="The occurrence of that time, in the job's zone if it names none.",
)
@click.option("--input", metavar="JSON", callback=json_object, help="Defaults to the input that its schedule gives.")
@click.option("--wait", is_flag=True, help="Stay until it has ended; exit 1 unless it succeeded.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(cloud: Cloud, job: str, at: str | None, input: dict[str, Any] | None, wait: bool, as_json: bool) -> int:
    """Run JOB: an occurrence with a name of its own, or, with --at, that of a scheduled time.

    The guard judges it as any other: a time that has run is not run again, and it does not run over another one.
    With --wait, stderr shows the error of each attempt and when the next one comes.
    """
    from cronstack_infra.ops.backfill import timezone_of
    from cronstack_infra.ops.runs import follow
    from cronstack_infra.ops.trigger import trigger

    now, deployment = clock.now(), cloud.deployment()
    moment = None if at is None else moment_option("--at", at, timezone_of(cloud, deployment, job))
    ulid = entropy.ulid(clock.now_ms(), entropy.SYSTEM)
    made = trigger(cloud, deployment, job, now=now, ulid=ulid, at=moment, input=input)
    if not wait:
        if as_json:
            print_json({"job": job, "occurrence": made.occurrence, "input": made.input})
        else:
            click.echo(f"Handed to {made.job.function}: {made.occurrence}")
        return 0
    row = follow(
        cloud("dynamodb"),
        deployment,
        job,
        made.occurrence,
        clock=clock.now,
        sleep=clock.sleep,
        patience=PATIENCE,
        report=Attempts(job),
    )
    if as_json:
        print_json(row.as_json())
    else:
        why = " ".join(part for part in (row.reason, row.error if row.status == "dead" else "") if part)
        click.echo(printable(f"{row.occurrence}: {row.status}, attempt {row.attempt}{', ' * bool(why)}{why}"))
        if row.result is not None:
            click.echo(printable(json.dumps(row.result)))
    return 0 if row.status == "succeeded" else 1
