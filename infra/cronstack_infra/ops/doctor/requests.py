"""Requests of the checks. A right that the caller lacks, or an operation that a cloud lacks, is not an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from cronstack.errors import OperationError
from cronstack_infra.ops.deployment import Clients

DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "NotAuthorized",
        "UnauthorizedOperation",
    }
)
"""Error codes of a missing right. SNS has its own."""
MISSING: Final = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchEntity",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "TableNotFoundException",
    }
)
"""Error codes of a resource that does not exist."""
UNSUPPORTED: Final = frozenset({"UnknownOperationException"})
"""Error code of the local cloud for an operation or a service that it lacks."""
_PREFIXES: Final = {"service-quotas": "servicequotas"}
"""Prefixes of IAM actions that differ from the name of the client."""
SERVICES: Final = ("dynamodb", "sqs", "scheduler", "lambda", "cloudformation", "iam")
"""Services that operators' tools use."""
AT_ONCE: Final = 8
"""Requests in parallel."""
FEW: Final = 10
"""Most items that are read one after another."""

T = TypeVar("T")
R = TypeVar("R")


class NotRead(OperationError):
    """A fact could not be read. ``action`` is the IAM action, such as "iam:GetRole"."""

    def __init__(self, action: str, *, unsupported: bool = False) -> None:
        super().__init__(f"{action} is not allowed", remedy=f"Allow the action {action}.")
        self.action, self.unsupported = action, unsupported


class Requests:
    """The requests of one examination."""

    def __init__(self, clients: Clients) -> None:
        self.clients = clients

    def ask(self, service: str, operation: str, **parameters: Any) -> Mapping[str, Any] | None:
        """Return an answer; None if the resource does not exist. Raise NotRead if a right is missing."""
        from botocore.exceptions import ClientError

        try:
            answer: Mapping[str, Any] = getattr(self.clients(service), operation)(**parameters)
        except ClientError as error:
            _translate(service, error)
            return None
        return answer

    def pages(self, service: str, operation: str, items: str, **parameters: Any) -> Iterator[Any]:
        """Yield the items of all pages; no items if the resource does not exist. Raise NotRead for a missing right."""
        from botocore.exceptions import ClientError

        try:
            for page in self.clients(service).get_paginator(operation).paginate(**parameters):
                yield from page[items]
        except ClientError as error:
            _translate(service, error)

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Raise NotRead for a right that is missing in the block. A resource that does not exist ends the block."""
        from botocore.exceptions import ClientError

        try:
            yield
        except ClientError as error:
            _translate(self._service_of(error.operation_name), error)

    def _service_of(self, operation: str) -> str:
        """Return the service of an operation: an error has only the operation."""
        for service in SERVICES:
            if operation in self.clients(service).meta.service_model.operation_names:
                return service
        return "aws"

    def each(self, read: Callable[[T], R], items: Iterable[T]) -> list[R | NotRead]:
        """Read each item, several at a time. A fact that could not be read is its NotRead."""

        def attempt(item: T) -> R | NotRead:
            try:
                return read(item)
            except NotRead as fault:
                return fault

        wanted = list(items)
        if len(wanted) <= FEW:
            return [attempt(item) for item in wanted]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(attempt, wanted))


def _translate(service: str, error: Any) -> None:
    """Raise NotRead for a missing right, and other errors again. Return for a resource that does not exist."""
    code = error.response["Error"]["Code"]
    if code in MISSING:
        return
    if code in DENIED or code in UNSUPPORTED:
        action = f"{_PREFIXES.get(service, service)}:{error.operation_name}"
        raise NotRead(action, unsupported=code in UNSUPPORTED) from None
    raise error
