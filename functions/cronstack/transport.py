"""How requests reach AWS: ``transport(operation, parameters) -> answer``. Botocore today.

An answer is the service's own JSON; an error comes back as ``{"Error": …}``, it is not raised. Nothing is retried
here: the guard resends byte for byte with its own tokens, and a retry beneath it would not be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Answer = Mapping[str, Any]
Transport = Callable[[str, Mapping[str, Any]], Answer]

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

    clients: what makes one of a service's name, for a tool that has its own. Defaults to the function's own.
    """

    __slots__ = ("_clients", "_make")

    def __init__(self, clients: Callable[[str], Any] | None = None) -> None:
        self._clients: dict[str, Any] = {}
        self._make = clients or _own

    def __call__(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

        client = self._client(_SERVICES.get(operation, "dynamodb"))
        method = getattr(client, _method(operation))
        try:
            answer: Answer = method(**parameters)
        except ClientError as error:
            return error.response
        except (HTTPClientError, ConnectionError) as error:
            return {"Error": {"Code": _LOST, "Message": str(error)}}
        return answer

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._make(service)
        return self._clients[service]


def _own(service: str) -> Any:
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}, tcp_keepalive=True)
    return get_session().create_client(service, config=config)


def _method(operation: str) -> str:
    """ "TransactWriteItems" as a client's method, "transact_write_items"."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")
