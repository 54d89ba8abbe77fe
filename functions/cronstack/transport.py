"""How requests reach AWS: ``transport(operation, parameters, timeout) -> answer``. Botocore today.

An answer is the service's own JSON. An error is returned as ``{"Error": …}``, not raised. The transport never retries:
the guard resends byte for byte with its own tokens, and counts its requests. After ``timeout`` seconds without an
answer, the request counts as lost.

Botocore takes a timeout for a client, not for a single call. So the transport has a client for each of a few limits,
created at the first request with that limit. A run that ends long before its deadline needs one. Each further client
takes a few milliseconds of CPU, because all clients share a session.

Two faults can occur in a sandbox that was frozen, or whose clock is wrong:

    a signature is refused    the answer's date is the time at AWS: later requests are signed by it
    a connection is dead      NAT drops it without notice after 350 s: after 300 s without a request, it is closed
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from cronstack import clock
from cronstack.timing.aws_clock import date_of

Answer = Mapping[str, Any]
Transport = Callable[[str, Mapping[str, Any], float], Answer]
"""Called with an operation, its parameters, and the seconds after which the request counts as lost."""

LIMITS: Final = (10.0, 4.0, 1.5, 0.6)
"""Seconds that a client's requests may take: a fifth to connect, a fifth for the TLS handshake, the rest to answer. A
request uses the client with the highest limit that is not above its own."""
IDLE: Final = 300.0
"""Seconds without a request after which a client connects again. The kernel detects a dead connection after 2 h."""
SIGNATURE_ERRORS: Final = frozenset(
    {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
)
"""Error codes for a signature with a wrong time. Some services use them for any other invalid signature, too."""
_SERVICES: Final = {
    "SendMessage": "sqs",
    "CreateSchedule": "scheduler",
    "GetSchedule": "scheduler",
    "DeleteSchedule": "scheduler",
}
_SIGNATURE: Final = "v4"
"""Botocore's name for how it signs requests to these services."""
_LOST: Final = "ConnectionError"
"""The code of a request without an answer. The fault is passing (see ``steps``): the request is sent again."""


class Botocore:
    """A transport over botocore. It creates its clients at the first call, and keeps them as long as the sandbox lives.

    clients: factory of clients by service name, for tools. These clients keep their own timeouts and connections.
    Defaults to clients of this transport. now: the wall clock, epoch milliseconds. monotonic: seconds from any start.
    """

    __slots__ = ("_ahead", "_clients", "_lock", "_make", "_monotonic", "_now", "_session", "_used")

    def __init__(
        self,
        clients: Callable[[str], Any] | None = None,
        *,
        now: Callable[[], int] = clock.now_ms,
        monotonic: Callable[[], float] = clock.monotonic,
    ) -> None:
        self._clients: dict[tuple[str, float], Any] = {}
        self._used: dict[tuple[str, float], tuple[float, float]] = {}
        """The last use of each client, in seconds by both clocks: the monotonic one may stop in a frozen sandbox."""
        self._make = clients
        self._now, self._monotonic = now, monotonic
        self._ahead: int | None = None
        """Milliseconds by which the time at AWS is ahead of the wall clock. None until a signature is refused."""
        self._session: Any = None
        self._lock = allocate_lock()
        """Several threads may call, but a session cannot create two clients at once."""

    def __call__(self, operation: str, parameters: Mapping[str, Any], timeout: float = LIMITS[0]) -> Answer:
        from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

        client = self._client(_SERVICES.get(operation, "dynamodb"), timeout)
        method = getattr(client, _method(operation))
        try:
            answer: Answer = method(**parameters)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in SIGNATURE_ERRORS:
                self._learn(error.response)
            return error.response
        except (HTTPClientError, ConnectionError) as error:
            return {"Error": {"Code": _LOST, "Message": str(error)}}
        return answer

    def _learn(self, answer: Answer) -> None:
        """Sign later requests by the date of an answer. Repeated if the wall clock is set again."""
        date = date_of(answer)
        if date is None:
            return
        with self._lock:
            first, self._ahead = self._ahead is None, date - self._now()
            for client in self._clients.values() if first else ():
                _sign_by(client, self._time_at_aws)

    def _time_at_aws(self) -> int:
        return self._now() + (self._ahead or 0)

    def _client(self, service: str, timeout: float) -> Any:
        limit = LIMITS[0] if self._make is not None else self._limit(service, timeout)
        with self._lock:
            client = self._clients.get((service, limit))
            if client is None:
                client = self._clients[service, limit] = self._new(service, limit)
            elif self._make is None and self._idle(service, limit) > IDLE:
                client.close()  # closes its connections; the next request opens one
            self._used[service, limit] = self._now() / 1000, self._monotonic()
        return client

    def _idle(self, service: str, limit: float) -> float:
        """Return the seconds since the last request of a client, by the clock that shows more."""
        wall, monotonic = self._used[service, limit]
        return max(self._now() / 1000 - wall, self._monotonic() - monotonic)

    def _new(self, service: str, limit: float) -> Any:
        client = self._own(service, limit) if self._make is None else self._make(service)
        if self._ahead is not None:
            _sign_by(client, self._time_at_aws)
        return client

    def _limit(self, service: str, timeout: float) -> float:
        """Return the limit of the client for a request with this timeout.

        In the last second an existing client is used: a new one would be ready too late.
        """
        limit = next((limit for limit in LIMITS if limit <= timeout), None)
        if limit is not None:
            return limit
        return min((limit for of, limit in tuple(self._clients) if of == service), default=LIMITS[-1])

    def _own(self, service: str, limit: float) -> Any:
        from botocore.config import Config
        from botocore.session import get_session

        if self._session is None:
            self._session = get_session()
        config = Config(connect_timeout=limit / 5, read_timeout=limit * 3 / 5, retries={"total_max_attempts": 1})
        return self._session.create_client(service, config=config)


def _method(operation: str) -> str:
    """Return the name of a client's method, "transact_write_items" for "TransactWriteItems"."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")


def _sign_by(client: Any, now: Callable[[], int]) -> None:
    """Sign the requests of a client by ``now``, epoch milliseconds.

    Botocore signs by the wall clock and does not correct it, so AWS would refuse each resend.
    """
    from botocore.auth import AUTH_TYPE_MAPS, SIGV4_TIMESTAMP, SigV4Auth

    class Corrected(SigV4Auth):
        def _modify_request_before_signing(self, request: Any) -> None:
            """Replace the time in the request. Botocore calls this after it has read its clock, and before it signs."""
            moment = datetime.fromtimestamp(now() / 1000, UTC)
            request.context["timestamp"] = moment.strftime(SIGV4_TIMESTAMP)
            super()._modify_request_before_signing(request)  # type: ignore[misc]  # missing in the stubs

    version = f"{_SIGNATURE}-{id(client)}"
    AUTH_TYPE_MAPS[version] = Corrected
    client.meta.events.register(
        "choose-signer", lambda signature_version, **_: version if signature_version == _SIGNATURE else None
    )
