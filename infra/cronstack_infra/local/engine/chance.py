"""Chance by hash: the same seed and the same question have the same answer, in whatever order they are asked."""

from __future__ import annotations

import hashlib
from typing import Final

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def chance(seed: int, *about: object) -> float:
    """At least 0, less than 1."""
    return _number(seed, about) % (1 << 53) / (1 << 53)


def letters(count: int, seed: int, *about: object) -> str:
    """``count`` lower-case letters and digits."""
    number = _number(seed, about)
    found = []
    for _ in range(count):
        number, digit = divmod(number, len(_ALPHABET))
        found.append(_ALPHABET[digit])
    return "".join(found)


def _number(seed: int, about: tuple[object, ...]) -> int:
    text = "\0".join([str(seed), *map(str, about)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
