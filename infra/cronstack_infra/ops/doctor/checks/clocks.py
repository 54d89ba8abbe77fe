"""The clock of this machine, compared with the date of AWS's responses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.doctor.finding import Finding, Severity
from cronstack_infra.ops.doctor.scene import Scene

ALLOWED: Final = 5_000
"""Milliseconds. The date of a response has whole seconds, and a response takes a moment."""
REFUSED: Final = 60_000
"""Milliseconds from which the finding is urgent: AWS refuses signatures that are five minutes old."""


@dataclass(frozen=True)
class Facts:
    """Epoch milliseconds."""

    before: int
    """By this machine, before the request."""
    after: int
    """By this machine, after the response."""
    aws: int
    """Date of the response."""


def check(scene: Scene) -> Iterator[Finding]:
    """Yield a finding if the clock of this machine is wrong."""
    before = scene.now()
    answer = scene.requests.ask("cloudformation", "describe_stacks", StackName=scene.stack.name) or {}
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if date:
        yield from judge(Facts(before, scene.now(), to_milliseconds(parsedate_to_datetime(date))))


def judge(facts: Facts) -> Iterator[Finding]:
    # The response was dated between the two readings, and its date is up to a second early.
    ahead, behind = facts.before - facts.aws - 1000, facts.aws - facts.after
    wrong = max(ahead, behind)
    if wrong > ALLOWED:
        what = f"its clock is about {wrong // 1000} s {'ahead of' if ahead > behind else 'behind'} that of AWS"
        why = "Times of triggers, backfills and reports are wrong. AWS refuses requests from five minutes on."
        severity: Severity = "error" if wrong > REFUSED else "warning"
        yield Finding(severity, "this machine", what, why, "sudo timedatectl set-ntp true")
