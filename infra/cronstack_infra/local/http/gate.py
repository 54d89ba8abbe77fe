"""The gate before moto: accepts only requests from this machine, takes the lock, checks, calls moto, and logs.

``refusals.intake`` checks the request. The gate itself serves the admin pages, and fails requests that ``faults``
selects. It reads a body before it takes the lock, and the response is written after the lock is released. So a slow
client delays no other client.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs

from cronstack import clock
from cronstack.errors import DeclarationError
from cronstack_infra.local.events import Events
from cronstack_infra.local.http import mails, resource_answers, signatures, switching
from cronstack_infra.local.http.faults import (
    CARRIED_OUT,
    ERRORS,
    HANGS,
    HANGS_AFTER,
    InjectedFaults,
    InvalidFault,
    NeverAnswers,
    NoAnswer,
    error,
)
from cronstack_infra.local.http.faults import PATH as FAULTS
from cronstack_infra.local.http.requests import ReceivedRequest, RequestLog, page, request_of
from cronstack_infra.local.http.sent import Sent, over_http
from cronstack_infra.local.http.switching import PATH as SWITCHES
from cronstack_infra.local.lock import BACKENDS
from cronstack_infra.local.lookups import identities, lineage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from cronstack_infra.switches.settings import Switches

ADMIN: Final = "/_cronstack/"
UNITS: Final = "/_cronstack/units"
"""Path of the capacity units consumed by each partition of DynamoDB's tables, most writes first. DELETE resets them."""

_OUR_HOST: Final = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d+)?", re.IGNORECASE)
_OUR_ORIGIN: Final = re.compile(r"https?://(?:127\.0\.0\.1|localhost)(?::\d+)?", re.IGNORECASE)


class Response(NamedTuple):
    """A whole response."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


class Gate:
    """The WSGI application of the local cloud. ``cloud`` is moto's application; requests wait for it at the lock."""

    def __init__(self, requests: RequestLog, events: Events) -> None:
        self.cloud: WSGIApplication | None = None
        self.refuse: Callable[[Sent], tuple[str, list[tuple[str, str]], bytes] | None] | None = None
        """Called before moto. Returns a response that refuses the request, or None."""
        self.units: Callable[[], list[dict[str, Any]]] = list
        self.reset_units: Callable[[], None] = _nothing
        """Return, and reset, the units consumed by DynamoDB's partitions. Both are called with the lock held."""
        self.on_switches: Callable[[Switches], None] = lambda switches: None
        """Called with the lock held when the switches change."""
        self._requests = requests
        self._events = events
        self._faults = InjectedFaults()

    def play(self, switches: Switches) -> None:
        """Play AWS by these switches from now on."""
        self._faults.switches = switches
        self.on_switches(switches)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Response:
        if (refusal := foreign_request(environ)) is not None:
            return _json("403 Forbidden", {"message": refusal})
        path = environ.get("PATH_INFO", "")
        if path == FAULTS:
            return self._change_faults(environ["REQUEST_METHOD"], environ["wsgi.input"].read())
        if path == mails.PATH:
            return self._mails(environ["REQUEST_METHOD"])
        if path == SWITCHES:
            return self._change_switches(environ["REQUEST_METHOD"], environ["wsgi.input"].read())
        if path == UNITS:
            return self._units(environ["REQUEST_METHOD"])
        if path.startswith(resource_answers.PATH):
            return _take_answer(environ, path.removeprefix(resource_answers.PATH))
        if path.startswith(ADMIN):
            return self._admin(path.removeprefix(ADMIN), environ.get("QUERY_STRING", ""))
        if path.startswith("/moto-api"):
            text = f"{path} is disabled: moto's own pages would change the cloud without notice to the engine"
            return _json("403 Forbidden", {"message": text})
        body = environ["wsgi.input"].read()
        request = request_of(environ, body)
        fault = self._faults.hit(request)
        if fault is None:
            answer = self._carry_out(environ, body, request)
        elif fault.answer in ERRORS:
            answer = Response(*error(fault, request))
        else:
            answer = None
            if fault.answer in CARRIED_OUT:
                self._carry_out(environ, body, request)
        self._requests.add(request, 0 if answer is None else int(answer.status[:3]))
        if answer is not None:
            return answer
        raise NeverAnswers if fault is not None and fault.answer in (HANGS, HANGS_AFTER) else NoAnswer

    def _carry_out(self, environ: WSGIEnvironment, body: bytes, request: ReceivedRequest) -> Response:
        wrong_signature = signatures.refusal(environ, request, clock.now())
        if wrong_signature is not None:
            return Response(*wrong_signature)
        with BACKENDS:
            if self.cloud is None:
                return _json("503 Service Unavailable", {"message": "the local cloud did not start"})
            refused = None if self.refuse is None else self.refuse(over_http(environ, body))
            header = environ.get("HTTP_X_AMZN_TRACE_ID", "")
            with lineage.sent_with(header), identities.called_with(request.caller, request.service):
                answer = _call(self.cloud, environ) if refused is None else Response(*refused)
            BACKENDS.notify_all()
        return answer

    def _change_faults(self, method: str, body: bytes) -> Response:
        try:
            if method == "PUT":
                self._faults.replace(body)
            elif method == "DELETE":
                self._faults.end()
            elif method != "GET":
                return _json("405 Method Not Allowed", {"message": f"GET, PUT or DELETE {FAULTS}, not {method}"})
        except InvalidFault as fault:
            return _json("400 Bad Request", {"message": str(fault)})
        return _json("200 OK", {"faults": self._faults.describe()})

    def _change_switches(self, method: str, body: bytes) -> Response:
        if method not in ("GET", "PUT"):
            return _json("405 Method Not Allowed", {"message": f"GET or PUT {SWITCHES}, not {method}"})
        with BACKENDS:
            if method == "PUT":
                try:
                    self.play(switching.read_body(body))
                except DeclarationError as error:
                    return _json("400 Bad Request", {"message": str(error)})
            return _json("200 OK", switching.describe(self._faults.switches))

    def _mails(self, method: str) -> Response:
        if method not in ("GET", "DELETE"):
            return _json("405 Method Not Allowed", {"message": f"GET or DELETE {mails.PATH}, not {method}"})
        with BACKENDS:
            if method == "DELETE":
                mails.clear()
            return _json("200 OK", {"mails": mails.sent()})

    def _units(self, method: str) -> Response:
        if method not in ("GET", "DELETE"):
            return _json("405 Method Not Allowed", {"message": f"GET or DELETE {UNITS}, not {method}"})
        with BACKENDS:
            if method == "DELETE":
                self.reset_units()
            return _json("200 OK", {"units": self.units()})

    def _admin(self, name: str, query: str) -> Response:
        since = parse_qs(query).get("since", ["0"])[0]
        if not since.isdigit():
            return _json("400 Bad Request", {"message": f"since={since} is not a number"})
        if name == "":
            return _json("200 OK", {"cronstack": version("cronstack"), "pid": os.getpid()})
        if name == "requests":
            return _json("200 OK", {"requests": self._requests.since(int(since))})
        if name == "events":
            return _json("200 OK", {"events": self._events.since(int(since))})
        pages = f"{ADMIN}, {ADMIN}requests, {ADMIN}events, {mails.PATH}, {UNITS}, {SWITCHES} and {FAULTS}"
        return _json("404 Not Found", {"message": f"no page {ADMIN}{name}. Pages: {pages}"})


def _take_answer(environ: WSGIEnvironment, question: str) -> Response:
    if environ["REQUEST_METHOD"] != "PUT":
        return _json("405 Method Not Allowed", {"message": f"PUT {environ['PATH_INFO']}"})
    body = environ["wsgi.input"].read()
    with BACKENDS:
        if resource_answers.put(question, body):
            return _json("200 OK", {})
    text = f"no custom resource waits for the answer {question!r}: it is too late, or a second one"
    return _json("403 Forbidden", {"message": text})


def _nothing() -> None:
    """Do nothing: DynamoDB is not loaded yet."""


def foreign_request(environ: WSGIEnvironment) -> str | None:
    """Return why a request is refused: it has another host (DNS rebinding), or comes from another site's page."""
    host = environ.get("HTTP_HOST", "")
    if not _OUR_HOST.fullmatch(host):
        return f"Host {host!r} is not this machine's; use http://127.0.0.1 with the port"
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and not _OUR_ORIGIN.fullmatch(origin):
        return f"a page of {origin!r} may not call the local cloud"
    return None


def _call(application: WSGIApplication, environ: WSGIEnvironment) -> Response:
    """Call an application and read its whole response, lazy parts included."""
    heads: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        heads.append((status, headers))
        return written.append

    environ["wsgi.input"].seek(0)
    parts = application(environ, start_response)
    try:
        written.extend(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
    status, headers = heads[-1]
    return Response(status, headers, b"".join(written))


def _json(status: str, fields: dict[str, Any]) -> Response:
    return Response(status, [("Content-Type", "application/json")], page(fields))
