"""DynamoDB's numbers: 38 digits, without an exponent, without trailing zeros.

The numbers of a request are checked and trimmed before the request has any effect. Each stored value is trimmed,
whether from a request, a PartiQL literal or a sum. Projections keep every digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from moto.dynamodb.exceptions import IncorrectDataType, MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType

from cronstack_infra.local.dynamodb.canonical import (
    OVERFLOW,
    InvalidNumber,
    canonical_number,
    canonical_value,
)
from cronstack_infra.local.moto.patch import Patch, replaced_by
from cronstack_infra.local.moto.surroundings import PatchParameters

_CONTEXT: Final = Context(prec=38, traps=[Inexact])
_VALUES: Final = "ExpressionAttributeValues"
_WITH_ITEMS: Final = {
    ("A number with more than 38 digits is stored.", "a_number_of_forty_digits_is_accepted"): (
        "put_item",
        "update_item",
        "delete_item",
        "batch_write_item",
        "transact_write_items",
    ),
    ("A key with a word in place of a number is a server error.", "a_word_in_a_key_is_a_server_error"): (
        "get_item",
        "batch_get_item",
        "transact_get_items",
    ),
    ("A word in place of a number is a server error.", "a_word_for_a_number_is_a_server_error"): ("query", "scan"),
    ("A parameter with more than 38 digits is accepted.", "a_statement_accepts_a_number_of_forty_digits"): (
        "execute_statement",
        "execute_transaction",
        "batch_execute_statement",
    ),
}
"""Actions whose requests contain attribute values, by defect and probe."""

Action = Callable[[Any], Any]


def _trimming(original: Callable[[Any, Any], None], _: PatchParameters) -> Callable[[Any, Any], None]:
    def init(self: Any, type_as_dict: Any) -> None:
        original(self, type_as_dict)
        if self.type in ("N", "NS"):
            self.value = _checked(lambda: canonical_value({self.type: self.value}))[self.type]

    return init


class _Serializer(TypeSerializer):
    """Serializer of Python's values. boto3's own writes some numbers with an exponent and refuses others."""

    def _serialize_n(self, value: Any) -> str:
        return canonical_number(str(value))


class _Deserializer(TypeDeserializer):
    """Deserializer of attribute values. boto3's own refuses integers of more than 38 digits that end in zeros."""

    def _deserialize_n(self, value: str) -> Decimal:
        return Decimal(value)


def _checking(action: Action, _: PatchParameters) -> Action:
    """Return an action that first checks and trims the numbers of its request."""

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
    """Raise DynamoDB's error for an invalid number among an expression's values. The error names the value."""
    for name, value in (request.get(_VALUES) or {}).items():
        try:
            canonical_value(value)
        except InvalidNumber as error:
            raise MockValidationException(f"{_VALUES} contains invalid value: {error} for key {name}") from None


def _checked(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except InvalidNumber as error:
        raise MockValidationException(str(error)) from None


def _calculation(calculate: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    def apply(self: Any, other: Any) -> Any:
        if self.type != other.type:
            raise TypeError("Different types of operands")  # moto converts it into its ValidationException
        if self.type != "N":
            raise IncorrectDataType
        try:
            result = calculate(Decimal(self.value), Decimal(other.value))
        except Inexact:
            raise MockValidationException(OVERFLOW) from None
        return DynamoType({"N": str(result)})

    return apply


_TYPES: Final = "moto.dynamodb.models.dynamo_type"

PATCHES: Final = (
    Patch(
        f"{_TYPES}:DynamoType",
        "__init__",
        "(self, type_as_dict)",
        "A number is stored as sent: 1.50 and 1.5 differ.",
        "a_number_is_returned_as_it_was_written",
        _trimming,
    ),
    *(
        Patch(
            f"{_TYPES}:DynamoType",
            name,
            "(self, other)",
            "Sums are computed with 28 digits; DynamoDB keeps 38.",
            probe,
            replaced_by(_calculation(calculate)),
        )
        for name, calculate, probe in (
            ("__add__", _CONTEXT.add, "an_addition_loses_digits"),
            ("__sub__", _CONTEXT.subtract, "a_subtraction_loses_digits"),
        )
    ),
    Patch(
        _TYPES,
        "serializer",
        "value of TypeSerializer",
        "A projection writes some numbers with an exponent.",
        "a_projection_writes_an_exponent",
        replaced_by(_Serializer()),
    ),
    Patch(
        _TYPES,
        "deserializer",
        "value of TypeDeserializer",
        "A projection of an integer with more than 38 digits, the last of them zeros, is a server error.",
        "a_projection_of_a_long_number_is_a_server_error",
        replaced_by(_Deserializer()),
    ),
    *(
        Patch(
            "moto.dynamodb.responses:DynamoHandler",
            action,
            "(self)",
            reason,
            probe,
            _checking,
            over=action == "transact_write_items",
        )
        for (reason, probe), actions in _WITH_ITEMS.items()
        for action in actions
    ),
)
