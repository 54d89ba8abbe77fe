"""Notes on rates whose times may change at a deploy. Pure.

A rate counts from the creation of its schedule. Whether an update of the schedule starts it anew is undocumented, and
reported. Then a rate of 12 hours can leave out a run around a deploy, or run twice. Short rates hardly notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from cronstack.timetable.expressions import Rate
from cronstack_infra.discovery.rates import instead

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

LONG: Final = 3600
"""Seconds of a period from which on a note is worth its line."""


def rate_notes(jobs: Iterable[DeclaredJob]) -> Iterator[str]:
    """Yield a note for each rate of an hour or more, with file and line, and the cron to use instead."""
    for declared in jobs:
        for schedule in declared.schedules if declared.job.enabled else ():
            value = schedule.value
            if isinstance(value, Rate) and value.seconds >= LONG:
                yield (
                    f"{declared.where}: {declared.name}: {value} may start anew at each deploy that changes its"
                    f" schedule: AWS does not document it. {instead(value)}"
                )
