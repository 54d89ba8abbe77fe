"""The declared jobs of the project one stands in: the option that names the package, and its discovery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Final

import click

from cronstack_infra.discovery.discover import DeclaredJob, Discovery, discover
from cronstack_infra.project import Project

jobs_option: Final = click.option(
    "--jobs", "package", metavar="PACKAGE", default="jobs", show_default=True, help="Package in functions/."
)


def declared_jobs(package: str, now: datetime) -> Discovery:
    """Discover the package's jobs; what is worth a note goes to stderr."""
    found = discover(package, Project.find().functions, now=now)
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    return found


def named(name: str, jobs: Sequence[DeclaredJob]) -> DeclaredJob:
    """The job of that name."""
    for declared in jobs:
        if declared.name == name:
            return declared
    near = get_close_matches(name, [declared.name for declared in jobs], n=1)
    known = ", ".join(declared.name for declared in jobs) or "none"
    hint = f"Did you mean {near[0]!r}?" if near else f"There are: {known}."
    raise click.BadParameter(f"no job is called {name!r}. {hint}", param_hint="JOB")
