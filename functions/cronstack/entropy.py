"""The only source of randomness of the product, and the ULIDs made from it.

Code that needs random numbers takes a ``Randomness``: ``SYSTEM`` in Lambda, a seeded ``random.Random`` in a
simulation. Both have the same two methods.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from random import Random

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Randomness(Protocol):
    """The part of ``random.Random`` that is used."""

    def getrandbits(self, k: int, /) -> int: ...

    def random(self) -> float: ...


class _System:
    """The operating system's randomness: no seed that a snapshot of a sandbox could copy."""

    __slots__ = ()

    def getrandbits(self, k: int, /) -> int:
        return int.from_bytes(os.urandom((k + 7) // 8), "big") >> (-k % 8)

    def random(self) -> float:
        return self.getrandbits(53) / (1 << 53)


SYSTEM: Final[Randomness] = _System()


def seeded(seed: int) -> Random:
    """Return a repeatable source of randomness: for simulations, never in Lambda."""
    from random import Random

    return Random(seed)


def ulid(now_ms: int, randomness: Randomness) -> str:
    """Return a ULID: 26 characters that sort by time, from 48 bits of milliseconds and 80 random bits."""
    number = (now_ms & ((1 << 48) - 1)) << 80 | randomness.getrandbits(80)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))
