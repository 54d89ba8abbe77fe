"""Counts of every minute of a span at once.

Counter n's binary digits stand in bit n of the planes, the lowest plane first; adding a timetable is an addition with
carry of all minutes together, some dozens of operations on long numbers however many bits are set. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator


class Tally:
    """How many of the added timetables have each minute."""

    __slots__ = ("_planes",)

    def __init__(self) -> None:
        self._planes: list[int] = []

    def add(self, bits: int) -> None:
        """One more for each minute that is set."""
        planes = self._planes
        for number, plane in enumerate(planes):
            if not bits:
                return
            planes[number], bits = plane ^ bits, plane & bits
        if bits:
            planes.append(bits)

    def peak(self) -> tuple[int, int]:
        """The highest count, and the minutes that reach it; (0, 0) of nothing."""
        return next(self.levels(), (0, 0))

    def levels(self) -> Iterator[tuple[int, int]]:
        """All counts above 0 from the highest down, each with the minutes that have exactly that count."""
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
        """Minutes that count more than ``least``."""
        bits = 0
        for count, reach in self.levels():
            if count <= least:
                break
            bits |= reach
        return bits
