"""The first line of the page: one sentence for each cause. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.moments import both, span
from cronstack_infra.ops.explaining.verdict import Cause, Verdict
from cronstack_infra.plural import counted


class Values:
    """The values of a verdict as text. A missing value is ""."""

    def __init__(self, verdict: Verdict, facts: Facts) -> None:
        self.verdict, self.known = verdict, facts
        self.facts: Mapping[str, Any] = verdict.facts
        self.zone = facts.question.zone

    def __getitem__(self, name: str) -> str:
        value = self.facts.get(name)
        if isinstance(value, datetime):
            return both(value, self.zone)
        return "" if value is None else str(value)

    def has(self, name: str) -> bool:
        return self.facts.get(name) not in (None, "", ())

    def clause(self, name: str, before: str, after: str = "") -> str:
        """Return the value with text around it; "" if it is missing."""
        return f"{before}{self[name]}{after}" if self.has(name) else ""

    def length(self, name: str) -> str:
        return span(timedelta(seconds=int(self.facts.get(name) or 0)))

    def left(self, name: str) -> str:
        """Return the time from now to an instant."""
        value = self.verdict.due if name == "due" else self.facts.get(name)
        return span(value - self.known.now) if isinstance(value, datetime) else ""

    def ago(self) -> str:
        """Return the time since it was due."""
        return span(self.known.now - self.verdict.due) if self.verdict.due is not None else ""


def sentence(verdict: Verdict, facts: Facts) -> str:
    """Return the answer in one or two sentences."""
    return SENTENCES[verdict.cause](Values(verdict, facts))


def _attempts(values: Values) -> str:
    killed = ", ".join(str(number) for number in values.facts.get("killed", ()))
    failed = "; ".join(values.facts.get("failed", ()))
    parts = [
        f"Killed without a result: attempt {killed}." if killed else "",
        f"Failed: attempt {failed}." if failed else "",
    ]
    return " ".join(part for part in parts if part)


def _late(values: Values) -> str:
    why = {
        "outage": "the ledger did not answer before",
        "held": "another run of the job held the lease before",
        "early": "its event had come before its due time",
    }.get(values["deferred"], f"it was deferred ({values['deferred']})" if values.has("deferred") else "")
    reason = f": {why}" if why else ". Scheduler or Lambda has delivered its event late"
    return f"It ran, {values.length('late')} late{reason}."


def _operator(values: Values) -> str:
    return values.clause("by", " by ") + values.clause("asked", " at ") + values.clause("why", ", because: ")


def _backfill(values: Values) -> str:
    first = values["first_status"] or "missing"
    again = f" It is generation {values['generation']}; the first one: {first}." if values.has("generation") else ""
    return f"It ran by a backfill{_operator(values)}.{again}"


def _skipped(values: Values) -> str:
    return f"It was skipped: {values['other'] or 'another occurrence'} was running at its time (overlap)."


def _never(values: Values) -> str:
    until = f" It could still arrive until {values['until']}." if values.has("until") else ""
    return f"It was due, and no event has arrived: it left no run, no dead letter and no carrier.{until}"


def _near(values: Values) -> str:
    before = values.clause("before", " The last one before it was due ", ".")
    return before + values.clause("next", " The next one is due ", ".")


def _rate(values: Values) -> str:
    around = values.clause("run_before", " The run before was due ") + values.clause("run_after", "; the run after, ")
    missing = int(values["missing"] or 0)
    gap = f" Between them, about {counted(missing, 'firing')} did not run." if missing else ""
    dot = "." if around else ""
    return f"No run was due at this time, but only Scheduler knows when a rate fires.{around}{dot}{gap}"


def _changed(values: Values) -> str:
    what = "changed" if values.facts.get("existed") else "created"
    return f"Its schedule was {what} after this time, at {values['changed']}: what was due before is no longer known."


_Sentence = Callable[[Values], str]
SENTENCES: Final[Mapping[Cause, _Sentence]] = {
    Cause.RAN: lambda s: "It ran in time, at its first attempt.",
    Cause.RAN_AFTER_FAILURE: lambda s: (
        f"It ran at attempt {s['attempt']} of {s['limit']}, after a failure. {_attempts(s)}"
    ),
    Cause.RAN_AFTER_CRASH: lambda s: (
        f"It ran at attempt {s['attempt']} of {s['limit']}, which took over after a crash. {_attempts(s)}"
    ),
    Cause.RAN_AFTER_ATTEMPTS: lambda s: (
        f"It ran at attempt {s['attempt']} of {s['limit']}. Earlier attempts failed or were killed; the log does not"
        " show which."
    ),
    Cause.RAN_LATE: _late,
    Cause.RAN_AFTER_WAIT: lambda s: f"It ran after it had waited in the slot for {s['other']} (overlap buffer_one).",
    Cause.RAN_BY_TRIGGER: lambda s: f"It ran by hand, with cronstack trigger{_operator(s)}.",
    Cause.RAN_BY_BACKFILL: _backfill,
    Cause.RAN_BY_REDRIVE: lambda s: f"It ran by a redrive of its dead letter{_operator(s)}.",
    Cause.RAN_BY_OPERATOR: lambda s: (
        f"It ran {s.length('late')} after its due time, past its start deadline: an operator has started it."
        " No action is recorded."
    ),
    Cause.RAN_BY_WATCHDOG: lambda s: (
        f"It ran {s.length('late')} after its due time: it had not arrived, and the watchdog has started it"
        ' (on_missed="run").'
    ),
    Cause.RAN_AS_PLANNED: lambda s: f"It ran in time. Code has planned it under the key {s['key']!r}.",
    Cause.RUNNING: lambda s: f"It runs now: attempt {s['attempt']} of {s['limit']}, until {s['until']} at the latest.",
    Cause.RUNNING_AFTER_FAILURE: lambda s: (
        f"It runs now: attempt {s['attempt']} of {s['limit']}, after a failure: {s['error']}"
    ),
    Cause.RUNNING_AFTER_CRASH: lambda s: (
        f"It runs now: attempt {s['attempt']} of {s['limit']}. The attempt before was killed."
    ),
    Cause.LEASE_ENDED: lambda s: (
        f"Its process is dead: its lease ended at {s['until']} without a result. The next delivery takes over"
        f"{s.clause('carrier', ', at ') or ': Lambda retries a killed function'}."
    ),
    Cause.RETRYING: lambda s: (
        f"It waits for attempt {int(s['attempt']) + 1} of {s['limit']}, until {s['after']}. The last one"
        f" failed: {s['error']}"
    ),
    Cause.CRASHED: lambda s: (
        f"Its attempt {s['attempt']} was killed, as another occurrence found at {s['since']}. It comes back"
        f"{s.clause('carrier', ' at ') or ' when Lambda delivers its event again'}."
    ),
    Cause.BUFFERED: lambda s: (
        f"It waits in the slot until {s['other'] or 'the running occurrence'} has ended"
        f"{s.clause('until', ', at most until ')}."
    ),
    Cause.DEFERRED: lambda s: (
        f"It has not started: its delivery was deferred{s.clause('reason', ' (', ')')}, and comes back at"
        f" {s['carrier']}."
    ),
    Cause.WAITS_FOR_RESUME: lambda s: (
        f"It waits for its next attempt, because the job is paused since {s['paused']}"
        f"{s.clause('paused_by', ', by ')}{s.clause('why', ', because: ')}."
    ),
    Cause.STRAY: lambda s: "It waits, and nothing brings it back: its carrier or schedule is missing.",
    Cause.SKIPPED_OVERLAP: _skipped,
    Cause.SKIPPED_SLOT_FULL: lambda s: (
        f"It was skipped: {s['other'] or 'another occurrence'} was running, and a third one waited in the slot."
    ),
    Cause.SKIPPED_PAUSED: lambda s: (
        f"It was skipped: the job was paused{s.clause('paused', ', since ')}{s.clause('paused_by', ', by ')}"
        f"{s.clause('why', ', because: ')}."
    ),
    Cause.SKIPPED: lambda s: f"It was skipped: {s['reason'] or 'no reason is stored'}.",
    Cause.MISSED: lambda s: (
        f"It was missed: {s['error'].removeprefix('Missed: ') or 'its event came after its start deadline'}."
    ),
    Cause.DEAD: lambda s: f"It is dead: all {s['limit']} attempts failed. The last error: {s['error']}",
    Cause.DEAD_PERMANENT: lambda s: (
        f"It is dead after attempt {s['attempt']}, because the error is permanent: {s['error']}"
    ),
    Cause.DEAD_CRASHED: lambda s: (
        f"It is dead: the last of its {s['limit']} attempts was killed (timeout, memory or a killed process)."
    ),
    Cause.PLANNED: lambda s: f"It is planned under the key {s['key']!r}, and due in {s.left('due')}.",
    Cause.PLAN_MOVED: lambda s: (
        f"It was moved ({counted(int(s['moves']), 'time')}, last at {s['planned']}), and is due in {s.left('due')}."
    ),
    Cause.PLAN_CANCELLED: lambda s: f"It was cancelled. Code had planned it under the key {s['key']!r}.",
    Cause.PLAN_OVERDUE: lambda s: (
        "Its plan is overdue: "
        + (
            f"its schedule {s['schedule']} has not fired."
            if s.has("schedule")
            else "its schedule is gone, and no event came."
        )
    ),
    Cause.PLAN_STARTED: lambda s: f"Its plan was started at {s['begun']}; its run is not written yet.",
    Cause.FUTURE: lambda s: f"It is due in {s.left('due')}.",
    Cause.FUTURE_PAUSED: lambda s: (
        f"It is due in {s.left('due')}, but will not run: the job is paused since {s['paused']}"
        f"{s.clause('paused_by', ', by ')}{s.clause('why', ', because: ')}."
    ),
    Cause.FUTURE_DISABLED: lambda s: f"It is due in {s.left('due')}, but will not run: its schedule is disabled.",
    Cause.DUE_NOW: lambda s: f"It was due {s.ago()} ago, and has not arrived yet. It may start until {s['until']}.",
    Cause.NEVER_ARRIVED: _never,
    Cause.UNDELIVERED: lambda s: f"Scheduler could not deliver its event: {s['reason']}{s.clause('error', ': ')}",
    Cause.REFUSED: lambda s: f"Its event was refused: {s['reason']}{s.clause('error', ': ')}",
    Cause.DISABLED: lambda s: (
        f"It did not run: its schedule is disabled{s.clause('changed', ', and was last changed at ')}."
    ),
    Cause.CHANGED_SINCE: _changed,
    Cause.TOO_OLD: lambda s: "It is too old: the ledger keeps a final run for 35 days.",
    Cause.NOT_DUE: lambda s: f"Nothing was due at this time.{_near(s)}",
    Cause.BEFORE_START: lambda s: f"Nothing was due: the schedule starts at {s['start']}.{_near(s)}",
    Cause.AFTER_END: lambda s: f"Nothing was due: the schedule has ended at {s['end']}.{_near(s)}",
    Cause.CLOCKS_SKIP: lambda s: f"Nothing was due: the clocks of {s.zone} skip this local time.{_near(s)}",
    Cause.SECOND_PASS: lambda s: (
        f"Nothing was due: the clocks show this local time twice, and a cron fires at the first pass,"
        f" {s['first_pass']}."
    ),
    Cause.NO_SCHEDULE: lambda s: (
        "Nothing was due: the job has no deployed schedule"
        + (", and code has planned no key for this time." if s.facts.get("by_code") else ".")
    ),
    Cause.SEVERAL: lambda s: "Several occurrences belong to this time: " + ", ".join(s.facts.get("keys", ())) + ".",
    Cause.RATE: _rate,
    Cause.NO_ROW: lambda s: (
        s["reason"] or "The ledger has no such occurrence: it has not started, or is no longer stored."
    ),
}
