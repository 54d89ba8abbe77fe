"""A sent request: over HTTP to the local cloud, or by botocore in the process of a virtual cloud."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Sent(NamedTuple):
    """The parts of a request that services read."""

    method: str
    path: str
    """Percent-encoded as sent: a slash within a name is still %2F."""
    query: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes


def over_http(environ: Mapping[str, Any], body: bytes) -> Sent:
    """Return the request of a WSGI environment."""
    path = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/"))
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    path = re.sub(r"^https?://[^/]*", "", path).partition("?")[0]
    return Sent(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, body)


def by_botocore(request: Any) -> Sent:
    """Return the request that botocore is about to send."""
    url = urlsplit(request.url)
    headers = {str(name).lower(): _text(value) for name, value in request.headers.items()}
    body = request.body
    return Sent(request.method, url.path, url.query, headers, body.encode() if isinstance(body, str) else body or b"")


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
