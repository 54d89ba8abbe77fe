"""The page of ``explain``: the answer, the timeline, the evidence, and what to do next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cronstack.ledger.partitions import job_partition, plan_partition, run_partition
from cronstack_infra.ops.explaining.deciding import explain
from cronstack_infra.ops.explaining.facts import Facts
from cronstack_infra.ops.explaining.moments import both
from cronstack_infra.ops.explaining.of_times import described
from cronstack_infra.ops.explaining.remedies import remedies
from cronstack_infra.ops.explaining.timeline import Event, timeline
from cronstack_infra.ops.explaining.verdict import Verdict
from cronstack_infra.ops.explaining.wording import sentence

SHOWN: Final = 5
"""Most generations that are shown, the newest ones."""


@dataclass(frozen=True)
class Page:
    """The answer to one question."""

    facts: Facts
    verdict: Verdict
    answer: str
    events: tuple[Event, ...]
    evidence: tuple[str, ...]
    remedies: tuple[str, ...]

    @property
    def title(self) -> str:
        due = "" if self.verdict.due is None else f" at {both(self.verdict.due, self.facts.question.zone)}"
        key = f", key {self.facts.question.key}" if self.facts.question.key else ""
        occurrence = self.verdict.occurrence or self.facts.question.text
        return f"{self.facts.job}{due}: {occurrence}{key}"

    def lines(self) -> list[str]:
        """Return the page as lines. The first one is the answer."""
        zone = self.facts.question.zone
        lines = [self.answer, "", self.title]
        if self.events:
            texts = [(both(event.at, zone), _when(event, self.facts) + event.what) for event in self.events]
            width = max(len(at) for at, _ in texts)
            lines += ["", "Timeline", *(f"  {at.ljust(width)}  {what}" for at, what in texts)]
        lines += ["", "Evidence", *(f"  {text}" for text in self.evidence)]
        if self.remedies:
            lines += ["", "Next", *(f"  {command}" for command in self.remedies)]
        return lines

    def as_json(self) -> dict[str, Any]:
        return {
            "job": self.facts.job,
            **self.verdict.as_json(),
            "answer": self.answer,
            "zone": self.facts.question.zone,
            "timeline": [event.as_json() for event in self.events],
            "evidence": list(self.evidence),
            "next": list(self.remedies),
        }


def page_of(facts: Facts) -> Page:
    """Return the page about an occurrence."""
    verdict = explain(facts)
    return Page(
        facts,
        verdict,
        sentence(verdict, facts),
        tuple(timeline(facts, verdict)),
        tuple(evidence(facts, verdict)),
        tuple(remedies(facts, verdict)),
    )


def evidence(facts: Facts, verdict: Verdict) -> list[str]:
    """Return where each fact was read: rows, schedules, letters, actions, and what was not read."""
    lines = []
    run, plan, ledger = facts.run, facts.plan, facts.ledger
    for row in facts.generations[-SHOWN:] or ((run,) if run is not None else ()):
        attempt = f", attempt {row.attempt} of {row.limit}" if row.attempt else ""
        lines.append(
            f"row of {ledger}: {run_partition(facts.job, row.occurrence)} / run#{row.occurrence}: {row.status}{attempt}"
        )
    if plan is not None:
        lines.append(f"row of {ledger}: {plan_partition(facts.job, plan.key)} / {plan.key}: {plan.status}")
    if run is None and plan is None and verdict.occurrence:
        lines.append(f"no row in {ledger}: {run_partition(facts.job, verdict.occurrence)} / run#{verdict.occurrence}")
    if facts.lease.holder:
        lines.append(f"lease: {job_partition(facts.job)} / lease: held by {facts.lease.occurrence}")
    for seen in facts.schedules:
        state = "" if seen.deployed.enabled else ", disabled"
        window = f", window {seen.deployed.schedule.window} min" if seen.deployed.schedule.window else ""
        lines.append(f"schedule {seen.deployed.name}: {described(seen)}{window}{state}")
    lines += [
        f"schedule {each.group}/{each.name}: {'enabled' if each.enabled else 'disabled'}" for each in facts.carriers
    ]
    lines += [f"dead letter {letter.id}: {letter.contents.origin}, {letter.reason}" for letter in facts.letters]
    for action in facts.actions:
        why = f": {action.operator.reason}" if action.operator.reason else ""
        lines.append(f"action {action.action} by {action.operator.by}{why}")
    lines += [f"open incident: {row['cause']}" for row in facts.incidents]
    if not facts.deployed:
        lines.append(f"the stack {facts.stack} does not have the job {facts.job} now: it was renamed or removed")
    return [*lines, *facts.unread] or ["nothing is stored about it"]


def _when(event: Event, facts: Facts) -> str:
    return "(ahead) " if event.at > facts.now else ""
