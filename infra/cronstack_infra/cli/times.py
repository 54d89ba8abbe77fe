"""Times in options: what is no time is wrong input, told with the option's name."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from cronstack.errors import OperationError
from cronstack_infra.ops.spans import read_since, read_span, read_time


def time_option(option: str, text: str, zone: str) -> datetime:
    """A date or a time, in ``zone`` unless it names one."""
    try:
        return read_time(text, zone)
    except OperationError as fault:
        raise _wrong(option, fault) from None


def a_time(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """A callback: what is no time in any zone is told before a cloud is asked for the job's zone."""
    if text is not None:
        time_option(param.opts[-1], text, "UTC")
    return text


def since_option(option: str, text: str, now: datetime) -> datetime:
    """How long ago, or a time."""
    try:
        return read_since(text, now)
    except OperationError as fault:
        raise _wrong(option, fault) from None


def span_option(option: str, text: str) -> timedelta:
    """How long."""
    try:
        return read_span(text)
    except OperationError as fault:
        raise _wrong(option, fault) from None


def _wrong(option: str, fault: OperationError) -> click.BadParameter:
    return click.BadParameter(f"{fault.args[0]}. {fault.remedy}", param_hint=option)
