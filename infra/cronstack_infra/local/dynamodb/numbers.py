"""Numbers of 38 digits. moto 5.2.5 adds with Python's 28 and stumbles over an exponent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Context, Decimal, Inexact
from typing import Any, Final

from moto.dynamodb.exceptions import IncorrectDataType, MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType

from cronstack_infra.local.mend import mend

_CONTEXT: Final = Context(prec=38, traps=[Inexact])


def install() -> None:
    mend(DynamoType, __add__=_calculation(_CONTEXT.add), __sub__=_calculation(_CONTEXT.subtract))


def _calculation(calculate: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    def apply(self: Any, other: Any) -> Any:
        if self.type != other.type:
            raise TypeError("Different types of operands")  # moto turns it into its ValidationException
        if self.type != "N":
            raise IncorrectDataType
        try:
            result = calculate(Decimal(self.value), Decimal(other.value))
        except Inexact:
            raise MockValidationException(
                "Number overflow. Attempting to store a number with more than 38 significant digits"
            ) from None
        return DynamoType({"N": plain(result)})

    return apply


def plain(number: Decimal) -> str:
    """As DynamoDB prints it: no exponent, no trailing zeros."""
    return format(number.normalize(_CONTEXT) if number else Decimal(0), "f")
