"""The switches of a running local cloud: ``GET /_cronstack/switches`` returns them, ``PUT`` replaces them.

{"switches": ["past-at=refused", "early=60"], "seed": 7}
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, Final
from urllib.parse import urlsplit

from cronstack.errors import DeclarationError
from cronstack_infra.switches.parsing import changed, read
from cronstack_infra.switches.settings import Switches

PATH: Final = "/_cronstack/switches"


def describe(switches: Switches) -> dict[str, Any]:
    """Return the switches that differ from the default, and the seed."""
    return {"switches": changed(switches), "seed": switches.seed}


def read_body(body: bytes) -> Switches:
    """Return the switches of a request's body. Raises DeclarationError."""
    try:
        given = json.loads(body)
        return read(map(str, given["switches"]), seed=int(given.get("seed", 0)))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        if isinstance(error, DeclarationError):
            raise
        raise DeclarationError(
            f"the switches are not valid JSON: {error}", remedy='Send {"switches": ["past-at=refused"], "seed": 0}.'
        ) from None


@contextmanager
def switches(endpoint: str, *given: str, seed: int = 0) -> Iterator[None]:
    """Play AWS by these switches in the local cloud at an endpoint. Restore the previous switches after the block."""
    before = _request(endpoint, "GET", b"")
    set_switches(endpoint, *given, seed=seed)
    try:
        yield
    finally:
        _request(endpoint, "PUT", json.dumps(before).encode())


def set_switches(endpoint: str, *given: str, seed: int = 0) -> None:
    """Play AWS by these switches in the local cloud at an endpoint from now on."""
    _request(endpoint, "PUT", json.dumps({"switches": given, "seed": seed}).encode())


def _request(endpoint: str, method: str, body: bytes) -> dict[str, Any]:
    connection = HTTPConnection(str(urlsplit(endpoint).netloc), timeout=30)
    try:
        connection.request(method, PATH, body=body)
        response = connection.getresponse()
        fields: dict[str, Any] = json.load(response)
    finally:
        connection.close()
    if response.status != 200:
        raise DeclarationError(str(fields["message"]))
    return fields
