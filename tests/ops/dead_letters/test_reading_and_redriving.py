"""Dead letters: every shape read, none lost by looking, each redriven as its occurrence's next attempt."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack.errors import OperationError
from cronstack.run import Run
from cronstack_infra.ops.dead_letters.letters import DeadLetter, summarise
from cronstack_infra.ops.dead_letters.reading import list_letters, hold_letters
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from cronstack_infra.ops.dead_letters.unwrapping import unwrap
from cronstack_infra.ops.runs import find_run
from tests.cronstack.stage import NOON, by_operator, occurrence, scheduled_event
from tests.ops.shop import Shop

ID = "t-2026-01-01T12:00:00Z"
HOUR = 3_600_000


class Weather:
    """What the handler meets."""

    def __init__(self) -> None:
        self.fine = False
        self.ran: list[tuple[str, int]] = []

    def stats(self, run: Run) -> None:
        self.ran.append((run.occurrence, run.attempt))
        if not self.fine:
            raise ValueError("rain")


@pytest.fixture
def weather(shop: Shop) -> Weather:
    weather = Weather()
    shop.deploy(lambda run: weather.stats(run), "cron(0 * * * ? *)")
    return weather


def deliver(shop: Shop, event: object) -> None:
    """And the time its attempts take."""
    shop.functions.invoke(FunctionName="shop-stats", InvocationType="Event", Payload=json.dumps(event).encode())
    shop.sleep(600)


def undelivered(shop: Shop, event: object, code: str = "AccessDeniedException") -> None:
    """As Scheduler writes it."""
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(event)}
    attributes = {"ERROR_CODE": code, "ERROR_MESSAGE": "not allowed", "RETRY_ATTEMPTS": "0"}
    shop.stage.sqs.send_message(
        QueueUrl=shop.delivery,
        MessageBody=json.dumps(request),
        MessageAttributes={n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()},
    )


def letters(shop: Shop, **options: Any) -> list[DeadLetter]:
    return list_letters(shop.stage.sqs, shop.deployment, poll=0, **options)


def driven(shop: Shop, **options: Any) -> list[Redriven]:
    return list(
        redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, **options),
    )


def test_a_dead_run_is_listed_whole_and_as_often_as_one_looks(shop: Shop, weather: Weather) -> None:
    deliver(shop, scheduled_event())
    for _ in range(3):
        (letter,) = letters(shop)
        told = letter.contents
        assert (told.origin, told.job, letter.occurrence, told.attempt) == ("handler", "stats", ID, 3)
        assert (told.reason, told.error) == ("RetriesExhausted", "ValueError: rain")
        assert letter.as_json()["event"] == scheduled_event()
    assert letters(shop, job="other") == []
    assert letters(shop, origin="delivery") == []


def test_a_mended_job_is_redriven_as_the_next_attempt(shop: Shop, weather: Weather) -> None:
    deliver(shop, scheduled_event())
    weather.fine = True
    (one,) = driven(shop, wait=60)
    assert (one.accepted, one.detail, one.status) == (True, "attempt 4: succeeded", "succeeded")
    assert weather.ran == [(ID, 1), (ID, 2), (ID, 3), (ID, 4)]
    assert letters(shop) == []
    assert driven(shop) == []


def test_one_that_is_not_mended_dies_again_with_a_new_letter(shop: Shop, weather: Weather) -> None:
    deliver(shop, scheduled_event())
    (one,) = driven(shop, wait=3600)
    assert (one.accepted, one.status) == (True, "dead")
    (letter,) = letters(shop)
    assert letter.contents.attempt == 6
    weather.fine = True
    assert [one.status for one in driven(shop, wait=60)] == ["succeeded"]


def test_one_that_takes_longer_than_one_waits_has_been_redriven_all_the_same(shop: Shop, weather: Weather) -> None:
    deliver(shop, scheduled_event())
    (one,) = driven(shop, wait=60)
    assert (one.accepted, one.status) == (True, "")
    assert one.detail == f"attempt 4: {ID} of stats is retrying, attempt 4 of 6 after 60 s"
    assert letters(shop) == []
    weather.fine = True
    shop.sleep(600)
    assert weather.ran[-1] == (ID, 5)


def test_what_was_never_delivered_runs_although_its_start_deadline_has_passed(shop: Shop, weather: Weather) -> None:
    weather.fine = True
    undelivered(shop, scheduled_event(NOON - 5 * HOUR))
    undelivered(shop, scheduled_event(NOON - 4 * HOUR))
    (first, second) = letters(shop)
    assert first.contents.origin == "delivery"
    assert (first.contents.reason, first.contents.error) == ("AccessDeniedException", "not allowed")
    assert second.occurrence == "t-2026-01-01T08:00:00Z"
    assert [one.detail for one in driven(shop)] == ["first attempt"] * 2
    assert weather.ran == [("t-2026-01-01T07:00:00Z", 1), ("t-2026-01-01T08:00:00Z", 1)]
    assert letters(shop) == []


def test_what_has_finished_meanwhile_is_not_run_again(shop: Shop, weather: Weather) -> None:
    weather.fine = True
    deliver(shop, scheduled_event())
    undelivered(shop, scheduled_event())
    (one,) = driven(shop)
    assert (one.accepted, one.detail) == (True, "nothing to do: it has succeeded already")
    assert weather.ran == [(ID, 1)]
    assert letters(shop) == []


def test_an_undelivered_carrier_is_redriven_as_the_next_attempt(shop: Shop, weather: Weather) -> None:
    """Its schedule is gone; without its letter nothing would bring the retrying run back."""
    shop.invoke(scheduled_event())
    (lost,) = shop.stage.carriers()
    assert lost.event["carrier"] == 0
    undelivered(shop, lost.event)
    (letter,) = letters(shop)
    told = letter.contents
    assert (told.origin, told.job, letter.occurrence, told.event) == ("delivery", "stats", ID, scheduled_event())
    shop.sleep(3600)
    assert weather.ran == [(ID, 1)]
    weather.fine = True
    (one,) = driven(shop, wait=60)
    assert (one.accepted, one.detail, one.status) == (True, "attempt 2: succeeded", "succeeded")
    assert letters(shop) == []


def test_what_waited_in_the_slot_runs_though_its_carrier_was_lost(shop: Shop) -> None:
    ran: list[str] = []
    shop.deploy(lambda run: ran.append(run.occurrence), "cron(0 * * * ? *)", overlap="buffer_one")
    busy = shop.stage.delivery(occurrence(NOON - HOUR), overlap="buffer_one").until("Work")
    shop.invoke(scheduled_event())
    (lost,) = shop.stage.carriers()
    undelivered(shop, lost.event)
    busy.finish()
    (one,) = driven(shop, wait=60)
    assert (one.accepted, one.detail, one.status) == (True, "attempt 1: succeeded", "succeeded")
    assert ran == [ID]


def test_copies_of_a_letter_are_redriven_once(shop: Shop, weather: Weather) -> None:
    deliver(shop, scheduled_event())
    (letter,) = letters(shop)
    shop.stage.sqs.send_message(QueueUrl=shop.stage.queue, MessageBody=letter.body)
    weather.fine = True
    assert len(driven(shop)) == 2
    assert len(weather.ran) == 4
    assert letters(shop) == []


def test_one_that_was_killed_in_its_last_attempt_is_redriven_at_once(shop: Shop, weather: Weather) -> None:
    weather.fine = True
    for _ in range(3):
        shop.stage.delivery(occurrence()).until("Work")
        shop.stage.now += 70_000
    undelivered(shop, scheduled_event(), "RetriesExhausted")
    assert [one.status for one in driven(shop, wait=60)] == ["succeeded"]
    assert weather.ran == [(ID, 5)]


def test_a_redriven_generation_and_a_trigger_keep_their_names(shop: Shop, weather: Weather) -> None:
    old = by_operator(NOON - 400 * 24 * HOUR, "backfill", generation=2)
    trigger = by_operator(NOON, "trigger", occurrence="m-01KDWABCDEFGHJKMNPQRSTVWXY")
    for of in (old, trigger):
        event = scheduled_event(of.due, by="operator", kind=of.kind, requested="2026-01-01T12:00:00Z")
        event |= {"generation": 2} if of is old else {"occurrence": of.id}
        deliver(shop, event)
    weather.fine = True
    assert [one.status for one in driven(shop, wait=60)] == ["succeeded"] * 2
    assert {name for name, _ in weather.ran} == {old.id, trigger.id}


def test_what_would_be_refused_again_stays_and_says_why(shop: Shop, weather: Weather) -> None:
    for event in ("text", scheduled_event(NOON - 20 * 24 * HOUR), scheduled_event(scheduled="<aws.scheduler.x>")):
        deliver(shop, event)
    undelivered(shop, scheduled_event(job="gone"))
    reasons = sorted((one.contents.origin, one.contents.reason) for one in letters(shop))
    assert reasons == [
        ("delivery", "AccessDeniedException"),
        ("refused", "BadPayload"),
        ("refused", "TooOld"),
        ("refused", "Unreplaced"),
    ]
    results = driven(shop)
    assert [one.accepted for one in results] == [False] * 4
    assert len(letters(shop)) == 4
    assert any("no job 'gone'" in one.detail for one in results)


def test_letters_are_back_in_sight_whatever_happens(shop: Shop, weather: Weather) -> None:
    for hour in range(25):
        undelivered(shop, scheduled_event(NOON - hour * HOUR))

    def interrupted() -> None:
        with hold_letters(shop.stage.sqs, shop.deployment, poll=0) as some:
            assert len(some.letters) == 25
            assert "Messages" not in shop.stage.sqs.receive_message(QueueUrl=shop.delivery)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(letters(shop)) == 25


def test_letters_are_chosen_by_id_job_and_origin(shop: Shop, weather: Weather) -> None:
    weather.fine = True
    undelivered(shop, scheduled_event(NOON - HOUR))
    undelivered(shop, scheduled_event(NOON - 2 * HOUR))
    wanted = letters(shop)[1]
    assert [one.letter.id for one in driven(shop, ids=[wanted.id])] == [wanted.id]
    assert wanted.id not in [one.id for one in letters(shop)]
    with pytest.raises(OperationError, match="no dead letter nonsense"):
        driven(shop, ids=["nonsense"])
    with pytest.raises(OperationError, match="no job 'other'"):
        driven(shop, job="other")
    assert driven(shop, origin="handler") == []
    assert len(driven(shop, job="stats")) == 1


def test_a_queue_full_of_one_cause_is_one_line(shop: Shop, weather: Weather) -> None:
    for hour in range(12):
        undelivered(shop, scheduled_event(NOON - hour * HOUR))
    deliver(shop, scheduled_event())
    causes = summarise(letters(shop))
    assert [(cause.letters, cause.origin, cause.reason) for cause in causes] == [
        (12, "delivery", "AccessDeniedException"),
        (1, "handler", "RetriesExhausted"),
    ]


def test_an_accepted_letter_is_only_deleted_after_lambda_took_it(shop: Shop, weather: Weather) -> None:
    undelivered(shop, scheduled_event())

    def down(**call: object) -> None:
        raise ConnectionError("no Lambda")

    shop.functions.invoke = down  # type: ignore[method-assign, assignment]
    with pytest.raises(ConnectionError):
        driven(shop)
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
    told = unwrap(text, attributes, "delivery", "shop")
    name = None if told.occurrence is None else told.occurrence.id
    assert (told.origin, told.job, name, told.reason, told.error) == expected
