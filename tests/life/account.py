"""The end of each occurrence in a year of deploys, from the cloud's events and the letters in its queues.

An occurrence has ended when it has run, was skipped or missed by its own policy, has a dead letter, or was cancelled
by the application. An occurrence that is planned, retrying or buffered at the end of the year was lost.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from cronstack.occurrence import planned_id

ENDS: Final = ("succeeded", "skipped", "missed", "dead")
"""Outcomes of a delivery after which an occurrence is over."""


class Occurrence(NamedTuple):
    """An occurrence of a deployed job."""

    stack: str
    job: str
    occurrence: str


class Account:
    """The ends of all occurrences so far."""

    def __init__(self) -> None:
        self.expected: dict[Occurrence, str] = {}
        """The occurrences that must end, with the reason."""
        self.cancelled: set[Occurrence] = set()
        self.ends: dict[Occurrence, Counter[str]] = defaultdict(Counter)
        self.letters: Counter[Occurrence] = Counter()
        self.dropped: list[Mapping[str, Any]] = []
        """Events that Scheduler could neither deliver nor send to a queue."""

    def add_planned(self, stack: str, job: str, key: str) -> None:
        self.expected[Occurrence(stack, job, planned_id(key))] = f"the application planned the key {key}"

    def add_cancelled(self, stack: str, job: str, key: str) -> None:
        self.cancelled.add(Occurrence(stack, job, planned_id(key)))

    def add_due(self, stack: str, job: str, occurrence: str) -> None:
        self.expected[Occurrence(stack, job, occurrence)] = "its schedule was deployed at that time"

    def read(self, events: Iterable[Mapping[str, Any]], stacks: Iterable[str]) -> None:
        """Read a cloud's events since the last call. ``stacks``: all names, to find the stack of a function."""
        longest_first = sorted(stacks, key=len, reverse=True)
        for event in events:
            if event["event"] == "dropped":
                self.dropped.append(event)
            elif event["event"] == "finished" and event.get("outcome") == "ok":
                self._finished(event, longest_first)

    def add_letter(self, stack: str, job: str, occurrence: str) -> None:
        self.letters[Occurrence(stack, job, occurrence)] += 1

    def lost(self) -> dict[Occurrence, str]:
        """Return the occurrences without an end, and the reason why each must have one."""
        return {
            occurrence: why
            for occurrence, why in self.expected.items()
            if occurrence not in self.cancelled and not self.ends[occurrence] and not self.letters[occurrence]
        }

    def twice(self) -> list[Occurrence]:
        """Return the occurrences that succeeded more than once."""
        return [occurrence for occurrence, ends in self.ends.items() if ends["succeeded"] > 1]

    def summary(self) -> Counter[str]:
        """Count the expected occurrences by their ends. A letter counts only without another end."""
        counts: Counter[str] = Counter()
        for occurrence in self.expected:
            ends = self.ends[occurrence]
            if ends["succeeded"]:
                counts["ran"] += 1
            elif occurrence in self.cancelled and not ends:
                counts["cancelled"] += 1
            elif self.letters[occurrence]:
                counts["dead letter"] += 1
            else:
                counts[next(iter(ends), "lost")] += 1
        return counts

    def _finished(self, event: Mapping[str, Any], stacks: list[str]) -> None:
        try:
            answer = json.loads(event.get("result") or "null")
        except ValueError:
            return
        if not isinstance(answer, dict) or "occurrence" not in answer:
            return
        outcome, job = str(answer["cronstack"]), str(answer["job"])
        stack = next(stack for stack in stacks if event["function"] == f"{stack}-{job}")
        ends = self.ends[Occurrence(stack, job, str(answer["occurrence"]))]
        if outcome in ENDS:
            ends[outcome] += 1
        elif outcome == "duplicate" and answer["reason"] in ENDS:
            # The delivery that ended the occurrence was killed before its response.
            ends[str(answer["reason"])] |= 0 if ends else 1
