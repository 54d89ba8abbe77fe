"""A dead letter as operators see it, and letters grouped by cause. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cronstack.occurrence import print_time, to_datetime, to_milliseconds
from cronstack_infra.ops.dead_letters.advice import Advice, advise
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
    """A group of dead letters with the same origin, job, reason and class of error."""

    origin: Origin
    job: str
    reason: str
    error: str
    """Class of the exception, such as "FileNotFoundError"; "" if the letters have none."""
    letters: int
    oldest: datetime
    newest: datetime
    example: str
    """Error of the newest letter, with its message."""
    advice: Advice
    """Whether a redrive is safe."""

    def as_json(self) -> dict[str, Any]:
        return {
            "letters": self.letters,
            "origin": self.origin,
            "job": self.job or None,
            "reason": self.reason,
            "error": self.error,
            "example": self.example,
            "oldest": print_time(to_milliseconds(self.oldest)),
            "newest": print_time(to_milliseconds(self.newest)),
            "redrive": self.advice.safety,
            "why": self.advice.why,
        }


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


def advice_of(letter: DeadLetter) -> Advice:
    """Return whether a redrive of the letter is safe."""
    contents = letter.contents
    return advise(contents.origin, contents.reason, is_occurrence=contents.occurrence is not None)


def _class(contents: Contents) -> str:
    """Return the class of the error. Messages have names and times, so each would be a cause of its own."""
    if contents.origin == "missed":
        return TOO_LATE
    return contents.error.partition(": ")[0] if contents.origin == "handler" else ""


def summarise(letters: Iterable[DeadLetter]) -> list[Cause]:
    """Group letters by cause, the most common first."""
    groups: dict[tuple[Origin, str, str, str, Advice], list[DeadLetter]] = {}
    for letter in letters:
        contents = letter.contents
        key = (contents.origin, contents.job, contents.reason, _class(contents), advice_of(letter))
        groups.setdefault(key, []).append(letter)
    causes = []
    for (origin, job, reason, error, advice), group in groups.items():
        oldest, newest = (choose(group, key=lambda letter: letter.since) for choose in (min, max))
        causes.append(
            Cause(origin, job, reason, error, len(group), oldest.since, newest.since, newest.contents.error, advice)
        )
    return sorted(causes, key=lambda cause: (-cause.letters, cause.origin, cause.job, cause.reason, cause.error))
