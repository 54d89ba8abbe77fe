"""Counts of every minute of a span at once.

The binary digits of counter n are in bit n of the planes, the lowest plane first. Adding a timetable is one addition
with carry of all minutes: some dozens of operations on long numbers, however many bits are set. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator


class Tally:
    """Counts, for each minute, of the added timetables that contain it."""

    __slots__ = ("_planes",)

    def __init__(self) -> None:
        self._planes: list[int] = []

    def add(self, bits: int, weight: int = 1) -> None:
        """Add ``weight`` to the count of each minute that is set."""
        for digit in range(weight.bit_length()):
            if weight >> digit & 1:
                self._add(bits, digit)

    def _add(self, bits: int, digit: int) -> None:
        planes = self._planes
        planes += [0] * (digit - len(planes))
        for number in range(digit, len(planes)):
            if not bits:
                return
            planes[number], bits = planes[number] ^ bits, planes[number] & bits
        if bits:
            planes.append(bits)

    def peak(self) -> tuple[int, int]:
        """Return the highest count and the minutes that reach it; (0, 0) if empty."""
        return next(self.levels(), (0, 0))

    def levels(self) -> Iterator[tuple[int, int]]:
        """Yield all counts above 0 from the highest down, each with the minutes that have exactly that count."""
        left = 0
        for plane in self._planes:
            left |= plane
        while left:
            count, reach = 0, left
            for number in reversed(range(len(self._planes))):
                if higher := reach & self._planes[number]:
                    count, reach = count + (1 << number), higher
            yield count, reach
            left ^= reach

    def above(self, least: int) -> int:
        """Return the minutes whose count is above ``least``."""
        bits = 0
        for count, reach in self.levels():
            if count <= least:
                break
            bits |= reach
        return bits
