"""A dead letter as operators see it, and letters grouped by cause. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cronstack.occurrence import print_time, to_datetime, to_milliseconds
from cronstack_infra.ops.dead_letters.unwrapping import Contents, Origin, unwrap

TOO_LATE: Final = "it could not start before its start deadline"
"""Error of the group of all missed occurrences of a job. Each letter's own error also has the occurrence's times."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter."""

    id: str
    """The message id of SQS. It is stable while the letter stays in its queue."""
    queue: str
    receipt: str
    """The handle of its last receive, by which it is deleted and kept invisible."""
    since: datetime
    contents: Contents
    body: str
    sender: str = ""
    """SQS's SenderId, which the sender cannot choose: a role's unique id and a session, or a user's id."""

    @property
    def job(self) -> str:
        """Name of the job; "" if the letter does not contain it."""
        return self.contents.job

    @property
    def reason(self) -> str:
        """ "RetriesExhausted", "Permanent", "TooOld", "Missed" and so on."""
        return self.contents.reason

    @property
    def error(self) -> str:
        """The last exception: "ValueError: no"."""
        return self.contents.error

    @property
    def occurrence(self) -> str:
        return self.contents.occurrence.id if self.contents.occurrence is not None else ""

    @property
    def key(self) -> str:
        """Key with which application code scheduled the occurrence."""
        return self.contents.occurrence.key if self.contents.occurrence is not None else ""

    def as_json(self) -> dict[str, Any]:
        contents = self.contents
        return {
            "id": self.id,
            "origin": contents.origin,
            "job": contents.job,
            "occurrence": self.occurrence,
            "key": self.key or None,
            "due": None if contents.occurrence is None else print_time(contents.occurrence.due),
            "attempt": contents.attempt,
            "reason": contents.reason,
            "error": contents.error,
            "since": print_time(to_milliseconds(self.since)),
            "sender": self.sender or None,
            "event": contents.event,
        }


@dataclass(frozen=True)
class Cause:
    """A group of dead letters with the same job, reason and error."""

    origin: Origin
    job: str
    reason: str
    error: str
    letters: int
    oldest: datetime
    newest: datetime


def read_letter(message: Any, origin: Origin, queue: str, stack: str) -> DeadLetter:
    """Return the letter of a message as ReceiveMessage returns it."""
    custom, system = message.get("MessageAttributes", {}), message.get("Attributes", {})
    attributes = {name: str(of.get("StringValue", "")) for name, of in custom.items()}
    return DeadLetter(
        id=message["MessageId"],
        queue=queue,
        receipt=message["ReceiptHandle"],
        since=to_datetime(int(system.get("SentTimestamp", 0))),
        contents=unwrap(message["Body"], attributes, origin, stack),
        body=message["Body"],
        sender=str(system.get("SenderId", "")),
    )


def is_wanted(letter: DeadLetter, job: str | None, origin: str | None) -> bool:
    return (job is None or letter.contents.job == job) and (origin is None or letter.contents.origin == origin)


def summarise(letters: Iterable[DeadLetter]) -> list[Cause]:
    """Group letters by cause, the most common first."""
    groups: dict[tuple[Origin, str, str, str], list[DeadLetter]] = {}
    for letter in letters:
        contents = letter.contents
        error = TOO_LATE if contents.origin == "missed" else contents.error
        groups.setdefault((contents.origin, contents.job, contents.reason, error), []).append(letter)
    causes = [
        Cause(*key, len(group), min(letter.since for letter in group), max(letter.since for letter in group))
        for key, group in groups.items()
    ]
    return sorted(causes, key=lambda cause: (-cause.letters, cause.origin, cause.job, cause.reason, cause.error))
