"""The address of the local cloud that the options select, and a check that a process listens there."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from cronstack.errors import OperationError
from cronstack_infra.local.environment import DEFAULT_PORT, endpoint, is_local

PATIENCE: Final = 2.0
"""Seconds to wait for a connection on this machine."""


def local_address(environ: Mapping[str, str], *, local: bool, port: int | None) -> str | None:
    """Return the address of the local cloud. None: AWS, or an endpoint on another machine.

    ``--port`` decides first, then an AWS_ENDPOINT_URL on this machine, then ``--local``.
    """
    if port:
        return endpoint(port)
    configured = environ.get("AWS_ENDPOINT_URL", "")
    if is_local(configured):
        return configured
    return endpoint() if local else None


def require_answer(address: str, environ: Mapping[str, str]) -> None:
    """Raise OperationError if nothing listens at an address on this machine."""
    source = " (AWS_ENDPOINT_URL)" if environ.get("AWS_ENDPOINT_URL") == address else ""
    parts = urlsplit(address)
    try:
        port = parts.port or {"https": 443}.get(parts.scheme, 80)
    except ValueError:
        raise OperationError(f"{address}{source} has no valid port", remedy=f"For example {endpoint()}.") from None
    try:
        socket.create_connection((parts.hostname or "", port), PATIENCE).close()
    except OSError:
        option = "" if port == DEFAULT_PORT else f" --port {port}"
        raise OperationError(
            f"no local cloud answers at {address}{source}", remedy=f"Start one in another shell: cronstack up{option}"
        ) from None
