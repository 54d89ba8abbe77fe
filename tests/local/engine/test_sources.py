"""Queues that feed functions, on a clock that only the test moves: when is polled, what is run, deleted and left."""

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


class Line:
    """A queue of names and a function that answers as it is told; batches end when the test says so, or at once."""

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
                        names = [one["messageId"] for one in json.loads(effect.payload)["Records"]]
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
        found = [name for name, visible in self.queue.items() if visible <= self.now][: effect.at_most]
        later = [visible for visible in self.queue.values() if visible > self.now]
        self.queue.update(dict.fromkeys(found, self.now + HIDDEN))
        messages = [Received(name, name, {"messageId": name}) for name in found]
        next_visible = min(later, default=None)
        self.engine.received("u", messages, self.now, visible_again=self.now + HIDDEN, next_visible=next_visible)


def test_a_batch_takes_what_is_there_and_an_empty_queue_is_left_alone() -> None:
    line = Line(batch_size=3)
    assert line.polls == 1
    line.send("a", "b", "c", "d")
    assert line.runs == ["12:00:00 abc #1", "12:00:00 d #1"]
    assert line.queue == {}
    line.until("12:01:00")  # one look when what was hidden at the last poll would have come back
    polls = line.polls
    line.until("23:00:00")
    assert line.polls == polls
    assert line.engine.next_due() is None


def test_what_fails_comes_back_when_its_visibility_ends() -> None:
    line = Line()
    line.answer = lambda batch: RAISED if line.now < instant("12:01:00") else Succeeded("null")
    line.send("a", "b")
    line.until("12:05:00")
    assert line.runs == ["12:00:00 ab #1", "12:00:30 ab #1", "12:01:00 ab #1"]
    assert line.queue == {}


def test_what_is_reported_comes_back_alone() -> None:
    line = Line(reports_failures=True)
    answers = iter([json.dumps({"batchItemFailures": [{"itemIdentifier": "b"}]}), "{}"])
    line.answer = lambda batch: Succeeded(next(answers))
    line.send("a", "b", "c")
    line.until("12:05:00")
    assert line.runs == ["12:00:00 abc #1", "12:00:30 b #1"]


def test_without_the_response_type_the_answer_is_ignored() -> None:
    line = Line()
    line.answer = lambda batch: Succeeded(json.dumps({"batchItemFailures": [{"itemIdentifier": "a"}]}))
    line.send("a")
    assert line.queue == {}


def test_a_window_gathers_from_the_first_message_on_and_a_full_batch_does_not_wait() -> None:
    line = Line(batch_size=3, window=20)
    line.send("a")
    line.until("12:00:10")
    line.send("b")
    assert line.runs == []
    line.until("12:00:25")
    assert line.runs == ["12:00:20 ab #1"]
    line.send("c", "d", "e")
    assert line.runs[1:] == ["12:00:25 cde #1"]
    line.until("12:02:00")
    assert len(line.runs) == 2  # the window of the full batch is void


def test_no_more_batches_at_once_than_the_maximum_concurrency() -> None:
    line = Line(batch_size=1, concurrency=2)
    line.answer = None
    line.send("a", "b", "c")
    assert (len(line.open), len(line.runs)) == (2, 2)
    line.end(Succeeded("null"))
    assert line.runs[2:] == ["12:00:00 c #1"]
    assert set(line.queue) == {"b", "c"}


def test_a_throttled_batch_is_tried_again_only_while_its_messages_are_hidden() -> None:
    line = Line()
    line.answer = lambda batch: Throttled()
    line.send("a")
    line.until("12:00:29")
    assert line.runs == [f"12:00:{second:02} a #{n}" for n, second in enumerate((0, 1, 3, 7, 15), 1)]
    line.answer = lambda batch: Succeeded("null")
    line.until("12:00:40")
    assert line.runs[5:] == ["12:00:30 a #1"]


def test_a_disabled_source_leaves_the_queue_alone_until_it_is_enabled() -> None:
    line = Line(enabled=False)
    line.send("a")
    assert (line.polls, line.runs) == (0, [])
    line.engine.put_source(SourceConfig("u", QUEUE, FUNCTION))
    line.step()
    assert line.runs == ["12:00:00 a #1"]


def test_a_deleted_source_ends_what_it_has_begun() -> None:
    line = Line()
    line.answer = None
    line.send("a")
    line.engine.delete_source("u")
    line.end(Succeeded("null"))
    assert line.queue == {}
    line.send("b")
    assert len(line.runs) == 1


def items(*identifiers: Any) -> str:
    return json.dumps({"batchItemFailures": [{"itemIdentifier": one} for one in identifiers]})


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
def test_an_answer_that_cannot_be_understood_fails_the_whole_batch(answer: str, failed: str) -> None:
    assert failures(answer, ["a", "b"]) == set(failed)
