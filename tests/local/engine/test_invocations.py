"""Lambda's queue of asynchronous events, on a clock that only the test moves."""

from __future__ import annotations

import json

import pytest

from cronstack_infra.local.engine.values import Failed, FunctionRules, RunFunction, SendRecord, Succeeded, Throttled
from tests.local.engine.stage import FUNCTION, QUEUE, RAISED, Stage

LETTERS = FunctionRules(on_failure=QUEUE)
OWN = "arn:aws:sqs:us-east-1:123456789012:own"


def record(stage: Stage) -> SendRecord:
    (only,) = stage.kinds(SendRecord)
    return only


def test_an_event_is_run_once_and_a_success_leaves_nothing() -> None:
    stage = Stage("12:00:00")
    stage.accept()
    stage.until("13:00:00")
    assert stage.lines == ["12:00:00 run r1 #1"]
    assert stage.engine.waiting() == 0


@pytest.mark.parametrize(
    ("retries", "runs"),
    [(0, ["12:00:00"]), (1, ["12:00:00", "12:01:00"]), (2, ["12:00:00", "12:01:00", "12:03:00"])],
)
def test_a_failure_is_tried_again_after_one_and_then_two_minutes(retries: int, runs: list[str]) -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: RAISED
    stage.rules = FunctionRules(max_retries=retries, on_failure=QUEUE)
    stage.accept()
    stage.until("19:00:00")
    assert stage.times("run") == runs
    assert stage.lines[-1] == f"{runs[-1]} record handler RetriesExhausted"
    assert {effect.request_id for effect in stage.kinds(RunFunction)} == {"r1"}


def test_retry_delays_are_a_switch() -> None:
    stage = Stage("12:00:00", retry_delays=(3.0, 5.0))
    stage.work = lambda run: RAISED
    stage.accept()
    stage.until("12:10:00")
    assert stage.times("run") == ["12:00:00", "12:00:03", "12:00:08"]


def test_a_successful_retry_ends_the_event() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: RAISED if run.attempt == 1 else Succeeded('{"rows": 3}')
    stage.rules = LETTERS
    stage.accept()
    stage.until("13:00:00")
    assert stage.lines == ["12:00:00 run r1 #1", "12:01:00 run r1 #2"]


def test_the_record_of_exhausted_retries_field_by_field() -> None:
    stage = Stage("12:00:00")
    error = {"errorMessage": "no", "errorType": "ValueError", "requestId": "r1", "stackTrace": ["  File …\n"]}
    stage.work = lambda run: Failed(json.dumps(error))
    stage.rules = LETTERS
    stage.accept('{"job": "stats"}')
    stage.until("13:00:00")
    assert (record(stage).origin, record(stage).destination) == ("handler", QUEUE)
    assert record(stage).attributes == {}
    assert json.loads(record(stage).body) == {
        "version": "1.0",
        "timestamp": "2026-11-23T12:03:00.000Z",
        "requestContext": {
            "requestId": "r1",
            "functionArn": f"{FUNCTION}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"job": "stats"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": error,
    }


def test_the_record_of_a_success_has_no_error() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: Succeeded('{"rows": 3}')
    stage.rules = FunctionRules(on_success=QUEUE, on_failure=OWN)
    stage.accept()
    body = json.loads(record(stage).body)
    assert record(stage).origin == "success"
    assert record(stage).destination == QUEUE
    assert body["requestContext"]["condition"] == "Success"
    assert body["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert body["responsePayload"] == {"rows": 3}


def test_throttles_back_off_from_one_second_to_five_minutes_and_cost_no_retry() -> None:
    stage = Stage("12:00:00")
    busy = iter([Throttled()] * 12)
    stage.work = lambda run: next(busy, RAISED)
    stage.rules = LETTERS
    stage.accept()
    stage.until("19:00:00")
    assert stage.times("run")[:6] == ["12:00:00", "12:00:01", "12:00:03", "12:00:07", "12:00:15", "12:00:31"]
    assert stage.times("run")[9:13] == ["12:08:31", "12:13:31", "12:18:31", "12:23:31"]
    assert len(stage.times("run")) == 12 + 3  # throttles cost none of the three attempts
    assert stage.lines[-1].endswith("record handler RetriesExhausted")


def test_the_age_is_checked_in_advance() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: RAISED
    stage.rules = FunctionRules(max_age=60, on_failure=QUEUE)
    stage.accept()
    assert stage.lines == ["12:00:00 run r1 #1", "12:00:00 record handler EventAgeExceeded"]
    assert json.loads(record(stage).body)["requestContext"]["approximateInvokeCount"] == 1


def test_a_throttled_event_ends_with_its_age_and_has_no_response() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: Throttled()
    stage.rules = FunctionRules(max_age=60, on_failure=QUEUE)
    stage.accept()
    stage.until("13:00:00")
    assert stage.lines[-1] == "12:00:31 record handler EventAgeExceeded"
    body = json.loads(record(stage).body)
    assert body["requestContext"]["approximateInvokeCount"] == 0
    assert not {"responseContext", "responsePayload"} & set(body)


def test_reserved_concurrency_zero_ends_at_once() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: Throttled(reserved_zero=True)
    stage.rules = LETTERS
    stage.accept()
    assert stage.lines == ["12:00:00 run r1 #1", "12:00:00 record handler ZeroReservedConcurrency"]
    body = json.loads(record(stage).body)
    assert body["requestContext"]["approximateInvokeCount"] == 0
    assert not {"responseContext", "responsePayload"} & set(body)


def test_the_functions_own_dead_letter_queue_gets_the_event_as_it_was() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: RAISED
    stage.rules = FunctionRules(max_retries=0, dead_letters=OWN)
    stage.accept('{"job":  "stats"}')
    assert (record(stage).destination, record(stage).body) == (OWN, '{"job":  "stats"}')
    assert record(stage).attributes == {
        "RequestID": ("String", "r1"),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "no"),
    }


def test_destination_and_dead_letter_queue_both_get_a_record() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: RAISED
    stage.rules = FunctionRules(max_retries=0, dead_letters=OWN, on_failure=QUEUE)
    stage.accept()
    assert {effect.destination for effect in stage.kinds(SendRecord)} == {OWN, QUEUE}


def test_the_error_message_of_a_dead_letter_is_cut_at_one_kilobyte() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: Failed(json.dumps({"errorMessage": "é" * 2000}))
    stage.rules = FunctionRules(max_retries=0, dead_letters=OWN)
    stage.accept()
    assert len(record(stage).attributes["ErrorMessage"][1].encode()) == 1024


def test_a_failed_event_without_a_destination_is_dropped_and_reported() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: RAISED
    stage.rules = FunctionRules(max_retries=0)
    stage.accept()
    assert stage.lines == ["12:00:00 run r1 #1", "12:00:00 dropped"]


def test_the_rules_are_those_in_force_when_an_attempt_ends() -> None:
    stage = Stage("12:00:00")
    stage.work = lambda run: RAISED
    stage.rules = FunctionRules(max_retries=2, on_failure=QUEUE)
    stage.accept()
    stage.until("12:00:30")
    stage.rules = FunctionRules(max_retries=1, on_failure=OWN)
    stage.until("13:00:00")
    assert stage.times("run") == ["12:00:00", "12:01:00"]
    assert record(stage).destination == OWN
