"""Probes of moto's handling of requests to any service."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import time_machine
from botocore.exceptions import ClientError

from cronstack import clock
from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import client


@probe
def an_unknown_operation_gets_an_empty_404() -> bool:
    """A request without a handler in the service gets status 404 and an empty body."""
    from moto.core.responses import BaseResponse

    class Unknown(BaseResponse):
        def _get_action(self) -> str:
            return ""

        def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
            pass

    request: Any = Unknown(service_name="lambda")
    request.response_headers = {}
    status, _, body = request.call_action()
    return (status, body) == (404, "")


@probe
def an_unknown_service_gets_an_empty_404() -> bool:
    """A call of a service that moto lacks gets status 404 without a code."""
    try:
        client("chime-sdk-voice").list_phone_numbers()
    except ClientError as error:
        return str(error.response["Error"]["Code"]) == "404"
    return False


@probe
def a_call_takes_no_time() -> bool:
    """A hundred calls succeed without throttling, a lost response or any virtual time."""
    with time_machine.travel(datetime(2030, 1, 1, tzinfo=UTC), tick=False):
        before = clock.now()
        for number in range(100):
            client("sqs").create_queue(QueueName=f"q{number}")
        return clock.now() == before
