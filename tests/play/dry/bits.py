"""The minutes of a span, which ``play.dry.minutes`` stores as bits, as numbers for comparisons in tests."""

from __future__ import annotations

from collections.abc import Iterator

from cronstack_infra.play.dry.minutes import MINUTES, days_of


def minutes_of(bits: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, in order."""
    for day, of_day in enumerate(days_of(bits)):
        while of_day:
            lowest = of_day & -of_day
            yield day * MINUTES + lowest.bit_length() - 1
            of_day ^= lowest
