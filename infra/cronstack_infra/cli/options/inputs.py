"""Job inputs given as JSON: in an option, or in a line of a file."""

from __future__ import annotations

import json
from typing import Any

import click

from cronstack.errors import EventError
from cronstack.payload import check_input


def json_object(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    """Parse an option that holds a job's input. Raise BadParameter if no job accepts it."""
    if value is None:
        return None
    try:
        read = json.loads(value)
    except (ValueError, RecursionError) as fault:
        raise click.BadParameter(f"is not JSON: {fault}") from None
    if wrong := input_fault(read):
        raise click.BadParameter(wrong)
    return check_input(read)


def input_fault(value: object) -> str:
    """Return why no job accepts the value as its input, with the remedy. Return "" if a job can accept it."""
    try:
        check_input(value)
    except EventError as fault:
        return f"{fault.args[0]}. {fault.remedy}"
    return ""
