"""Parsing of requests to Scheduler, Lambda and SQS by botocore's model, as the services parse them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel, Shape, StructureShape

from cronstack_infra.local.http.sent import Sent
from cronstack_infra.local.refusals.constraints import Malformed

SERVICES: Final = ("scheduler", "lambda", "sqs")


class Read(NamedTuple):
    operation: OperationModel
    parameters: dict[str, Any]


@lru_cache
def model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def read(service: str, sent: Sent) -> Read | None:
    """Return the call of a request; None if the model has no such call. Raise Malformed if it cannot be parsed."""
    if service == "sqs":
        return _read_target(sent)
    query = parse_qs(sent.query, keep_blank_values=True)
    for route in _routes(service):
        path = route.pattern.fullmatch(sent.path) if route.method == sent.method else None
        if path is not None and route.query.items() <= query.items():
            return Read(route.operation, _parameters(route.operation, path.groupdict(), sent))
    return None


def _read_target(sent: Sent) -> Read | None:
    """Read the JSON protocol; requests of the older query protocol are left to moto."""
    prefix, _, name = sent.headers.get("x-amz-target", "").partition(".")
    if prefix != "AmazonSQS" or name not in model("sqs").operation_names:
        return None
    return Read(model("sqs").operation_model(name), _json(sent.body))


def _parameters(operation: OperationModel, in_path: Mapping[str, str], sent: Sent) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    query = parse_qs(sent.query, keep_blank_values=True)
    payload = shape.serialization.get("payload")
    body_shape = shape.members.get(payload) if payload else shape
    body = _json(sent.body) if isinstance(body_shape, StructureShape) else {}
    parameters: dict[str, Any] = {}
    for name, member in shape.members.items():
        wire = member.serialization.get("name", name)
        match member.serialization.get("location"):
            case "uri":
                value: Any = _of_text(member, unquote(in_path[_group(wire)]))
            case "querystring":
                values = query.get(wire)
                value = values if values is None or member.type_name == "list" else _of_text(member, values[0])
            case "header":
                value = _of_text(member, sent.headers.get(wire.lower()))
            case _ if name != payload:
                value = body.get(wire)
            case _:
                value = (body if isinstance(member, StructureShape) else sent.body) or None
        if value is not None:
            parameters[name] = value
    return parameters


def _of_text(shape: Shape, text: str | None) -> Any:
    """Return the typed value of text from a path, a query or a header."""
    if text is None or shape.type_name not in ("integer", "long", "boolean", "double"):
        return text
    if shape.type_name == "boolean":
        return text == "true"
    try:
        return float(text) if shape.type_name == "double" else int(text)
    except ValueError:
        raise Malformed(f"{text} is not a number") from None


def _json(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        raise Malformed("the request body is not JSON") from None
    if not isinstance(parsed, dict):
        raise Malformed("the request body is not a JSON object")
    return parsed


class _Route(NamedTuple):
    operation: OperationModel
    method: str
    pattern: re.Pattern[str]
    query: Mapping[str, list[str]]
    """Query parameters that the request must have."""


@lru_cache
def _routes(service: str) -> tuple[_Route, ...]:
    """Return the operations of a REST service, the most specific first."""
    routes = []
    for name in model(service).operation_names:
        operation = model(service).operation_model(name)
        path, _, fixed = operation.http["requestUri"].partition("?")
        pattern = "".join(
            part if not part.startswith("{") else f"(?P<{_group(part)}>[^/]+)"
            for part in re.split(r"(\{[^}]+\})", path)
        )
        routes.append(_Route(operation, operation.http["method"], re.compile(pattern + "/?"), parse_qs(fixed)))
    return tuple(sorted(routes, key=lambda route: (-len(route.query), route.pattern.groups)))


def _group(place: str) -> str:
    return re.sub(r"\W", "", place)
