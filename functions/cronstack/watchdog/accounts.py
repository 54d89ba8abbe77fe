"""What each cause means for one incident: a headline, what happened, why it may be so, and what to run next. Pure.

The reader is awake at 3 a.m. and does not know the job: each account names the job, the time and the command.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from cronstack.ledger.watch_rows import IncidentItem
from cronstack.occurrence import print_time, split_generation, to_milliseconds
from cronstack.watchdog.words import counted, short_time, span, time_in


class Account(NamedTuple):
    """The words for one incident."""

    headline: str
    """For the subject, after the job: "missed (06:00 Europe/Berlin)"."""
    happened: tuple[str, ...]
    """Sentences."""
    why: str
    commands: tuple[str, ...]
    """Without the option for the stack. A line that begins with "#" is a comment."""


class Case(NamedTuple):
    """An incident as the accounts read it."""

    row: IncidentItem
    facts: Mapping[str, Any]
    zone: str
    now: int

    @property
    def job(self) -> str:
        return self.row.job

    def time(self, milliseconds: int) -> str:
        return time_in(milliseconds, self.zone)

    @property
    def run(self) -> str:
        """The run, as words."""
        key, occurrence = self.facts.get("key"), str(self.facts.get("occurrence", ""))
        if key:
            return f"the run of the key {str(key)[:80]!r}"
        return f"the run {self.named(occurrence)}" if occurrence else "a run"

    def named(self, occurrence: str) -> str:
        """Return the occurrence as words: by its due time, if its id has it."""
        base, generation = split_generation(occurrence)
        try:
            due = to_milliseconds(datetime.fromisoformat(base.removeprefix("t-")))
        except (ValueError, TypeError):
            return occurrence
        again = f" (repeated, {occurrence})" if generation > 1 else ""
        return f"due at {self.time(due)}{again}"

    @property
    def due(self) -> list[str]:
        shown = [f"    {self.time(due)}" for due in self.facts["due"]]
        more = self.facts["count"] - len(shown)
        return [*shown, f"    and {more:,} more"] if more > 0 else shown


def _missed(case: Case) -> Account:
    facts, count = case.facts, case.facts["count"]
    first, deadline = facts["due"][0], span(facts["deadline"] * 1000)
    headline = f"missed ({short_time(first, case.zone)})"
    rerun = [f"cronstack trigger {case.job} --at {print_time(due)} --wait" for due in facts["due"][:2]]
    if facts.get("rate"):
        what = (
            f"The job runs every {span(facts['rate'])}, but no run has come since {case.time(first - facts['rate'])}."
        )
        why = "The schedule does not fire, or Lambda does not accept the events."
        return Account(headline, (what, f"{counted(count, 'run')} missing."), why, (_logs(case), *rerun[:1]))
    what = f"{counted(count, 'occurrence')} did not start within {deadline} after the due time:"
    if facts["too_late"] == count:
        why = "The events came after the start deadline: Lambda was throttled, or another run held the job."
        return Account(headline, (what, *case.due), why, (f"cronstack dead-letters redrive {case.job}",))
    why = "No event has reached the job. The schedule did not fire, or Scheduler could not invoke the function."
    letters = "cronstack dead-letters list"
    if facts.get("runs"):
        started = 'The watchdog starts them now, because the job has on_missed="run": you need not run them.'
        return Account(headline, (what, *case.due, started), why, (f"cronstack runs {case.job}", letters))
    return Account(headline, (what, *case.due), why, (letters, *rerun))


def _late(case: Case) -> Account:
    facts = case.facts
    first = facts["due"][0]
    happened: tuple[str, ...] = (f"{counted(facts['count'], 'occurrence')} has not started yet. Due:", *case.due)
    if facts["count"] != 1:
        happened = (f"{counted(facts['count'], 'occurrence')} have not started yet. Due:", *case.due)
    ends = f"It can still start until {span(facts['deadline'] * 1000)} after its due time. Then it is missed."
    why = "Scheduler or Lambda delays the event, or the schedule did not fire."
    headline = f"late ({short_time(first, case.zone)})"
    return Account(headline, (*happened, ends), why, (f"cronstack runs {case.job} --since 1d", _logs(case)))


def _overrunning(case: Case) -> Account:
    facts = case.facts
    took = "took" if facts["ended"] else "has been running for"
    limit = span(facts["limit"] * 1000)
    happened: tuple[str, ...] = (
        f"{_capital(case.run)}, attempt {facts['attempt']}, {took} {span(facts['seconds'] * 1000)}.",
    )
    happened += (f"It started at {case.time(facts['started'])}. It may take {limit} (overrun_after, or the timeout).",)
    return Account(
        f"runs longer than {limit}", happened, "The job is slow, or waits for another service.", (_logs(case),)
    )


def _failed(case: Case) -> Account:
    facts = case.facts
    if facts["of_keys"]:
        what = f"{counted(facts['count'], 'run')} of keys failed in all attempts. The latest is {case.run}."
    elif facts["count"] == 1:
        what = f"{_capital(case.run)} failed in all attempts ({facts['attempts']})."
    else:
        what = f"{counted(facts['count'], 'run')} in a row failed. The latest is {case.run}."
    ended = f"It ended at {case.time(facts['ended'])}. It does not run again by itself."
    commands: tuple[str, ...] = (_logs(case), "cronstack dead-letters list", "# after you have fixed the cause:")
    commands += (f"cronstack dead-letters redrive {case.job} --wait",)
    why = f"{facts['error']}: {facts['message']}"
    return Account(f"failed ({facts['error']})", (what, ended), why, commands)


def _abandoned(case: Case) -> Account:
    happened: tuple[str, ...] = (
        f"{_capital(case.run)} was killed, and its lease ended at {case.time(case.row.since)}.",
        "No delivery has taken over since. With a lease, the next occurrence of the job takes over.",
    )
    why = "Lambda killed the process (memory, timeout) in each of its deliveries, or lost the event."
    commands: tuple[str, ...] = (_logs(case), "cronstack dead-letters list", "cronstack strays --fix")
    return Account("a killed run that nothing continues", happened, why, commands)


def _buffered(case: Case) -> Account:
    happened: tuple[str, ...] = (
        f"{_capital(case.run)} has waited for another run of the job since {case.time(case.row.since)}.",
    )
    if case.facts["met"]:
        happened += (f"The other run was the one {case.named(case.facts['met'])}.",)
    happened += ("The occurrence is not lost, but nothing starts it.",)
    why = "Its carrier, the one-time schedule that looks once a minute, was lost."
    return Account(
        "a waiting run was never started", happened, why, (f"cronstack runs {case.job}", "cronstack strays --fix")
    )


def _lost_carrier(case: Case) -> Account:
    facts, letter = case.facts, case.facts["status"] in ("dead", "missed")
    missing = "its dead letter was never sent" if letter else "the schedule of its next attempt is missing"
    happened: tuple[str, ...] = (f"{_capital(case.run)} is {facts['status']}, and {missing}.",)
    happened += (f"It should have come back at {case.time(case.row.since)}.",)
    if facts["count"] > 1:
        happened += (f"{counted(facts['count'], 'run')} of the job are lost in this way.",)
    why = "The schedule, its role or its group was deleted, or the function was killed before it made the schedule."
    return Account("nothing brings a run back", happened, why, ("cronstack strays", "cronstack strays --fix"))


def _overdue_plan(case: Case) -> Account:
    facts = case.facts
    happened: tuple[str, ...] = (
        f"The plan of the key {facts['key'][:80]!r} was due at {case.time(facts['due'])} and has not started.",
    )
    if facts["count"] > 1:
        happened += (f"{counted(facts['count'], 'plan')} of the job are overdue.",)
    why = "The plan's schedule is missing or disabled, or Scheduler could not invoke the function."
    if facts["begun"]:
        why = "Its event has come, but the function was killed before it wrote the run."
    commands: tuple[str, ...] = ("cronstack strays", "cronstack dead-letters list", "cronstack strays --fix")
    return Account("a plan did not start", happened, why, commands)


def _dead_letters(case: Case) -> Account:
    lines = tuple(f"    {counted(count, 'letter')} in {queue}" for queue, count in case.facts["queues"].items())
    happened: tuple[str, ...] = (f"Dead letters have been waiting since {case.time(case.row.since)}.", *lines)
    happened += ("SQS deletes a letter 14 days after it was sent, and the occurrence is then lost.",)
    commands: tuple[str, ...] = (
        "cronstack dead-letters summary",
        "cronstack dead-letters redrive",
        "cronstack dead-letters drop ID",
    )
    return Account("dead letters are getting old", happened, "No operator has redriven or dropped them.", commands)


def _paused(case: Case) -> Account:
    facts, headline = case.facts, f"paused for {span(case.now - case.row.since)}"
    happened: tuple[str, ...] = (
        f"The job has not run since {case.time(case.row.since)}, {span(case.now - case.row.since)} ago.",
    )
    if facts["in"] == "code":
        why = f"@job(enabled=False) at {facts['where'] or 'its declaration'}."
        return Account(headline, happened, why, ("# set enabled=True, or remove the job, and deploy",))
    why = f"{facts['by'] or 'An operator'} has paused it: {facts['reason'] or 'no reason was given'}."
    return Account(headline, happened, why, (f"cronstack resume {case.job}",))


def _schedule_deleted(case: Case) -> Account:
    gone = tuple(f"    {name}" for name in case.facts["schedules"])
    happened: tuple[str, ...] = (
        "The stack declares these schedules, but EventBridge Scheduler does not have them:",
        *gone,
    )
    happened += ("The job does not fire by them.",)
    commands: tuple[str, ...] = (
        "# remove the schedule from @job, deploy, add it again, and deploy: CloudFormation then creates it",
        "cronstack strays",
    )
    return Account(
        "schedule deleted", happened, "A user or another program deleted them. CloudTrail shows who.", commands
    )


def _schedule_edited(case: Case) -> Account:
    changed = tuple(f"    {name}: {what}" for name, what in case.facts["schedules"].items())
    happened: tuple[str, ...] = ("EventBridge Scheduler differs from the deployed template:", *changed)
    happened += ("The job fires as Scheduler has it, and the watchdog does not expect these instants.",)
    commands: tuple[str, ...] = (
        "# undo the change in the console; or change @job, and deploy",
        "# to pause a job, use: cronstack pause",
    )
    return Account(
        "schedule changed by hand", happened, "A user or another program changed it. CloudTrail shows who.", commands
    )


def _clock(case: Case) -> Account:
    facts = case.facts
    off = span(facts["milliseconds"])
    if not case.job:
        what = f"The clock of the watchdog is {off} {'ahead of' if facts['ahead'] else 'behind'} the time of AWS."
    elif facts["ahead"]:
        what = f"{_capital(case.run)} has a time {off} in the future: the clock of its machine is ahead."
    else:
        what = f"{_capital(case.run)} ended {off} before it started: the clock of its machine has changed."
    limits = "Times in the ledger may be wrong by this. A lease may have been taken over too early."
    return Account("a clock is wrong", (what, limits), "Lambda guarantees no accuracy of its clocks.", (_logs(case),))


def _throttled(case: Case) -> Account:
    happened: tuple[str, ...] = (
        *_values(case),
        "Lambda delivers the events later. They are missed after their start deadline.",
    )
    why = "The account has too little concurrency, or the function's reserved concurrency is used up."
    return Account(
        "throttled by Lambda",
        happened,
        why,
        (f"cronstack runs {case.job} --since 1d", "# request a higher quota of Lambda's concurrent executions"),
    )


def _event_age(case: Case) -> Account:
    happened: tuple[str, ...] = (
        *_values(case),
        "Events wait in Lambda's queue. They are missed after their start deadline.",
    )
    why = "The function is throttled, or its invocations fail before the guard answers."
    return Account(
        "events wait in Lambda's queue", happened, why, (f"cronstack runs {case.job} --since 1d", _logs(case))
    )


def _undelivered(case: Case) -> Account:
    happened: tuple[str, ...] = (
        *_values(case),
        "Lambda has dropped events. They may have left neither a run nor a dead letter.",
    )
    why = "The queue of dead letters, or the function's right to send to it, was changed or deleted."
    return Account(
        "Lambda dropped events",
        happened,
        why,
        (f"cronstack runs {case.job} --since 1d", "# deploy again, to restore the queue and the rights"),
    )


def _values(case: Case) -> tuple[str, ...]:
    values = {
        name: span(int(value)) if name == "AsyncEventAge" else f"{value:,.0f}"
        for name, value in case.facts["metrics"].items()
    }
    return tuple(f"{name} of its function in the last hour: {value}." for name, value in values.items())


def _logs(case: Case) -> str:
    return f"cronstack logs {case.job or 'watchdog'} --since 1h"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


ACCOUNTS: Final[Mapping[str, Callable[[Case], Account]]] = {
    "missed": _missed,
    "late": _late,
    "overrunning": _overrunning,
    "failed": _failed,
    "abandoned": _abandoned,
    "buffered": _buffered,
    "lost-carrier": _lost_carrier,
    "overdue-plan": _overdue_plan,
    "dead-letters": _dead_letters,
    "paused": _paused,
    "schedule-deleted": _schedule_deleted,
    "schedule-edited": _schedule_edited,
    "clock": _clock,
    "throttled": _throttled,
    "event-age": _event_age,
    "undelivered": _undelivered,
}
"""By cause."""


def headline(row: IncidentItem) -> str:
    """Return the headline of an incident, with times in the zone that its facts have, else in UTC."""
    facts = json.loads(row.facts)
    account = ACCOUNTS.get(row.cause)
    now = row.cleared or row.notified or row.opened
    return row.cause if account is None else account(Case(row, facts, str(facts.get("zone", "UTC")), now)).headline
