"""The arguments that select one occurrence: JOB with a time, an occurrence or a key."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from cronstack.errors import OperationError
from cronstack.occurrence import is_job_name

R = TypeVar("R")


def occurrence_arguments(command: Callable[..., R]) -> Callable[..., R]:
    """Add JOB, TIME and --key. Refuse invalid ones before the first request. The command receives job, time and key."""

    @click.argument("job")
    @click.argument("time", required=False)
    @click.option("--key", metavar="K", help="The occurrence that code has planned under this key.")
    @functools.wraps(command)
    def with_occurrence(*args: Any, job: str, time: str | None, key: str | None, **options: Any) -> R:
        from cronstack_infra.ops.explaining.asking import read_question

        if not is_job_name(job):
            raise click.BadParameter(f"{job[:70]!r} is not a valid name of a job.", param_hint="JOB")
        try:
            read_question(job, time, key, "UTC")
        except OperationError as fault:
            raise click.UsageError(f"{fault.args[0]}. {fault.remedy}") from None
        return command(*args, job=job, time=time, key=key, **options)

    return with_occurrence
