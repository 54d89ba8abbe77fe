"""Responses to unsupported calls: they name service and operation, in the caller's protocol."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final
from xml.sax.saxutils import escape

from cronstack_infra.local.http.requests import ReceivedRequest, named_operation, operations_of, routed
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, wrapped_by

NO_SERVICE: Final = "moto, on which the local cloud is built, has no such service"
NO_OPERATION: Final = "moto, on which the local cloud is built, has no such operation"

_HEAD: Final = 8192
"""Bytes at the start of a service model in which botocore keeps the metadata."""
_SIGNS_AS: Final = (re.compile(rb'"signingName"\s*:\s*"([^"]+)"'), re.compile(rb'"endpointPrefix"\s*:\s*"([^"]+)"'))

Answer = tuple[str, list[tuple[str, str]], bytes]
"""Status line, headers and body."""


def refusal(request: ReceivedRequest, why: object) -> Answer:
    """Return the response to an unsupported call. SDKs do not retry a 501."""
    service, operation = called(request)
    return error(request, "501 Not Implemented", "NotImplemented", f"not supported here: {service} {operation}: {why}")


def called(request: ReceivedRequest) -> tuple[str, str]:
    """Return service and operation by botocore's names; the signing name, or the method and path, if unknown."""
    known = services_signed_as(request.service.lower())
    default = known[0] if known else request.service or "an unsigned call"
    if named := named_operation(request):
        return next((service for service in known if named in operations_of(service)), default), named
    service, operation = routed(request, known)
    return service or default, operation or f"{request.method} {request.path}"


def services_signed_as(name: str) -> tuple[str, ...]:
    """Return botocore's names of the services that share a signing name; a service of that name comes first."""
    return tuple(sorted(_signing_names().get(name, ()), key=lambda service: (service != name, service)))


@lru_cache
def _signing_names() -> Mapping[str, list[str]]:
    by_signing_name = defaultdict(list)
    for folder in (files("botocore") / "data").iterdir():
        for version in folder.iterdir() if folder.is_dir() else ():
            if signing := _signing_name(version):
                by_signing_name[signing.lower()].append(folder.name)
    return {name: list(dict.fromkeys(services)) for name, services in by_signing_name.items()}


def _signing_name(version: Traversable) -> str:
    """Read the signing name from the head of a model, because reading whole models takes seconds."""
    model = version / "service-2.json.gz"
    if not model.is_file():
        return ""
    with model.open("rb") as packed, gzip.open(packed) as text:
        head = text.read(_HEAD)
    name = next((match for pattern in _SIGNS_AS if (match := pattern.search(head))), None)
    return name[1].decode() if name else ""


# -- protocols ---------------------------------------------------------------------------------------------------------
_XML_OVER_REST: Final = ("s3", "s3-object-lambda", "cloudfront", "route53")


def error(request: ReceivedRequest, status: str, code: str, text: str) -> Answer:
    """Return an error in the protocol in which the request was made."""
    if request.path.startswith("/service/") and "/operation/" in request.path:
        body = b"\xa2" + b"".join(map(_cbor, ("__type", code, "message", text)))
        return status, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], body
    inner = f"<Code>{escape(code)}</Code><Message>{escape(text)}</Message>"
    if by_query(request):
        whole = f"<ErrorResponse><Error><Type>Receiver</Type>{inner}</Error></ErrorResponse>"
        if request.service == "ec2":
            whole = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>local</RequestID></Response>"
        return status, [("Content-Type", "text/xml")], whole.encode()
    if not request.target and request.service in _XML_OVER_REST:
        whole = f"<Error>{inner}</Error>"
        if not request.service.startswith("s3") or request.path.startswith("/v20180820/"):
            whole = f"<ErrorResponse>{whole}</ErrorResponse>"
        return status, [("Content-Type", "application/xml")], whole.encode()
    headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
    return status, headers, json.dumps({"__type": code, "message": text}).encode()


def by_query(request: ReceivedRequest) -> bool:
    """Return whether a request was made in the query protocol."""
    return not request.target and ("Action=" in request.query or request.body.startswith(b"Action="))


def _cbor(text: str) -> bytes:
    """Encode a text string, RFC 8949 section 3.1."""
    given = text.encode()
    size = len(given)
    if size < 24:
        return bytes([0x60 | size]) + given
    return b"\x78" + bytes([size]) + given if size < 256 else b"\x79" + size.to_bytes(2, "big") + given[:65535]


# -- moto --------------------------------------------------------------------------------------------------------------
def _called(call_action: Any, self: Any) -> Any:
    answer = call_action(self)
    if answer[0] == 404 and answer[2] == "" and not privates.action(self):
        raise NotImplementedError(NO_OPERATION)
    return answer


PATCHES: Final = (
    Patch(
        "moto.core.responses:BaseResponse",
        "call_action",
        "(self)",
        "An operation that moto does not know gets an empty 404.",
        "an_unknown_operation_gets_an_empty_404",
        wrapped_by(_called),
    ),
)
