"""Numbers and number sets as DynamoDB stores and returns them. Pure.

DynamoDB trims zeros on both ends and returns no exponent: "39.80" is returned as "39.8", "1e3" as "1000". A number has
at most 38 significant digits and a magnitude from 1E-130 to 9.99…E+125.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

DIGITS: Final = 38
LARGEST: Final = 125
SMALLEST: Final = -130
OVERFLOW: Final = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW: Final = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
TOO_PRECISE: Final = "Attempting to store more than 38 significant digits in a Number"
DUPLICATES: Final = "Input collection contains duplicates"

_CANONICAL: Final = re.compile(r"0|-?[1-9][0-9]{0,37}")
_NUMBER: Final = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?")
_LONGEST_EXPONENT: Final = 9


class InvalidNumber(ValueError):
    """A number that DynamoDB refuses; its message is DynamoDB's."""


def canonical_number(text: str) -> str:
    """Return a number as DynamoDB returns it. Raise InvalidNumber if DynamoDB refuses it."""
    if _CANONICAL.fullmatch(text):
        return text
    matched = _NUMBER.fullmatch(text)
    if matched is None:
        detail = f": {text}" if text else ""
        raise InvalidNumber(f"The parameter cannot be converted to a numeric value{detail}")
    sign, whole, after_whole, alone, exponent = (part or "" for part in matched.groups())
    fraction = after_whole or alone
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    power = _exponent(exponent) - len(fraction) + len(digits) - len(digits.rstrip("0"))
    digits = digits.rstrip("0")
    _check(len(digits), len(digits) - 1 + power)
    return ("-" if sign == "-" else "") + _plain(digits, power)


def canonical_value(value: Any) -> Any:
    """Return an attribute value, or a part of a request with values, with its numbers as DynamoDB returns them."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            ((kind, content),) = value.items()
            if kind == "N" and isinstance(content, str):
                return {"N": canonical_number(content)}
            if kind == "NS" and _is_texts(content):
                return {"NS": _canonical_set(content)}
        return {name: canonical_value(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [canonical_value(part) for part in value]
    return value


def _canonical_set(texts: Sequence[str]) -> list[str]:
    numbers = [canonical_number(text) for text in texts]
    if len(set(numbers)) < len(numbers):
        raise InvalidNumber(DUPLICATES)
    return numbers


def _is_texts(content: Any) -> bool:
    return isinstance(content, list | tuple) and all(isinstance(text, str) for text in content)


def _exponent(text: str) -> int:
    if len(text) > _LONGEST_EXPONENT:  # out of range in any case
        raise InvalidNumber(UNDERFLOW if text.startswith("-") else OVERFLOW)
    return int(text or "0")


def _check(digits: int, magnitude: int) -> None:
    if magnitude > LARGEST:
        raise InvalidNumber(OVERFLOW)
    if magnitude < SMALLEST:
        raise InvalidNumber(UNDERFLOW)
    if digits > DIGITS:
        raise InvalidNumber(TOO_PRECISE)


def _plain(digits: str, power: int) -> str:
    """Return digits with their decimal point, without an exponent."""
    if power >= 0:
        return digits + "0" * power
    point = len(digits) + power
    return f"{digits[:point]}.{digits[point:]}" if point > 0 else f"0.{'0' * -point}{digits}"
