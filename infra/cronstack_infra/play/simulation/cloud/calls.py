"""Calls of AWS in virtual time: each takes some time, may fail by a fault, and is answered in this process.

There are two entries. Calls of the runtime and of ``cronstack.once`` go through a transport. All others go through
botocore, whose event ``before-send`` moto answers. In both, the fast store holds the ledger, so that operator tools and
the guard see the same items. Calls of the host (a test, an operator) take no time and never fail.
"""

from __future__ import annotations

import json
import threading
from _thread import get_ident
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from botocore.model import OperationNotFoundError
from moto.core.botocore_stubber import MockRawResponse

from cronstack.occurrence import to_datetime
from cronstack.transport import Botocore
from cronstack_infra.local.dynamodb.canonical import InvalidNumber, canonical_value
from cronstack_infra.local.engine.engine import Engine
from cronstack_infra.local.http import unsupported
from cronstack_infra.local.http.requests import ReceivedRequest, signer
from cronstack_infra.local.http.sent import by_botocore
from cronstack_infra.local.lookups import identities, lineage
from cronstack_infra.local.refusals.intake import refuse
from cronstack_infra.local.refusals.reading import SERVICES
from cronstack_infra.play.answer_dates import date_text, dated
from cronstack_infra.play.simulation.clock.hub import length
from cronstack_infra.play.simulation.cloud import scheduling
from cronstack_infra.play.simulation.cloud.ledgers import Answer, Ledgers, over_http
from cronstack_infra.play.simulation.cloud.outage import is_down
from cronstack_infra.play.simulation.handlers.faults import Faults
from cronstack_infra.play.simulation.handlers.sandboxes import Execution
from cronstack_infra.play.simulation.handlers.strands import Strands, crash_outcome

HANGS, HANGS_AFTER, EXPIRED, DOWN = "hangs", "hangs after", "InvalidSignatureException", "down"
"""Faults of a request: hangs and is not carried out; hangs and is carried out; refused by its date; outage."""
OWN_PATIENCE: Final = 10.0
"""Default of the seconds for which the runtime waits for a response."""
PATIENCE: Final = 60.0
"""Seconds for which botocore waits for a response, its default."""
MOST_SKEW: Final = 300_000_000
"""Largest accepted error of a signature's date, in microseconds."""
_EXPIRED_TEXT: Final = "Signature expired: its date is more than 5 minutes off the time of the service"
LATENCY: Final = (2_000, 12_000)
"""Duration of a call in microseconds, minimum and maximum."""
_NO_SUCH_SERVICE: Final = "Not yet implemented"
"""Body of the response (404) of moto's stubber for a service that moto lacks."""
_CONFIGURING: Final = frozenset({"lambda", "iam", "cloudformation"})
_FAILED: Final = ("InternalServerError", "The service is down")
_SERVICES: Final = {"SendMessage": "sqs", **dict.fromkeys(scheduling.OPERATIONS, "scheduler")}
"""Services of the runtime's operations. All others belong to DynamoDB."""
_THROTTLED: Final = {"dynamodb": "ThrottlingException", "sqs": "ThrottlingException", "s3": "SlowDown"}


class Calls:
    """Answers calls. ``chance`` returns a random number from 0 to 1 by the seed."""

    def __init__(
        self,
        strands: Strands,
        ledgers: Ledgers,
        faults: Faults,
        chance: Callable[[], float],
        on_change: Callable[[], None],
        engine: Engine,
        now_ms: Callable[[], int],
    ) -> None:
        """changed: called when functions or permissions may have changed. engine: has the switches.

        now_ms: returns the time at AWS, the date of every response, in epoch milliseconds.
        """
        self._on_change, self._engine, self._now_ms = on_change, engine, now_ms
        self._strands, self._ledgers, self._faults, self._chance = strands, ledgers, faults, chance
        self._thread = get_ident()
        self._other_threads = threading.Lock()
        """Lets real threads call one by one: neither moto nor the fast store locks."""
        self.answering = False
        """True while moto answers."""
        self._in_runtime_call = False
        """True within a call of the runtime, whose time and faults are already applied."""
        self._botocore: Botocore | None = None

    def skew(self) -> int:
        """Return the microseconds by which the clock of the running code is ahead."""
        strand = self._strands.strand
        return 0 if strand is None or self.answering else strand.sandbox.skew

    def in_handler(self) -> bool:
        """Return whether code of a handler runs, and not moto on its behalf."""
        return self._strands.strand is not None and not self.answering

    # calls of the runtime

    def transport(self, operation: str, parameters: Mapping[str, Any], timeout: float = 0.0) -> Answer:
        """Implement ``cronstack.transport``. ``timeout``: seconds after which a hanging request fails."""
        if get_ident() != self._thread:
            with self._other_threads:
                return dated(self._carry_out(operation, parameters), self._now_ms())
        attempt = self._strands.calling_attempt()
        signs_by_date = attempt is not None and attempt.sandbox.signs_by_date
        fate = self._fate(attempt, _SERVICES.get(operation, "dynamodb"), signs_by_date=signs_by_date)
        if fate == "throttled":
            return dated(_error("ThrottlingException", "Rate exceeded"), self._now_ms())
        if fate == DOWN:
            return dated(_error(*_FAILED, 500), self._now_ms())
        if fate == EXPIRED:
            assert attempt is not None
            attempt.sandbox.signs_by_date = True
            return dated(_error(EXPIRED, _EXPIRED_TEXT), self._now_ms())
        answer = {} if fate == HANGS else dated(self._with_service_clock(operation, parameters), self._now_ms())
        if fate in (HANGS, HANGS_AFTER):
            self._hang(attempt, timeout or OWN_PATIENCE)
            return _error("ConnectionError", "Read timeout on endpoint URL")
        self._crash_after(attempt, fate)
        return _error("ConnectionError", "the answer was lost") if fate == "lost" else answer

    def _with_service_clock(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """Carry out a request by the clock of AWS, not by that of the sandbox."""
        if operation not in scheduling.OPERATIONS:
            return self._carry_out(operation, parameters)
        outer, self.answering = self.answering, True
        try:
            return self._carry_out(operation, parameters)
        finally:
            self.answering = outer

    def _carry_out(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        if self._ledgers.involves_ledger(operation, parameters):
            return self._ledgers.call(operation, parameters, self._through_botocore)
        if operation in scheduling.OPERATIONS:
            return scheduling.call(operation, parameters)
        return self._through_botocore(operation, parameters)

    def _through_botocore(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        if self._botocore is None:
            self._botocore = Botocore()
        if get_ident() != self._thread:
            return self._botocore(operation, parameters)
        self._in_runtime_call = True
        try:
            return self._botocore(operation, parameters)
        finally:
            self._in_runtime_call = False

    # calls by botocore

    def over_botocore(self, stubber: Any, event_name: str, request: Any) -> AWSResponse | None:
        header = request.headers.get(lineage.HEADER, "")
        with lineage.sent_with(header if isinstance(header, str) else header.decode()), self._called_by(request):
            return self._over_botocore(stubber, event_name, request)

    def _called_by(self, request: Any) -> AbstractContextManager[None]:
        """Set the caller: the function whose code runs. All handlers of this process share its credentials."""
        key, service = signer(by_botocore(request).headers.get("authorization", ""))
        attempt = self._strands.calling_attempt() if get_ident() == self._thread else None
        return identities.called_with(key if attempt is None else attempt.invocation.function.access_key, service)

    def _over_botocore(self, stubber: Any, event_name: str, request: Any) -> AWSResponse | None:
        if self._in_runtime_call or get_ident() != self._thread:
            return self._respond(stubber, event_name, request)
        attempt = self._strands.calling_attempt()
        service = event_name.split(".")[1]
        fate = self._fate(attempt, service)
        if fate == "throttled":
            return self._response(request, *_throttled_response(service))
        if fate == DOWN:
            return self._response(request, *over_http(_error(*_FAILED, 500)))
        if fate == EXPIRED:
            return self._response(request, *_expired_response(service))
        response = None if fate == HANGS else self._respond(stubber, event_name, request)
        if fate in (HANGS, HANGS_AFTER):
            self._hang(attempt, PATIENCE)
            raise ReadTimeoutError(endpoint_url=request.url)
        self._crash_after(attempt, fate)
        if fate == "lost":
            raise ConnectionClosedError(endpoint_url=request.url)
        return response

    def _respond(self, stubber: Any, event_name: str, request: Any) -> AWSResponse | None:
        _, service, operation, *_ = (*event_name.split("."), "")
        if service == "dynamodb":
            parameters = json.loads(request.body or b"{}")
            if self._ledgers.involves_ledger(operation, parameters):
                return self._response(request, *over_http(self._ask_ledger(operation, parameters)))
        if service in SERVICES and (refused := refuse(by_botocore(request))) is not None:
            line, sent, content = refused
            return self._response(request, int(line[:3]), dict(sent), content)
        if service in _CONFIGURING and not operation.startswith("Invoke"):
            self._on_change()
        outer, self.answering = self.answering, True
        try:
            answered = stubber.process_request(request)
        except (NotImplementedError, OperationNotFoundError) as fault:
            answered = _not_supported(request, fault)
        finally:
            self.answering = outer
        if answered is not None and answered[0] == 404 and answered[2] == _NO_SUCH_SERVICE:
            answered = _not_supported(request, unsupported.NO_SERVICE)
        if answered is None:
            raise EndpointConnectionError(endpoint_url=request.url)  # no address of AWS: nothing leaves this process
        status, headers, body = answered
        return self._response(request, status, headers, body)

    def _response(self, request: Any, status: int, headers: Mapping[str, str], body: bytes | str) -> AWSResponse:
        raw: Any = MockRawResponse(body)
        sent_headers: Any = {name: value for name, value in headers.items() if name.lower() != "date"}
        sent_headers["Date"] = date_text(self._now_ms())
        return AWSResponse(request.url, status, sent_headers, raw)

    def _ask_ledger(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """Answer a request of any program. Its numbers are normalized: the runtime writes only whole numbers."""
        try:
            trimmed = canonical_value(parameters)
        except InvalidNumber as fault:
            return _error("ValidationException", str(fault))
        return self._ledgers.call(operation, trimmed, self._through_botocore)

    # time and faults

    def _fate(self, attempt: Execution | None, service: str, *, signs_by_date: bool = False) -> str:
        """Let the time of a call pass. Return its fault, "" if none.

        signs_by_date: the client signs by the dates of responses, not by the clock of its sandbox.
        """
        if attempt is None:
            return ""
        attempt.calls += 1
        least, most = LATENCY
        self._strands.sleep(attempt, least + int(self._chance() * (most - least)))
        rates, switches = self._faults.rates, self._engine.switches
        if service == "dynamodb" and is_down(switches, to_datetime(self._now_ms())):
            return DOWN
        if abs(attempt.sandbox.skew) > MOST_SKEW and not signs_by_date:
            return EXPIRED
        if switches.hanging and self._chance() < switches.hanging:
            return HANGS if self._chance() < 0.5 else HANGS_AFTER
        if rates.crash and self._chance() < rates.crash / 2:
            self._crash(attempt, "before")
        if rates.throttled and self._chance() < rates.throttled:
            return "throttled"
        if rates.lost and self._chance() < rates.lost:
            return "lost"
        return "crash" if rates.crash and self._chance() < rates.crash / 2 else ""

    def _crash_after(self, attempt: Execution | None, fate: str) -> None:
        if attempt is not None and fate == "crash":
            self._crash(attempt, "after")

    def _hang(self, attempt: Execution | None, seconds: float) -> None:
        """Wait like a client that gets no response."""
        assert attempt is not None
        self._strands.sleep(attempt, length(seconds))

    def _crash(self, attempt: Execution, when: str) -> None:
        attempt.observed.fault = f"crash {when} call {attempt.calls}"
        self._strands.kill(attempt, crash_outcome(attempt.invocation.request_id))


def _not_supported(request: Any, why: object) -> tuple[int, Mapping[str, str], bytes]:
    """Return the same response as the local cloud's server."""
    sent = by_botocore(request)
    caller, service = signer(sent.headers.get("authorization", ""), sent.query)
    local_request = ReceivedRequest(
        seq=0,
        at="",
        caller=caller,
        service=service,
        method=sent.method,
        path=sent.path,
        query=sent.query,
        target=sent.headers.get("x-amz-target", ""),
        headers=frozenset(f"HTTP_{name.upper().replace('-', '_')}" for name in sent.headers),
        body=sent.body,
        status=0,
    )
    status, headers, body = unsupported.refusal(local_request, why)
    return int(status[:3]), dict(headers), body


def _error(code: str, text: str, status: int = 400) -> Answer:
    return {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}


def _expired_response(service: str) -> tuple[int, dict[str, str], bytes]:
    """Return the refusal of a signature whose date is wrong."""
    if service == "s3":
        body = f"<Error><Code>RequestTimeTooSkewed</Code><Message>{_EXPIRED_TEXT}</Message></Error>"
        return 403, {}, body.encode()
    headers = {"x-amzn-errortype": EXPIRED, "Content-Type": "application/x-amz-json-1.0"}
    return 403, headers, json.dumps({"__type": EXPIRED, "message": _EXPIRED_TEXT}).encode()


def _throttled_response(service: str) -> tuple[int, dict[str, str], bytes]:
    code = _THROTTLED.get(service, "ThrottlingException")
    if service == "s3":
        return (
            503,
            {},
            f"<Error><Code>{code}</Code><Message>Please reduce your request rate.</Message></Error>".encode(),
        )
    headers = {"x-amzn-errortype": code, "Content-Type": "application/x-amz-json-1.0"}
    return 400, headers, json.dumps({"__type": code, "message": "Rate exceeded"}).encode()
