"""A dead letter as operators see it, and letters grouped by cause. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cronstack.occurrence import print_time, to_datetime, to_milliseconds
from cronstack_infra.ops.dead_letters.unwrapping import Contents, Origin, unwrap

TOO_LATE: Final = "it could not start before its start deadline"
"""The common cause of all misses of a job. The error of each letter also has the times of its occurrence."""


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
        """Key by which application code has scheduled the occurrence."""
        return self.contents.occurrence.key if self.contents.occurrence is not None else ""

    def as_json(self) -> dict[str, Any]:
        told = self.contents
        return {
            "id": self.id,
            "origin": told.origin,
            "job": told.job,
            "occurrence": self.occurrence,
            "key": self.key or None,
            "due": None if told.occurrence is None else print_time(told.occurrence.due),
            "attempt": told.attempt,
            "reason": told.reason,
            "error": told.error,
            "since": print_time(to_milliseconds(self.since)),
            "sender": self.sender or None,
            "event": told.event,
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
    given, system = message.get("MessageAttributes", {}), message.get("Attributes", {})
    attributes = {name: str(of.get("StringValue", "")) for name, of in given.items()}
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
    """Group letters by cause, the commonest first."""
    groups: dict[tuple[Origin, str, str, str], list[DeadLetter]] = {}
    for letter in letters:
        told = letter.contents
        error = TOO_LATE if told.origin == "missed" else told.error
        groups.setdefault((told.origin, told.job, told.reason, error), []).append(letter)
    causes = [
        Cause(*key, len(alike), min(one.since for one in alike), max(one.since for one in alike))
        for key, alike in groups.items()
    ]
    return sorted(causes, key=lambda cause: (-cause.letters, cause.origin, cause.job, cause.reason, cause.error))
