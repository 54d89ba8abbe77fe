"""The command line: a table of commands, each imported only when it is called.

``cronstack --help`` prints from the table and imports no command; ``cronstack next`` imports its own module and
nothing of the local cloud or the CDK. Each module of the table lies in ``cli/commands`` and offers ``command``, a
``click.Command``. ``errors`` turns every exception into a message and an exit code. A traceback is never
printed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, NamedTuple

import click

from cronstack_infra.cli.errors import INTERRUPTED, SURROUNDINGS, explain


class Entry(NamedTuple):
    """A command before its import: its module below ``cli/commands``, and its line in ``--help``."""

    module: str
    help: str


COMMANDS: Final[dict[str, Entry]] = {
    "demo": Entry("local.demo", "Show everything in one go: a local cloud, the example jobs, real data."),
    "new": Entry("new.command", "Write a new project, or a job and its test into this one."),
    "up": Entry("local.up", "Run the local cloud here, deploy the jobs and show every firing."),
    "env": Entry("env", "Print what points a shell at the local cloud."),
    "list": Entry("list_jobs", "List the declared jobs."),
    "next": Entry("next_firings", "Tell when jobs, or an expression, fire next."),
    "simulate": Entry("simulate.command", "Play a span of time through in seconds, or ask its timetables (--dry)."),
    "runs": Entry("runs", "List what the ledger knows of past and present runs."),
    "logs": Entry("logs", "Show what a job printed; -f follows it."),
    "trigger": Entry("trigger", "Run a job now, or for a time of your choice."),
    "once": Entry("once.command", "Schedule a job once, move and cancel that, and list what code has scheduled."),
    "backfill": Entry("backfill", "Run the occurrences of a past span that have not run."),
    "dead-letters": Entry("dead_letters", "List dead letters and redrive them."),
    "strays": Entry("strays", "Find what waits and nothing brings, and schedules that nothing knows; fix them."),
    "retire": Entry("retire", "Take a removed job out of cronstack.lock."),
    "prove": Entry("prove", "Play the guard through seeds of faults and judge its invariants."),
    "switches": Entry("switches", "List what AWS leaves open, and how to play it."),
    "conformance": Entry("conformance", "Ask an endpoint what AWS would answer."),
    "ask-aws": Entry("ask_aws", "Ask a sandbox account of AWS what its documentation leaves open."),
    "cdk": Entry("cdk.command", "Call the pinned cdk CLI with Cronstack's own Node."),
}
"""In the order in which ``--help`` shows them and a new user needs them."""


class Commands(click.Group):
    """A group of the commands of the table. A command is imported when it is called."""

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
    epilog="'cronstack COMMAND --help' tells more. CRONSTACK_TRACEBACK=1 shows where an error came from.",
)
@click.version_option(package_name="cronstack", message="cronstack %(version)s")
def cronstack() -> None:
    """Scheduled functions on AWS: on time, once, never over themselves, never lost.

    The same commands work on a local cloud and on AWS: --local or AWS_ENDPOINT_URL decides.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line. Return its exit code: 0, 1 (surroundings), 2 (invalid input), 130 (Ctrl-C)."""
    try:
        answer = cronstack.main(
            args=None if arguments is None else list(arguments), prog_name="cronstack", standalone_mode=False
        )
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has ended (``cronstack list | head``). Python flushes the buffer at exit, and that must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SURROUNDINGS
    except Exception as fault:  # any exception becomes a message
        return explain(fault)
    return answer if isinstance(answer, int) else 0


def main() -> None:
    """The console script, and ``python -m cronstack_infra.cli``."""
    code = run()
    # CPython sets a flag when a KeyboardInterrupt leaves code that was compiled from a string, such as a namedtuple
    # that an import creates. The flag stays set after the exception is caught, and ``python -m`` then ends by SIGINT
    # instead of with our exit code. Running any code from a string clears the flag.
    exec("")
    sys.exit(code)
