"""Chance by hash: the same seed and subject give the same result, in any order of calls."""

from __future__ import annotations

import hashlib
from typing import Final

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def chance(seed: int, *subject: object) -> float:
    """Return a number that is at least 0 and less than 1."""
    return _number(seed, subject) % (1 << 53) / (1 << 53)


def letters(count: int, seed: int, *subject: object) -> str:
    """Return ``count`` lower-case letters and digits."""
    number = _number(seed, subject)
    chosen = []
    for _ in range(count):
        number, digit = divmod(number, len(_ALPHABET))
        chosen.append(_ALPHABET[digit])
    return "".join(chosen)


def _number(seed: int, subject: tuple[object, ...]) -> int:
    text = "\0".join([str(seed), *map(str, subject)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
