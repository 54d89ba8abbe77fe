"""How requests reach AWS: ``transport(operation, parameters, timeout) -> answer``. Botocore today.

An answer is the service's own JSON; an error comes back as ``{"Error": …}``, it is not raised. Nothing is retried
here: the guard resends byte for byte with its own tokens, and a retry beneath it would not be counted. After
``timeout`` seconds without an answer the request counts as lost.

Botocore takes no timeout for a single call, only for a client. So there is a client for each of a few limits, made
when the first request with such a limit comes. A run that ends long before its deadline needs one. Each further one
takes a few milliseconds of CPU, because all clients come from one session.

Two things go wrong in a sandbox that was frozen, or whose clock is off:

    a signature is refused    the answer's date is the time at AWS; from then on requests are signed by it
    a connection is dead      NAT drops it in silence after 350 s; one that was idle for 300 s is not used again
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
"""An operation, its parameters, and the seconds after which it counts as lost."""

LIMITS: Final = (10.0, 4.0, 1.5, 0.6)
"""Seconds that a client's requests may take: a fifth to connect, a fifth for the TLS handshake, the rest to answer. A
request goes by the client of the highest limit that is not above its own."""
IDLE: Final = 300.0
"""Seconds without a request after which a client connects anew. The kernel would notice only after two hours."""
SIGNATURE_ERRORS: Final = frozenset(
    {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"}
)
"""How services refuse a signature whose time is off; some of them, any other wrong signature, too."""
_SERVICES: Final = {
    "SendMessage": "sqs",
    "CreateSchedule": "scheduler",
    "GetSchedule": "scheduler",
    "DeleteSchedule": "scheduler",
}
_SIGNATURE: Final = "v4"
"""Botocore's name for how it signs requests to these services."""
_LOST: Final = "ConnectionError"
"""No answer: whether it was carried out is unknown. Passing (see ``steps``): it is sent again."""


class Botocore:
    """A transport over botocore; its clients are made at the first call and kept as long as the sandbox.

    clients: what makes one of a service's name, for a tool that has its own: these keep their own timeouts and
    connections. Defaults to the function's own. now: the wall clock, epoch milliseconds. monotonic: seconds from any
    start.
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
        """When each client was last used, in seconds by both clocks: one may stand still in a frozen sandbox."""
        self._make = clients
        self._now, self._monotonic = now, monotonic
        self._ahead: int | None = None
        """Milliseconds by which the time at AWS is ahead of the wall clock. None: no signature was refused yet."""
        self._session: Any = None
        self._lock = allocate_lock()
        """Several threads may call; a session cannot make two clients at once."""

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
        """Sign by the date of an answer from now on. The clock may be set at any time, so this can happen again."""
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
                client.close()  # its connections; the next request opens one
            self._used[service, limit] = self._now() / 1000, self._monotonic()
        return client

    def _idle(self, service: str, limit: float) -> float:
        """Return the seconds since the last request of a client, by the clock that counts more."""
        wall, monotonic = self._used[service, limit]
        return max(self._now() / 1000 - wall, self._monotonic() - monotonic)

    def _new(self, service: str, limit: float) -> Any:
        client = self._own(service, limit) if self._make is None else self._make(service)
        if self._ahead is not None:
            _sign_by(client, self._time_at_aws)
        return client

    def _limit(self, service: str, timeout: float) -> float:
        """Return the limit of the client for a request that may take so long.

        In the last second no client is made if there is one: it would be ready too late.
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
    """ "TransactWriteItems" as a client's method, "transact_write_items"."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")


def _sign_by(client: Any, now: Callable[[], int]) -> None:
    """Sign the requests of a client by ``now``, epoch milliseconds. Botocore signs them by the wall clock.

    Botocore corrects no clock, so each resend would be refused as well.
    """
    from botocore.auth import AUTH_TYPE_MAPS, SIGV4_TIMESTAMP, SigV4Auth

    class Corrected(SigV4Auth):
        def _modify_request_before_signing(self, request: Any) -> None:
            """Replace the time in the request. Botocore calls this between reading its clock and using the time."""
            moment = datetime.fromtimestamp(now() / 1000, UTC)
            request.context["timestamp"] = moment.strftime(SIGV4_TIMESTAMP)
            super()._modify_request_before_signing(request)  # type: ignore[misc]  # missing in the stubs

    version = f"{_SIGNATURE}-{id(client)}"
    AUTH_TYPE_MAPS[version] = Corrected
    client.meta.events.register(
        "choose-signer", lambda signature_version, **_: version if signature_version == _SIGNATURE else None
    )
