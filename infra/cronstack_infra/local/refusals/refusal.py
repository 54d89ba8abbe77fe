"""A refusal as an exception, and the call that the rules check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ApiError(Exception):
    """The error with which a service rejects a request."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class ApiCall:
    """A request: its operation and parameters, by the names of botocore's model."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    account: str
    region: str

    def __getitem__(self, member: str) -> Any:
        return self.parameters.get(member)
