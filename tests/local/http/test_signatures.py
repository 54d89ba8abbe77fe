"""Requests with a signature minutes off, refused as on AWS, and the date in each response, by which clients correct."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
import time_machine

from cronstack.steps import Fault, read
from cronstack.timing.aws_clock import date_of
from cronstack.transport import Botocore
from cronstack_infra.local.client import LocalCloud


class Service(NamedTuple):
    """A request of the guard for something that does not exist."""

    operation: str
    parameters: Mapping[str, Any]
    missing: str
    """Error code of the response."""
    code: str
    status: int
    """Status of a refused signature; ``code`` is its error code."""


QUEUE = "http://127.0.0.1/123456789012/none"
SERVICES = {
    "dynamodb": Service(
        "GetItem",
        {"TableName": "none", "Key": {"pk": {"S": "a"}}},
        "ResourceNotFoundException",
        "InvalidSignatureException",
        400,
    ),
    "sqs": Service(
        "SendMessage",
        {"QueueUrl": QUEUE, "MessageBody": "a"},
        "AWS.SimpleQueueService.NonExistentQueue",
        "SignatureDoesNotMatch",
        403,
    ),
    "scheduler": Service(
        "GetSchedule", {"Name": "none"}, "ResourceNotFoundException", "InvalidSignatureException", 403
    ),
}


@pytest.fixture
def transport(local_cloud: LocalCloud) -> Botocore:
    return Botocore(local_cloud.client)


def fault_of(answer: Mapping[str, Any]) -> Fault:
    fault = read(answer)
    assert isinstance(fault, Fault)
    return fault


def has_date(answer: Mapping[str, Any]) -> bool:
    """Return whether a response has the current date."""
    date = date_of(answer)
    return date is not None and abs(datetime.now(UTC).timestamp() - date / 1000) < 5


@pytest.mark.parametrize("minutes", [-20, -6, 6, 20])
@pytest.mark.parametrize("service", SERVICES)
def test_a7_a_signature_more_than_five_minutes_off_is_refused_and_corrected(
    transport: Botocore, service: str, minutes: int
) -> None:
    """The refusal has AWS's time. The repeated request is signed by it, and accepted."""
    operation, parameters, missing, code, status = SERVICES[service]
    with time_machine.travel(timedelta(minutes=minutes)):
        refused, accepted = (transport(operation, parameters) for _ in range(2))
    fault = fault_of(refused)
    assert (fault.code, fault.passing, refused["ResponseMetadata"]["HTTPStatusCode"]) == (code, True, status)
    assert fault.message.startswith("Signature expired: " if minutes < 0 else "Signature not yet current: ")
    assert fault_of(accepted).code == missing
    assert has_date(refused)
    assert has_date(accepted)


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_signature_less_than_five_minutes_off_is_accepted(transport: Botocore, minutes: int) -> None:
    operation, parameters, missing, *_ = SERVICES["dynamodb"]
    with time_machine.travel(timedelta(minutes=minutes)):
        assert fault_of(transport(operation, parameters)).code == missing


def test_s3_accepts_fifteen_minutes(local_cloud: LocalCloud) -> None:
    s3 = local_cloud.client("s3")
    with time_machine.travel(timedelta(minutes=14)):
        s3.list_buckets()
    with time_machine.travel(timedelta(minutes=16)), pytest.raises(s3.exceptions.ClientError) as refused:
        s3.list_buckets()
    assert refused.value.response["Error"]["Code"] == "RequestTimeTooSkewed"
