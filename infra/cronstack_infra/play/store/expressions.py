"""DynamoDB's expressions, as far as the ledger uses them, compiled once into functions of an item and its values.

    condition   attribute_exists(#a), attribute_not_exists(#a), #a = < <= > >= :b, #a IN (:b, :c), AND, OR, ( )
    update      SET #a = :b | #b | if_not_exists(#a, :b) | one of these + :c, …  REMOVE #a, …

Sums are of whole numbers. Any other expression raises ``UnsupportedExpression``: tests on a store that guesses would
prove nothing. A comparison is false if the attribute is missing, or between a number and a string.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final, NamedTuple

Value = dict[str, Any]
Item = Mapping[str, Value]
Condition = Callable[[Item, Mapping[str, Value]], bool]
Operand = Callable[[Item, Mapping[str, Value]], Value | None]

_TOKEN: Final = re.compile(r"\s*(#\w+|:\w+|\w+|<=|>=|[=<>(),+])")
_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class UnsupportedExpression(ValueError):
    """An expression that the ledger does not use."""


class Update(NamedTuple):
    """The changes of an update: values computed from the old item, and names to remove."""

    assigned: tuple[tuple[str, Operand], ...]
    removed: tuple[str, ...]

    def apply(self, old: Item, values: Mapping[str, Value]) -> dict[str, Value]:
        new = dict(old)
        for name, compute in self.assigned:
            value = compute(old, values)
            if value is None:
                raise UnsupportedExpression(f"{name} is set to a value that does not exist")
            new[name] = value
        for name in self.removed:
            new.pop(name, None)
        return new


@cache
def condition(text: str, names: tuple[tuple[str, str], ...]) -> Condition:
    """Compile a condition. ``names``: the aliases with their attributes."""
    tokens = _Tokens(text, dict(names))
    compiled = _either(tokens)
    tokens.end()
    return compiled


@cache
def update(text: str, names: tuple[tuple[str, str], ...]) -> Update:
    """Compile an update."""
    tokens = _Tokens(text, dict(names))
    assigned: list[tuple[str, Operand]] = []
    removed: list[str] = []
    while not tokens.is_at_end():
        clause = tokens.take()
        while True:
            name = tokens.name()
            if clause == "SET":
                tokens.expect("=")
                assigned.append((name, _sum(tokens)))
            elif clause == "REMOVE":
                removed.append(name)
            else:
                raise UnsupportedExpression(f"{clause} in {text!r}")
            if not tokens.skip(","):
                break
    return Update(tuple(assigned), tuple(removed))


class _Tokens:
    def __init__(self, text: str, names: Mapping[str, str]) -> None:
        self._text, self._names, self._at = text, names, 0
        self._tokens = _TOKEN.findall(text)
        if "".join(self._tokens) != re.sub(r"\s+", "", text):
            raise UnsupportedExpression(repr(text))

    def is_at_end(self) -> bool:
        return self._at == len(self._tokens)

    def end(self) -> None:
        if not self.is_at_end():
            raise UnsupportedExpression(f"{self._tokens[self._at]} in {self._text!r}")

    def take(self) -> str:
        if self.is_at_end():
            raise UnsupportedExpression(f"{self._text!r} ends too early")
        self._at += 1
        token: str = self._tokens[self._at - 1]
        return token

    def skip(self, token: str) -> bool:
        if self.is_at_end() or self._tokens[self._at] != token:
            return False
        self._at += 1
        return True

    def expect(self, token: str) -> None:
        if not self.skip(token):
            raise UnsupportedExpression(f"{token} is missing in {self._text!r}")

    def is_name(self) -> bool:
        return not self.is_at_end() and self._tokens[self._at].startswith("#")

    def name(self) -> str:
        alias = self.take()
        if alias not in self._names:
            raise UnsupportedExpression(f"{alias} is not an alias in {self._text!r}")
        return self._names[alias]

    def value(self) -> str:
        token = self.take()
        if not token.startswith(":"):
            raise UnsupportedExpression(f"{token} is not a value in {self._text!r}")
        return token


# -- conditions --------------------------------------------------------------------------------------------------------
def _either(tokens: _Tokens) -> Condition:
    parts = [_both(tokens)]
    while tokens.skip("OR"):
        parts.append(_both(tokens))
    if len(parts) == 1:
        return parts[0]
    return lambda item, values: any(part(item, values) for part in parts)


def _both(tokens: _Tokens) -> Condition:
    parts = [_single(tokens)]
    while tokens.skip("AND"):
        parts.append(_single(tokens))
    if len(parts) == 1:
        return parts[0]
    return lambda item, values: all(part(item, values) for part in parts)


def _single(tokens: _Tokens) -> Condition:
    if tokens.skip("("):
        inner = _either(tokens)
        tokens.expect(")")
        return inner
    for word, expected in (("attribute_exists", True), ("attribute_not_exists", False)):
        if tokens.skip(word):
            tokens.expect("(")
            name = tokens.name()
            tokens.expect(")")
            return lambda item, values: (name in item) is expected
    left = tokens.name()
    if tokens.skip("IN"):
        tokens.expect("(")
        aliases = [tokens.value()]
        while tokens.skip(","):
            aliases.append(tokens.value())
        tokens.expect(")")
        return lambda item, values: any(_compare(item.get(left), values[alias], operator.eq) for alias in aliases)
    sign = tokens.take()
    if sign not in _COMPARISONS:
        raise UnsupportedExpression(f"the comparison {sign}")
    compare, right = _COMPARISONS[sign], tokens.value()
    return lambda item, values: _compare(item.get(left), values[right], compare)


def _number(text: str) -> int | Decimal:
    return int(text) if text.removeprefix("-").isdigit() else Decimal(text)


def _compare(left: Value | None, right: Value, compare: Callable[[Any, Any], bool]) -> bool:
    if left is None:
        return False
    if "N" in left and "N" in right:
        return compare(_number(left["N"]), _number(right["N"]))
    if "S" in left and "S" in right:
        return compare(left["S"], right["S"])
    return False


# -- updates -----------------------------------------------------------------------------------------------------------
def _sum(tokens: _Tokens) -> Operand:
    first = _operand(tokens)
    if not tokens.skip("+"):
        return first
    second = _operand(tokens)

    def added(item: Item, values: Mapping[str, Value]) -> Value | None:
        left, right = first(item, values), second(item, values)
        if left is None or right is None:
            return None
        return {"N": str(int(left["N"]) + int(right["N"]))}

    return added


def _operand(tokens: _Tokens) -> Operand:
    if tokens.skip("if_not_exists"):
        tokens.expect("(")
        name = tokens.name()
        tokens.expect(",")
        otherwise = tokens.value()
        tokens.expect(")")
        return lambda item, values: item.get(name, values[otherwise])
    if tokens.is_name():
        attribute = tokens.name()
        return lambda item, values: item.get(attribute)
    value = tokens.value()
    return lambda item, values: values[value]
