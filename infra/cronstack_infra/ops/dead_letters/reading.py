"""Read dead letters without losing any, and hold them while a command processes them.

A read makes a letter invisible for a while, then visible again. If the reader dies, SQS makes the letter visible.

A queue counts as read when two long polls in a row were empty and SQS counts no letter that this reader does not hold.
A short poll asks only some of SQS's servers, so it may be empty although letters exist. A read that ended
before that sets ``unread``: its result does not prove that a letter does not exist.

A replaced queue keeps its letters, and older schedules keep sending letters to it. So all queues are read whose names
CloudFormation generated for this stack.

A letter that is received twice, because its visibility timeout ended, has the handle of its last receive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from typing import Any, Final

from cronstack import clock as system_clock
from cronstack_infra import names
from cronstack_infra.ops.dead_letters.letters import DeadLetter, is_wanted, read_letter
from cronstack_infra.ops.dead_letters.unwrapping import Origin
from cronstack_infra.ops.deployment import Deployment

OUT_OF_SIGHT: Final = 120
"""Visibility timeout in seconds while a letter is processed."""
LONG_POLL: Final = 1
"""Seconds that each receive waits at an empty queue. Above 0 it is a long poll, which asks all of SQS's servers."""
EMPTY: Final = 2
"""Responses in a row without a new letter, after which a queue may count as read."""
MOST_EMPTY: Final = 10
"""Responses in a row without a new letter, after which a read ends although SQS counts visible letters."""
COUNTS: Final = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
DENIED: Final = ("AccessDenied", "AccessDeniedException")
MOST: Final = 5_000
"""Most letters that one read returns from each queue."""

Clock = Callable[[], datetime]
Warn = Callable[[str], None]
"""Callback for a sentence about what the result does not show."""
Counting = Callable[[], AbstractContextManager[Callable[[int], None]]]
"""Progress display: a context manager whose function receives the number of letters read so far."""


def no_warning(text: str) -> None:
    """Ignore warnings."""


def silently() -> AbstractContextManager[Callable[[int], None]]:
    """Show no progress."""
    return nullcontext(lambda count: None)


class HeldLetters:
    """The letters of one read. No other reader receives them until the hold ends."""

    def __init__(self, sqs: Any, queues: list[_Queue]) -> None:
        self._sqs, self._queues = sqs, {queue.url: queue for queue in queues}
        self.letters = sorted(
            (letter for queue in queues for letter in queue.letters.values()),
            key=lambda letter: (letter.since, letter.id),
        )
        """Oldest first."""
        self.unread = [queue.unread for queue in queues if queue.unread]
        """A sentence about each queue that may have more letters than were read."""

    def renew(self) -> None:
        """Extend the hold once half of its time has passed. Cheap, so call it often."""
        for queue in self._queues.values():
            queue.renew()

    def holds(self, letter: DeadLetter) -> bool:
        """Return False if SQS refused to extend the hold: another reader may have the letter."""
        return letter.id in self._queues[letter.queue].letters

    def delete(self, letter: DeadLetter) -> None:
        self._sqs.delete_message(QueueUrl=letter.queue, ReceiptHandle=letter.receipt)
        self._queues[letter.queue].letters.pop(letter.id, None)


@contextmanager
def hold_letters(
    sqs: Any,
    deployment: Deployment,
    *,
    poll: int = LONG_POLL,
    clock: Clock = system_clock.now,
    counting: Counting = silently,
    warn: Warn = no_warning,
) -> Iterator[HeldLetters]:
    """Yield the letters of all queues. After the block, those that were not deleted are visible again."""
    urls = _find_queues(sqs, deployment, warn)
    queues = [_Queue(sqs, origin, url, deployment.stack, poll, clock) for url, origin in urls.items()]
    try:
        with counting() as show:
            _read(queues, at_once=poll > 0, count=lambda: show(sum(len(queue.letters) for queue in queues)))
        yield HeldLetters(sqs, queues)
    finally:
        for queue in queues:
            queue.release()


def list_letters(
    sqs: Any,
    deployment: Deployment,
    *,
    job: str | None = None,
    origin: str | None = None,
    poll: int = LONG_POLL,
    unread: Warn = no_warning,
    warn: Warn = no_warning,
    counting: Counting = silently,
) -> list[DeadLetter]:
    """Return the letters of all queues, oldest first. Deletes nothing.

    unread: receives a sentence about each queue that may have more letters than were read. warn: receives what else
    the result does not show.
    """
    with hold_letters(sqs, deployment, poll=poll, counting=counting, warn=warn) as held:
        for sentence in held.unread:
            unread(sentence)
        return [letter for letter in held.letters if is_wanted(letter, job, origin)]


def _find_queues(sqs: Any, deployment: Deployment, warn: Warn) -> dict[str, Origin]:
    """Return the URLs of the stack's queues, replaced queues included."""
    from botocore.exceptions import ClientError

    urls: dict[str, Origin] = {
        deployment.delivery_dead_letters: "delivery",
        deployment.handler_dead_letters: "handler",
    }
    prefixes = [prefix for origin in names.QUEUE_IDS if (prefix := names.queue_prefix(deployment.stack, origin))]
    try:
        pages = [sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", ()) for prefix in prefixes]
    except ClientError as error:
        if error.response["Error"]["Code"] not in DENIED:
            raise
        warn("replaced queues were not read: your credentials may not call sqs:ListQueues")
        return urls
    for url in (url for page in pages for url in page):
        origin = names.origin_of_queue(deployment.stack, url.rpartition("/")[2])
        if origin is not None:
            urls.setdefault(url, origin)
    return urls


def _read(queues: list[_Queue], *, at_once: bool, count: Callable[[], None]) -> None:
    """Read all queues. ``at_once``: in parallel, so that long polls of several empty queues take as long as one."""
    if not at_once:
        for queue in queues:
            queue.read(count)
        return
    with ThreadPoolExecutor(len(queues)) as pool:
        for _ in pool.map(lambda queue: queue.read(count), queues):
            pass


class _Queue:
    """The letters of one queue that this reader holds."""

    def __init__(self, sqs: Any, origin: Origin, url: str, stack: str, poll: int, clock: Clock) -> None:
        self._sqs, self._origin, self.url, self._stack = sqs, origin, url, stack
        self._poll, self._clock = poll, clock
        self._renewed = clock()
        self.letters: dict[str, DeadLetter] = {}
        self.unread = ""

    def read(self, count: Callable[[], None]) -> None:
        """Receive the letters, each with the handle of its last receive."""
        empty = 0
        while len(self.letters) < MOST:
            known = len(self.letters)
            for message in self._receive():
                letter = read_letter(message, self._origin, self.url, self._stack)
                self.letters[letter.id] = letter
            count()
            empty = 0 if len(self.letters) > known else empty + 1
            if empty >= EMPTY and self._is_read(empty):
                return
            self.renew()
        self.unread = f"only the first {len(self.letters):,} letters in {self._name} were read"

    def renew(self) -> None:
        """Extend the hold once half of its time has passed. A letter that SQS refuses to extend is no longer held."""
        now = self._clock()
        if (now - self._renewed).total_seconds() < OUT_OF_SIGHT / 2:
            return
        self._renewed = now
        for id in self._hide([*self.letters.values()], OUT_OF_SIGHT):
            del self.letters[id]

    def release(self) -> None:
        """Make the letters visible again. SQS refuses those whose hold has ended: they are visible already."""
        self._hide([*self.letters.values()], 0)

    def _receive(self) -> list[Any]:
        response = self._sqs.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=self._poll,
            VisibilityTimeout=OUT_OF_SIGHT,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SenderId", "SentTimestamp"],
        )
        return list(response.get("Messages", []))

    def _is_read(self, empty: int) -> bool:
        """Return whether the read ends. Set ``unread`` if SQS counts letters that this reader does not hold."""
        counted = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[*COUNTS])["Attributes"]
        visible, hidden = (int(counted.get(name, 0)) for name in COUNTS)
        if visible and empty < MOST_EMPTY:
            return False
        others = hidden - len(self.letters)
        if visible:
            self.unread = f"SQS counts about {visible} more letters in {self._name}, and returned none of them"
        elif others > 0:
            self.unread = (
                f"SQS counts about {others} more letters in {self._name} that another reader holds, for"
                f" {OUT_OF_SIGHT} s at most unless it extends that time"
            )
        return True

    def _hide(self, letters: list[DeadLetter], seconds: int) -> list[str]:
        """Set for how long letters stay invisible. Return the ids of those that SQS refused."""
        refused = []
        for start in range(0, len(letters), 10):
            batch = letters[start : start + 10]
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": seconds}
                for number, letter in enumerate(batch)
            ]
            response = self._sqs.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
            refused += [batch[int(failed["Id"])].id for failed in response.get("Failed", ())]
        return refused

    @property
    def _name(self) -> str:
        return self.url.rpartition("/")[2]
