"""The command line: a table of commands, each imported only when it is called.

``cronstack --help`` prints from the table and imports no command; ``cronstack next`` imports its own module and
nothing of the local cloud or the CDK. Each module of the table is in ``cli/commands`` and has an attribute
``command``, a ``click.Command``. ``errors`` turns every exception into a message and an exit code. A traceback is
printed only with ``CRONSTACK_TRACEBACK``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, NamedTuple

import click

from cronstack_infra.cli.errors import ENVIRONMENT, INTERRUPTED, explain


class CommandEntry(NamedTuple):
    """A command that is not imported yet: its module below ``cli/commands``, and its line in ``--help``."""

    module: str
    help: str


COMMANDS: Final[dict[str, CommandEntry]] = {
    "demo": CommandEntry("local.demo", "Show every part of Cronstack: a local cloud, the example jobs, real data."),
    "new": CommandEntry("new.command", "Create a project, or add a job and its test to this one."),
    "up": CommandEntry("local.up", "Run the local cloud here, deploy the jobs and show every firing."),
    "env": CommandEntry("env", "Print the variables that point a shell at the local cloud."),
    "list": CommandEntry("list_jobs", "List the declared jobs."),
    "next": CommandEntry("next_firings", "Show when jobs, or an expression, fire next."),
    "simulate": CommandEntry(
        "simulate.command", "Simulate a span of time in seconds, or only compute its firings (--dry)."
    ),
    "runs": CommandEntry("runs", "List past, present and planned runs from the ledger."),
    "logs": CommandEntry("logs", "Show the log of a job; -f follows it."),
    "trigger": CommandEntry("trigger", "Run a job now, or the occurrence of a given time."),
    "once": CommandEntry("once.command", "Schedule, move, cancel and list one-time occurrences of a job."),
    "backfill": CommandEntry("backfill", "Run the missing occurrences of a past span."),
    "dead-letters": CommandEntry("dead_letters", "List dead letters and redrive them."),
    "incidents": CommandEntry("incidents", "List what the watchdog has found, and acknowledge it."),
    "strays": CommandEntry("strays", "Find leftover schedules and runs that nothing will start; fix them."),
    "retire": CommandEntry("retire", "Remove a deleted job from cronstack.lock."),
    "prove": CommandEntry("prove", "Run the guard under random faults and check its invariants."),
    "switches": CommandEntry("switches", "List undocumented AWS behaviour, and how to simulate it."),
    "conformance": CommandEntry("conformance", "Compare the answers of an endpoint with those of AWS."),
    "ask-aws": CommandEntry("ask_aws", "Test undocumented AWS behaviour in a sandbox account."),
    "cdk": CommandEntry("cdk.command", "Run the pinned cdk CLI with Cronstack's own Node."),
}
"""Commands by name, in the order of ``--help``: those that a new user needs come first."""


class Commands(click.Group):
    """The group of all commands. A command is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"cronstack_infra.cli.commands.{COMMANDS[cmd_name].module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="'cronstack COMMAND --help' shows the options. CRONSTACK_TRACEBACK=1 also prints the traceback of an error.",
)
@click.version_option(package_name="cronstack", message="cronstack %(version)s")
def cronstack() -> None:
    """Scheduled functions on AWS: on time, once, never overlapping, never lost.

    The same commands work on a local cloud and on AWS: --local or AWS_ENDPOINT_URL decides.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line. Return its exit code: 0, 1 (environment), 2 (invalid input), 130 (Ctrl-C)."""
    try:
        answer = cronstack.main(
            args=None if arguments is None else list(arguments), prog_name="cronstack", standalone_mode=False
        )
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has closed the pipe (``cronstack list | head``). Python flushes at exit, and that must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ENVIRONMENT
    except Exception as fault:  # any exception becomes a message
        return explain(fault)
    return answer if isinstance(answer, int) else 0


def main() -> None:
    """Run the console script, and ``python -m cronstack_infra.cli``."""
    code = run()
    # CPython sets a flag when a KeyboardInterrupt leaves code that was compiled from a string, such as a namedtuple
    # that an import creates. The flag stays set after the exception is caught, and ``python -m`` then ends by SIGINT
    # instead of with our exit code. Running any code from a string clears the flag.
    exec("")
    sys.exit(code)
