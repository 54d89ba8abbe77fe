"""``cronstack replay FILE``: run a pulled run again on this machine, at its own time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cronstack.errors import OperationError
from cronstack_infra.cli.options.declared import jobs_option
from cronstack_infra.cli.output.rows import took
from cronstack_infra.cli.output.tables import json_text, print_json
from cronstack_infra.ops.pulled.file import LARGEST, PulledRun, read_text
from cronstack_infra.project import Project

if TYPE_CHECKING:
    from cronstack_infra.testing.replaying import Replayed, Stop

FAILED: Final = 1


@click.command(short_help="Run a pulled run again on this machine, at its own time.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--pdb", "with_debugger", is_flag=True, help="Start the debugger where the handler fails.")
@click.option("--trace", "from_start", is_flag=True, help="Start the debugger at the handler's first line.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@jobs_option
def command(file: Path, with_debugger: bool, from_start: bool, as_json: bool, package: str) -> int:
    """Run the project's handler with the event of a FILE of "cronstack runs pull". The exit code is 1 if it fails.

    The clocks of the handler show the time at which the attempt started; run.scheduled, run.attempt and run.resume are
    those of the attempt. run.resume is the last checkpoint, which the attempt itself may have stored.

    Nothing reaches AWS. The project's stack is deployed to a cloud in this process, with an empty ledger and empty
    tables, and the calls of boto3, run.commit and once go there. To fill it with data, write prepare(cloud) in
    tests/simulation.py. Calls by other libraries, such as HTTP requests, are real.

    A breakpoint() in the handler stops, too. Time does not pass in the debugger.
    """
    if as_json and (with_debugger or from_start):
        raise click.UsageError("--json excludes --pdb and --trace, which need the terminal.")
    pulled = _read(file)
    project = Project.find()
    if pulled.redacted:
        click.echo("Note: the inputs of this file are redacted, so the handler may fail in another way.", err=True)
    if pulled.stack != project.stack(package):
        click.echo(
            f"Note: the run is of the stack {pulled.stack}, and this project has {project.stack(package)}.", err=True
        )
    from cronstack_infra.testing.replaying import replay

    stop: Stop = "start" if from_start else "failure" if with_debugger else "never"
    replayed = replay(project, package, pulled, stop=stop, on_stage=_stage)
    if as_json:
        _print_json(pulled, replayed)
    else:
        _print(pulled, replayed, was_shown=stop != "never")
    return 0 if replayed.succeeded else FAILED


def _stage(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(click.style(text, dim=True), err=True)


def _read(file: Path) -> PulledRun:
    with click.open_file(str(file), "rb") as opened:
        content = opened.read(LARGEST + 1)
    try:
        if len(content) > LARGEST:
            raise OperationError(f"it has more than {LARGEST:,} bytes", remedy="Pull the run again.")
        return read_text(content.decode())
    except UnicodeDecodeError as fault:
        raise click.BadParameter(f"{file}: it is not UTF-8: {fault.reason}", param_hint="FILE") from None
    except OperationError as fault:
        raise click.BadParameter(f"{file}: {fault.args[0]}. {fault.remedy}", param_hint="FILE") from None


def _print(pulled: PulledRun, replayed: Replayed, *, was_shown: bool) -> None:
    """Print the log, the traceback and the result. ``was_shown``: the debugger has printed the traceback."""
    click.echo(
        f"{pulled.job}, {pulled.occurrence}, attempt {replayed.attempt} of {pulled.limit}, due"
        f" {pulled.due:%Y-%m-%d %H:%M:%S} UTC, clock from {pulled.at:%Y-%m-%d %H:%M:%S} UTC"
    )
    for line in replayed.log[:-1]:  # the last line repeats the result
        click.echo(f"| {line}")
    if not was_shown:
        click.echo(replayed.trace, nl=False)
    if replayed.succeeded:
        click.echo(f"succeeded in {took(replayed.seconds)}: {json_text(replayed.result)}")
    else:
        click.echo(f"{replayed.outcome} in {took(replayed.seconds)}: {replayed.error}")


def _print_json(pulled: PulledRun, replayed: Replayed) -> None:
    print_json(
        {
            "job": pulled.job,
            "occurrence": pulled.occurrence,
            "attempt": replayed.attempt,
            "outcome": replayed.outcome,
            "seconds": replayed.seconds,
            "result": replayed.result,
            "error": replayed.error or None,
            "log": list(replayed.log),
        }
    )
