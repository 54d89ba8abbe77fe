"""Numbers in moto 5.2.5 as DynamoDB has them.

moto returns numbers as they were written, accepts any text, adds with Python's 28 digits and stumbles over an exponent.
Three places replace that: each request's numbers are checked and trimmed before the request has any effect; each value
that is stored is trimmed, whether a request, a PartiQL literal or a sum made it; projections keep every digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from moto.dynamodb.exceptions import IncorrectDataType, MockValidationException
from moto.dynamodb.models import dynamo_type
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.responses import DynamoHandler

from cronstack_infra.local.dynamodb.canonical import (
    OVERFLOW,
    InvalidNumber,
    canonical_number,
    canonical_value,
)
from cronstack_infra.local.mend import mend

_CONTEXT: Final = Context(prec=38, traps=[Inexact])
_VALUES: Final = "ExpressionAttributeValues"
_WITH_ITEMS: Final = (
    "put_item",
    "update_item",
    "delete_item",
    "get_item",
    "query",
    "scan",
    "batch_get_item",
    "batch_write_item",
    "transact_get_items",
    "transact_write_items",
    "execute_statement",
    "execute_transaction",
    "batch_execute_statement",
)
"""Actions whose requests hold attribute values."""

Action = Callable[[Any], Any]


def install() -> None:
    """Put the replacements in place, after all other replacements of these actions."""
    stored = DynamoType.__init__

    def init(self: Any, given: Any) -> None:
        stored(self, given)
        if self.type in ("N", "NS"):
            self.value = _checked(lambda: canonical_value({self.type: self.value}))[self.type]

    mend(DynamoType, __init__=init, __add__=_calculation(_CONTEXT.add), __sub__=_calculation(_CONTEXT.subtract))
    mend(dynamo_type, serializer=_Serializer(), deserializer=_Deserializer())
    mend(DynamoHandler, **{action: _checking(getattr(DynamoHandler, action)) for action in _WITH_ITEMS})


class _Serializer(TypeSerializer):
    """Python's values as attribute values. boto3's own writes some numbers with an exponent and refuses others."""

    def _serialize_n(self, value: Any) -> str:
        return canonical_number(str(value))


class _Deserializer(TypeDeserializer):
    """Attribute values as Python's. boto3's own refuses integers of more than 38 digits, which end in zeros."""

    def _deserialize_n(self, value: str) -> Decimal:
        return Decimal(value)


def _checking(action: Action) -> Action:
    """The action on a request whose numbers are checked and trimmed."""

    def answer(handler: Any) -> Any:
        _check_values(handler.body)
        handler.body = _checked(lambda: canonical_value(handler.body))
        try:
            with localcontext(_CONTEXT):
                return action(handler)
        except Inexact:
            raise MockValidationException(OVERFLOW) from None

    return answer


def _check_values(request: Mapping[str, Any]) -> None:
    """Raise DynamoDB's error for a wrong number among an expression's values, which names the value."""
    for name, value in (request.get(_VALUES) or {}).items():
        try:
            canonical_value(value)
        except InvalidNumber as wrong:
            raise MockValidationException(f"{_VALUES} contains invalid value: {wrong} for key {name}") from None


def _checked(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except InvalidNumber as wrong:
        raise MockValidationException(str(wrong)) from None


def _calculation(calculate: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    def apply(self: Any, other: Any) -> Any:
        if self.type != other.type:
            raise TypeError("Different types of operands")  # moto turns it into its ValidationException
        if self.type != "N":
            raise IncorrectDataType
        try:
            result = calculate(Decimal(self.value), Decimal(other.value))
        except Inexact:
            raise MockValidationException(OVERFLOW) from None
        return DynamoType({"N": str(result)})

    return apply
