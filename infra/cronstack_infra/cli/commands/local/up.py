"""``cronstack up``: run the local cloud in the foreground, deploy the jobs, and show every firing as it happens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from cronstack.errors import CronstackError
from cronstack_infra.cli.options.switched import switch_option
from cronstack_infra.cli.output import spans
from cronstack_infra.cli.output.tables import print_table
from cronstack_infra.local.environment import DEFAULT_PORT

if TYPE_CHECKING:
    from rich.console import Console

    from cronstack_infra.cli.output.screen import Screen
    from cronstack_infra.local.client import LocalCloud
    from cronstack_infra.project import Project

CHECK_INTERVAL: Final = 0.5
"""Seconds between two checks that the local cloud still runs."""


class DeployedSchedule(NamedTuple):
    """A deployed schedule."""

    job: str
    expression: str
    timezone: str
    enabled: bool
    next: datetime | None
    """Next firing. None: it never fires again."""


class Simulated(NamedTuple):
    """How the local cloud simulates AWS."""

    switches: tuple[str, ...]
    seed: int


@click.command(short_help="Run the local cloud, deploy the jobs and show every firing.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    help="Port on 127.0.0.1. 0: any free port.",
)
@click.option("--no-deploy", is_flag=True, help="Start an empty local cloud, without a deployment.")
@click.option(
    "--jobs", "package", default="jobs", show_default=True, metavar="PACKAGE", help="Package in functions/ to deploy."
)
@switch_option
@click.option("--seed", type=click.IntRange(0), default=0, help="Random seed of the switches. Defaults to 0.")
def command(port: int, no_deploy: bool, package: str, switches: tuple[str, ...], seed: int) -> None:
    """Run the local cloud until Ctrl-C, deploy the jobs with the real cdk CLI, and show every firing.

    Deployed stacks and data are in memory. They are lost when the command ends.
    """
    from rich.console import Console

    from cronstack_infra.cli.output.screen import Screen
    from cronstack_infra.cli.stopping import stop_like_ctrl_c
    from cronstack_infra.project import Project

    project = None if no_deploy else Project.find()
    if project is not None:
        _check(project, package)
    console = Console(highlight=False)
    events: SimpleQueue[dict[str, Any]] = SimpleQueue()  # an interrupted Queue.get can leave its lock held
    with stop_like_ctrl_c():
        try:
            simulated = Simulated(switches, seed)
            cloud = _boot(port, events, Screen(console), project, package, simulated)
        except KeyboardInterrupt:
            console.print("Stopped before the local cloud was ready.")
            raise
        try:
            if switches:
                console.print(f"\nSwitches: {' '.join(switches)}, seed {seed}. To see what they do: cronstack switches")
            _print_usage(console, cloud, project, package)
            _watch(console, cloud, events, project.stack(package) if project else "")
        except KeyboardInterrupt:
            pass
        finally:
            cloud.stop()
    console.print("\nStopped. The deployed stacks and their data are deleted.")


def _check(project: Project, package: str) -> None:
    """Check the declarations. It takes a tenth of a second; the cdk CLI would report faults much later."""
    from cronstack import clock
    from cronstack_infra.discovery.discover import discover

    for note in discover(package, project.functions, now=clock.now()).notes:
        click.echo(f"Note: {note}", err=True)


def _boot(
    port: int,
    events: SimpleQueue[dict[str, Any]],
    screen: Screen,
    project: Project | None,
    package: str,
    simulated: Simulated,
) -> LocalCloud:
    """Start the local cloud and deploy to it. Stop it if that fails."""
    from cronstack_infra.cli.commands.local import deploying
    from cronstack_infra.local.client import LocalCloud

    with screen.chapter():
        cdk = None if project is None else deploying.prepare(project, screen)
        with screen.stage("local cloud") as stage:
            cloud = LocalCloud.start(
                port, on_event=events.put, stacks=cdk is not None, switches=simulated.switches, seed=simulated.seed
            )
            stage.update(cloud.endpoint)
        try:
            if cdk is not None and project is not None:
                deploying.bootstrap(cdk, cloud.endpoint, screen)
                deploying.deploy(cdk, cloud.endpoint, package, screen, stack=project.stack(package))
        except BaseException:  # Ctrl-C, too
            cloud.stop()
            raise
    return cloud


def _print_usage(console: Console, cloud: LocalCloud, project: Project | None, package: str) -> None:
    """Print the deployed schedules, and how to use the cloud from another shell."""
    port = int(cloud.endpoint.rpartition(":")[2])
    options = "--local" if port == DEFAULT_PORT else f"--port {port}"
    options += "" if package == "jobs" else f" --jobs {package}"
    if project is not None:
        from cronstack.clock import now

        schedules = list(deployed(cloud.client("scheduler"), project.stack(package), now()))
        console.print()
        if schedules:
            print_table(("job", "schedule", "next", "utc"), map(_row, schedules))
        else:
            console.print("No job has a schedule. Start a job: cronstack trigger JOB")
    console.print("\nIn another shell:")
    if project is not None:
        console.print(f"  cronstack runs {options}")
    console.print(f"  export AWS_ENDPOINT_URL={cloud.endpoint}    for the aws CLI and any AWS SDK", soft_wrap=True)
    at = "" if port == DEFAULT_PORT else f" --port {port}"
    console.print(f'  eval "$(cronstack env{at})"    points the whole shell to it', soft_wrap=True)
    console.print("\nCtrl-C stops it.\n")


def deployed(scheduler: Any, stack: str, now: datetime) -> Iterator[DeployedSchedule]:
    """Yield the schedules of a stack's group, by name, with their next firing after ``now``."""
    from cronstack.deployed.form import read_schedule
    from cronstack_infra import names

    group = names.group_name(stack)
    for page in scheduler.get_paginator("list_schedules").paginate(GroupName=group):
        for listed in page["Schedules"]:
            found = scheduler.get_schedule(GroupName=group, Name=listed["Name"])
            schedule = read_schedule(found)
            enabled = found.get("State", "ENABLED") == "ENABLED"
            yield DeployedSchedule(
                job=names.job_of_schedule(stack, listed["Name"]) or listed["Name"],
                expression=schedule.expression,
                timezone=schedule.timezone,
                enabled=enabled,
                next=next(iter(schedule.after(now)), None) if enabled else None,
            )


def _row(schedule: DeployedSchedule) -> tuple[str, str, str, str]:
    job, expression, following = schedule.job, schedule.expression, schedule.next
    if following is None:
        return job, expression, "never" if schedule.enabled else "paused", ""
    return job, expression, spans.local(following, schedule.timezone), spans.utc(following)


def _watch(console: Console, cloud: LocalCloud, events: SimpleQueue[dict[str, Any]], stack: str) -> None:
    """Print firings until Ctrl-C. Raise CronstackError if the local cloud ends unexpectedly."""
    from rich.text import Text

    from cronstack_infra.cli.output import firings

    styles = {"quiet": "dim", "plain": "", "good": "green", "bad": "red"}
    while True:
        try:
            event = events.get(timeout=CHECK_INTERVAL)
        except Empty:
            if not cloud.running:
                raise CronstackError(
                    "the local cloud has ended unexpectedly", remedy="Start it again: cronstack up"
                ) from None
            continue
        line = firings.line(event, stack)
        if line is not None:
            text = Text.assemble(
                (f"{line.at.astimezone():%H:%M:%S}  ", "dim"),
                (f"{line.job:<20} ", "bold"),
                (line.text, styles[line.mood]),
            )
            console.print(text, soft_wrap=True)
