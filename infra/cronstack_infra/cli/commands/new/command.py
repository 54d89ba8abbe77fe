"""``cronstack new DIR``: a project with one job and its test, ready to run; ``cronstack new job`` adds to one.

``new`` is a group whose first command need not be named: ``new shop`` is ``new project shop``.

The templates are the files of ``cronstack_infra/scaffold``; those called ``*.template`` have their {{names}} filled
in, the others are copied as they are, so that they are linted, type-checked and tested where they lie.
"""

from __future__ import annotations

import shlex
from importlib import metadata, resources
from pathlib import Path
from typing import Final

import click

from cronstack_infra.cli.commands.new import job as new_job
from cronstack_infra.cli.commands.new.kit_source import KitSource, kit_source
from cronstack_infra.project import cleaned

FILES: Final[dict[str, str]] = {
    "functions/jobs/hello.py": "functions/jobs/hello.py",
    "tests/test_hello.py": "tests/test_hello.py",
    "infra/app.py": "infra/app.py",
    "infra/resources.py": "infra/resources.py",
    "cdk.json": "cdk.json.template",
    "pyproject.toml": "pyproject.toml.template",
    "README.md": "README.md.template",
    ".gitignore": "gitignore.template",
}
"""What a project begins with, and the template of each."""

SOURCE: Final = """
[tool.uv.sources]
# The copy of Cronstack that made this project. On another machine, give its path there or a git address.
cronstack = {}
"""

NOT_IN_THE_WAY: Final = {".git"}
"""A folder that holds nothing else counts as empty."""


class ProjectUnlessNamed(click.Group):
    """What follows is a folder, unless it is one of the commands (or asks for help)."""

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
    written = write(root, name=cleaned(root.name), source=source)
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


def write(root: Path, *, name: str, source: KitSource | None = None) -> list[str]:
    """Write the project ``name`` into the folder ``root`` and return the paths of its files, relative to it.

    The project installs Cronstack from ``source``. Defaults to the source of the running copy.
    """
    source = kit_source() if source is None else source
    scaffold = resources.files("cronstack_infra") / "scaffold"
    values = {
        "{{name}}": name,
        "{{version}}": metadata.version("cronstack"),
        "{{source}}": SOURCE.format(source.uv) if source.uv else "",
        "{{pip}}": source.pip,
    }
    for path, template in FILES.items():
        text = scaffold.joinpath(template).read_text("utf-8")
        if template.endswith(".template"):
            for placeholder, value in values.items():
                text = text.replace(placeholder, value)
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    return list(FILES)
