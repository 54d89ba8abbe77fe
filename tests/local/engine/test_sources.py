"""Event sources on a clock that only the test moves: polls, batches, and deleted and kept messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.engine.sources import DeleteMessages, PollQueue, Received, RunBatch, SourceConfig, failures
from cronstack_infra.local.engine.values import FunctionOutcome, Succeeded, Throttled
from cronstack_infra.switches.settings import Switches
from tests.local.engine.stage import FUNCTION, QUEUE, RAISED, instant

HIDDEN = timedelta(seconds=30)


class Source:
    """A queue of names and a scripted function. ``answer`` None: the test ends batches; else they end at once."""

    def __init__(self, **fields: Any) -> None:
        self.engine = Engine(Switches())
        self.now = instant("12:00:00")
        self.queue: dict[str, datetime] = {}
        self.polls = 0
        self.runs: list[str] = []
        self.open: list[int] = []
        self.answer: Callable[[int], FunctionOutcome] | None = lambda batch: Succeeded("null")
        self.engine.put_source(SourceConfig("u", QUEUE, FUNCTION, **fields))
        self.step()

    def send(self, *names: str) -> None:
        self.queue.update(dict.fromkeys(names, self.now))
        self.engine.queue_changed(QUEUE)
        self.step()

    def end(self, outcome: FunctionOutcome) -> None:
        self.engine.batch_ended(self.open.pop(0), outcome, self.now)
        self.step()

    def until(self, text: str) -> None:
        while (due := self.engine.next_due()) is not None and due <= instant(text):
            self.now = max(due, self.now)
            self.step()
        self.now = instant(text)

    def step(self) -> None:
        while effects := self.engine.step(self.now):
            for effect in effects:
                match effect:
                    case PollQueue():
                        self.poll(effect)
                    case RunBatch():
                        names = [record["messageId"] for record in json.loads(effect.payload)["Records"]]
                        self.runs.append(f"{self.now:%H:%M:%S} {''.join(names)} #{effect.attempt}")
                        if self.answer is None:
                            self.open.append(effect.batch)
                        else:
                            self.engine.batch_ended(effect.batch, self.answer(effect.batch), self.now)
                    case DeleteMessages():
                        for name in effect.receipt_handles:
                            del self.queue[name]

    def poll(self, effect: PollQueue) -> None:
        self.polls += 1
        received = [name for name, visible in self.queue.items() if visible <= self.now][: effect.at_most]
        later = [visible for visible in self.queue.values() if visible > self.now]
        self.queue.update(dict.fromkeys(received, self.now + HIDDEN))
        messages = [Received(name, name, {"messageId": name}) for name in received]
        next_visible = min(later, default=None)
        self.engine.received("u", messages, self.now, visible_again=self.now + HIDDEN, next_visible=next_visible)


def test_a_batch_takes_all_messages_and_an_empty_queue_is_not_polled() -> None:
    source = Source(batch_size=3)
    assert source.polls == 1
    source.send("a", "b", "c", "d")
    assert source.runs == ["12:00:00 abc #1", "12:00:00 d #1"]
    assert source.queue == {}
    source.until("12:01:00")  # one poll when the messages hidden at the last poll would become visible
    polls = source.polls
    source.until("23:00:00")
    assert source.polls == polls
    assert source.engine.next_due() is None


def test_failed_messages_come_back_when_their_visibility_timeout_ends() -> None:
    source = Source()
    source.answer = lambda batch: RAISED if source.now < instant("12:01:00") else Succeeded("null")
    source.send("a", "b")
    source.until("12:05:00")
    assert source.runs == ["12:00:00 ab #1", "12:00:30 ab #1", "12:01:00 ab #1"]
    assert source.queue == {}


def test_only_reported_messages_come_back() -> None:
    source = Source(reports_failures=True)
    answers = iter([json.dumps({"batchItemFailures": [{"itemIdentifier": "b"}]}), "{}"])
    source.answer = lambda batch: Succeeded(next(answers))
    source.send("a", "b", "c")
    source.until("12:05:00")
    assert source.runs == ["12:00:00 abc #1", "12:00:30 b #1"]


def test_without_the_response_type_the_response_is_ignored() -> None:
    source = Source()
    source.answer = lambda batch: Succeeded(json.dumps({"batchItemFailures": [{"itemIdentifier": "a"}]}))
    source.send("a")
    assert source.queue == {}


def test_a_window_starts_with_the_first_message_and_a_full_batch_does_not_wait() -> None:
    source = Source(batch_size=3, window=20)
    source.send("a")
    source.until("12:00:10")
    source.send("b")
    assert source.runs == []
    source.until("12:00:25")
    assert source.runs == ["12:00:20 ab #1"]
    source.send("c", "d", "e")
    assert source.runs[1:] == ["12:00:25 cde #1"]
    source.until("12:02:00")
    assert len(source.runs) == 2  # the window of the full batch is void


def test_maximum_concurrency_limits_simultaneous_batches() -> None:
    source = Source(batch_size=1, concurrency=2)
    source.answer = None
    source.send("a", "b", "c")
    assert (len(source.open), len(source.runs)) == (2, 2)
    source.end(Succeeded("null"))
    assert source.runs[2:] == ["12:00:00 c #1"]
    assert set(source.queue) == {"b", "c"}


def test_a_throttled_batch_is_retried_only_while_its_messages_are_hidden() -> None:
    source = Source()
    source.answer = lambda batch: Throttled()
    source.send("a")
    source.until("12:00:29")
    assert source.runs == [f"12:00:{second:02} a #{n}" for n, second in enumerate((0, 1, 3, 7, 15), 1)]
    source.answer = lambda batch: Succeeded("null")
    source.until("12:00:40")
    assert source.runs[5:] == ["12:00:30 a #1"]


def test_a_disabled_source_does_not_poll_until_it_is_enabled() -> None:
    source = Source(enabled=False)
    source.send("a")
    assert (source.polls, source.runs) == (0, [])
    source.engine.put_source(SourceConfig("u", QUEUE, FUNCTION))
    source.step()
    assert source.runs == ["12:00:00 a #1"]


def test_a_deleted_source_finishes_its_running_batch() -> None:
    source = Source()
    source.answer = None
    source.send("a")
    source.engine.delete_source("u")
    source.end(Succeeded("null"))
    assert source.queue == {}
    source.send("b")
    assert len(source.runs) == 1


def items(*identifiers: Any) -> str:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]})


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ("null", ""),
        ("{}", ""),
        ("", ""),
        ('{"batchItemFailures": null}', ""),
        (items(), ""),
        (items("a"), "a"),
        (items("a", "b"), "ab"),
        (items("a", "z"), "ab"),
        (items(""), "ab"),
        (items(None), "ab"),
        (items(1), "ab"),
        ('{"batchItemFailures": [{"foo": "notvalid"}]}', "ab"),
        ('{"batchItemFailures": ["a"]}', "ab"),
        ('{"batchItemFailures": "a"}', "ab"),
        ('"a word"', "ab"),
        ("not JSON", "ab"),
    ],
)
def test_an_invalid_response_fails_the_whole_batch(answer: str, failed: str) -> None:
    assert failures(answer, ["a", "b"]) == set(failed)
