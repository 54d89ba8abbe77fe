"""A queue is read to its end, although SQS may return nothing while letters exist."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack.errors import OperationError
from cronstack_infra.ops.dead_letters.reading import OUT_OF_SIGHT, hold_letters, list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from cronstack_infra.ops.deployment import Deployment

DELIVERY, HANDLER = "http://sqs/1/delivery", "http://sqs/1/handler"
DEPLOYMENT = Deployment("shop", "ledger", DELIVERY, HANDLER, "shop")


class Clock:
    """A clock that a test, or each receive, advances."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Sqs:
    """The SQS operations that a reader of dead letters uses. ``falsely_empty``: numbers of the empty receives.

    A letter is invisible until its time, and each receive returns another handle. Only the last handle is accepted, and
    only while the letter is invisible.
    """

    def __init__(self, letters: int, *falsely_empty: int, uncounted: int = 0, takes: float = 0) -> None:
        self.clock, self.takes = Clock(), takes
        """``takes``: seconds that a receive takes."""
        self.queues: dict[str, dict[str, datetime]] = {
            DELIVERY: {str(number): self.clock.now for number in range(letters)},
            HANDLER: {},
        }
        """The time from which each letter is visible."""
        self.handles: dict[str, str] = {}
        self.falsely_empty, self.uncounted = falsely_empty, uncounted
        self.waits: list[int] = []
        self.asked: dict[str, int] = {DELIVERY: 0, HANDLER: 0}
        self.largest: int = 0
        self.deleted: list[str] = []

    def receive_message(
        self, *, QueueUrl: str, WaitTimeSeconds: int, VisibilityTimeout: int, **_: Any
    ) -> dict[str, Any]:
        self.waits.append(WaitTimeSeconds)
        self.asked[QueueUrl] += 1
        self.clock.pass_(self.takes)
        if QueueUrl == DELIVERY and self.asked[QueueUrl] in self.falsely_empty:
            return {}
        received = self.visible(QueueUrl)[:10]
        for letter in received:
            self.queues[QueueUrl][letter] = self.clock.now + timedelta(seconds=VisibilityTimeout)
            self.handles[letter] = f"{letter} of {self.asked[QueueUrl]}"
        return {
            "Messages": [
                {"MessageId": letter, "ReceiptHandle": self.handles[letter], "Body": "{}", "Attributes": {}}
                for letter in received
            ]
        }

    def list_queues(self, *, QueueNamePrefix: str) -> dict[str, Any]:
        return {}

    def visible(self, queue: str = DELIVERY) -> list[str]:
        return [letter for letter, since in self.queues[queue].items() if since <= self.clock.now]

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:
        visible = len(self.visible(QueueUrl))
        counts = (visible + self.uncounted, len(self.queues[QueueUrl]) - visible)
        return {"Attributes": dict(zip(AttributeNames, map(str, counts), strict=True))}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.largest = max(self.largest, len(Entries))
        failed = []
        for entry in Entries:
            letter = entry["ReceiptHandle"].partition(" ")[0]
            if self.handles[letter] != entry["ReceiptHandle"] or self.queues[QueueUrl][letter] <= self.clock.now:
                failed.append({"Id": entry["Id"], "Code": "InvalidParameterValue", "SenderFault": True})
            else:
                self.queues[QueueUrl][letter] = self.clock.now + timedelta(seconds=entry["VisibilityTimeout"])
        return {"Failed": failed}

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        letter = ReceiptHandle.partition(" ")[0]
        assert self.handles[letter] == ReceiptHandle, "SQS may keep a letter that is deleted by an older handle"
        del self.queues[QueueUrl][letter]


def redrive_all(sqs: Sqs, **options: Any) -> list[Redriven]:
    clients: Callable[[str], Any] = {"sqs": sqs}.__getitem__
    return list(redrive(clients, DEPLOYMENT, clock=sqs.clock, sleep=sqs.clock.pass_, **options))


@pytest.mark.parametrize("falsely_empty", [(), (2,), (2, 3), (1, 2, 3, 4), (2, 4, 6)])
def test_a10_false_empty_responses_hide_no_letter(falsely_empty: tuple[int, ...]) -> None:
    """Documented: a short poll asks some of SQS's servers, so an empty response does not mean an empty queue."""
    sqs = Sqs(40, *falsely_empty)
    letters = list_letters(sqs, DEPLOYMENT)
    assert sorted(int(letter.id) for letter in letters) == list(range(40))
    assert set(sqs.waits) == {1}, "each receive is a long poll"
    assert len(sqs.visible()) == 40, "and each letter is visible again"


def test_a10_a_letter_may_exist_while_its_queue_is_not_read_to_the_end() -> None:
    """A redrive of one letter reports that it does not exist only after all letters were read."""
    with pytest.raises(OperationError, match=r"^no dead letter 7\n"):
        redrive_all(Sqs(5), ids=["7"])
    with pytest.raises(OperationError, match=r"7 was not read, and may exist: SQS counts about 3 more letters") as why:
        redrive_all(Sqs(5, uncounted=3), ids=["7"])
    assert why.value.remedy == "Run the same command again in two minutes."
    sqs = Sqs(5)
    with (
        hold_letters(sqs, DEPLOYMENT, clock=sqs.clock),
        pytest.raises(OperationError, match=r"2 was not read, and may exist: .* that another reader holds"),
    ):
        redrive_all(sqs, ids=["2"])


def test_a10_letters_stay_invisible_during_a_long_read_and_a_long_redrive() -> None:
    """Visibility is extended while letters are read, and while a command processes them."""
    sqs = Sqs(95, takes=20)
    with hold_letters(sqs, DEPLOYMENT, clock=sqs.clock, poll=0) as held:  # one queue after the other, on one clock
        assert len(held.letters) == 95
        assert max(sqs.asked.values()) == 12, "ten receives, and two that were empty: none came twice"
        first, second, *_ = held.letters
        held.delete(first)
        for _ in range(OUT_OF_SIGHT):
            sqs.clock.pass_(OUT_OF_SIGHT / 10)
            held.renew()
            assert sqs.visible() == []
        assert held.holds(second)
        assert not held.holds(first)
    assert len(sqs.visible()) == 94
    assert sqs.largest == 10, "SQS's limit"


def test_a10_a_letter_that_is_received_twice_has_its_last_handle() -> None:
    """SQS may keep a letter that is deleted by an older handle, so the handle of the last receive is used."""
    sqs = Sqs(5, takes=OUT_OF_SIGHT + 1)  # so slow that each letter is visible again before the next receive
    with hold_letters(sqs, DEPLOYMENT, clock=sqs.clock, poll=0) as held:
        assert sqs.asked[DELIVERY] > 1
        assert [letter.receipt for letter in held.letters] == [sqs.handles[letter.id] for letter in held.letters]
        held.delete(held.letters[0])


def test_a_letter_that_is_no_longer_held_stays() -> None:
    sqs = Sqs(2)
    results = redrive({"sqs": sqs}.__getitem__, DEPLOYMENT, clock=sqs.clock, sleep=sqs.clock.pass_)
    assert "its event is not a Cronstack event" in next(results).detail
    sqs.clock.pass_(OUT_OF_SIGHT + 1)  # this computer was suspended
    (last,) = results
    assert (
        last.detail
        == "this command no longer holds it: the command took too long, or this computer was suspended; it stays"
    )
    assert last.remedy.startswith("Run the same command again")


def test_two_empty_responses_end_the_read_of_an_empty_queue() -> None:
    sqs = Sqs(0)
    assert list_letters(sqs, DEPLOYMENT) == []
    assert sqs.asked == {DELIVERY: 2, HANDLER: 2}


def test_letters_that_sqs_counts_and_does_not_return_are_reported() -> None:
    sqs, unread = Sqs(0, uncounted=3), list[str]()
    assert list_letters(sqs, DEPLOYMENT, unread=unread.append) == []
    assert unread == [
        f"SQS counts about 3 more letters in {name}, and returned none of them" for name in ("delivery", "handler")
    ]


def test_letters_that_another_reader_holds_are_reported() -> None:
    sqs, unread = Sqs(12), list[str]()
    with hold_letters(sqs, DEPLOYMENT, clock=sqs.clock) as held:
        assert len(held.letters) == 12
        assert list_letters(sqs, DEPLOYMENT, unread=unread.append) == []
        redrive_all(sqs, unread=unread.append)
    expected = "SQS counts about 12 more letters in delivery that another reader holds, for 120 s at most unless it"
    assert [sentence.removesuffix(" extends that time") for sentence in unread] == [expected, expected]
