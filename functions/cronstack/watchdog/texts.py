"""The notification of an incident: its subject and its body. Pure.

Subject   [shop] import_prices: missed (06:00 Europe/Berlin)
Body      what happened, since when, why, what to run next, the help on the cause, the id of the incident
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from cronstack.ledger.watch_rows import IncidentItem
from cronstack.watchdog.accounts import ACCOUNTS, Account, Case
from cronstack.watchdog.words import as_ascii, span

HELP: Final = "cronstack incidents help"
"""The command that explains a cause. It needs no stack."""
LONGEST_SUBJECT: Final = 100
"""Most characters of a subject (SNS's limit; they must be ASCII)."""
_KINDS: Final = {"alert": "", "reminder": "Still open: ", "clear": "Solved: "}


class Notice(NamedTuple):
    """A notification."""

    subject: str
    body: str


def notice(kind: str, row: IncidentItem, stack: str, zone: str, now: int) -> Notice:
    """Return the notification of an incident. ``kind``: "alert", "reminder" or "clear". ``zone``: of the job."""
    case = Case(row, json.loads(row.facts), zone, now)
    account = ACCOUNTS[row.cause](case)
    about = row.job or "stack"
    subject = as_ascii(f"{_KINDS[kind]}[{stack}] {about}: {account.headline}", LONGEST_SUBJECT)
    parts = _solved(case, stack, about) if kind == "clear" else _open(kind, case, account, stack, about)
    body = "\n".join(parts) + "\n"
    return Notice(subject, body.encode("utf-8", "replace").decode())  # an error may have half a surrogate pair


def _open(kind: str, case: Case, account: Account, stack: str, about: str) -> list[str]:
    row, job = case.row, f" {case.job}" if case.job else ""
    since = f"Since: {case.time(row.since)}, {span(case.now - row.since)} ago"
    ack = f"cronstack incidents ack {case.job or '-'} {row.cause}"
    return [
        f"{about}: {account.headline}",
        *(
            ["", f"This incident is still open. It was first notified at {case.time(row.opened)}."]
            * (kind == "reminder")
        ),
        "",
        *account.happened,
        "",
        since,
        f"Why: {account.why}",
        "",
        "Next:",
        *(f"    {_command(command, stack)}" for command in account.commands),
        "",
        f"No more reminders: {_command(ack, stack)} --reason TEXT",
        *_footer(row, stack, job),
    ]


def _solved(case: Case, stack: str, about: str) -> list[str]:
    row, job = case.row, f" {case.job}" if case.job else ""
    solved = {
        "missed": "The job runs again, or the missed occurrence was run. What was missed does not run by itself.",
        "failed": "The job has succeeded again, or its failed runs were redriven. Other dead letters stay.",
        "overrunning": "The run has ended.",
        "throttled": "The metric was normal in the last hour.",
        "event-age": "The metric was normal in the last hour.",
        "undelivered": "The metric was normal in the last hour. What was dropped does not come back.",
    }.get(row.cause, "The watchdog does not find the problem any more.")
    return [
        f"{about}: solved ({row.cause})",
        "",
        solved,
        f"From {case.time(row.since)} to {case.time(row.cleared)}: {span(row.cleared - row.since)}.",
        "",
        *_footer(row, stack, job),
    ]


def _footer(row: IncidentItem, stack: str, job: str) -> list[str]:
    return [f"Help: {HELP} {row.cause}", f"Stack: {stack}", *([f"Job:{job}"] if job else []), f"Incident: {row.id}"]


def _command(command: str, stack: str) -> str:
    """Return the command with the option that names the stack; a comment as it is."""
    return command if command.startswith("#") else f"{command} --stack {stack}"
