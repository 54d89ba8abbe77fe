"""Read dead letters without losing any, and group them by cause.

A read makes a letter invisible for a while, then visible again. If the reader dies, SQS makes the letter visible.

A queue counts as read when two long polls in a row were empty and SQS counts no visible message. A short poll asks
only some of SQS's servers, so it may be empty although letters exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
"""Seconds that each receive waits at an empty queue. Above 0 it is a long poll, which asks all of SQS's servers."""
EMPTY: Final = 2
"""Empty answers in a row after which a queue may count as read."""
MOST_EMPTY: Final = 10
"""Empty answers in a row after which a read ends, although SQS counts visible letters."""
COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
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
    sender: str = ""
    """SQS's SenderId, which the sender cannot choose: a role's unique id and a session, or a user's id."""

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


Warn = Callable[[str], None]
"""Receives a sentence about what the result does not show."""


def no_warning(text: str) -> None:
    """Ignore warnings."""


@contextmanager
def opened(
    sqs: Any, deployment: Deployment, *, poll: int = LONG_POLL, warn: Warn = no_warning
) -> Iterator[list[DeadLetter]]:
    """Yield the letters of both queues, oldest first. After the block, the remaining letters are visible again."""
    letters: list[DeadLetter] = []
    queues: tuple[tuple[Origin, str], ...] = (
        ("delivery", deployment.delivery_dead_letters),
        ("handler", deployment.handler_dead_letters),
    )

    def read(of: tuple[Origin, str]) -> None:
        for letter in _receive(sqs, *of, deployment.stack, poll, warn):
            letters.append(letter)

    try:
        if poll:  # both at once, so that two empty queues take as long as one
            with ThreadPoolExecutor(len(queues)) as pool:
                for _ in pool.map(read, queues):
                    pass
        else:
            for of in queues:
                read(of)
        yield sorted(letters, key=lambda letter: (letter.since, letter.id))
    finally:
        _put_back(sqs, letters)


class Hold:
    """Letters that stay invisible to other readers while this reader works on them."""

    def __init__(self, sqs: Any, letters: Sequence[DeadLetter], clock: Callable[[], datetime]) -> None:
        self._sqs, self._clock = sqs, clock
        self._letters = {letter.id: letter for letter in letters}
        self._renewed = clock()

    def release(self, letter: DeadLetter) -> None:
        """End the hold of a letter: it was deleted, or it stays in its queue."""
        self._letters.pop(letter.id, None)

    def renew(self) -> None:
        """Extend the hold once half of its time has passed. Cheap: to be called often."""
        now = self._clock()
        if (now - self._renewed).total_seconds() >= OUT_OF_SIGHT / 2:
            self._renewed = now
            _hide(self._sqs, [*self._letters.values()], OUT_OF_SIGHT)


def list_letters(
    sqs: Any,
    deployment: Deployment,
    *,
    job: str | None = None,
    origin: str | None = None,
    poll: int = LONG_POLL,
    warn: Warn = no_warning,
) -> list[DeadLetter]:
    """Return the letters of both queues, oldest first. Deletes nothing."""
    with opened(sqs, deployment, poll=poll, warn=warn) as letters:
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


def _receive(sqs: Any, origin: Origin, queue: str, stack: str, poll: int, warn: Warn) -> Iterator[DeadLetter]:
    seen: set[str] = set()
    empty = 0
    while len(seen) < MOST:
        got = sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=poll,
            VisibilityTimeout=OUT_OF_SIGHT,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SenderId", "SentTimestamp"],
        ).get("Messages", [])
        empty = 0 if got else empty + 1
        if empty >= EMPTY and _is_read(sqs, queue, len(seen), empty, warn):
            return
        for one in got:
            if one["MessageId"] not in seen:
                seen.add(one["MessageId"])
                yield _letter(one, origin, queue, stack)


def _letter(message: Any, origin: Origin, queue: str, stack: str) -> DeadLetter:
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


def _is_read(sqs: Any, queue: str, held: int, empty: int, warn: Warn) -> bool:
    """Return whether SQS, too, counts no letter that this reader does not hold."""
    counted = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[*COUNTS])["Attributes"]
    visible, hidden = (int(counted.get(name, 0)) for name in COUNTS)
    if visible and empty < MOST_EMPTY:
        return False
    name = queue.rpartition("/")[2]
    if visible:
        warn(f"SQS counts about {visible} more letters in {name}, and returned none of them: ask again in a minute")
    elif hidden > held:
        warn(
            f"SQS counts about {hidden - held} more letters in {name} that another reader holds: they return within"
            f" {OUT_OF_SIGHT} s"
        )
    return True


def _put_back(sqs: Any, letters: Sequence[DeadLetter]) -> None:
    """Make letters visible again."""
    _hide(sqs, letters, 0)


def _hide(sqs: Any, letters: Sequence[DeadLetter], seconds: int) -> None:
    """Set for how long letters stay invisible. SQS reports an error for those deleted meanwhile, which is ignored."""
    for queue in sorted({letter.queue for letter in letters}):
        of_queue = [letter for letter in letters if letter.queue == queue]
        for begin in range(0, len(of_queue), 10):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": seconds}
                for number, letter in enumerate(of_queue[begin : begin + 10])
            ]
            sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)
