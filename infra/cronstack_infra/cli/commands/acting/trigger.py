"""``cronstack trigger``: run a job now, or the occurrence of a given time."""

from __future__ import annotations

import json
from typing import Any

import click

from cronstack import clock, entropy
from cronstack_infra.cli.options.clouds import SelectedCloud, cloud_options
from cronstack_infra.cli.options.inputs import json_object
from cronstack_infra.cli.options.reasons import announce_action, reason_option
from cronstack_infra.cli.options.times import a_time, moment_option
from cronstack_infra.cli.output.tables import print_json, printable
from cronstack_infra.cli.output.waiting import AttemptPrinter

PATIENCE = 1200.0
"""Seconds that --wait waits: enough for several attempts and their pauses."""


@click.command(short_help="Run a job now, or the occurrence of a given time.")
@click.argument("job")
@click.option(
    "--at",
    "at",
    metavar="TIME",
    callback=a_time,
    help="Run the occurrence of this time, in the job's time zone unless it has an offset.",
)
@click.option("--input", metavar="JSON", callback=json_object, help="Input. Defaults to the input of its schedule.")
@click.option("--while-paused", is_flag=True, help="Run it although the job is paused.")
@click.option("--wait", is_flag=True, help="Wait for the end; exit code 1 unless it succeeded.")
@reason_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@cloud_options
def command(
    cloud: SelectedCloud,
    job: str,
    at: str | None,
    input: dict[str, Any] | None,
    while_paused: bool,
    wait: bool,
    reason: str,
    as_json: bool,
) -> int:
    """Run JOB now, as an occurrence of its own, or with --at the occurrence of a scheduled time.

    The guard treats it like any other: an occurrence that has run is not run again, and the overlap policy applies.
    With --wait, stderr shows the error of each attempt and the time of the next one.
    """
    from cronstack_infra.ops.backfill import timezone_of
    from cronstack_infra.ops.runs import follow
    from cronstack_infra.ops.trigger import trigger

    now, deployment = clock.now(), cloud.deployment()
    moment = None if at is None else moment_option("--at", at, timezone_of(cloud, deployment, job))
    ulid = entropy.ulid(clock.now_ms(), entropy.SYSTEM)

    def announce(occurrence: str) -> None:
        details = {"occurrence": occurrence, "input": None if input is None else "given"}
        announce_action(cloud, deployment, job, "trigger", reason, **details)

    asked: dict[str, Any] = {"at": moment, "input": input, "while_paused": while_paused}
    sent = trigger(cloud, deployment, job, now=now, ulid=ulid, before=announce, **asked)
    if not wait:
        if as_json:
            print_json({"job": job, "occurrence": sent.occurrence, "input": sent.input})
        else:
            click.echo(f"Sent to {sent.job.function}: {sent.occurrence}")
        return 0
    row = follow(
        cloud("dynamodb"),
        deployment,
        job,
        sent.occurrence,
        clock=clock.now,
        sleep=clock.sleep,
        patience=PATIENCE,
        report=AttemptPrinter(job),
    )
    if as_json:
        print_json(row.as_json())
    else:
        reason = " ".join(part for part in (row.reason, row.error if row.status == "dead" else "") if part)
        click.echo(printable(f"{row.occurrence}: {row.status}, attempt {row.attempt}{', ' * bool(reason)}{reason}"))
        if row.result is not None:
            click.echo(printable(json.dumps(row.result)))
    return 0 if row.status == "succeeded" else 1
