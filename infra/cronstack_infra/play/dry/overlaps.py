"""Effects of the overlap policy on a job whose runs last longer than the time between two of its firings. Pure.

    skip         a firing during a run is skipped
    buffer_one   the first firing during a run waits in the one slot. It starts at the first minute after the end of
                 that run, because its carrier fires at whole minutes. With the slot full, a firing is skipped. A firing
                 that has waited longer than the start deadline is missed at the next minute and frees the slot
    allow        runs overlap

A run of ``length`` minutes covers that many starts of a minute. Nothing else matters here: runs start only there.
"""

from __future__ import annotations

from typing import NamedTuple

from cronstack.defaults import DEFAULTS, Overlap
from cronstack_infra.play.dry.minutes import MINUTES, days_of, join_days, lowest, spread
from cronstack_infra.play.dry.tally import Tally


class JobRuns(NamedTuple):
    """The runs of a job under its overlap policy."""

    running: tuple[int, ...]
    """Timetables of the minutes at whose start it runs: one, or several that overlap."""
    first: int | None
    """The first minute in which it was due while it ran; None if there was none."""
    overlapping: int
    """How often it was due while it ran."""
    skipped: int
    buffered: int
    missed: int
    """Buffered firings that waited longer than the start deadline and never ran."""
    together: int
    """Largest number of its runs at once."""


class _State(NamedTuple):
    """State of a job at midnight: for how many minutes it still runs, how many minutes ago the waiting one was due."""

    left: int = 0
    waits: int | None = None


class _Day(NamedTuple):
    running: int
    skipped: int
    buffered: int
    missed: int
    then: _State


def play(fires: int, length: int, overlap: Overlap, *, start_deadline: int = DEFAULTS.start_deadline) -> JobRuns:
    """Play a timetable whose runs last ``length`` minutes, rounded up. ``start_deadline``: seconds."""
    behind = spread(fires << 1, length - 1) if length > 1 else 0
    clashes = fires & behind
    if not clashes:
        return JobRuns((fires | behind,), None, 0, 0, 0, 0, 1 if fires else 0)
    if overlap == "allow":
        running = tuple(fires << shift for shift in range(length))
        together = Tally()
        for each in running:
            together.add(each)
        return JobRuns(running, lowest(clashes), clashes.bit_count(), 0, 0, 0, together.peak()[0])
    patience = start_deadline // 60 if overlap == "buffer_one" else None
    days, skipped, buffered, missed = [], 0, 0, 0
    state = _State()
    known: dict[tuple[int, _State], _Day] = {}
    for fires_of_day in [*days_of(fires), 0]:  # the next day: what still runs or waits at the end
        day = known.get((fires_of_day, state))
        if day is None:
            day = known[fires_of_day, state] = _play_day(fires_of_day, state, length, patience)
        days.append(day.running)
        skipped, buffered, missed = skipped + day.skipped, buffered + day.buffered, missed + day.missed
        state = day.then
    return JobRuns((join_days(days),), lowest(clashes), skipped + buffered, skipped, buffered, missed, 1)


def _play_day(fires: int, state: _State, length: int, patience: int | None) -> _Day:
    """Play one day, firing by firing. The caller plays days with equal firings and state once.

    ``patience``: minutes after which a waiting occurrence may still start; None if nothing waits.
    """
    busy_until = state.left
    waiting = None if state.waits is None else -state.waits
    running, skipped, buffered, missed = _minutes(0, busy_until), 0, 0, 0
    while True:
        due = lowest(fires) if fires else MINUTES
        if waiting is not None and patience is not None:
            # The waiting one checks the slot before firings that are due in the same minute.
            latest = waiting + patience
            look = min(busy_until, latest + 1)
            if look <= due and look < MINUTES:
                waiting = None
                if look > latest:
                    missed += 1
                else:
                    running |= _minutes(busy_until, busy_until + length)
                    busy_until += length
                continue
        if due == MINUTES:
            break
        fires &= fires - 1
        if due >= busy_until:
            running |= _minutes(due, due + length)
            busy_until = due + length
        elif patience is not None and waiting is None:
            waiting, buffered = due, buffered + 1
        else:
            skipped += 1
    waits = None if waiting is None else MINUTES - waiting
    return _Day(running, skipped, buffered, missed, _State(max(0, busy_until - MINUTES), waits))


def _minutes(begin: int, end: int) -> int:
    """Return the bits of these minutes, as far as they are in this day."""
    end = min(end, MINUTES)
    return ((1 << (end - begin)) - 1) << begin if end > begin else 0
