"""A queue is read to its end, although SQS may answer with nothing while letters exist."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack_infra.ops.dead_letters.reading import OUT_OF_SIGHT, Hold, list_letters, opened
from cronstack_infra.ops.deployment import Deployment

DELIVERY, HANDLER = "http://sqs/1/delivery", "http://sqs/1/handler"
DEPLOYMENT = Deployment("shop", "ledger", DELIVERY, HANDLER, "shop")


class Sqs:
    """SQS, as far as a reader of dead letters uses it. ``falsely_empty``: numbers of the receives without an answer."""

    def __init__(self, letters: int, *falsely_empty: int, uncounted: int = 0) -> None:
        self.visible = {DELIVERY: [str(number) for number in range(letters)], HANDLER: []}
        self.hidden: dict[str, list[str]] = {DELIVERY: [], HANDLER: []}
        self.falsely_empty, self.uncounted = falsely_empty, uncounted
        self.waits: list[int] = []
        self.asked: dict[str, int] = {DELIVERY: 0, HANDLER: 0}
        self.timeouts: list[tuple[str, int]] = []

    def receive_message(self, *, QueueUrl: str, WaitTimeSeconds: int, **_: Any) -> dict[str, Any]:
        self.waits.append(WaitTimeSeconds)
        self.asked[QueueUrl] += 1
        if QueueUrl == DELIVERY and self.asked[QueueUrl] in self.falsely_empty:
            return {}
        taken, self.visible[QueueUrl] = self.visible[QueueUrl][:10], self.visible[QueueUrl][10:]
        self.hidden[QueueUrl] += taken
        return {
            "Messages": [
                {"MessageId": one, "ReceiptHandle": one, "Body": "{}", "Attributes": {"SentTimestamp": "0"}}
                for one in taken
            ]
        }

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        counts = (len(self.visible[QueueUrl]) + self.uncounted, len(self.hidden[QueueUrl]))
        return {"Attributes": dict(zip(AttributeNames, map(str, counts), strict=True))}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:
        self.timeouts += [(one["ReceiptHandle"], one["VisibilityTimeout"]) for one in Entries]


@pytest.mark.parametrize("falsely_empty", [(), (2,), (2, 3), (1, 2, 3, 4), (2, 4, 6)])
def test_false_empty_answers_hide_no_letter(falsely_empty: tuple[int, ...]) -> None:
    sqs = Sqs(40, *falsely_empty)
    found = list_letters(sqs, DEPLOYMENT)
    assert sorted(int(one.id) for one in found) == list(range(40))
    assert set(sqs.waits) == {1}, "each receive is a long poll"
    assert sorted(sqs.timeouts) == sorted((str(number), 0) for number in range(40)), "and each letter is put back"


def test_two_empty_answers_end_the_read_of_an_empty_queue() -> None:
    sqs = Sqs(0)
    assert list_letters(sqs, DEPLOYMENT) == []
    assert sqs.asked == {DELIVERY: 2, HANDLER: 2}


def test_letters_that_sqs_counts_and_does_not_return_are_told() -> None:
    sqs, warnings = Sqs(0, uncounted=3), list[str]()
    assert list_letters(sqs, DEPLOYMENT, warn=warnings.append) == []
    assert sorted(warnings) == [
        f"SQS counts about 3 more letters in {name}, and returned none of them: ask again in a minute"
        for name in ("delivery", "handler")
    ]


def test_letters_that_another_reader_holds_are_told() -> None:
    sqs, warnings = Sqs(12), list[str]()
    with opened(sqs, DEPLOYMENT) as held:
        assert len(held) == 12
        assert list_letters(sqs, DEPLOYMENT, warn=warnings.append) == []
    assert warnings == [
        "SQS counts about 12 more letters in delivery that another reader holds: they return within 120 s"
    ]


def test_a_long_redrive_keeps_the_letters_that_are_to_come() -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    sqs = Sqs(3)
    with opened(sqs, DEPLOYMENT) as letters:
        hold = Hold(sqs, letters, lambda: now[0])
        hold.release(letters[0])
        for _ in range(OUT_OF_SIGHT):
            now[0] += timedelta(seconds=1)
            hold.renew()
    kept = [(letters[1].receipt, OUT_OF_SIGHT), (letters[2].receipt, OUT_OF_SIGHT)]
    assert sqs.timeouts == [*kept, *kept, *((one.receipt, 0) for one in letters)]
    assert json.loads(letters[0].body) == {}
