"""Comparisons in condition and filter expressions by DynamoDB's types, where moto compares Python values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from moto.dynamodb import comparisons as moto
from moto.dynamodb.models.dynamo_type import DynamoType

from cronstack_infra.local.dynamodb.values import ORDERED, Comparable, comparable
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by

Compare = Callable[[Any, Any], bool]


def _value(operand: Any, item: Any) -> Comparable | None:
    """Return the value of an operand for an item; None if it is missing."""
    if isinstance(operand, moto.FuncSize):
        return _size(operand.attr, item)
    if isinstance(operand, moto.AttributeValue):
        return comparable(DynamoType({operand.type: operand.value}))
    attribute = privates.attribute_of(operand, item)
    return None if attribute is None else comparable(attribute)


def _size(operand: Any, item: Any) -> Comparable | None:
    value = _value(operand, item)
    if value is None or value[0] not in ("S", "B", "SS", "NS", "BS", "L", "M"):
        return None
    return "N", len(value[1])


def _equal(self: Any, item: Any) -> bool:
    left, right = _value(self.lhs, item), _value(self.rhs, item)
    return left is not None and left == right


def _ordered(compare: Compare) -> Callable[[Any, Any], bool]:
    def evaluate(self: Any, item: Any) -> bool:
        return _holds(compare, _value(self.lhs, item), _value(self.rhs, item))

    return evaluate


def _holds(compare: Compare, left: Comparable | None, right: Comparable | None) -> bool:
    if left is None or right is None or left[0] != right[0] or left[0] not in ORDERED:
        return False
    return compare(left[1], right[1])


def _between(self: Any, item: Any) -> bool:
    low, middle, high = (_value(operand, item) for operand in (self.start, self.attr, self.end))
    return _holds(operator.le, low, middle) and _holds(operator.le, middle, high)


def _in(self: Any, item: Any) -> bool:
    value = _value(self.attr, item)
    return value is not None and any(value == _value(operand, item) for operand in self.possible_values)


def _contains(self: Any, item: Any) -> bool:
    whole, part = _value(self.attr, item), _value(self.operand, item)
    if whole is None or part is None:
        return False
    kind, content = whole
    if kind in ("S", "B"):
        return part[0] == kind and part[1] in content
    return kind in ("SS", "NS", "BS", "L") and part in content


def _row(owner: str, evaluate: Callable[[Any, Any], bool], reason: str, probe: str) -> Patch:
    return Patch(f"moto.dynamodb.comparisons:{owner}", "expr", "(self, item)", reason, probe, replaced_by(evaluate))


_EQUALITY: Final = (
    "A true equals 1, a binary equals the text of its base64, and two missing attributes equal each other.",
    "true_equals_one",
)
_ORDER: Final = (
    "Comparing a number with a string is a server error; DynamoDB evaluates it as false.",
    "a_number_compared_with_a_string_is_a_server_error",
)

PATCHES: Final = (
    _row("OpEqual", _equal, *_EQUALITY),
    _row("OpNotEqual", lambda self, item: not _equal(self, item), *_EQUALITY),
    _row("OpLessThan", _ordered(operator.lt), *_ORDER),
    _row("OpLessThanOrEqual", _ordered(operator.le), *_ORDER),
    _row("OpGreaterThan", _ordered(operator.gt), *_ORDER),
    _row("OpGreaterThanOrEqual", _ordered(operator.ge), *_ORDER),
    _row(
        "FuncBetween",
        _between,
        "BETWEEN of a number and two strings is a server error; DynamoDB evaluates it as false.",
        "a_number_between_strings_is_a_server_error",
    ),
    _row("FuncIn", _in, "IN finds true in a list that contains the number 1.", "true_is_in_a_list_of_numbers"),
    _row(
        "FuncContains",
        _contains,
        "contains() finds the number 1 in a list that contains true.",
        "a_list_with_true_contains_one",
    ),
)
