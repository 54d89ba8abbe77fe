"""Comparisons in condition and filter expressions.

moto 5.2.5 compares Python values: a number with a string is an HTTP 500 (DynamoDB: false), size() of what is missing
too, true equals 1, a binary equals the string of its base64, and two missing attributes equal each other.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from moto.dynamodb import comparisons as moto
from moto.dynamodb.models.dynamo_type import DynamoType

from cronstack_infra.local.dynamodb.values import ORDERED, Comparable, comparable
from cronstack_infra.local.mend import mend

Compare = Callable[[Any, Any], bool]


def install() -> None:
    mend(moto.OpEqual, expr=_equal)
    mend(moto.OpNotEqual, expr=lambda self, item: not _equal(self, item))
    mend(moto.OpLessThan, expr=_ordered(operator.lt))
    mend(moto.OpLessThanOrEqual, expr=_ordered(operator.le))
    mend(moto.OpGreaterThan, expr=_ordered(operator.gt))
    mend(moto.OpGreaterThanOrEqual, expr=_ordered(operator.ge))
    mend(moto.FuncBetween, expr=_between)
    mend(moto.FuncIn, expr=_in)
    mend(moto.FuncContains, expr=_contains)


def _value(operand: Any, item: Any) -> Comparable | None:
    """What an operand stands for in an item; None when it is missing."""
    if isinstance(operand, moto.FuncSize):
        return _size(operand.attr, item)
    if isinstance(operand, moto.AttributeValue):
        return comparable(DynamoType({operand.type: operand.value}))
    attribute = operand._get_attr(item)
    return None if attribute is None else comparable(attribute)


def _size(operand: Any, item: Any) -> Comparable | None:
    found = _value(operand, item)
    if found is None or found[0] not in ("S", "B", "SS", "NS", "BS", "L", "M"):
        return None
    return "N", len(found[1])


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
    found = _value(self.attr, item)
    return found is not None and any(found == _value(operand, item) for operand in self.possible_values)


def _contains(self: Any, item: Any) -> bool:
    whole, part = _value(self.attr, item), _value(self.operand, item)
    if whole is None or part is None:
        return False
    kind, content = whole
    if kind in ("S", "B"):
        return part[0] == kind and part[1] in content
    return kind in ("SS", "NS", "BS", "L") and part in content
