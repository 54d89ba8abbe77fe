"""The payload of a delivery, and Scheduler's failures: retries, age, dead letters, drops."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from cronstack_infra.local.engine.values import Deliver, Report, SendRecord, TargetError
from tests.local.engine.stage import BROKEN, BUSY, FUNCTION, GONE, QUEUE, ROLE, Stage, arn, seconds


def delivered(stage: Stage) -> list[Deliver]:
    return stage.kinds(Deliver)


def records(stage: Stage) -> list[SendRecord]:
    return stage.kinds(SendRecord)


def test_context_attributes_are_replaced_as_text_anywhere() -> None:
    stage = Stage("11:59:00")
    given = (
        '{"at": "<aws.scheduler.scheduled-time>", "arn": "x<aws.scheduler.schedule-arn>x",'
        ' "id": "<aws.scheduler.execution-id>", "n": <aws.scheduler.attempt-number>}'
    )
    stage.put("stats", "cron(0 12 * * ? *)", input=given)
    stage.until("12:00:00")
    payload = json.loads(delivered(stage)[0].payload)
    assert payload["at"] == "2026-11-23T12:00:00Z"
    assert payload["arn"] == f"x{arn('stats')}x"
    assert re.fullmatch(r"[a-z0-9]{16}", payload["id"])
    assert payload["n"] == 1


def test_each_attempt_has_its_own_number_and_id_but_the_same_scheduled_time() -> None:
    stage = Stage("11:59:00")
    stage.reply = lambda deliver: BUSY if deliver.attempt < 4 else None
    stage.put("stats", "cron(0 12 * * ? *)", input='{"n": <aws.scheduler.attempt-number>}')
    stage.until("13:00:00")
    assert [json.loads(deliver.payload)["n"] for deliver in delivered(stage)] == [1, 2, 3, 4]
    assert len({deliver.execution_id for deliver in delivered(stage)}) == 4
    assert len({deliver.scheduled for deliver in delivered(stage)}) == 1


def test_without_input_the_default_notification_is_delivered() -> None:
    stage = Stage("11:59:00")
    stage.put("stats", "cron(0 12 * * ? *)", input=None)
    stage.until("12:00:00")
    payload = json.loads(delivered(stage)[0].payload)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", payload.pop("id"))
    assert payload == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "123456789012",
        "time": "2026-11-23T12:00:00Z",
        "region": "us-east-1",
        "resources": [arn("stats")],
        "detail": "{}",
    }


@pytest.mark.parametrize("refusal", [BUSY, BROKEN])
def test_a_retryable_refusal_is_tried_again_with_growing_waits(refusal: TargetError) -> None:
    stage = Stage("11:59:00", delivery_retry_base=4, delivery_retry_most=60)
    stage.reply = lambda deliver: refusal
    stage.put("stats", "cron(0 12 * * ? *)", max_retries=8)
    stage.until("13:00:00")
    times = stage.times("deliver")
    waits = [seconds(earlier, later) for earlier, later in pairwise(times)]
    assert len(times) == 9
    for number, wait in enumerate(waits):
        whole = min(4 * 2**number, 60)
        assert whole / 2 - 1 <= wait <= whole + 1, waits


def test_the_fields_of_a_dead_letter_after_the_last_retry() -> None:
    stage = Stage("11:59:00")
    stage.reply = lambda deliver: BUSY
    stage.put("stats", "cron(0 12 * * ? *)", input='{"a": "é"}', max_retries=2, dead_letters=QUEUE)
    stage.until("13:00:00")
    assert len(delivered(stage)) == 3
    (record,) = records(stage)
    assert (record.origin, record.destination, record.role_arn) == ("delivery", QUEUE, ROLE)
    assert json.loads(record.body) == {"FunctionName": FUNCTION, "InvocationType": "Event", "Payload": '{"a": "é"}'}
    assert record.attributes == {
        "ERROR_CODE": ("String", "TooManyRequestsException"),
        "ERROR_MESSAGE": ("String", "Rate Exceeded."),
        "EXECUTION_ID": ("String", delivered(stage)[-1].execution_id),
        "EXHAUSTED_RETRY_CONDITION": ("String", "MaximumRetryAttempts"),
        "IS_PAYLOAD_TRUNCATED": ("String", "false"),
        "RETRY_ATTEMPTS": ("String", "2"),
        "SCHEDULED_TIME": ("String", "2026-11-23T12:00:00Z"),
        "SCHEDULE_ARN": ("String", arn("stats")),
        "TARGET_ARN": ("String", "arn:aws:scheduler:::aws-sdk:lambda:invoke"),
    }


def test_zero_retries_means_one_attempt() -> None:
    stage = Stage("11:59:00")
    stage.reply = lambda deliver: BROKEN
    stage.put("stats", "cron(0 12 * * ? *)", max_retries=0, dead_letters=QUEUE)
    stage.until("12:00:00")
    assert stage.lines == ["12:00:00 deliver stats 12:00:00 #1", "12:00:00 record delivery ServiceException"]
    assert records(stage)[0].attributes["RETRY_ATTEMPTS"] == ("String", "0")


def test_the_age_counts_from_the_scheduled_time_and_is_checked_before_each_retry() -> None:
    stage = Stage("11:59:00", delivery_retry_base=40, delivery_retry_most=40)
    stage.reply = lambda deliver: BUSY
    stage.put("stats", "cron(0 12 * * ? *)", max_age=60, dead_letters=QUEUE)
    stage.until("13:00:00")
    assert 2 <= len(delivered(stage)) <= 4
    assert all(seconds("12:00:00", time) <= 60 for time in stage.times("deliver stats"))
    (record,) = records(stage)
    assert record.attributes["EXHAUSTED_RETRY_CONDITION"] == ("String", "MaximumEventAgeInSeconds")
    assert record.attributes["RETRY_ATTEMPTS"] == ("String", str(len(delivered(stage)) - 1))
    assert seconds("12:00:00", stage.times("record")[0]) > 60


@pytest.mark.parametrize(
    ("switches", "attempts", "condition"),
    [({}, 1, None), ({"retried_codes": frozenset({GONE.code})}, 4, ("String", "MaximumRetryAttempts"))],
)
def test_a_switch_decides_which_errors_are_permanent(switches: dict[str, Any], attempts: int, condition: Any) -> None:
    stage = Stage("11:59:00", **switches)
    stage.reply = lambda deliver: GONE
    stage.put("stats", "cron(0 12 * * ? *)", max_retries=3, dead_letters=QUEUE)
    stage.until("13:00:00")
    assert len(delivered(stage)) == attempts
    (record,) = records(stage)
    assert record.attributes.get("EXHAUSTED_RETRY_CONDITION") == condition


def test_without_a_dead_letter_queue_the_occurrence_is_dropped_and_reported() -> None:
    stage = Stage("11:59:00")
    stage.reply = lambda deliver: GONE
    stage.put("stats", "cron(0 12 * * ? *)")
    stage.until("13:00:00")
    assert stage.lines == ["12:00:00 deliver stats 12:00:00 #1", "12:00:00 dropped"]
    [dropped] = [report for report in stage.kinds(Report) if report.event == "dropped"]
    assert (dropped.fields["target"], dropped.fields["role"]) == (FUNCTION, ROLE)


def test_retries_of_one_schedule_delay_no_other() -> None:
    stage = Stage("11:59:00", delivery_retry_base=90)
    stage.reply = lambda deliver: BUSY if "sick" in deliver.schedule_arn else None
    stage.put("sick", "cron(* * * * ? *)", max_retries=1)
    stage.put("well", "cron(* * * * ? *)")
    stage.until("12:03:00")
    assert stage.times("deliver well") == ["12:00:00", "12:01:00", "12:02:00", "12:03:00"]
    assert [line.split(" ", 1)[1] for line in stage.lines if "sick" in line and "#1" in line] == [
        f"deliver sick 12:0{minute}:00 #1" for minute in range(4)
    ]


@pytest.mark.parametrize("change", ["update", "disable", "delete"])
def test_an_occurrence_in_retry_keeps_its_first_configuration(change: str) -> None:
    stage = Stage("11:59:00")
    stage.reply = lambda deliver: BUSY if deliver.attempt == 1 else None
    stage.put("stats", "cron(0 12 * * ? *)", input='"old"')
    stage.until("12:00:00")
    if change == "delete":
        stage.delete("stats")
    else:
        stage.put("stats", "cron(0 12 * * ? *)", input='"new"', enabled=change == "update")
    stage.until("12:10:00")
    assert [deliver.payload for deliver in delivered(stage)] == ['"old"', '"old"']


def test_a_schedule_with_action_delete_is_deleted_only_after_its_last_retry() -> None:
    stage = Stage("12:00:00")
    stage.reply = lambda deliver: BUSY
    stage.put("launch", "at(2026-11-23T12:30:00)", delete_when_done=True, max_retries=1, dead_letters=QUEUE)
    stage.until("13:00:00")
    assert [line.split(" ", 1)[1] for line in stage.lines] == [
        "deliver launch 12:30:00 #1",
        "deliver launch 12:30:00 #2",
        "record delivery TooManyRequestsException",
        "delete launch",
    ]


def test_dead_letters_of_other_services_hold_their_requests() -> None:
    stage = Stage("11:59:00")
    stage.reply = lambda deliver: TargetError("AWS.SimpleQueueService.NonExistentQueue", "no such queue", 400)
    queue = "arn:aws:sqs:us-east-1:123456789012:work"
    stage.put("queue", "cron(0 12 * * ? *)", arn=queue, input="plain text", dead_letters=QUEUE)
    universal = "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"
    stage.put("any", "cron(0 12 * * ? *)", arn=universal, input='{"MessageBody": "x"}', dead_letters=QUEUE)
    stage.until("12:00:00")
    queued, other = records(stage)
    url = "https://sqs.us-east-1.amazonaws.com/123456789012/work"
    assert json.loads(queued.body) == {"MessageBody": "plain text", "QueueUrl": url}
    assert queued.attributes["TARGET_ARN"] == ("String", universal)
    assert json.loads(other.body) == {"MessageBody": "x"}
    assert other.attributes["TARGET_ARN"] == ("String", universal)


def test_a_body_too_large_for_the_queue_is_truncated_and_marked() -> None:
    stage = Stage("11:59:00")
    stage.reply = lambda deliver: GONE
    stage.put("stats", "cron(0 12 * * ? *)", input=json.dumps("é" * 400_000), dead_letters=QUEUE)
    stage.until("12:00:00")
    (record,) = records(stage)
    assert len(record.body.encode()) <= 1024 * 1024
    assert record.attributes["IS_PAYLOAD_TRUNCATED"] == ("String", "true")


def test_the_same_seed_gives_the_same_trace() -> None:
    def trace(seed: int) -> list[str]:
        stage = Stage("11:59:00", seed=seed, spread=59, duplicates=0.3)
        stage.reply = lambda deliver: BUSY if deliver.attempt < 3 else None
        stage.put("stats", "cron(* * * * ? *)", window=5)
        stage.until("13:00:00")
        return [repr(effect) for effect in stage.effects]

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)
