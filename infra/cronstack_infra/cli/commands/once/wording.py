"""Wording of ``cronstack once``: options for a time, errors of ``once`` with option names, results as sentences."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import click

from cronstack.errors import Argument, Method, OnceConflict, OnceError, Part, Unavailable
from cronstack.onetime.planner import Plan
from cronstack_infra.cli.options.times import span_option
from cronstack_infra.cli.output.spans import span, utc
from cronstack_infra.cli.output.tables import printable

LONGEST_SPAN: Final = timedelta(days=200 * 366)
FAILED: Final = ("too late", "unknown")
"""Outcomes for which the command fails."""
_STATUS_NOTES: Final = {
    "begun": " Its run has begun.",
    "missed": " It was missed, because it could not start in time. To start it:",
    "skipped": " It was skipped, because its job was paused. To start it:",
    "cancelled": " It was cancelled meanwhile.",
}

R = TypeVar("R")

_EXAMPLE: Final = "For example --at 2027-03-28T09:00 with --timezone Europe/Berlin, or --at 2027-03-28T09:00+02:00."


def when_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add --at, --in and the options of --at. The command gets them as ``terms``, arguments of ``once``."""

    @click.option("--at", metavar="TIME", help="2027-03-28T09:00 with --timezone, or 2027-03-28T09:00+02:00.")
    @click.option("--in", "--after", "after", metavar="SPAN", help="Time from now: 90s, 15m, 3d, 1d12h.")
    @click.option("--timezone", metavar="Z", help="IANA time zone, for a time without an offset.")
    @click.option(
        "--disambiguation",
        type=click.Choice(["earlier", "later", "compatible"]),
        help="Meaning of a local time that the clocks skip or repeat. Without it, such a time is an error.",
    )
    @click.option(
        "--past", type=click.Choice(["run"]), help="Run a past time at once. Without it, a past time is an error."
    )
    @functools.wraps(command)
    def with_terms(
        *args: Any,
        at: str | None,
        after: str | None,
        timezone: str | None,
        disambiguation: str | None,
        past: str | None,
        **options: Any,
    ) -> R:
        return command(*args, terms=_when(at, after, timezone, disambiguation, past), **options)

    return with_terms


def _when(
    at: str | None, after: str | None, timezone: str | None, disambiguation: str | None, past: str | None
) -> dict[str, Any]:
    if (at is None) == (after is None):
        raise click.UsageError("Give either --at TIME or --in SPAN.")
    if after is not None:
        if timezone or disambiguation or past:
            option = "--timezone" if timezone else "--disambiguation" if disambiguation else "--past"
            raise click.UsageError(f"{option} needs --at: --in counts from now.")
        length = span_option("--in", after)
        if length >= LONGEST_SPAN:
            raise click.BadParameter(f"{after!r} is longer than {LONGEST_SPAN.days // 366} years.", param_hint="--in")
        return {"after": length}
    assert at is not None
    if timezone is None and _is_local(at):
        raise click.BadParameter(f"{at!r} has no time zone. {_EXAMPLE}", param_hint="--at")
    return {
        "at": at,
        "timezone": timezone,
        "disambiguation": disambiguation or "reject",
        "past": past or "refuse",
    }


def _is_local(text: str) -> bool:
    try:
        return "T" in text and datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        return False


@contextmanager
def errors_as_options() -> Iterator[None]:
    """Raise errors of ``once`` again, with option names instead of argument names."""
    try:
        yield
    except OnceError as fault:
        text, remedy = as_options(fault.parts), as_options(fault.remedy_parts)
        raise click.UsageError(f"{text}\n  {remedy}" if remedy else text) from None
    except OnceConflict as fault:
        raise OnceConflict(as_options(fault.parts), remedy=as_options(fault.remedy_parts)) from None
    except Unavailable as fault:
        raise Unavailable(
            str(fault.args[0]), remedy="Run the same command again: it continues where this one stopped."
        ) from None


def as_options(parts: Iterable[Part]) -> str:
    """Return the text of an error of ``once`` with options for its arguments, and commands for its calls."""
    return "".join(map(_as_option, parts))


def _as_option(part: Part) -> str:
    match part:
        case Argument(name, True):
            return f"--{name}"
        case Argument("after", value):
            return f"--in {value}"
        case Argument(name, value):
            return f"--{name} {value}"
        case Method(name):
            return f"cronstack once {name}"
        case _:
            return part


def named(plan: Plan) -> str:
    """Return "remind 'order-1'"."""
    return printable(f"{plan.job} {plan.key!r}")


def sentence(plan: Plan, now: datetime) -> str:
    """Return the result of a call as a sentence."""
    name = named(plan)
    planned = f"{name} for {utc(plan.at)} UTC, {left(plan.at, now)}"
    note = _STATUS_NOTES.get(plan.status, "")
    if plan.status == "missed":
        note = f"{note} {redrive_missed(plan)}, or {move_missed(plan)}"
    elif plan.status == "skipped":
        note = f"{note} {move_missed(plan)}"
    match plan.outcome:
        case "planned":
            return f"Planned: {planned}.{note}"
        case "moved":
            return f"Moved: {planned}.{note}"
        case "cancelled":
            return f"Cancelled: {name} will not run."
        case "too late":
            if plan.status == "cancelled":
                return f"Too late: {name} was cancelled. To plan it again: cronstack once {plan.job} --replace …"
            if plan.status == "missed":
                return (
                    f"Too late: {name} was missed, because it could not start in time. Nothing was changed. It runs"
                    f" only if its dead letter is redriven, or if it is planned again. See: {_show(plan)}"
                )
            if plan.status == "skipped":
                return (
                    f"Too late: {name} was skipped, because its job was paused. Nothing was changed. It runs only if it"
                    f" is planned again: {move_missed(plan)}"
                )
            return f"Too late: the run of {name} has begun. Nothing was changed. See: {_show(plan)}"
        case "unknown":
            return f"Unknown: {name} was never scheduled, or so long ago that the ledger no longer stores it."
        case "unchanged":
            return f"Unchanged: {planned}, was planned already.{note}"


def redrive_missed(plan: Plan) -> str:
    """Return the command that starts a missed plan unchanged."""
    return f"cronstack dead-letters redrive {plan.job} --origin missed"


def move_missed(plan: Plan) -> str:
    """Return the command that moves a missed plan to another time."""
    return printable(f"cronstack once move {plan.job} --key {shlex.quote(plan.key)} --in 1s")


def _show(plan: Plan) -> str:
    return printable(f"cronstack once show {plan.job} --key {shlex.quote(plan.key)}")


def left(at: datetime, now: datetime) -> str:
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"
