"""``--input``: a JSON object in an option."""

from __future__ import annotations

import json
from typing import Any

import click


def json_object(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, Any] | None:
    """Callback of an option; what is no object is wrong input."""
    if value is None:
        return None
    try:
        read = json.loads(value)
    except (ValueError, RecursionError) as fault:
        raise click.BadParameter(f"is not JSON: {fault}") from None
    if not isinstance(read, dict):
        raise click.BadParameter('is not a JSON object such as {"day": "2013-01-01"}')
    return read
