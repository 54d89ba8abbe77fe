"""The request log: caller and operation of each request, so that tests can compare a role with its calls.

Only some protocols name the operation in the request. For the others, botocore's model determines it, and only when
the log is read, so that logging costs a request almost no time.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from threading import Lock
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

LONGEST_BODY: Final = 64 * 1024
"""Bytes of a request's body that are kept. Defaults to 64 KB."""
LONGEST_LOG: Final = 64 * 1024 * 1024
"""Bytes of bodies kept in total; the oldest requests are dropped first. Defaults to 64 MB."""
MAX_REQUESTS: Final = 100_000
"""Requests kept; the oldest are dropped first. Defaults to 100,000."""

_CREDENTIAL: Final = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]*)/([^/]+)/aws4_request")

_KEPT_HEADER: Final = re.compile(r"x-amz-[^_]+$", re.IGNORECASE)
"""Headers that ``ReceivedRequest`` keeps. The server drops those with an underscore."""


class ReceivedRequest(NamedTuple):
    """One received request, and the status of its response."""

    seq: int
    at: str
    caller: str
    service: str
    method: str
    path: str
    query: str
    target: str
    headers: frozenset[str]
    body: bytes
    status: int

    def describe(self) -> dict[str, Any]:
        """Return the fields for the admin page."""
        return {
            "seq": self.seq,
            "at": self.at,
            "caller": self.caller,
            "service": self.service,
            "operation": operation_of(self),
            "body": self.body.decode("utf-8", "replace"),
            "path": f"{self.path}?{self.query}" if self.query else self.path,
            "method": self.method,
            "status": self.status,
        }


def request_of(environ: Mapping[str, Any], body: bytes) -> ReceivedRequest:
    """Return a received request, without number and status. ``environ``: its WSGI environment."""
    caller, service = signer(environ.get("HTTP_AUTHORIZATION", ""), environ.get("QUERY_STRING", ""))
    return ReceivedRequest(
        seq=0,
        at="",
        caller=caller,
        service=service,
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=environ["QUERY_STRING"],
        target=environ.get("HTTP_X_AMZ_TARGET", ""),
        headers=frozenset(name for name in environ if name.startswith("HTTP_X_AMZ_")),
        body=body,
        status=0,
    )


class RequestLog:
    """The newest requests, numbered from 1."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = Lock()
        self._kept: deque[ReceivedRequest] = deque()
        self._seq = 0
        self._bytes = 0

    def add(self, request: ReceivedRequest, status: int) -> None:
        """Add one request. Status 0: without a response."""
        with self._lock:
            self._seq += 1
            request = request._replace(
                seq=self._seq, at=self._now().isoformat(), body=request.body[:LONGEST_BODY], status=status
            )
            self._kept.append(request)
            self._bytes += len(request.body)
            while self._bytes > LONGEST_LOG or len(self._kept) > MAX_REQUESTS:
                self._bytes -= len(self._kept.popleft().body)

    def since(self, seq: int) -> list[dict[str, Any]]:
        """Return the requests after number ``seq``, oldest first."""
        with self._lock:
            newer = [request for request in self._kept if request.seq > seq]
        return [request.describe() for request in newer]


def signer(authorization: str, query: str = "") -> tuple[str, str]:
    """Return access key id and service of a signed request; two empty strings for an unsigned one."""
    credential = _CREDENTIAL.search(authorization)
    if not credential and "X-Amz-Credential" in query:
        credential = _CREDENTIAL.search("Credential=" + parse_qs(query).get("X-Amz-Credential", [""])[0])
    return (credential[1], credential[3]) if credential else ("", "")


def operation_of(request: ReceivedRequest) -> str:
    """Return the API operation, such as "UpdateItem"; "" if it is unknown."""
    return named_operation(request) or routed_operation(request, request.service)


def named_operation(request: ReceivedRequest) -> str:
    """Return the operation that the request itself names; "" if the protocol is REST."""
    if request.target:
        return request.target.rpartition(".")[2]
    if named := re.fullmatch(r"/service/\w+/operation/(\w+)", request.path):
        return named[1]
    form = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
    action = re.search(r"(?:^|&)Action=(\w+)", form)
    return action[1] if action else ""


def routed_operation(request: ReceivedRequest, service: str) -> str:
    """Return the operation that fits method, path, query and headers; "" if none does."""
    return routed(request, (service,))[1]


def routed(request: ReceivedRequest, services: Iterable[str]) -> tuple[str, str]:
    """Return service and operation of the most specific route that fits; two empty strings if none does."""
    fitting = [
        (route.vagueness, service, route.operation)
        for service in services
        for route in _routes(service)
        if route.fits(request)
    ]
    best = min(fitting, key=lambda candidate: candidate[0], default=((), "", ""))
    return best[1], best[2]


def operations_of(service: str) -> frozenset[str]:
    """Return the operations of a service by botocore's name; none if botocore does not know it."""
    return frozenset(_model(service).get("operations", ()))


class _Route(NamedTuple):
    """The route of a REST operation: its method, its path, and its required query and headers."""

    operation: str
    method: str
    path: re.Pattern[str]
    query: Mapping[str, str]
    headers: frozenset[str]

    @property
    def vagueness(self) -> tuple[int, int]:
        return self.path.pattern.count(".+"), -len(self.query) - len(self.headers)

    def fits(self, request: ReceivedRequest) -> bool:
        if self.method != request.method or not self.path.fullmatch(request.path):
            return False
        given = parse_qs(request.query, keep_blank_values=True)
        query_fits = all(key in given and (not value or value in given[key]) for key, value in self.query.items())
        return query_fits and self.headers <= request.headers


@lru_cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Return the REST operations of a service."""
    model = _model(service)
    if not model or not model["metadata"]["protocol"].startswith("rest"):
        return ()
    return tuple(_route(name, operation, model["shapes"]) for name, operation in model["operations"].items())


def _model(service: str) -> Mapping[str, Any]:
    """Return botocore's model of a service; an empty one if botocore does not know the service."""
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import Loader

    try:
        model: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return {}
    return model


def _route(name: str, operation: Mapping[str, Any], shapes: Mapping[str, Any]) -> _Route:
    path, _, fixed = operation["http"]["requestUri"].partition("?")
    pattern = re.sub(r"\\\{[^}]*?(\\\+)?\\\}", lambda gap: ".+" if gap[1] else "[^/]+", re.escape(path))
    query = {key: values[0] for key, values in parse_qs(fixed, keep_blank_values=True).items()}
    headers = set()
    shape = shapes[operation["input"]["shape"]] if "input" in operation else {}
    for required in shape.get("required", ()):
        member = shape["members"][required]
        if member.get("location") == "querystring":
            query.setdefault(member["locationName"], "")
        elif member.get("location") == "header" and _KEPT_HEADER.match(member["locationName"]):
            headers.add(f"HTTP_{member['locationName'].upper().replace('-', '_')}")
    return _Route(name, operation["http"]["method"], re.compile(pattern + "/?"), query, frozenset(headers))


def page(fields: Mapping[str, Any]) -> bytes:
    """Return an admin page, as JSON."""
    return json.dumps(fields, default=str).encode()
