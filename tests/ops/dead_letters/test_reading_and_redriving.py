"""Dead letters: every shape is read, reading loses none, and each is redriven as its occurrence's next attempt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack.errors import OperationError
from cronstack.run import Run
from cronstack_infra.ops.dead_letters.letters import DeadLetter, summarise
from cronstack_infra.ops.dead_letters.reading import hold_letters, list_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from cronstack_infra.ops.dead_letters.unwrapping import unwrap
from cronstack_infra.ops.runs import find_run
from tests.cronstack.stage import NOON, by_operator, occurrence, scheduled_event
from tests.ops.shop import Shop

ID = "t-2026-01-01T12:00:00Z"
HOUR = 3_600_000


class Handler:
    """A handler that fails while ``fine`` is False."""

    def __init__(self) -> None:
        self.fine = False
        self.ran: list[tuple[str, int]] = []

    def stats(self, run: Run) -> None:
        self.ran.append((run.occurrence, run.attempt))
        if not self.fine:
            raise ValueError("rain")


@pytest.fixture
def handler(shop: Shop) -> Handler:
    handler = Handler()
    shop.deploy(lambda run: handler.stats(run), "cron(0 * * * ? *)")
    return handler


def deliver(shop: Shop, event: object) -> None:
    """Invoke the function, and let the time of its attempts pass."""
    shop.functions.invoke(FunctionName="shop-stats", InvocationType="Event", Payload=json.dumps(event).encode())
    shop.sleep(600)


def undelivered(shop: Shop, event: object, code: str = "AccessDeniedException") -> None:
    """Send a dead letter as Scheduler does."""
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    attributes = {"ERROR_CODE": code, "ERROR_MESSAGE": "not allowed", "RETRY_ATTEMPTS": "0"}
    shop.stage.sqs.send_message(
        QueueUrl=shop.delivery,
        MessageBody=json.dumps(request),
        MessageAttributes={n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()},
    )


def letters(shop: Shop, **options: Any) -> list[DeadLetter]:
    return list_letters(shop.stage.sqs, shop.deployment, poll=0, **options)


def redrive_all(shop: Shop, **options: Any) -> list[Redriven]:
    return list(
        redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options),
    )


def test_a_dead_run_is_listed_completely_by_each_read(shop: Shop, handler: Handler) -> None:
    deliver(shop, scheduled_event())
    for _ in range(3):
        (letter,) = letters(shop)
        contents = letter.contents
        assert (contents.origin, contents.job, letter.occurrence, contents.attempt) == ("handler", "stats", ID, 3)
        assert (contents.reason, contents.error) == ("RetriesExhausted", "ValueError: rain")
        assert letter.as_json()["event"] == scheduled_event()
    assert letters(shop, job="other") == []
    assert letters(shop, origin="delivery") == []


def test_a_fixed_job_is_redriven_as_the_next_attempt(shop: Shop, handler: Handler) -> None:
    deliver(shop, scheduled_event())
    handler.fine = True
    (result,) = redrive_all(shop, wait=60)
    assert (result.accepted, result.detail, result.status) == (True, "attempt 4: succeeded", "succeeded")
    assert handler.ran == [(ID, 1), (ID, 2), (ID, 3), (ID, 4)]
    assert letters(shop) == []
    assert redrive_all(shop) == []


def test_a_job_that_is_not_fixed_dies_again_with_a_new_letter(shop: Shop, handler: Handler) -> None:
    deliver(shop, scheduled_event())
    (result,) = redrive_all(shop, wait=3600)
    assert (result.accepted, result.status) == (True, "dead")
    (letter,) = letters(shop)
    assert letter.contents.attempt == 6
    handler.fine = True
    assert [result.status for result in redrive_all(shop, wait=60)] == ["succeeded"]


def test_a_run_that_lasts_longer_than_the_wait_counts_as_redriven(shop: Shop, handler: Handler) -> None:
    deliver(shop, scheduled_event())
    (result,) = redrive_all(shop, wait=60)
    assert (result.accepted, result.status) == (True, "")
    assert result.detail == f"attempt 4: {ID} of stats is retrying, attempt 4 of 6 after 60 s"
    assert letters(shop) == []
    handler.fine = True
    shop.sleep(600)
    assert handler.ran[-1] == (ID, 5)


def test_an_undelivered_occurrence_runs_after_its_start_deadline(shop: Shop, handler: Handler) -> None:
    handler.fine = True
    undelivered(shop, scheduled_event(NOON - 5 * HOUR))
    undelivered(shop, scheduled_event(NOON - 4 * HOUR))
    (first, second) = letters(shop)
    assert first.contents.origin == "delivery"
    assert (first.contents.reason, first.contents.error) == ("AccessDeniedException", "not allowed")
    assert second.occurrence == "t-2026-01-01T08:00:00Z"
    assert [result.detail for result in redrive_all(shop)] == ["first attempt"] * 2
    assert handler.ran == [("t-2026-01-01T07:00:00Z", 1), ("t-2026-01-01T08:00:00Z", 1)]
    assert letters(shop) == []


def test_an_occurrence_that_finished_meanwhile_does_not_run_again(shop: Shop, handler: Handler) -> None:
    handler.fine = True
    deliver(shop, scheduled_event())
    undelivered(shop, scheduled_event())
    (result,) = redrive_all(shop)
    assert (result.accepted, result.detail) == (True, "nothing to do: it has succeeded already")
    assert handler.ran == [(ID, 1)]
    assert letters(shop) == []


def test_an_undelivered_carrier_is_redriven_as_the_next_attempt(shop: Shop, handler: Handler) -> None:
    """The carrier's schedule is deleted; without its letter nothing would bring the retrying run back."""
    shop.invoke(scheduled_event())
    (lost,) = shop.stage.carriers()
    assert lost.event["carrier"] == 0
    undelivered(shop, lost.event)
    (letter,) = letters(shop)
    contents = letter.contents
    assert (contents.origin, contents.job, letter.occurrence, contents.event) == (
        "delivery",
        "stats",
        ID,
        scheduled_event(),
    )
    shop.sleep(3600)
    assert handler.ran == [(ID, 1)]
    handler.fine = True
    (result,) = redrive_all(shop, wait=60)
    assert (result.accepted, result.detail, result.status) == (True, "attempt 2: succeeded", "succeeded")
    assert letters(shop) == []


def test_an_occurrence_in_the_slot_runs_after_its_carrier_was_lost(shop: Shop) -> None:
    ran: list[str] = []
    shop.deploy(lambda run: ran.append(run.occurrence), "cron(0 * * * ? *)", overlap="buffer_one")
    busy = shop.stage.delivery(occurrence(NOON - HOUR), overlap="buffer_one").until("Work")
    shop.invoke(scheduled_event())
    (lost,) = shop.stage.carriers()
    undelivered(shop, lost.event)
    busy.finish()
    (result,) = redrive_all(shop, wait=60)
    assert (result.accepted, result.detail, result.status) == (True, "attempt 1: succeeded", "succeeded")
    assert ran == [ID]


def test_copies_of_a_letter_are_redriven_once(shop: Shop, handler: Handler) -> None:
    deliver(shop, scheduled_event())
    (letter,) = letters(shop)
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=letter.body)
    handler.fine = True
    assert len(redrive_all(shop)) == 2
    assert len(handler.ran) == 4
    assert letters(shop) == []


def test_a_run_that_was_killed_in_its_last_attempt_is_redriven_at_once(shop: Shop, handler: Handler) -> None:
    handler.fine = True
    for _ in range(3):
        shop.stage.delivery(occurrence()).until("Work")
        shop.stage.now += 70_000
    undelivered(shop, scheduled_event(), "RetriesExhausted")
    assert [result.status for result in redrive_all(shop, wait=60)] == ["succeeded"]
    assert handler.ran == [(ID, 5)]


def test_a_redriven_generation_and_a_trigger_keep_their_names(shop: Shop, handler: Handler) -> None:
    old = by_operator(NOON - 400 * 24 * HOUR, "backfill", generation=2)
    trigger = by_operator(NOON, "trigger", occurrence="m-01KDWABCDEFGHJKMNPQRSTVWXY")
    for of in (old, trigger):
        event = scheduled_event(of.due, by="operator", kind=of.kind, requested="2026-01-01T12:00:00Z")
        event |= {"generation": 2} if of is old else {"occurrence": of.id}
        deliver(shop, event)
    handler.fine = True
    assert [result.status for result in redrive_all(shop, wait=60)] == ["succeeded"] * 2
    assert {name for name, _ in handler.ran} == {old.id, trigger.id}


def test_an_event_that_would_be_refused_again_stays_with_its_reason(shop: Shop, handler: Handler) -> None:
    for event in ("text", scheduled_event(NOON - 20 * 24 * HOUR), scheduled_event(scheduled="<aws.scheduler.x>")):
        deliver(shop, event)
    undelivered(shop, scheduled_event(job="gone"))
    reasons = sorted((result.contents.origin, result.contents.reason) for result in letters(shop))
    assert reasons == [
        ("delivery", "AccessDeniedException"),
        ("refused", "BadPayload"),
        ("refused", "TooOld"),
        ("refused", "Unreplaced"),
    ]
    results = redrive_all(shop)
    assert [result.accepted for result in results] == [False] * 4
    assert len(letters(shop)) == 4
    assert any("no job 'gone'" in result.detail for result in results)


def test_letters_are_visible_again_after_an_interrupt(shop: Shop, handler: Handler) -> None:
    for hour in range(25):
        undelivered(shop, scheduled_event(NOON - hour * HOUR))

    def interrupted() -> None:
        with hold_letters(shop.stage.sqs, shop.deployment, poll=0) as held:
            assert len(held.letters) == 25
            assert "Messages" not in shop.stage.sqs.receive_message(QueueUrl=shop.delivery)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(letters(shop)) == 25


def test_letters_are_chosen_by_id_job_and_origin(shop: Shop, handler: Handler) -> None:
    handler.fine = True
    undelivered(shop, scheduled_event(NOON - HOUR))
    undelivered(shop, scheduled_event(NOON - 2 * HOUR))
    wanted = letters(shop)[1]
    assert [result.letter.id for result in redrive_all(shop, ids=[wanted.id])] == [wanted.id]
    assert wanted.id not in [result.id for result in letters(shop)]
    with pytest.raises(OperationError, match="no dead letter nonsense"):
        redrive_all(shop, ids=["nonsense"])
    with pytest.raises(OperationError, match="no job 'other'"):
        redrive_all(shop, job="other")
    assert redrive_all(shop, origin="handler") == []
    assert len(redrive_all(shop, job="stats")) == 1


def test_letters_of_one_cause_are_one_group(shop: Shop, handler: Handler) -> None:
    for hour in range(12):
        undelivered(shop, scheduled_event(NOON - hour * HOUR))
    deliver(shop, scheduled_event())
    causes = summarise(letters(shop))
    assert [(cause.letters, cause.origin, cause.reason) for cause in causes] == [
        (12, "delivery", "AccessDeniedException"),
        (1, "handler", "RetriesExhausted"),
    ]


def test_a_letter_is_deleted_only_after_lambda_has_accepted_it(shop: Shop, handler: Handler) -> None:
    undelivered(shop, scheduled_event())

    def down(**call: object) -> None:
        raise ConnectionError("no Lambda")

    shop.functions.invoke = down  # type: ignore[method-assign, assignment]
    with pytest.raises(ConnectionError):
        redrive_all(shop)
    assert len(letters(shop)) == 1
    assert find_run(shop.stage.dynamodb, shop.deployment, "stats", ID, shop.now) is None


ARN = "arn:aws:lambda:us-east-1:123456789012:function:shop-stats:$LATEST"
KILLED = {"errorType": "Sandbox.Timedout", "errorMessage": "RequestId: 1 Error: Task timed out after 1.00 seconds"}


@pytest.mark.parametrize(
    ("body", "attributes", "expected"),
    [
        (
            {
                "version": "1.0",
                "requestContext": {"condition": "RetriesExhausted", "functionArn": ARN, "approximateInvokeCount": 3},
                "requestPayload": scheduled_event(),
                "responsePayload": KILLED,
            },
            {},
            ("handler", "stats", ID, "RetriesExhausted", f"Sandbox.Timedout: {KILLED['errorMessage']}"),
        ),
        (
            {"requestContext": {"condition": "EventAgeExceeded", "functionArn": ARN}, "requestPayload": None},
            {},
            ("handler", "stats", None, "EventAgeExceeded", ""),
        ),
        (
            {"FunctionName": ARN, "InvocationType": "Event", "Payload": scheduled_event()},
            {"ERROR_CODE": "ResourceNotFoundException", "ERROR_MESSAGE": "gone"},
            ("delivery", "stats", ID, "ResourceNotFoundException", "gone"),
        ),
        (
            {"FunctionName": "shop-stats", "Payload": "{not json"},
            {"ERROR_CODE": "X"},
            ("delivery", "stats", None, "X", ""),
        ),
        (
            {"FunctionName": ARN, "InvocationType": "Event", "Payload": json.dumps(scheduled_event() | {"carrier": 3})},
            {"ERROR_CODE": "AccessDeniedException", "ERROR_MESSAGE": "no"},
            ("delivery", "stats", ID, "AccessDeniedException", "no"),
        ),
        (scheduled_event(), {}, ("delivery", "stats", ID, "unknown", "")),
        (scheduled_event(), {"ErrorCode": "200", "ErrorMessage": "e"}, ("delivery", "stats", ID, "200", "e")),
        ("plain text", {}, ("delivery", "", None, "unknown", "")),
        ([1, 2], {}, ("delivery", "", None, "unknown", "")),
        ({"requestContext": 3, "requestPayload": 4, "responsePayload": []}, {}, ("handler", "", None, "", "")),
    ],
)
def test_every_shape_is_read(body: Any, attributes: dict[str, str], expected: tuple[object, ...]) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    contents = unwrap(text, attributes, "delivery", "shop")
    name = None if contents.occurrence is None else contents.occurrence.id
    assert (contents.origin, contents.job, name, contents.reason, contents.error) == expected
