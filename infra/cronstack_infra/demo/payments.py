"""A small payment service on this machine. Like real services, it recognises a repeated request by its key.

    POST /charges with an Idempotency-Key      {"order": "4711", "cents": 1999}
        201    charged; a repeated request gets the same answer and is not charged again
        422    the key belongs to another charge
        402    refused: the card has a limit
        400    no key, or not a valid charge
        503    charged, but the answer is an error: the caller must retry
    GET /charges                               all charges, and the orders that were charged twice

``Payments`` decides and keeps the log. ``PaymentService`` is the HTTP server.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, NamedTuple

LIMIT: Final = 1_000_000
"""Limit of a card in cents."""
COME_BACK: Final = 3
"""Seconds in the Retry-After header."""


class Charge(NamedTuple):
    """One charge."""

    number: int
    key: str
    order: str
    cents: int
    requests: int = 1
    """Number of requests with its key."""


class PaymentAnswer(NamedTuple):
    status: int
    fields: Mapping[str, Any]
    headers: Mapping[str, str] = {}


class Payments:
    """The log of charges, thread-safe. ``stumbles``, given order and request number, decides whether to answer 503."""

    def __init__(self, stumbles: Callable[[str, int], bool] = lambda order, number: False) -> None:
        self._lock = threading.Lock()
        self._stumbles = stumbles
        self._charges: dict[str, Charge] = {}

    def post(self, key: str, body: bytes) -> PaymentAnswer:
        """Charge an order, unless its key has been charged. Return the answer."""
        try:
            given = json.loads(body)
            order, cents = str(given["order"]), int(given["cents"])
        except (ValueError, KeyError, TypeError):
            return PaymentAnswer(400, {"error": "a charge needs an order and cents"})
        if not key:
            return PaymentAnswer(400, {"error": "the Idempotency-Key is missing; nothing was charged"})
        if not 0 < cents <= LIMIT:
            return PaymentAnswer(402, {"error": f"{cents} cents are not within 1 and {LIMIT}, the card's limit"})
        with self._lock:
            return self._charge(key, order, cents)

    def _charge(self, key: str, order: str, cents: int) -> PaymentAnswer:
        known = self._charges.get(key)
        if known is not None and (known.order, known.cents) != (order, cents):
            return PaymentAnswer(422, {"error": f"the key {key} belongs to another charge"})
        if known is None:
            charge = Charge(len(self._charges) + 1, key, order, cents)
        else:
            charge = known._replace(requests=known.requests + 1)
        self._charges[key] = charge
        if self._stumbles(order, charge.requests):
            return PaymentAnswer(503, {"error": "internal error after charging"}, {"Retry-After": str(COME_BACK)})
        return PaymentAnswer(201, {"charge": charge.number, "order": order, "cents": cents})

    def charges(self) -> list[Charge]:
        """Return the charges in the order in which they were made."""
        with self._lock:
            return list(self._charges.values())

    def charged_twice(self) -> list[str]:
        """Return the orders that were charged under more than one key."""
        return [order for order, times in Counter(charge.order for charge in self.charges()).items() if times > 1]


class PaymentService:
    """The service, in threads of this process, on a free port of 127.0.0.1. A context manager."""

    def __init__(self, payments: Payments) -> None:
        self.payments = payments
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(payments))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="payments", daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/charges"

    def __enter__(self) -> PaymentService:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(payments: Payments) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(payments.post(self.headers.get("Idempotency-Key", ""), body))

        def do_GET(self) -> None:
            charges = [charge._asdict() for charge in payments.charges()]
            self._answer(PaymentAnswer(200, {"charges": charges, "charged_twice": payments.charged_twice()}))

        def _answer(self, answer: PaymentAnswer) -> None:
            body = json.dumps(answer.fields).encode()
            with suppress(ConnectionError):  # the client may have closed the connection
                self.send_response(answer.status)
                for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing. ``payments`` keeps the log."""

    return Handler
