"""Dead letters: read without losing any, grouped by cause, and redriven.

Reading takes a letter out of sight for a while and puts it back; should the reader die, it comes back by itself. A
letter is deleted only after Lambda has accepted its event, or when the ledger says that its occurrence is finished.
A redrive is the same occurrence, its next attempt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cronstack.admission import FINISHED
from cronstack.errors import OperationError
from cronstack.event import redrive_event
from cronstack.occurrence import Occurrence, is_planned, print_time, to_datetime, to_milliseconds
from cronstack_infra.ops.deployment import Clients, Deployment, find_job
from cronstack_infra.ops.invoking import call_until_told, hand_over
from cronstack_infra.ops.runs import Row, find_run, follow
from cronstack_infra.ops.unwrapping import Contents, Origin, unwrap

OUT_OF_SIGHT: Final = 120
"""Seconds for which a letter is kept from other readers while this one works."""
LONG_POLL: Final = 1
"""Seconds to wait at a queue that seems empty: a short poll asks only some of SQS's machines."""
MOST: Final = 5_000
"""Letters that are read at once."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter."""

    id: str
    """SQS's own; stable as long as the letter lies in its queue."""
    queue: str
    receipt: str
    since: datetime
    contents: Contents
    body: str

    @property
    def job(self) -> str:
        """Its name; "" where nothing tells it."""
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
        """By which code has scheduled it."""
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
    """Dead letters that look alike."""

    origin: Origin
    job: str
    reason: str
    error: str
    letters: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True)
class Redriven:
    """What became of one letter."""

    letter: DeadLetter
    accepted: bool
    """Its event went to the function, and the letter is gone."""
    detail: str
    status: str = ""
    """How it ended, where that was waited for, or known."""


@contextmanager
def opened(sqs: Any, deployment: Deployment, *, poll: int = LONG_POLL) -> Iterator[list[DeadLetter]]:
    """The letters of both queues, oldest first. Those not deleted inside the block are in sight again afterwards."""
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
    """A look at both queues that changes nothing."""
    with opened(sqs, deployment, poll=poll) as letters:
        return [letter for letter in letters if _is_wanted(letter, job, origin)]


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


def redrive(
    clients: Clients,
    deployment: Deployment,
    *,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    job: str | None = None,
    origin: str | None = None,
    ids: Sequence[str] = (),
    wait: float = 0,
    poll: int = LONG_POLL,
) -> Iterator[Redriven]:
    """Send the events of dead letters again, oldest first; a result for each as it comes.

    ``ids``: only these. ``wait``: seconds to wait for each one's end, 0 to go on once it is accepted.
    """
    if job is not None:
        find_job(clients("lambda"), deployment, job)
    with opened(clients("sqs"), deployment, poll=poll) as letters:
        wanted = [one for one in letters if _is_wanted(one, job, origin) and (not ids or one.id in ids)]
        if unknown := sorted(set(ids) - {one.id for one in wanted}):
            raise OperationError(
                f"no dead letter {unknown[0]}", remedy="List them: cronstack dead-letters list --json tells their ids."
            )
        drive = _Drive(clients, deployment, clock, sleep, wait)
        for letter in wanted:
            yield drive.again(letter)


class _Drive:
    """One redrive of several letters."""

    def __init__(
        self,
        clients: Clients,
        deployment: Deployment,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        wait: float,
    ) -> None:
        self._clients, self._deployment = clients, deployment
        self._clock, self._sleep, self._wait = clock, sleep, wait
        self._sent: Counter[tuple[str, str]] = Counter()
        self._unstarted: dict[str, str] = {}

    def again(self, letter: DeadLetter) -> Redriven:
        occurrence = letter.contents.occurrence
        if occurrence is None:
            return Redriven(letter, False, f"its event is not one of Cronstack's ({letter.contents.reason}); it stays")
        if letter.contents.origin == "refused" and letter.contents.reason in ("TooOld", "PayloadMismatch"):
            return Redriven(letter, False, f"it would be refused again ({letter.contents.reason}); it stays")
        try:
            return self._send(letter, occurrence)
        except OperationError as fault:
            return Redriven(letter, False, f"{fault.args[0]}; it stays")

    def _send(self, letter: DeadLetter, occurrence: Occurrence) -> Redriven:
        key = (occurrence.job, occurrence.id)
        if self._sent[key]:
            self._delete(letter)
            return Redriven(letter, True, "a copy: its occurrence has just been redriven")
        row = self._row(occurrence)
        if row is not None and row.status in FINISHED:
            self._delete(letter)
            return Redriven(letter, True, f"nothing to do: it has {row.status} already", row.status)
        if row is not None and occurrence.revision is not None and row.revision not in (0, occurrence.revision):
            self._delete(letter)  # its event would find itself overtaken
            stands = f"planned for {print_time(to_milliseconds(row.due))}" if row.status == "planned" else row.status
            return Redriven(letter, True, f"nothing to do: it was moved, and is {stands}")
        job = find_job(self._clients("lambda"), self._deployment, occurrence.job)
        if row is not None and row.attempt >= row.limit and (row.overdue or row.status == "crashed"):
            row = self._settle_death(job, occurrence)
        died = row.attempt if row is not None and row.status == "dead" else None
        if row is None and not is_planned(occurrence.id):  # those wait for nobody
            self._after_the_last_unstarted_one(occurrence)
        now = to_milliseconds(self._clock())
        hand_over(self._clients("lambda"), job, redrive_event(occurrence, requested=now, attempt=died))
        self._delete(letter)
        self._sent[key] += 1
        detail = "first attempt" if row is None else f"attempt {row.attempt + 1}"
        if not self._wait:
            return Redriven(letter, True, detail)
        try:
            ended = self._follow(occurrence, died or 0)
        except OperationError as impatience:  # its carriers bring it on; the letter has done its part
            return Redriven(letter, True, f"{detail}: {impatience.args[0]}")
        return Redriven(letter, True, f"{detail}: {ended.status}", ended.status)

    def _settle_death(self, job: Any, occurrence: Occurrence) -> Row | None:
        """Killed in its last attempt, so nobody could record its death. A claim does, without running the handler."""
        event = redrive_event(occurrence, requested=to_milliseconds(self._clock()), attempt=None)
        call_until_told(self._clients("lambda"), job, event, sleep=self._sleep)
        return self._row(occurrence)

    def _after_the_last_unstarted_one(self, occurrence: Occurrence) -> None:
        """What never started is skipped where its job runs already: these go one after the other."""
        last = self._unstarted.get(occurrence.job)
        if last is not None:
            follow(
                self._clients("dynamodb"),
                self._deployment,
                occurrence.job,
                last,
                clock=self._clock,
                sleep=self._sleep,
                patience=self._wait or 960,
            )
        self._unstarted[occurrence.job] = occurrence.id

    def _follow(self, occurrence: Occurrence, died: int) -> Row:
        return follow(
            self._clients("dynamodb"),
            self._deployment,
            occurrence.job,
            occurrence.id,
            clock=self._clock,
            sleep=self._sleep,
            patience=self._wait,
            beyond_attempt=died,
        )

    def _row(self, occurrence: Occurrence) -> Row | None:
        return find_run(self._clients("dynamodb"), self._deployment, occurrence.job, occurrence.id, self._clock())

    def _delete(self, letter: DeadLetter) -> None:
        self._clients("sqs").delete_message(QueueUrl=letter.queue, ReceiptHandle=letter.receipt)


def _is_wanted(letter: DeadLetter, job: str | None, origin: str | None) -> bool:
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
    """Those that were deleted meanwhile are reported as failed, which is as it should be."""
    for queue in sorted({letter.queue for letter in letters}):
        of_queue = [letter for letter in letters if letter.queue == queue]
        for begin in range(0, len(of_queue), 10):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
                for number, letter in enumerate(of_queue[begin : begin + 10])
            ]
            sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries)
