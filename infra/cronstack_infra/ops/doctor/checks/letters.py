"""The queues of dead letters: how many letters wait, and how long before SQS deletes the oldest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.doctor.finding import Finding, Severity
from cronstack_infra.ops.doctor.scene import Scene
from cronstack_infra.plural import counted

OLD: Final = 7 * 86_400_000
"""Milliseconds. Age of the oldest letter at which the finding is urgent: half of SQS's 14 days."""
RETENTION: Final = 14 * 86_400
"""Seconds for which the stack's queues keep a letter, unless SQS returns another time."""
_DAY: Final = 86_400_000


@dataclass(frozen=True)
class Facts:
    letters: Sequence[DeadLetter]
    """The oldest first."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Seconds for which each queue keeps a letter, by URL."""
    unread: Sequence[str] = ()
    """A sentence about each queue that may have more letters."""


def check(scene: Scene) -> Iterator[Finding]:
    """Yield a finding for each job with dead letters."""
    return judge(read(scene), scene.now())


def read(scene: Scene) -> Facts:
    unread: list[str] = []
    with scene.requests.translating():
        letters = list_letters(scene.requests.clients("sqs"), scene.deployment, poll=scene.poll, unread=unread.append)
        kept = {}
        for url in sorted({letter.queue for letter in letters}):
            words = {"QueueUrl": url, "AttributeNames": ["MessageRetentionPeriod"]}
            answer = scene.requests.ask("sqs", "get_queue_attributes", **words) or {}
            kept[url] = int(answer.get("Attributes", {}).get("MessageRetentionPeriod", RETENTION))
        return Facts(letters, kept, unread)
    return Facts(())


def judge(facts: Facts, now: int) -> Iterator[Finding]:
    for job in Counter(letter.job for letter in facts.letters):
        letters = [letter for letter in facts.letters if letter.job == job]
        age = now - to_milliseconds(letters[0].since)
        left = min(_left(letter, facts.kept, now) for letter in letters)
        what = (
            f"{counted(len(letters), 'dead letter')}, the oldest for {age // _DAY} days; SQS deletes it in {left} days"
        )
        severity: Severity = "error" if age >= OLD or left <= 2 else "warning"
        why = "Each is an occurrence that has not succeeded. SQS deletes a letter without a trace."
        where = f"job {job}" if job else "letters without a job"
        yield Finding(severity, where, what, why, "cronstack dead-letters summary")
    for sentence in facts.unread:
        why = "There may be more letters than this report shows."
        yield Finding("warning", "queues of dead letters", sentence, why, "cronstack doctor letters")


def _left(letter: DeadLetter, kept: Mapping[str, int], now: int) -> int:
    """Return the full days before SQS deletes a letter."""
    end = to_milliseconds(letter.since) + kept.get(letter.queue, RETENTION) * 1000
    return max(0, (end - now) // _DAY)
