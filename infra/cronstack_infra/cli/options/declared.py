"""The declared jobs of the current project: the option ``--jobs``, their discovery, and lookup by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Final

import click

from cronstack_infra.discovery.discover import DeclaredJob, Discovery, discover
from cronstack_infra.project import Project

jobs_option: Final = click.option(
    "--jobs", "package", metavar="PACKAGE", default="jobs", show_default=True, help="Package of jobs in functions/."
)


def declared_jobs(package: str, now: datetime) -> Discovery:
    """Discover the jobs of a package. Print the notes on stderr."""
    found = discover(package, Project.find().functions, now=now)
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    return found


def named(name: str, jobs: Sequence[DeclaredJob]) -> DeclaredJob:
    """Return the job with that name. Raise BadParameter with the closest name if it does not exist."""
    for declared in jobs:
        if declared.name == name:
            return declared
    near = get_close_matches(name, [declared.name for declared in jobs], n=1)
    known = ", ".join(declared.name for declared in jobs) or "none"
    hint = f"Did you mean {near[0]!r}?" if near else f"Known jobs: {known}."
    raise click.BadParameter(f"unknown job {name!r}. {hint}", param_hint="JOB")
