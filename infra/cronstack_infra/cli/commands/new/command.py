"""``cronstack new DIR``: create a project with one job and its test. ``cronstack new job`` adds a job to a project.

``new`` is a group. The name of its command ``project`` may be left out: ``new shop`` is ``new project shop``.
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

IGNORED: Final = {".git"}
"""Names that a folder may contain and still count as empty."""


class ProjectByDefault(click.Group):
    """A group that runs ``project``, unless the first argument is the name of a command or a help option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["project", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=ProjectByDefault,
    short_help="Create a project, or add a job and its test to this one.",
    subcommand_metavar="DIR | COMMAND [ARGS]...",
)
def command() -> None:
    """Create a project in DIR, or add a job and its test to the current project.

    \b
    cronstack new shop
    cronstack new job invoices --cron '0 6 * * ? *' --timezone Europe/Berlin
    """


@command.command("project", short_help="Create a project in DIR; the word 'project' may be left out.")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def project(folder: Path) -> None:
    """Create a project in DIR: one job, its test, and the files that the cdk CLI needs.

    The project gets the name of the folder. DIR must be empty or must not exist yet.
    """
    root = folder.resolve()
    if root.exists() and {found.name for found in root.iterdir()} - IGNORED:
        raise click.BadParameter(f"{folder} is not empty; choose a new folder.", param_hint="DIR")
    source = kit_source()
    written = write_project(root, name=cleaned(root.name), source=source)
    click.echo(f"Created the project {click.style(cleaned(root.name), bold=True)}:")
    for path in written:
        click.echo(f"  {folder / path}")
    click.echo("\nNext:")
    if root != Path.cwd():
        click.echo(f"  cd {shlex.quote(str(folder))}")
    click.echo("  uv sync                install Cronstack, pytest and mypy into .venv (pip: see README.md)")
    click.echo("  uv run pytest          run the tests of the job")
    click.echo("  uv run cronstack up    deploy it to a local cloud, and watch it run every minute")
    if source.path is not None and not source.path.exists():
        click.echo(
            f"Warning: this Cronstack was installed from {source.path}, which no longer exists.\n"
            "  Before uv sync, correct the path in pyproject.toml, section [tool.uv.sources].",
            err=True,
        )


command.add_command(new_job.command, "job")
