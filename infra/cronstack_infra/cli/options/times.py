"""Times and lengths of time in options. An invalid value raises BadParameter with the name of the option."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from cronstack.errors import OperationError
from cronstack_infra.ops.spans import read_bound, read_moment, read_since, read_span


def bound_option(option: str, text: str, zone: str) -> datetime:
    """Return the first or last time of a span. ``zone`` applies unless ``text`` has an offset."""
    try:
        return read_bound(text, zone)
    except OperationError as fault:
        raise _invalid(option, fault) from None


def moment_option(option: str, text: str, zone: str) -> datetime:
    """Return one instant. ``zone`` applies unless ``text`` has an offset. Reject a time that the clocks skip."""
    try:
        return read_moment(text, zone)
    except OperationError as fault:
        raise _invalid(option, fault) from None


def a_time(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Check a time before the command reads the job's zone from the cloud. Callback of an option."""
    if text is not None:
        bound_option(param.opts[-1], text, "UTC")
    return text


def since_option(option: str, text: str, now: datetime) -> datetime:
    """Return the instant of a time, or of a length of time ago ("90m")."""
    try:
        return read_since(text, now)
    except OperationError as fault:
        raise _invalid(option, fault) from None


def span_option(option: str, text: str) -> timedelta:
    """Return a length of time."""
    try:
        return read_span(text)
    except OperationError as fault:
        raise _invalid(option, fault) from None


def _invalid(option: str, fault: OperationError) -> click.BadParameter:
    return click.BadParameter(f"{fault.args[0]}. {fault.remedy}", param_hint=option)
