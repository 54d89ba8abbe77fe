"""Wording of ``cronstack once``: the options for a time, errors of ``once`` at a shell, and a plan as a sentence."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import click

from cronstack.errors import OnceConflict, OnceError, Unavailable
from cronstack.onetime.planner import Plan
from cronstack_infra.cli.options.times import span_option
from cronstack_infra.cli.output.spans import span, utc
from cronstack_infra.cli.output.tables import printable

LONGEST_SPAN: Final = timedelta(days=200 * 366)
FAILED: Final = ("too late", "unknown")
"""Outcomes for which the command fails."""
_STANDS: Final = {
    "begun": " It has begun.",
    "missed": " It could not start in time, and was missed. To start it:",
    "cancelled": " It was cancelled since.",
}

_WORDS: Final = (
    (re.compile(r'\b(disambiguation|past)="(\w+)"'), r"--\1 \2"),
    (re.compile(r'(?<= )"later"(?= is )'), "--disambiguation later"),
    (re.compile(r"\breplace=True\b"), "--replace"),
    (re.compile(r"\btimezone='([^']*)'"), r"--timezone \1"),
    (re.compile(r"\bat='([^']*)'"), r"--at \1"),
    (re.compile(r"\bat=(?=\d)"), "--at "),
    (re.compile(r"\bonce\.move\(…\)"), "cronstack once move"),
    (re.compile(r'For example at="[^"]*", timezone="[^"]*", or a datetime with a tzinfo\.'), ""),
)
R = TypeVar("R")

_EXAMPLE: Final = "Write 2027-03-28T09:00 and --timezone Europe/Berlin, or 2027-03-28T09:00+02:00."


def when_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add --at, --in and the options of --at. The command gets them as ``terms``, arguments of ``once``."""

    @click.option("--at", metavar="TIME", help="2027-03-28T09:00 with --timezone, or 2027-03-28T09:00+02:00.")
    @click.option("--in", "--after", "after", metavar="SPAN", help="From now on: 90s, 15m, 3d, 1d12h.")
    @click.option("--timezone", metavar="Z", help="IANA name of the zone of a time without an offset.")
    @click.option(
        "--disambiguation",
        type=click.Choice(["earlier", "later", "compatible"]),
        help="What is meant by a local time that the clocks skip or show twice. Else it is refused.",
    )
    @click.option("--past", type=click.Choice(["run"]), help="A time that is past: run at once. Else it is refused.")
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
        raise click.UsageError("When? Say --at TIME or --in SPAN, one of them.")
    if after is not None:
        if timezone or disambiguation or past:
            wrong = "--timezone" if timezone else "--disambiguation" if disambiguation else "--past"
            raise click.UsageError(f"{wrong} belongs to --at; --in counts from now.")
        length = span_option("--in", after)
        if length >= LONGEST_SPAN:
            raise click.BadParameter(f"{after!r} is longer than any calendar.", param_hint="--in")
        return {"after": length}
    assert at is not None
    if timezone is None and _is_local(at):
        raise click.BadParameter(f"{at!r} does not say in which time zone. {_EXAMPLE}", param_hint="--at")
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
def in_options() -> Iterator[None]:
    """Translate errors of ``once`` into command-line wording."""
    try:
        yield
    except OnceError as fault:
        told = words(str(fault.args[0]))
        raise click.UsageError(f"{told}\n  {_remedy(fault)}" if _remedy(fault) else told) from None
    except OnceConflict as fault:
        raise OnceConflict(words(str(fault.args[0])), remedy=_remedy(fault)) from None
    except Unavailable as fault:
        raise Unavailable(
            str(fault.args[0]), remedy="Ask again: the same command goes on where this one has stopped."
        ) from None


def words(text: str) -> str:
    """Return a message of ``once`` with its arguments written as options."""
    for found, option in _WORDS:
        text = found.sub(option, text)
    return text


def _remedy(fault: OnceError | OnceConflict) -> str:
    return words(fault.remedy) or (_EXAMPLE if fault.remedy else "")


def named(plan: Plan) -> str:
    """ "remind 'order-1'"."""
    return printable(f"{plan.job} {plan.key!r}")


def sentence(plan: Plan, now: datetime) -> str:
    """Return the result of a call as a sentence."""
    of = named(plan)
    planned = f"{of} for {utc(plan.at)} UTC, {left(plan.at, now)}"
    stands = _STANDS.get(plan.status, "")
    if plan.status == "missed":
        stands = f"{stands} {redrive_missed(plan)}, or {move_missed(plan)}"
    match plan.outcome:
        case "planned":
            return f"Planned: {planned}.{stands}"
        case "moved":
            return f"Moved: {planned}.{stands}"
        case "cancelled":
            return f"Cancelled: {of} does not run."
        case "too late":
            if plan.status == "cancelled":
                return f"Too late: {of} was cancelled. To plan it anew: cronstack once {plan.job} --replace …"
            if plan.status == "missed":
                return (
                    f"Too late: {of} could not start in time and was missed, nothing was changed. It runs only if its"
                    f" dead letter is redriven, or if it is planned anew. See: {_show(plan)}"
                )
            return f"Too late: {of} has begun, nothing was changed. See: {_show(plan)}"
        case "unknown":
            return f"Unknown: nothing was scheduled by {of}, or so long ago that the ledger has forgotten it."
        case "unchanged":
            return f"Unchanged: {planned}, was asked for already.{stands}"


def redrive_missed(plan: Plan) -> str:
    """Return the command that starts what was missed as it was."""
    return f"cronstack dead-letters redrive {plan.job} --origin missed"


def move_missed(plan: Plan) -> str:
    """Return the command that gives another time to what was missed."""
    return printable(f"cronstack once move {plan.job} --key {shlex.quote(plan.key)} --in 1s")


def _show(plan: Plan) -> str:
    return printable(f"cronstack once show {plan.job} --key {shlex.quote(plan.key)}")


def left(at: datetime, now: datetime) -> str:
    return f"in {span(at - now)}" if at > now else f"{span(now - at)} ago"
