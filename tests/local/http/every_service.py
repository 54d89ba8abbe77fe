"""One call of each service in botocore's catalogue, signed and sent over HTTP without a boto3 client, which is slow."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.credentials import Credentials
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from cronstack_infra.local.environment import ACCESS_KEY, REGION

_READS = ("List", "Describe", "Get")


class CallResult(NamedTuple):
    """A call and its response."""

    service: str
    signing_name: str
    operation: str
    status: int
    code: str
    message: str


def services() -> list[str]:
    names: list[str] = Loader().list_available_services("service-2")
    return names


def call(endpoint: str, service: str) -> CallResult:
    """Call the operation with the fewest required members. Raises if the response is not in its protocol."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    operation = easiest_read(model)
    protocol = model.resolved_protocol
    wire: Any = create_serializer(protocol, False).serialize_to_request(_example(operation.input_shape), operation)
    wire.pop("host_prefix", None)  # 127.0.0.1 has no subdomains
    prepare_request_dict(wire, endpoint)
    request = create_request_object(wire)
    SigV4Auth(Credentials(ACCESS_KEY, "local"), model.signing_name, REGION).add_auth(request)
    status, headers, body = _send(request.prepare())
    error: Mapping[str, Any] = {}
    if status > 300:
        response = {"status_code": status, "headers": HeadersDict(headers), "body": body}
        error = create_parser(protocol).parse(response, None)["Error"]
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    return CallResult(service, str(model.signing_name), operation.name, status, code, message)


def easiest_read(model: ServiceModel) -> OperationModel:
    def rank(operation: OperationModel) -> tuple[int, bool, str]:
        required = len(operation.input_shape.required_members) if operation.input_shape else 0
        return required, not operation.name.startswith(_READS), operation.name

    return min((model.operation_model(name) for name in model.operation_names), key=rank)


def _send(prepared: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    url = urlsplit(prepared.url)
    headers = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    connection = http.client.HTTPConnection(str(url.hostname), url.port, timeout=120)
    try:
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        connection.request(prepared.method, path, prepared.body, headers)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


def _example(shape: Shape | None) -> Any:
    """Return the smallest value of a shape."""
    if shape is None:
        return {}
    if isinstance(shape, StructureShape):
        return {name: _example(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, ListShape):
        return [_example(shape.member)]
    if isinstance(shape, MapShape):
        return {}
    least = int(shape.metadata.get("min", 1))
    enum = shape.metadata.get("enum")
    text = enum[0] if enum else "x" * max(least, 1)
    return {"string": text, "boolean": True, "blob": b"x", "timestamp": 0, "float": 1.0, "double": 1.0}.get(
        shape.type_name, least
    )
