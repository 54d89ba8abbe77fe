"""The argument JOB of commands that also take ``--all``."""

from __future__ import annotations

import click


def all_or_one(job: str | None, *, every: bool) -> str | None:
    """Return the job, or None for all. Raise UsageError if neither or both are given."""
    if (job is None) == (not every):
        raise click.UsageError("Give either JOB or --all.")
    return job
