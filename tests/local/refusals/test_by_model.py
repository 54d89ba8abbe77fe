"""Every constraint of botocore's models of Scheduler and Lambda, violated one at a time: each call is refused.

The calls are generated from the model, serialized by botocore and parsed from the request, without a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import botocore.serialize
import pytest
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from cronstack_infra.local.http.sent import Sent, over_http
from cronstack_infra.local.refusals.constraints import Malformed, violations
from cronstack_infra.local.refusals.reading import SERVICES, model, read
from cronstack_infra.local.refusals.refusal import ApiError
from cronstack_infra.local.refusals.responses import error_response

# Texts that satisfy the patterns of the models: generating texts from Java's patterns would be hard.
TEXTS = (
    "x1",
    "123456789012",
    "1",
    "arn:aws:iam::123456789012:role/x",
    "arn:aws:lambda:us-east-1:123456789012:function:x",
    "arn:aws:lambda:us-east-1:123456789012:layer:x:1",
    "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-0123456789abcdef0",
    "arn:aws:lambda:us-east-1:123456789012:capacity-provider:x",
    "arn:aws:lambda:us-east-1::runtime/" + "0" * 64,
    "arn:aws:lambda:us-east-1:123456789012:runtime/" + "0" * 64,
    "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:12345678-1234-1234-1234-123456789012",
    "arn:aws:scheduler:us-east-1:123456789012:schedule-group/x",
    "arn:aws:sqs:us-east-1:123456789012:x",
    "arn:aws:kms:us-east-1:123456789012:key/x",
    "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:x",
    "us-east-1",
    "/mnt/x",
    "o-abcdefghij12",
    "lambda:Invoke",
    "subnet-1",
    "sg-1",
    "localhost:80",
    "$LATEST.PUBLISHED",
    "https://x.example",
    "GET",
    "*",
    "x",
)

NONSENSE = "\u2028 \u2028"


def text(shape: Shape) -> str | None:
    """Return a text that satisfies a shape; None if none is known."""
    if shape.metadata.get("enum"):
        return str(shape.metadata["enum"][0])
    least = int(shape.metadata.get("min") or 0)
    for known in (*TEXTS, "x" * max(least, 1)):
        if not list(violations(shape, known)):
            return known
    return None


def valid(shape: Shape, depth: int = 0) -> Any:
    """Return a value with the required members only; None if none is known."""
    if isinstance(shape, StructureShape):
        members = {name: valid(shape.members[name], depth + 1) for name in shape.required_members}
        return None if None in members.values() else members
    if isinstance(shape, ListShape):
        items = [valid(shape.member, depth + 1)] * int(shape.metadata.get("min") or 1)
        return None if None in items else items
    if isinstance(shape, MapShape):
        return {}
    if shape.type_name == "string":
        return text(shape)
    if shape.type_name in ("integer", "long", "float", "double"):
        return shape.metadata.get("min", 1)
    return {"boolean": True, "blob": b"x", "timestamp": 1_700_000_000}[shape.type_name]


def broken(shape: Shape) -> Iterator[tuple[str, Any]]:
    """Yield values that violate one constraint each."""
    metadata = shape.metadata
    if shape.type_name == "string":
        if metadata.get("enum"):
            yield "enum", "Nonsense"
        if "max" in metadata and metadata["max"] < 20_000:
            yield "max", "x" * (metadata["max"] + 1)
        pattern = metadata.get("pattern")
        if pattern and "\\p" not in pattern and not re.fullmatch(pattern, NONSENSE):
            yield "pattern", NONSENSE
    elif shape.type_name in ("integer", "long"):
        yield from ((bound, metadata[bound] + step) for bound, step in (("min", -1), ("max", 1)) if bound in metadata)
    elif isinstance(shape, ListShape) and "max" in metadata and valid(shape.member) is not None:
        yield "max", [valid(shape.member)] * (metadata["max"] + 1)


def cases(shape: StructureShape, around: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield complete parameters with one invalid member, up to three levels deep."""
    for name, member in shape.members.items():
        where = ".".join((*path, name))
        if name in shape.required_members and member.serialization.get("location") != "uri":
            yield f"{where} required", around({key: value for key, value in valid(shape).items() if key != name})
        for kind, value in broken(member):
            yield f"{where} {kind}", around(valid(shape) | {name: value})
        if isinstance(member, StructureShape) and len(path) < 2 and valid(member) is not None:
            inner = lambda value, name=name: around(valid(shape) | {name: value})  # noqa: E731  (binds ``name`` now)
            yield from cases(member, inner, (*path, name))


def request(service: str, operation: OperationModel, parameters: dict[str, Any]) -> Sent:
    """Return a call as botocore serializes it and a WSGI server passes it on."""
    serialized = botocore.serialize.create_serializer(model(service).metadata["protocol"], False).serialize_to_request(
        parameters, operation
    )
    body = serialized["body"] if isinstance(serialized["body"], bytes) else str(serialized["body"] or "").encode()
    path, _, fixed = serialized["url_path"].partition("?")
    query = "&".join(part for part in (fixed, urlencode(serialized["query_string"], doseq=True)) if part)
    headers = {f"HTTP_{name.upper().replace('-', '_')}": str(value) for name, value in serialized["headers"].items()}
    environ = {"REQUEST_METHOD": serialized["method"], "RAW_URI": path, "QUERY_STRING": query, **headers}
    return over_http(environ, body)


@pytest.mark.parametrize("service", SERVICES)
def test_a_valid_call_is_parsed_and_has_no_violations(service: str) -> None:
    count = 0
    for name in model(service).operation_names:
        operation = model(service).operation_model(name)
        parameters = {} if operation.input_shape is None else valid(operation.input_shape)
        if parameters is None:
            continue
        call = read(service, request(service, operation, parameters))
        assert call is not None, name
        assert call.operation.name == name
        if operation.input_shape is not None:
            assert call.parameters.keys() == parameters.keys(), name
            assert not list(violations(operation.input_shape, call.parameters)), name
        count += 1
    assert count > 0.8 * len(model(service).operation_names)


@pytest.mark.parametrize("service", ["scheduler", "lambda"])
def test_each_violated_constraint_of_the_model_is_found(service: str) -> None:
    count = 0
    for name in model(service).operation_names:
        shape = model(service).operation_model(name).input_shape
        if shape is None or valid(shape) is None:
            continue
        for case, parameters in cases(shape, lambda value: value):
            call = read(service, request(service, model(service).operation_model(name), parameters))
            assert call is not None, (name, case)
            assert list(violations(shape, call.parameters)), (name, case)
            count += 1
    assert count > {"scheduler": 90, "lambda": 350}[service], count


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"MaxResults": 101}, "Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less"),
        ({"State": "ON"}, "Member must satisfy enum value set: [ENABLED, DISABLED]"),
        ({"NamePrefix": ""}, "Member must have length greater than or equal to 1"),
        ({"NamePrefix": "a b"}, "Member must satisfy regular expression pattern: [0-9a-zA-Z-_.]+"),
    ],
)
def test_the_sentences_are_those_of_aws(parameters: dict[str, Any], sentence: str) -> None:
    shape = model("scheduler").operation_model("ListSchedules").input_shape
    assert any(sentence in violation for violation in violations(shape, parameters))


@pytest.mark.parametrize("value", ["ten", True, 1.5, [1], {"a": 1}])
def test_a_value_of_another_type_is_malformed(value: object) -> None:
    shape = model("scheduler").operation_model("ListSchedules").input_shape
    with pytest.raises(Malformed):
        list(violations(shape, {"MaxResults": value}))


def test_each_service_has_its_own_error_format() -> None:
    refusal = ApiError("AWS.SimpleQueueService.NonExistentQueue", "No.")
    status, headers, body = error_response("sqs", refusal)
    assert status.startswith("400")
    assert dict(headers)["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"
    assert b"com.amazonaws.sqs#QueueDoesNotExist" in body
    _, headers, body = error_response("scheduler", ApiError("ValidationException", "No."))
    assert (dict(headers)["x-amzn-ErrorType"], body) == ("ValidationException", b'{"Message": "No."}')
    status, _, body = error_response("lambda", ApiError("ResourceConflictException", "No.", 409))
    assert (status[:3], body) == ("409", b'{"message": "No.", "Type": "User"}')
