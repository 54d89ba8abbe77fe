"""The payment service in this process: an opener of urllib connects a handler to the service's log.

For handlers on a virtual clock. A request takes some of their time. A seed makes some requests fail, before the
charge or after it, so that the caller cannot know which.
"""

from __future__ import annotations

import io
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from random import Random
from typing import Any
from urllib.error import URLError
from urllib.response import addinfourl

from cronstack_infra.demo.payments import PaymentAnswer, Payments

TIME_OUT = 10.0
"""Timeout of a handler's request in seconds."""


class Wire(urllib.request.BaseHandler):
    """An opener's handler. ``faults``: share of requests that fail."""

    handler_order = 100  # before urllib's own handler, which would use the network

    def __init__(self, payments: Payments, faults: float, chance: Random) -> None:
        self._payments, self._faults, self._chance = payments, faults, chance
        self.gone_wrong = 0

    def https_open(self, request: urllib.request.Request) -> Any:
        time.sleep(self._chance.uniform(0.02, 0.2))
        fault = self._fault()
        if fault == "unreachable":
            raise URLError(ConnectionRefusedError("the connection was refused"))
        if fault == "busy":
            return _response(request, PaymentAnswer(503, {"error": "busy"}))
        assert isinstance(request.data, bytes)
        answer = self._payments.post(request.get_header("Idempotency-key", ""), request.data)
        if fault == "lost":
            time.sleep(TIME_OUT)
            raise URLError(TimeoutError("timed out"))
        return _response(request, PaymentAnswer(500, {"error": "oh"}) if fault == "error after charge" else answer)

    def _fault(self) -> str:
        if self._chance.random() >= self._faults:
            return ""
        self.gone_wrong += 1
        return self._chance.choice(("unreachable", "busy", "lost", "error after charge"))


def _response(request: urllib.request.Request, answer: PaymentAnswer) -> addinfourl:
    headers = Message()
    for name, value in answer.headers.items():
        headers[name] = value
    response: Any = addinfourl(io.BytesIO(json.dumps(answer.fields).encode()), headers, request.full_url, answer.status)
    response.msg = ""
    return response  # type: ignore[no-any-return]


@contextmanager
def answered_by(payments: Payments, *, faults: float = 0.0, seed: int = 0) -> Iterator[Wire]:
    """Answer all HTTPS requests of this process by the payment service, until the end of the block."""
    wire = Wire(payments, faults, Random(f"wire {seed}"))
    urllib.request.install_opener(urllib.request.build_opener(wire))
    try:
        yield wire
    finally:
        urllib.request.install_opener(None)  # type: ignore[arg-type]  # urlopen then creates its default opener
