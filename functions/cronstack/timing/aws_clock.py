"""The time at AWS, from the dates of answers, because AWS guarantees nothing about a sandbox's own clock.

Each answer has a date in whole seconds. It was created after its request was sent, and before it was received:

    date  ≤  the time at AWS when the answer was received  ≤  date + MAX_DATE_LAG + the round trip

From then on, both bounds grow with the time that passes on this machine, by the wall clock and by the monotonic clock.
The two clocks disagree if the wall clock was set, or if the monotonic clock stopped while the sandbox was frozen. Then
the lower bound grows by the smaller and the upper bound by the larger of the two. So a wrong clock widens the interval,
but the true time stays within it.

Uses
  ``earliest``  the lower bound: to take over the lease of another attempt, and to start an occurrence
  ``latest``    the upper bound: to compute the end of this attempt's own lease
  ``now``       an estimate: the wall clock as long as it is within the bounds
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cronstack.occurrence import to_milliseconds

MAX_DATE_LAG: Final = 2_000
"""Most milliseconds from a date to its answer. A date has whole seconds, and a server may reuse it for a second."""
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Reading(NamedTuple):
    """Both clocks of this machine at one moment, in milliseconds."""

    wall: int
    monotonic: int


class AwsClock:
    """The clock of one invocation, or of one call of application code. Times are epoch milliseconds."""

    __slots__ = ("_date", "_monotonic", "_received", "_sent", "_wall")

    def __init__(self, wall: Callable[[], int], monotonic: Callable[[], float]) -> None:
        """Create a clock. wall: epoch milliseconds. monotonic: seconds from any start."""
        self._wall, self._monotonic = wall, monotonic
        self._date: int | None = None
        """The date of the last answer only: since an earlier one, both clocks may have failed, one after the other."""
        self._sent = self._received = Reading(0, 0)

    def reading(self) -> Reading:
        """Read both clocks. Call it before a request is sent, for ``learn``."""
        return Reading(self._wall(), int(self._monotonic() * 1000))

    def learn(self, sent: Reading, answer: Mapping[str, Any]) -> None:
        """Take the date of an answer to a request that was sent at ``sent``."""
        date = date_of(answer)
        if date is not None:
            self._date, self._sent, self._received = date, sent, self.reading()

    @property
    def is_known(self) -> bool:
        """Whether an answer has shown the time."""
        return self._date is not None

    def earliest(self) -> int:
        """Return a time that has certainly been reached; 0 until an answer has shown the time."""
        return self._bounds(self.reading())[0]

    def latest(self) -> int:
        """Return a time that is certainly not past; the wall clock's until an answer has shown the time."""
        return self._bounds(self.reading())[1]

    def now(self) -> int:
        """Return the wall clock's time, moved to the nearer bound if it is outside the bounds."""
        return self._corrected(self.reading())

    def wall_error(self) -> int:
        """Return the milliseconds that the wall clock is behind, negative if it is ahead; 0 within the bounds."""
        here = self.reading()
        return self._corrected(here) - here.wall

    def _corrected(self, here: Reading) -> int:
        earliest, latest = self._bounds(here)
        return min(max(here.wall, earliest), latest)

    def _bounds(self, here: Reading) -> tuple[int, int]:
        """Return the earliest and the latest possible time at AWS now."""
        if self._date is None:
            return 0, here.wall
        earliest = self._date + max(0, min(_passed(self._received, here)))
        return earliest, self._date + MAX_DATE_LAG + max(0, *_passed(self._sent, here))


def _passed(then: Reading, here: Reading) -> tuple[int, int]:
    """Return the milliseconds from ``then`` to ``here``, by each clock."""
    return here.wall - then.wall, here.monotonic - then.monotonic


def date_of(answer: Mapping[str, Any]) -> int | None:
    """Return the date of an answer in epoch milliseconds; None if it has none.

    The format is that of HTTP (RFC 9110, 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
    """
    text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        _, day, month, year, time, zone = text.split(" ")
        hour, minute, second = time.split(":")
        if zone != "GMT":
            return None
        of = datetime(
            int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), min(int(second), 59), tzinfo=UTC
        )
    except ValueError:
        return None
    return to_milliseconds(of)
