"""Lambda's event sources: queues that are polled, batches that are run, messages that are deleted or left.

    something to see ─▶ poll ─▶ gathered ──full, or window over──▶ batch ─▶ succeeded: its messages are deleted
        ▲                │                                           │──▶ failed: they are left, and come back
        │                └──empty: until the queue changes,          │            when their visibility ends
        │                   or a hidden message comes back           └──▶ throttled: again while they are hidden
        └───────────────────────── a batch has ended ◀───────────────┘

Nothing is polled on a timer: a queue is looked at when it has changed, when a hidden message comes back, and when a
batch ends. How often a message is tried is the queue's redrive policy's business, not Lambda's.
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
"""Bytes of a synchronous invocation's event."""


@dataclass(frozen=True)
class SourceConfig:
    """An event source mapping as its last Create or Update left it."""

    uuid: str
    queue_arn: str
    function_arn: str
    batch_size: int = 10
    window: int = 0
    """Seconds to gather a batch."""
    concurrency: int | None = None
    """Batches at once; None: as many as the switches say."""
    reports_failures: bool = False
    """FunctionResponseTypes has ReportBatchItemFailures."""
    enabled: bool = True


@dataclass(frozen=True)
class Received:
    """A message that a poll brought."""

    message_id: str
    receipt_handle: str
    record: Mapping[str, Any] = field(repr=False)
    """As the function sees it."""


@dataclass(frozen=True)
class PollQueue:
    """Effect: receive up to so many messages. Answer with ``Engine.received``."""

    uuid: str
    queue_arn: str
    function_arn: str
    at_most: int


@dataclass(frozen=True)
class RunBatch:
    """Effect: invoke the function with a batch and wait for its answer. Answer with ``Engine.batch_ended``."""

    batch: int
    function_arn: str
    payload: str = field(repr=False)
    attempt: int


@dataclass(frozen=True)
class DeleteMessages:
    """Effect: these are done."""

    queue_arn: str
    receipt_handles: tuple[str, ...]


@dataclass(frozen=True)
class DueLook:
    """On the agenda: a hidden message of the queue comes back."""

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
    """Grows with each batch; a window of an older one is void."""
    visible_again: datetime | None = None
    """When the first of the gathered messages comes back."""
    polling: bool = False
    once_more: bool = False
    """The queue has changed while it was polled."""
    looks: datetime | None = None


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
        """Created or updated. What is under way ends as it began."""
        source = self._sources.setdefault(config.uuid, _Source(config))
        source.config = config
        if source.gathered and (not config.enabled or len(source.gathered) >= config.batch_size):
            self._run(source)
        self._look(source)

    def delete(self, uuid: str) -> None:
        """Batches under way go on; what is gathered comes back to the queue by itself."""
        self._sources.pop(uuid, None)

    def changed(self, queue_arn: str) -> bool:
        """There may be something to see in a queue; whether it feeds anybody."""
        fed = [source for source in self._sources.values() if source.config.queue_arn == queue_arn]
        for source in fed:
            self._look(source)
        return bool(fed)

    def received(
        self,
        uuid: str,
        messages: Sequence[Received],
        now: datetime,
        *,
        visible_again: datetime,
        next_visible: datetime | None,
    ) -> None:
        """What a poll brought; when its messages come back if they are not deleted; when another hidden one does."""
        source = self._sources.get(uuid)
        if source is None:
            return
        source.polling = False
        for message in messages:
            self._gather(source, message, visible_again)
        if source.gathered and (source.config.window == 0 or len(source.gathered) >= source.config.batch_size):
            self._run(source)
        elif source.gathered and len(source.gathered) <= len(messages):
            self._agenda.note(now + timedelta(seconds=source.config.window), DueBatch(uuid, source.turn))
        if next_visible is not None and (source.looks is None or next_visible < source.looks):
            source.looks = next_visible
            self._agenda.note(next_visible, DueLook(uuid, next_visible))
        if messages or source.once_more:
            self._look(source)

    def due_look(self, thing: DueLook) -> None:
        source = self._sources.get(thing.uuid)
        if source is not None and source.looks == thing.at:
            source.looks = None
            self._look(source)

    def due_batch(self, thing: DueBatch) -> None:
        if thing.batch is not None:
            self._invoke(self._batches[thing.batch])
            return
        source = self._sources.get(thing.uuid)
        if source is not None and source.turn == thing.turn and source.gathered:
            self._run(source)
            self._look(source)

    def ended(self, number: int, outcome: FunctionOutcome, now: datetime) -> None:
        """A batch's invocation ended, or did not come about."""
        batch = self._batches[number]
        if isinstance(outcome, Throttled):
            wait = min(self.switches.throttle_base * 2.0 ** min(batch.attempt - 1, 32), self.switches.throttle_most)
            batch.attempt += 1
            if now + timedelta(seconds=wait) < batch.visible_again:
                self._agenda.note(now + timedelta(seconds=wait), DueBatch(batch.config.uuid, 0, number))
                return
        self._settle(batch, outcome)
        del self._batches[number]
        source = self._sources.get(batch.config.uuid)
        if source is not None:
            source.running -= 1
            self._look(source)

    def _look(self, source: _Source) -> None:
        limit = source.config.concurrency or self.switches.source_batches
        if not source.config.enabled or source.running >= limit:
            return
        source.once_more = source.polling
        if not source.polling:
            source.polling = True
            config = source.config
            room = max(config.batch_size - len(source.gathered), 1)
            self._agenda.effects.append(PollQueue(config.uuid, config.queue_arn, config.function_arn, room))

    def _gather(self, source: _Source, message: Received, visible_again: datetime) -> None:
        size = len(json.dumps(message.record).encode()) + 2
        if source.gathered and source.size + size > LARGEST_BATCH - 16:
            self._run(source)
        if not source.gathered:
            source.visible_again = visible_again
        source.gathered.append(message)
        source.size += size

    def _run(self, source: _Source) -> None:
        """Send off what is gathered."""
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
        """Delete what was done; the rest comes back when its visibility ends."""
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


def failures(answer: str, ids: Sequence[str]) -> set[str]:
    """The messages of a batch that the function's answer says have failed; all of them when it cannot be understood.

    Nothing failed: no answer, an empty one, one without batchItemFailures or with an empty list of them.
    """
    everything = set(ids)
    try:
        said = json.loads(answer or "null")
    except ValueError:
        return everything
    if not said:
        return set()
    if not isinstance(said, dict):
        return everything
    reported = said.get("batchItemFailures")
    if reported is None:
        return set()
    if not isinstance(reported, list):
        return everything
    found = {str(one.get("itemIdentifier")) if isinstance(one, dict) else "" for one in reported}
    return found if found <= everything else everything


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
