"""``cronstack demo``: run the example jobs on real data, in a local cloud that ends with the command."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import click

from cronstack.errors import CronstackError, OperationError

if TYPE_CHECKING:
    from cronstack_infra.cli.output.screen import ProgressLine, Screen
    from cronstack_infra.demo.stages import Shown
    from cronstack_infra.demo.trace import Event, EventTrace
    from cronstack_infra.local.client import LocalCloud
    from cronstack_infra.project import Project

PACKAGE: Final = "examples"
LAUNCH_IN: Final = 40.0
"""Least seconds from the start of the deploy to the one-time job; at most 60 more. A deploy takes about 13 s."""
CLOCK_LIMIT: Final = 150.0
"""Seconds to wait for a firing. The heartbeat fires every minute, the launch within 100 s."""


@click.command(short_help="Show every part of Cronstack: a local cloud, the example jobs, real data.")
def command() -> None:
    """Show every part of Cronstack in about two minutes, and leave nothing behind.

    The command starts a local cloud and deploys the example jobs with the real cdk CLI. It loads a year of flights,
    places orders that schedule their own reminders and payments, lets schedules fire on the real clock, backfills
    January 2013, fixes a broken job and redrives its dead letter. It needs Cronstack's repository, which has the
    examples.
    """
    from rich.console import Console

    from cronstack_infra.cli.output.screen import Screen
    from cronstack_infra.cli.stopping import stop_like_ctrl_c

    project = repository()
    console = Console(highlight=False)
    console.print("\n[bold]Cronstack[/bold]\nScheduled functions: on time, once, never overlapping, never lost.\n")
    try:
        with stop_like_ctrl_c():
            show(project, Screen(console))
    except BaseException:  # Ctrl-C, too
        console.print("\nThe demo was stopped, with everything that it had started.")
        raise
    next_step = "Next: [bold]A project of your own[/bold], in README.md."
    console.print(f"\nEverything is stopped, and nothing is left behind. {next_step}\n")


def repository() -> Project:
    """Return the current project. Raise OperationError unless it is Cronstack's repository, which has the examples."""
    from cronstack_infra.project import Project

    remedy = "Run it in a clone of Cronstack's repository. To run your own jobs: cronstack up"
    try:
        project = Project.find()
    except CronstackError as fault:
        raise OperationError(f"the demo needs Cronstack's repository; {fault.args[0]}", remedy=remedy) from None
    if not (project.functions / PACKAGE).is_dir():
        raise OperationError(
            f"the demo needs Cronstack's repository; {project.root} has no functions/{PACKAGE}", remedy=remedy
        )
    return project


def show(project: Project, screen: Screen) -> None:
    """Run every stage. Re-raise the first failure. Always stop the local cloud."""
    from cronstack_infra.cli.commands.local import demo_results
    from cronstack_infra.demo import orders, stages
    from cronstack_infra.demo.payments import Payments, PaymentService
    from cronstack_infra.demo.trace import EventTrace

    trace = EventTrace()
    with ExitStack() as cleanup:
        service = cleanup.enter_context(PaymentService(Payments(orders.stumbles)))
        with screen.chapter():
            cloud, launch = start(project, screen, trace, cleanup, service.url)
            shown = stages.Shown.find(cache(cloud.client), project.stack(PACKAGE))
            with screen.stage("flights of 2013") as stage:
                counted = stages.load(shown, stage)
            with screen.stage("orders") as stage:
                orders.place(shown, stage)
            january = await_firings(shown, screen, trace, launch, lambda stage: stages.backfill(shown, counted, stage))
            with screen.stage("reminders") as stage:
                mails = orders.reminded(shown, cloud.endpoint, stage)
            with screen.stage("payments") as stage:
                orders.captured(shown, service.payments, stage)
            with screen.stage("a broken job") as stage:
                letter = stages.fail_broken_job(shown)
                stage.update("has left a dead letter")
        demo_results.show_january(screen.console, january)
        demo_results.show_jobs(screen.console, stages.tally(shown))
        demo_results.show_mail(screen.console, mails[0])
        demo_results.show_letter(screen.console, letter)
        with screen.chapter():
            with screen.stage("fixed") as stage:
                stages.fix_broken_job(shown)
                stage.update(f"{stages.VARIABLE}={stages.CORRECT_RATE} in the function's configuration")
            with screen.stage("redriven") as stage:
                row = stages.redrive_letter(shown, letter)
                result = row.result
                stage.update(
                    f"attempt {row.attempt}: {row.status}, {result['euros']:.0f} euros are {result['dollars']} dollars"
                )
        final = stages.tally(shown)
        demo_results.show_jobs(screen.console, final)
        with screen.chapter(), screen.stage("local cloud") as stage:
            cleanup.close()
            stage.update("stopped")


def start(
    project: Project, screen: Screen, trace: EventTrace, cleanup: ExitStack, payments: str
) -> tuple[LocalCloud, datetime]:
    """Start a local cloud and deploy the examples. Return the cloud, and the due time of the one-time job."""
    from cronstack.clock import now
    from cronstack_infra.cli.commands.local import deploying
    from cronstack_infra.demo.january import NEW_YORK
    from cronstack_infra.local.client import LocalCloud

    cdk = deploying.prepare(project, screen)
    with screen.stage("local cloud") as stage:
        cloud = LocalCloud.start(on_event=trace.record, stacks=True)
        cleanup.callback(cloud.stop)
        stage.update(cloud.endpoint)
    deploying.bootstrap(cdk, cloud.endpoint, screen)
    # at() has minutes. A minute that has passed before the end of the deploy would never fire.
    launch = (now() + timedelta(seconds=LAUNCH_IN + 60)).replace(second=0, microsecond=0)
    chosen = {
        "EXAMPLES_LAUNCH_AT": f"{launch.astimezone(NEW_YORK):%Y-%m-%dT%H:%M:%S}",
        "EXAMPLES_PAYMENTS_URL": payments,
    }
    deploying.deploy(cdk, cloud.endpoint, PACKAGE, screen, stack=project.stack(PACKAGE), extra=chosen)
    return cloud, launch


def await_firings(
    shown: Shown, screen: Screen, trace: EventTrace, launch: datetime, meanwhile: Callable[[ProgressLine], Any]
) -> Any:
    """Wait for the heartbeat and the launch to fire, and run ``meanwhile`` at the same time."""
    from cronstack.clock import now

    def next_minute() -> str:
        return f"every minute; next in {60 - now().second} s"

    def countdown() -> str:
        return f"once, in {max(0.0, (launch - now()).total_seconds()):.0f} s"

    expected = {"heartbeat": next_minute, "launch": countdown}
    lines = {job: screen.begin(job) for job in expected}
    for job, detail in expected.items():
        lines[job].update(detail)
    with ThreadPoolExecutor(len(expected)) as pool:
        try:
            firings = [pool.submit(await_firing, shown, screen, trace, job, lines[job]) for job in expected]
            with screen.stage("January 2013") as stage:
                result = meanwhile(stage)
            for firing in firings:
                firing.result()
        except BaseException:  # Ctrl-C, too: the other threads still wait for events
            trace.close()
            raise
    return result


def await_firing(shown: Shown, screen: Screen, trace: EventTrace, job: str, line: ProgressLine) -> None:
    """Wait until the job's schedule has fired and its run has succeeded."""
    from cronstack_infra.demo import stages
    from cronstack_infra.names import function_name

    function = function_name(shown.deployment.stack, job)

    def finished(event: Event) -> bool:
        return bool(event["event"] == "finished" and event["function"] == function)

    with screen.during(line):
        if trace.wait_for(finished, CLOCK_LIMIT) is None:
            raise OperationError(f"{job} has not fired within {CLOCK_LIMIT:.0f} s")
        row = stages.run_of(shown, job)
        late = (row.started - row.due).total_seconds() if row.started else 0.0
        line.update(f"due {row.due:%H:%M:%S} UTC, started {late:.1f} s later, {row.status}")
