"""Read dead letters without losing any, and group them by cause.

A read makes a letter invisible for a while, then visible again. If the reader dies, SQS makes the letter visible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cronstack.occurrence import print_time, to_datetime, to_milliseconds
from cronstack_infra.ops.dead_letters.unwrapping import Contents, Origin, unwrap
from cronstack_infra.ops.deployment import Deployment

OUT_OF_SIGHT: Final = 120
"""Visibility timeout in seconds while a letter is processed."""
LONG_POLL: Final = 1
"""Seconds to wait at a queue that seems empty, because a short poll asks only some of SQS's servers."""
MOST: Final = 5_000
"""Most letters that one read returns from each queue."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter."""

    id: str
    """The message id of SQS. It is stable while the letter stays in its queue."""
    queue: str
    receipt: str
    since: datetime
    contents: Contents
    body: str

    @property
    def job(self) -> str:
        """Name of the job; "" if the letter does not contain it."""
        return self.contents.job

    @property
    def reason(self) -> str:
        """ "RetriesExhausted", "Permanent", "TooOld" and so on."""
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


@contextmanager
def opened(sqs: Any, deployment: Deployment, *, poll: int = LONG_POLL) -> Iterator[list[DeadLetter]]:
    """Yield the letters of both queues, oldest first. After the block, the remaining letters are visible again."""
    letters: list[DeadLetter] = []
    queues: tuple[tuple[Origin, str], ...] = (
        ("delivery", deployment.delivery_dead_letters),
        ("handler", deployment.handler_dead_letters),
    )
    try:
        for origin, queue in queues:
            for letter in _receive(sqs, origin, queue, deployment.stack, poll):
                letters.append(letter)
        yield sorted(letters, key=lambda letter: (letter.since, letter.id))
    finally:
        _put_back(sqs, letters)


def list_letters(
    sqs: Any,
    deployment: Deployment,
    *,
    job: str | None = None,
    origin: str | None = None,
    poll: int = LONG_POLL,
) -> list[DeadLetter]:
    """Return the letters of both queues, oldest first. Deletes nothing."""
    with opened(sqs, deployment, poll=poll) as letters:
        return [letter for letter in letters if is_wanted(letter, job, origin)]


def summarise(letters: Iterable[DeadLetter]) -> list[Cause]:
    """Group letters by cause, the commonest first."""
    groups: dict[tuple[Origin, str, str, str], list[DeadLetter]] = {}
    for letter in letters:
        told = letter.contents
        groups.setdefault((told.origin, told.job, told.reason, told.error), []).append(letter)
    causes = [
        Cause(*key, len(alike), min(one.since for one in alike), max(one.since for one in alike))
        for key, alike in groups.items()
    ]
    return sorted(causes, key=lambda cause: (-cause.letters, cause.origin, cause.job, cause.reason, cause.error))


def is_wanted(letter: DeadLetter, job: str | None, origin: str | None) -> bool:
    return (job is None or letter.contents.job == job) and (origin is None or letter.contents.origin == origin)


def _receive(sqs: Any, origin: Origin, queue: str, stack: str, poll: int) -> Iterator[DeadLetter]:
    seen: set[str] = set()
    while len(seen) < MOST:
        got = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=0 if seen else poll,
            VisibilityTimeout=OUT_OF_SIGHT,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
        ).get("Messages", [])
        if not got:
            return
        for one in got:
            if one["MessageId"] in seen:
                continue
            seen.add(one["MessageId"])
            attributes = {name: str(of.get("StringValue", "")) for name, of in one.get("MessageAttributes", {}).items()}
            yield DeadLetter(
                id=one["MessageId"],
                queue=queue,
                receipt=one["ReceiptHandle"],
                since=to_datetime(int(one.get("Attributes", {}).get("SentTimestamp", 0))),
                contents=unwrap(one["Body"], attributes, origin, stack),
                body=one["Body"],
            )


def _put_back(sqs: Any, letters: Sequence[DeadLetter]) -> None:
    """Make letters visible again. SQS reports an error for those deleted meanwhile, which is ignored."""
    for queue in sorted({letter.queue for letter in letters}):
        of_queue = [letter for letter in letters if letter.queue == queue]
        for begin in range(0, len(of_queue), 10):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(of_queue[begin : begin + 10])
            ]
            sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)
