"""Faults on demand: requests that a running local cloud fails, to test how a handler reacts.

``PUT /_cronstack/faults`` with one fault or a list of them replaces the present faults, ``DELETE`` removes them.
``GET`` returns them, with the number of requests that each has failed. A fault:

    {"service": "dynamodb",               botocore's name of the service
     "operations": ["UpdateItem", …],     null: all of the service's
     "caller": "shop-daily_stats",        the function whose requests fail; null: every caller
     "answer": "503",                     "500", "503", "throttled", "conflict": the error, without any effect
                                          "reset": no effect, and the connection closes
                                          "lost answer": the request has its effect, and the connection closes
                                          "hangs": no effect and no response; the connection stays open
                                          "hangs after": the request has its effect; no response, it stays open
     "times": 3}                          null: until the fault is removed
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from cronstack.errors import CronstackError
from cronstack_infra.local.engine.chance import chance
from cronstack_infra.local.executor.values import access_key_of, is_access_key
from cronstack_infra.local.http.requests import ReceivedRequest, operation_of
from cronstack_infra.switches.settings import Switches

if TYPE_CHECKING:
    from botocore.model import ServiceModel

PATH: Final = "/_cronstack/faults"
LOST_ANSWER: Final = "lost answer"
HANGS: Final = "hangs"
HANGS_AFTER: Final = "hangs after"
ERRORS: Final = ("500", "503", "throttled", "conflict")
ANSWERS: Final = (*ERRORS, "reset", LOST_ANSWER, HANGS, HANGS_AFTER)
CARRIED_OUT: Final = (LOST_ANSWER, HANGS_AFTER)
"""Answers of requests that still have their effect."""
FIELDS: Final = ("service", "operations", "caller", "answer", "times")

_ERRORS: Final[Mapping[str, Mapping[str, tuple[str, int]]]] = {
    "dynamodb": {
        "500": ("InternalServerError", 500),
        "throttled": ("ProvisionedThroughputExceededException", 400),
        "conflict": ("TransactionConflictException", 400),
    },
    "sqs": {"500": ("InternalError", 500), "throttled": ("RequestThrottled", 400)},
    "scheduler": {
        "500": ("InternalServerException", 500),
        "throttled": ("ThrottlingException", 429),
        "conflict": ("ConflictException", 409),
    },
    "lambda": {
        "500": ("ServiceException", 500),
        "throttled": ("TooManyRequestsException", 429),
        "conflict": ("ResourceConflictException", 409),
    },
    "s3": {"500": ("InternalError", 500), "throttled": ("SlowDown", 503)},
}
_OF_ANY_SERVICE: Final[Mapping[str, tuple[str, int]]] = {
    "500": ("InternalFailure", 500),
    "503": ("ServiceUnavailable", 503),
    "throttled": ("ThrottlingException", 400),
}


class NoAnswer(Exception):
    """The connection closes without a response."""


class NeverAnswers(Exception):
    """The connection stays open without a response, until the client gives up."""


class InvalidFault(CronstackError):
    """An invalid fault. The message states why."""


class InjectedFault(NamedTuple):
    """The requests that fail, how and how often. ``hits``: requests that have failed so far."""

    service: str
    signs_as: str
    operations: tuple[str, ...] | None
    caller: str | None
    answer: str
    times: int | None
    hits: int = 0

    def fits(self, request: ReceivedRequest) -> bool:
        return (
            self.signs_as == request.service
            and (self.times is None or self.hits < self.times)
            and (self.caller is None or access_key_of(self.caller) == request.caller)
            and (self.operations is None or operation_of(request) in self.operations)
        )

    def describe(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS} | {"hits": self.hits}


class InjectedFaults:
    """The present faults. Usable from any thread."""

    def __init__(self) -> None:
        self.switches = Switches()
        self._lock = Lock()
        self._faults: list[InjectedFault] = []
        self._drawn = 0

    def replace(self, body: bytes) -> None:
        """Replace all faults. Raises Malformed, and then nothing has changed."""
        faults = read(body)
        with self._lock:
            self._faults = faults

    def end(self) -> None:
        with self._lock:
            self._faults = []

    def describe(self) -> list[dict[str, Any]]:
        with self._lock:
            return [fault.describe() for fault in self._faults]

    def hit(self, request: ReceivedRequest) -> InjectedFault | None:
        """Return the first fault that fits a request, and count the hit."""
        if not self._faults:
            return self._hanging(request)
        with self._lock:
            for number, fault in enumerate(self._faults):
                if fault.fits(request):
                    self._faults[number] = fault._replace(hits=fault.hits + 1)
                    return fault
        return self._hanging(request)

    def _hanging(self, request: ReceivedRequest) -> InjectedFault | None:
        """Return a fault for a handler's request that hangs by the switch ``hanging``."""
        share = self.switches.hanging
        if not share or not is_access_key(request.caller):
            return None
        with self._lock:
            self._drawn += 1
            number, seed = self._drawn, self.switches.seed
        if chance(seed, "hangs", number) >= share:
            return None
        answer = HANGS_AFTER if chance(seed, "carried out", number) < 0.5 else HANGS
        return InjectedFault(request.service, request.service, None, None, answer, None)


# -- reading -----------------------------------------------------------------------------------------------------------
def read(body: bytes) -> list[InjectedFault]:
    """Return the faults of a request's body. Raises Malformed."""
    try:
        given = json.loads(body)
    except ValueError as error:
        raise InvalidFault(f"the faults are not JSON: {error}") from None
    return [_read(fault) for fault in (given if isinstance(given, list) else [given])]


def _read(given: object) -> InjectedFault:
    if not isinstance(given, dict):
        raise InvalidFault(f"a fault is an object, not {json.dumps(given)[:80]}")
    if unknown := sorted(set(given) - set(FIELDS)):
        raise InvalidFault(f"a fault has no field {unknown[0]!r}. Fields: {', '.join(FIELDS)}")
    model = _model(given.get("service"))
    caller, answer, times = given.get("caller"), given.get("answer"), given.get("times")
    if answer not in ANSWERS:
        raise InvalidFault(f"answer is one of {', '.join(ANSWERS)}, not {json.dumps(answer)}")
    service = str(given["service"])
    if answer in ERRORS and error_of(service, answer) is None:
        raise InvalidFault(f"{service} has no error {answer!r}; choose another answer")
    if caller is not None and (not isinstance(caller, str) or not caller):
        raise InvalidFault(f"caller is the name of a function or null, not {json.dumps(caller)}")
    if times is not None and (not isinstance(times, int) or isinstance(times, bool) or times < 1):
        raise InvalidFault(f"times is a whole number from 1 or null, not {json.dumps(times)}")
    return InjectedFault(
        service, model.signing_name, _operations(given.get("operations"), model), caller, answer, times
    )


def _model(service: object) -> ServiceModel:
    from botocore.exceptions import DataNotFoundError
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    if not isinstance(service, str) or not service:
        raise InvalidFault(f"service is the name of a service, such as dynamodb, not {json.dumps(service)}")
    try:
        return ServiceModel(Loader().load_service_model(service, "service-2"), service)
    except DataNotFoundError:
        raise InvalidFault(f"service {service!r} does not exist; give botocore's name of a service") from None


def _operations(given: object, model: ServiceModel) -> tuple[str, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not given:
        raise InvalidFault(f"operations is a list of names or null, not {json.dumps(given)}")
    for name in given:
        if name not in model.operation_names:
            raise InvalidFault(f"{model.service_name} has no operation {json.dumps(name)}")
    return tuple(given)


# -- responses ---------------------------------------------------------------------------------------------------------
def error_of(service: str, answer: str) -> tuple[str, int] | None:
    """Return code and status of a service's error; None if the service has no such error."""
    return _ERRORS.get(service, {}).get(answer) or _OF_ANY_SERVICE.get(answer)


def error(fault: InjectedFault, request: ReceivedRequest) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status line, headers and body of an error, in the protocol of the request."""
    code_and_status = error_of(fault.service, fault.answer)
    assert code_and_status is not None, "checked by read"
    (code, status), text = code_and_status, f"a requested fault: {fault.answer}"
    if fault.service == "s3" or "Action=" in request.query or request.body.startswith(b"Action="):
        inner = f"<Code>{code}</Code><Message>{text}</Message>"
        body = inner if fault.service == "s3" else f"<Error><Type>Receiver</Type>{inner}</Error>"
        whole = f"<Error>{body}</Error>" if fault.service == "s3" else f"<ErrorResponse>{body}</ErrorResponse>"
        return f"{status} Fault", [("Content-Type", "text/xml")], whole.encode()
    fields: dict[str, Any] = {"message": text}
    if fault.answer == "conflict" and operation_of(request) == "TransactWriteItems":
        # As in a DynamoDB response, only the first item has a conflict.
        code, count = "TransactionCanceledException", len(json.loads(request.body).get("TransactItems", ()))
        fields = {
            "Message": text,
            "CancellationReasons": [
                {"Code": "TransactionConflict", "Message": text},
                *[{"Code": "None"}] * (count - 1),
            ],
        }
    headers = [("Content-Type", "application/x-amz-json-1.0"), ("x-amzn-ErrorType", code)]
    return f"{status} Fault", headers, json.dumps({"__type": code, **fields}).encode()


# -- the client's side -------------------------------------------------------------------------------------------------
@contextmanager
def faults(endpoint: str, *given: Mapping[str, Any]) -> Iterator[None]:
    """Set these faults, and no others, in the local cloud at an endpoint, until the end of the block."""
    set_faults(endpoint, given)
    try:
        yield
    finally:
        set_faults(endpoint, ())


def set_faults(endpoint: str, given: Sequence[Mapping[str, Any]]) -> None:
    """Replace the faults of the local cloud at an endpoint. Raises Malformed."""
    connection = HTTPConnection(str(urlsplit(endpoint).netloc), timeout=30)
    try:
        connection.request("PUT", PATH, body=json.dumps(list(given)))
        response = connection.getresponse()
        fields = json.load(response)
    finally:
        connection.close()
    if response.status != 200:
        raise InvalidFault(str(fields["message"]))
