"""Lambda's event sources: queues that are polled, batches that are run, messages that are deleted or kept.

    visible message ─▶ poll ─▶ gathered ──full, or window over──▶ batch ─▶ succeeded: its messages are deleted
        ▲               │                                           │──▶ failed: they stay, and become visible
        │               └──empty: until the queue changes, or a     │            when their timeout ends
        │                  hidden message becomes visible           └──▶ throttled: again while they are hidden
        └───────────────────────── a batch has ended ◀──────────────┘

Nothing is polled on a timer: a queue is polled when it has changed, when a hidden message becomes visible, and when a
batch ends. The queue's redrive policy, not Lambda, limits how often a message is tried.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cronstack_infra.local.engine import records
from cronstack_infra.local.engine.agenda import Agenda
from cronstack_infra.local.engine.values import Expired, Failed, FunctionOutcome, Looped, Report, Succeeded, Throttled
from cronstack_infra.switches.settings import Switches

LARGEST_BATCH: Final = 6 * 1024 * 1024
"""Lambda's limit of a synchronous invocation's event, in bytes."""


@dataclass(frozen=True)
class SourceConfig:
    """An event source mapping after its last Create or Update."""

    uuid: str
    queue_arn: str
    function_arn: str
    batch_size: int = 10
    window: int = 0
    """Batching window in seconds."""
    concurrency: int | None = None
    """Batches at once; None: the switch ``source_batches``."""
    reports_failures: bool = False
    """Whether FunctionResponseTypes has ReportBatchItemFailures."""
    enabled: bool = True


@dataclass(frozen=True)
class Received:
    """A message that a poll has received."""

    message_id: str
    receipt_handle: str
    record: Mapping[str, Any] = field(repr=False)
    """The message in the function's event."""


@dataclass(frozen=True)
class PollQueue:
    """Effect: receive up to ``at_most`` messages. Answer with ``Engine.received``."""

    uuid: str
    queue_arn: str
    function_arn: str
    at_most: int


@dataclass(frozen=True)
class RunBatch:
    """Effect: invoke the function with a batch and wait for its result. Answer with ``Engine.batch_ended``."""

    batch: int
    function_arn: str
    payload: str = field(repr=False)
    attempt: int


@dataclass(frozen=True)
class DeleteMessages:
    """Effect: delete messages that the function has processed."""

    queue_arn: str
    receipt_handles: tuple[str, ...]


@dataclass(frozen=True)
class DuePoll:
    """On the agenda: a hidden message of the queue becomes visible."""

    uuid: str
    at: datetime


@dataclass(frozen=True)
class DueBatch:
    """On the agenda: the batching window is over, or a throttled batch is tried again (``batch``)."""

    uuid: str
    turn: int
    batch: int | None = None


@dataclass
class _Source:
    config: SourceConfig
    running: int = 0
    gathered: list[Received] = field(default_factory=list)
    size: int = 0
    turn: int = 0
    """Grows with each batch. The window of an older turn is void."""
    visible_again: datetime | None = None
    """Time at which the first gathered message becomes visible."""
    polling: bool = False
    poll_again: bool = False
    """Whether the queue has changed during the poll."""
    next_poll: datetime | None = None
    """Time of the earliest ``DuePoll``."""


@dataclass
class _Batch:
    number: int
    config: SourceConfig
    messages: tuple[Received, ...]
    payload: str
    visible_again: datetime
    attempt: int = 1


class Sources:
    def __init__(self, agenda: Agenda, switches: Switches) -> None:
        self._agenda = agenda
        self.switches = switches
        self._sources: dict[str, _Source] = {}
        self._batches: dict[int, _Batch] = {}
        self._numbers = 0

    def put(self, config: SourceConfig) -> None:
        """Handle a created or updated mapping. Batches under way keep their configuration."""
        source = self._sources.setdefault(config.uuid, _Source(config))
        source.config = config
        if source.gathered and (not config.enabled or len(source.gathered) >= config.batch_size):
            self._run(source)
        self._poll(source)

    def delete(self, uuid: str) -> None:
        """Delete a mapping. Batches under way continue; gathered messages become visible again by themselves."""
        self._sources.pop(uuid, None)

    def changed(self, queue_arn: str) -> bool:
        """Poll a queue that may have a visible message. Return whether an event source polls it."""
        pollers = [source for source in self._sources.values() if source.config.queue_arn == queue_arn]
        for source in pollers:
            self._poll(source)
        return bool(pollers)

    def received(
        self,
        uuid: str,
        messages: Sequence[Received],
        now: datetime,
        *,
        visible_again: datetime,
        next_visible: datetime | None,
    ) -> None:
        """Handle the end of a poll.

        visible_again: when its messages become visible if they are not deleted. next_visible: when another hidden
        message becomes visible.
        """
        source = self._sources.get(uuid)
        if source is None:
            return
        source.polling = False
        for message in messages:
            self._gather(source, message, visible_again)
        if source.gathered and (source.config.window == 0 or len(source.gathered) >= source.config.batch_size):
            self._run(source)
        elif source.gathered and len(source.gathered) <= len(messages):
            self._agenda.add(now + timedelta(seconds=source.config.window), DueBatch(uuid, source.turn))
        if next_visible is not None and (source.next_poll is None or next_visible < source.next_poll):
            source.next_poll = next_visible
            self._agenda.add(next_visible, DuePoll(uuid, next_visible))
        if messages or source.poll_again:
            self._poll(source)

    def due_poll(self, item: DuePoll) -> None:
        source = self._sources.get(item.uuid)
        if source is not None and source.next_poll == item.at:
            source.next_poll = None
            self._poll(source)

    def due_batch(self, item: DueBatch) -> None:
        if item.batch is not None:
            self._invoke(self._batches[item.batch])
            return
        source = self._sources.get(item.uuid)
        if source is not None and source.turn == item.turn and source.gathered:
            self._run(source)
            self._poll(source)

    def ended(self, number: int, outcome: FunctionOutcome, now: datetime) -> None:
        """Handle a batch's invocation that has ended or could not start."""
        batch = self._batches[number]
        if isinstance(outcome, Throttled):
            wait = min(self.switches.throttle_base * 2.0 ** min(batch.attempt - 1, 32), self.switches.throttle_most)
            batch.attempt += 1
            if now + timedelta(seconds=wait) < batch.visible_again:
                self._agenda.add(now + timedelta(seconds=wait), DueBatch(batch.config.uuid, 0, number))
                return
        self._settle(batch, outcome)
        del self._batches[number]
        source = self._sources.get(batch.config.uuid)
        if source is not None:
            source.running -= 1
            self._poll(source)

    def _poll(self, source: _Source) -> None:
        limit = source.config.concurrency or self.switches.source_batches
        if not source.config.enabled or source.running >= limit:
            return
        source.poll_again = source.polling
        if not source.polling:
            source.polling = True
            config = source.config
            at_most = max(config.batch_size - len(source.gathered), 1)
            self._agenda.effects.append(PollQueue(config.uuid, config.queue_arn, config.function_arn, at_most))

    def _gather(self, source: _Source, message: Received, visible_again: datetime) -> None:
        size = len(json.dumps(message.record).encode()) + 2
        if source.gathered and source.size + size > LARGEST_BATCH - 16:
            self._run(source)
        if not source.gathered:
            source.visible_again = visible_again
        source.gathered.append(message)
        source.size += size

    def _run(self, source: _Source) -> None:
        """Invoke the function with the gathered messages."""
        assert source.visible_again is not None
        messages, source.gathered, source.size = tuple(source.gathered), [], 0
        source.turn += 1
        source.running += 1
        self._numbers += 1
        payload = json.dumps({"Records": [dict(message.record) for message in messages]})
        batch = _Batch(self._numbers, source.config, messages, payload, source.visible_again)
        self._batches[batch.number] = batch
        self._invoke(batch)

    def _invoke(self, batch: _Batch) -> None:
        self._agenda.effects.append(RunBatch(batch.number, batch.config.function_arn, batch.payload, batch.attempt))

    def _settle(self, batch: _Batch, outcome: FunctionOutcome) -> None:
        """Delete processed messages. The others become visible when their visibility timeout ends."""
        ids = [message.message_id for message in batch.messages]
        failed = set(ids)
        if isinstance(outcome, Succeeded):
            failed = failures(outcome.payload, ids) if batch.config.reports_failures else set()
        done = tuple(message.receipt_handle for message in batch.messages if message.message_id not in failed)
        if done:
            self._agenda.effects.append(DeleteMessages(batch.config.queue_arn, done))
        fields = {
            "queue": batch.config.queue_arn,
            "function": records.short(batch.config.function_arn),
            "messages": len(ids),
            "deleted": len(done),
        }
        if failed:
            fields["reason"] = _reason(outcome)
        self._agenda.effects.append(Report("batch", fields))


def failures(response: str, ids: Sequence[str]) -> set[str]:
    """Return the failed messages of a batch, by the function's response; all of them for an invalid response.

    Nothing failed if the response is empty, has no batchItemFailures, or an empty list of them.
    """
    all_ids = set(ids)
    try:
        fields = json.loads(response or "null")
    except ValueError:
        return all_ids
    if not fields:
        return set()
    if not isinstance(fields, dict):
        return all_ids
    reported = fields.get("batchItemFailures")
    if reported is None:
        return set()
    if not isinstance(reported, list):
        return all_ids
    failed = {str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in reported}
    return failed if failed <= all_ids else all_ids


def _reason(outcome: FunctionOutcome) -> str:
    match outcome:
        case Throttled():
            return "throttled"
        case Looped():
            return "recursive loop"
        case Failed() | Expired():
            return "failed"
        case Succeeded():
            return "reported"
