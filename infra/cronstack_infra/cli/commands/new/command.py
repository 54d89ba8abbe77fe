"""``cronstack new DIR``: write a project with one job and its test. ``cronstack new job`` adds a job to a project.

``new`` is a group. Its command ``project`` need not be named: ``new shop`` is ``new project shop``.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

import click

from cronstack_infra.cli.commands.new import job as new_job
from cronstack_infra.cli.commands.new.kit_source import kit_source
from cronstack_infra.cli.commands.new.project import write_project
from cronstack_infra.project import cleaned

NOT_IN_THE_WAY: Final = {".git"}
"""Names that an empty folder may hold."""


class ProjectUnlessNamed(click.Group):
    """A group whose first argument is a folder, unless it is the name of a command or an option for help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["project", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=ProjectUnlessNamed,
    short_help="Write a new project, or a job and its test into this one.",
    subcommand_metavar="DIR | COMMAND [ARGS]...",
)
def command() -> None:
    """Write a new project into DIR, or one more job with its test into the project around.

    \b
    cronstack new shop
    cronstack new job invoices --cron '0 6 * * ? *' --timezone Europe/Berlin
    """


@command.command("project", short_help="A project with one job and its test, into DIR; 'project' may be left out.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def project(folder: Path) -> None:
    """Write a new project into DIR: one job, its test, and what the cdk CLI needs to deploy it.

    The project is named after the folder. DIR must be empty or not yet there.
    """
    root = folder.resolve()
    if root.exists() and {found.name for found in root.iterdir()} - NOT_IN_THE_WAY:
        raise click.BadParameter(f"{folder} is not empty; give the name of a new folder.", param_hint="DIR")
    source = kit_source()
    written = write_project(root, name=cleaned(root.name), source=source)
    click.echo(f"A new project, {click.style(cleaned(root.name), bold=True)}:")
    for path in written:
        click.echo(f"  {folder / path}")
    click.echo("\nNext:")
    if root != Path.cwd():
        click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo("  uv sync                install Cronstack and the tests' tools into .venv (pip: see README.md)")
    click.echo("  uv run pytest          test the job")
    click.echo("  uv run cronstack up    deploy it to a local cloud and see it run every minute")
    if source.path is not None and not source.path.exists():
        click.echo(
            f"Warning: this Cronstack was installed from {source.path}, which no longer exists.\n"
            "  Before uv sync, correct the path in pyproject.toml under [tool.uv.sources].",
            err=True,
        )


command.add_command(new_job.command, "job")
