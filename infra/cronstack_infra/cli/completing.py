"""Shell completion: click's, with the names of the declared jobs. It is imported only while a shell completes.

The names of commands come from the table and import no command. The names of jobs come from the source text of the
project, never from a cloud: a completion must be fast, and must not need credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from cronstack.errors import CronstackError, OperationError
from cronstack_infra.discovery.job_names import job_names
from cronstack_infra.lock_file import read_lock
from cronstack_infra.project import Project

VARIABLE: Final = "_CRONSTACK_COMPLETE"
"""Environment variable with which a shell requests completion. click derives it from the name of the script."""
SHELLS: Final = ("bash", "fish", "zsh")


class JobName(click.ParamType):  # type: ignore[type-arg]  # generic only in later versions of click
    """The name of a job, as a shell completes it."""

    name = "job"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(name) for name in _names(ctx) if name.startswith(incomplete)]


def add_job_names(command: click.Command) -> None:
    """Make the arguments and options of a command, and of its subcommands, complete the names of jobs."""
    for param in command.params:
        if param.name == "job" or "--job" in param.opts:
            param.type = JobName()
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            add_job_names(subcommand)


def script(cli: click.Command, shell: str) -> str:
    """Return the script that a shell sources. click warns on stderr about a version of bash that cannot use it."""
    completion = get_completion_class(shell)
    if completion is None:
        raise OperationError(f"no completion for the shell {shell!r}", remedy=f"Choose one of {', '.join(SHELLS)}.")
    return completion(cli, {}, "cronstack", VARIABLE).source()


def _names(context: click.Context) -> Iterator[str]:
    """Yield the names of jobs, and the subcommands that may be written in their place."""
    if isinstance(context.command, click.Group):
        yield from sorted(context.command.commands)
    package = str(context.params.get("package") or "jobs")
    try:
        project = Project.find()
        names = set(job_names(package, project.functions))
        if context.info_name == "retire":  # it removes jobs that are no longer declared
            lock = read_lock(project.root)
            names |= set() if lock is None else set(lock.jobs(package))
    except (CronstackError, OSError):
        return
    yield from sorted(names)
