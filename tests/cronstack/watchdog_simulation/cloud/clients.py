"""boto3 clients of the simulated cloud: boto3's method names, arguments, answers, errors and paginators.

Each request is validated by botocore's model of the service, and so is each answer. A shape that was valid once is not
validated again, because validation takes longer than the rest of a request.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, Protocol

import botocore.loaders
from botocore import xform_name
from botocore.errorfactory import ClientExceptionsFactory
from botocore.model import ServiceModel
from botocore.paginate import Paginator, PaginatorModel
from botocore.validate import ParamValidator

from cronstack_infra.play.answer_dates import dated

Answer = dict[str, Any]

_LOADER: Final = botocore.loaders.Loader()
_VALIDATOR: Final = ParamValidator()
ALWAYS: Final = 300
EVERY: Final = 17
"""In one process, the first messages of each operation are all validated, later ones now and then."""
_NOT_VALIDATED: Final = ("TemplateBody",)
"""Fields that boto3 changes after it has parsed the answer."""


class ServiceError(Exception):
    """An error that a service answers with."""

    def __init__(self, code: str, message: str = "", status: int = 400, **fields: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.fields = code, message, status, fields


class Wire(Protocol):
    """The part between a client and its service: faults, kills, the record of requests."""

    def exchange(self, service: str, operation: str, parameters: Mapping[str, Any]) -> Answer: ...
    def now(self) -> int: ...


class Model:
    """botocore's model of one service, read once in each process."""

    def __init__(self, service: str) -> None:
        self.service = ServiceModel(_LOADER.load_service_model(service, "service-2"), service)
        self.operations = {xform_name(name): name for name in self.service.operation_names}
        self.exceptions = ClientExceptionsFactory().create_client_exceptions(self.service)
        self._valid: set[tuple[str, str, Any]] = set()
        self._seen: Counter[str] = Counter()

    def validate(self, operation: str, side: str, value: Mapping[str, Any]) -> None:
        """Raise AssertionError for parameters ("input") or an answer ("output") that the model does not allow."""
        self._seen[operation] += 1
        if self._seen[operation] > ALWAYS and self._seen[operation] % EVERY:
            return
        shape = (operation, side, _shape_of(value))
        if shape in self._valid:
            return
        model = self.service.operation_model(operation)
        expected = model.input_shape if side == "input" else model.output_shape
        if expected is None:
            assert not value, f"{operation} has no {side}"
        else:
            report = _VALIDATOR.validate(value, expected)
            assert not report.has_errors(), f"{side} of {operation}: {report.generate_report()}"
            if side == "input":
                for name in expected.required_members:
                    assert value[name] not in ("", None), f"{operation}: {name} is empty"
        self._valid.add(shape)

    def paginators(self) -> dict[str, Any]:
        """Return the configuration of all paginators, by operation."""
        pagination: dict[str, Any] = _LOADER.load_service_model(self.service.service_name, "paginators-1")["pagination"]
        return pagination


@cache
def model_of(service: str) -> Model:
    return Model(service)


class Client:
    """One client. Each method sends one request by the wire."""

    def __init__(self, service: str, wire: Wire) -> None:
        self._service, self._wire, self._model = service, wire, model_of(service)
        self.exceptions = self._model.exceptions

    def __getattr__(self, method: str) -> Callable[..., Answer]:
        operation = self._model.operations.get(method)
        if operation is None:
            raise AttributeError(f"boto3's client of {self._service} has no method {method}")

        def send(**parameters: Any) -> Answer:
            return self._send(operation, parameters)

        setattr(self, method, send)
        return send

    def can_paginate(self, method: str) -> bool:
        return self._model.operations[method] in self._model.paginators()

    def get_paginator(self, method: str) -> Any:
        operation = self._model.operations[method]
        config = PaginatorModel({"pagination": self._model.paginators()}).get_paginator(operation)
        return Paginator(getattr(self, method), config, self._model.service.operation_model(operation))

    def _send(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        self._model.validate(operation, "input", parameters)
        try:
            answer = self._wire.exchange(self._service, operation, parameters)
        except ServiceError as error:
            metadata = {"HTTPStatusCode": error.status}
            about = {"Error": {"Code": error.code, "Message": error.message}, "ResponseMetadata": metadata}
            shown = dated({**error.fields, **about}, self._wire.now())
            kind: Any = self.exceptions.from_code(error.code)
            raise kind(shown, operation) from None
        checked = {name: "{}" if name in _NOT_VALIDATED else value for name, value in answer.items()}
        self._model.validate(operation, "output", checked)
        return dated({**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}, self._wire.now())


class Pages:
    """Splits lists into pages of random sizes, as services may do at any time."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def size(self, most: int) -> int:
        """Return the size of the next page: nearly always the most that the request allows."""
        return self._chance.randint(1, 3) if self._chance.random() < 0.08 else most


def _shape_of(value: Any) -> Any:
    """Return the structure of a value without its content."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return kind
    if isinstance(value, Mapping):
        return tuple((name, _shape_of(value[name])) for name in sorted(value))
    if isinstance(value, (list, tuple)):
        return tuple(dict.fromkeys(map(_shape_of, value)))
    return kind
