"""Job inputs given as JSON: in an option, or in a line of a file."""

from __future__ import annotations

import json
from typing import Any

import click

from cronstack.errors import EventError
from cronstack.payload import check_input


def json_object(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    """Parse an option with a job's input. Raise BadParameter if it is not a valid input."""
    if value is None:
        return None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError) as fault:
        raise click.BadParameter(f"is not JSON: {fault}") from None
    if invalid := input_fault(parsed):
        raise click.BadParameter(invalid)
    return check_input(parsed)


def input_fault(value: object) -> str:
    """Return why the value is not a valid input, with the remedy. Return "" if it is valid."""
    try:
        check_input(value)
    except EventError as fault:
        return f"{fault.args[0]}. {fault.remedy}"
    return ""
