"""Compare the occurrences of two sides of a job: which appear, which disappear, and which move. Pure.

An occurrence that one side lacks is paired with the nearest one that the other side lacks, if each of the two is the
nearest of the other. Such a pair is one occurrence that moves. The span is extended on both sides before it is paired:

    old and new in the span            it moves
    old before the deployment, new after it    the same occurrence runs twice: ``again``
    new before the deployment, old after it    the same occurrence does not run: ``lost``

A job of each minute has 43,200 occurrences in 30 days, so they are compared as the bits of one number.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from cronstack_infra.changes.sides import TimedSchedule
from cronstack_infra.play.dry.minutes import Span

AROUND: Final = timedelta(days=35)
"""The longest distance of a monthly occurrence from the next one, and some days."""
MOST_LENGTHS: Final = 4
"""Most lengths by which occurrences of one job move. With more, they disappear and others appear."""
MOST_STRETCHES: Final = 6
"""Most stretches of time with one length each. With more, each length is one group."""
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Moved:
    """An occurrence that moves."""

    old: datetime
    new: datetime

    @property
    def by(self) -> timedelta:
        return self.new - self.old


@dataclass(frozen=True)
class Shift:
    """Occurrences that move by the same length, in order."""

    by: timedelta
    moved: tuple[Moved, ...]


@dataclass(frozen=True)
class TimeChange:
    """The changes of one job in a span. Instants are in UTC and in order."""

    appear: tuple[datetime, ...] = ()
    disappear: tuple[datetime, ...] = ()
    shifts: tuple[Shift, ...] = ()
    again: tuple[Moved, ...] = ()
    lost: tuple[Moved, ...] = ()
    same: int = 0
    """Number of occurrences that stay."""

    @property
    def moved(self) -> int:
        return sum(len(shift.moved) for shift in self.shifts)

    def __bool__(self) -> bool:
        return bool(self.appear or self.disappear or self.shifts or self.again or self.lost)


def span_of(now: datetime, days: int) -> Span:
    """Return the span of whole minutes after ``now`` (UTC)."""
    first = -(-(now - now.replace(hour=0, minute=0, second=0, microsecond=0)) // _MINUTE)
    begin = now.replace(hour=0, minute=0, second=0, microsecond=0) + first * _MINUTE
    return Span(begin, begin + timedelta(days=days))


def compare_times(
    old: Sequence[TimedSchedule], new: Sequence[TimedSchedule], span: Span, *, pair_them: bool = True
) -> TimeChange:
    """Return the changes of a job's occurrences in a span that begins at the deployment.

    pair_them: False if nothing can move, such as between rates of different periods.
    """
    wide = Span(span.first - AROUND, span.last + AROUND)
    before, after = _minutes(old, wide, span.first), _minutes(new, wide, span.first)
    within = ((1 << wide.minute(span.last)) - 1) >> wide.minute(span.first) << wide.minute(span.first)
    same = (before & after & within).bit_count()
    only_old, only_new = before & ~after, after & ~before
    if not (pair_them and only_old and only_new):  # nothing moves, so the time around the span does not matter
        only_old, only_new, pair_them = only_old & within, only_new & within, False
    gone, come = _instants(only_old, wide), _instants(only_new, wide)
    pairs = _pairs(gone, come) if pair_them else []
    moved = [pair for pair in pairs if pair.old in _In(span) and pair.new >= span.first]
    if len({pair.by for pair in moved}) > MOST_LENGTHS:
        pairs = moved = []
    olds, news = {pair.old for pair in pairs}, {pair.new for pair in pairs}
    return TimeChange(
        appear=tuple(instant for instant in come if instant in _In(span) and instant not in news),
        disappear=tuple(instant for instant in gone if instant in _In(span) and instant not in olds),
        shifts=tuple(_shifts(moved)),
        again=tuple(pair for pair in pairs if pair.old < span.first and pair.new in _In(span)),
        lost=tuple(pair for pair in pairs if pair.new < span.first and pair.old in _In(span)),
        same=same,
    )


class _In:
    """Membership of an instant in a span."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def __contains__(self, instant: datetime) -> bool:
        return self._span.first <= instant < self._span.last


def _minutes(schedules: Iterable[TimedSchedule], span: Span, deployment: datetime) -> int:
    minutes = 0
    for timed in schedules:
        minutes |= timed.minutes(span, deployment)
    return minutes


def _instants(bits: int, span: Span) -> list[datetime]:
    """Return the instants of the bits, in order."""
    return [span.origin + number * _MINUTE for number, bit in enumerate(reversed(f"{bits:b}")) if bit == "1"]


def _pairs(gone: Sequence[datetime], come: Sequence[datetime]) -> list[Moved]:
    """Return the pairs of which each is the nearest of the other. Of two equal distances, the later new one counts."""
    if not gone or not come:
        return []
    nearest_new = [_nearest(old, come, later=True) for old in gone]
    nearest_old = [_nearest(new, gone, later=False) for new in come]
    return [
        Moved(old, come[place])
        for number, (old, place) in enumerate(zip(gone, nearest_new, strict=True))
        if nearest_old[place] == number
    ]


def _nearest(instant: datetime, others: Sequence[datetime], *, later: bool) -> int:
    """Return the place of the nearest instant. ``later``: which of two equal distances counts."""
    place = bisect_left(others, instant)
    if place == 0:
        return 0
    if place == len(others):
        return place - 1
    before, after = instant - others[place - 1], others[place] - instant
    return place if after < before or (after == before and later) else place - 1


def _shifts(moved: Sequence[Moved]) -> list[Shift]:
    """Group what moves by its length: by stretches of time if these are few, else as a whole."""
    stretches = [Shift(by, tuple(pairs)) for by, pairs in groupby(moved, key=lambda pair: pair.by)]
    if len(stretches) <= MOST_STRETCHES:
        return stretches
    whole: dict[timedelta, list[Moved]] = {}
    for pair in moved:
        whole.setdefault(pair.by, []).append(pair)
    return [Shift(by, tuple(pairs)) for by, pairs in whole.items()]
