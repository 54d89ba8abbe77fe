"""How requests reach AWS: ``transport(operation, parameters, timeout) -> answer``. Botocore today.

An answer is the service's own JSON; an error comes back as ``{"Error": …}``, it is not raised. Nothing is retried
here: the guard resends byte for byte with its own tokens, and a retry beneath it would not be counted. After
``timeout`` seconds without an answer the request counts as lost.

Botocore takes no timeout for a single call, only for a client. So there is a client for each of a few limits, made
when the first request with such a limit comes. A run that ends long before its deadline needs one. Each further one
takes a few milliseconds of CPU, because all clients come from one session.
"""

from __future__ import annotations

from _thread import allocate_lock
from collections.abc import Callable, Mapping
from typing import Any, Final

Answer = Mapping[str, Any]
Transport = Callable[[str, Mapping[str, Any], float], Answer]
"""An operation, its parameters, and the seconds after which it counts as lost."""

LIMITS: Final = (10.0, 4.0, 1.5, 0.6)
"""Seconds that a client's requests may take: a fifth to connect, a fifth for the TLS handshake, the rest to answer. A
request goes by the client of the highest limit that is not above its own."""
_SERVICES: Final = {
    "SendMessage": "sqs",
    "CreateSchedule": "scheduler",
    "GetSchedule": "scheduler",
    "DeleteSchedule": "scheduler",
}
_LOST: Final = "ConnectionError"
"""No answer: whether it was carried out is unknown. Passing (see ``steps``): it is sent again."""


class Botocore:
    """A transport over botocore; its clients are made at the first call and kept as long as the sandbox.

    clients: what makes one of a service's name, for a tool that has its own: these keep their own timeouts. Defaults
    to the function's own.
    """

    __slots__ = ("_clients", "_lock", "_make", "_session")

    def __init__(self, clients: Callable[[str], Any] | None = None) -> None:
        self._clients: dict[tuple[str, float], Any] = {}
        self._make = clients
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
            return error.response
        except (HTTPClientError, ConnectionError) as error:
            return {"Error": {"Code": _LOST, "Message": str(error)}}
        return answer

    def _client(self, service: str, timeout: float) -> Any:
        limit = LIMITS[0] if self._make is not None else self._limit(service, timeout)
        with self._lock:
            if (service, limit) not in self._clients:
                self._clients[service, limit] = self._own(service, limit) if self._make is None else self._make(service)
        return self._clients[service, limit]

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
