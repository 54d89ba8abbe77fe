"""Notes on rates whose times may change at a deploy. Pure.

A rate counts from the creation of its schedule. AWS does not document whether an update restarts it; users report that
it does. Around a deploy, a rate of 12 hours may then skip a run, or run twice. Short rates are hardly affected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from cronstack.timetable.expressions import Rate
from cronstack_infra.discovery.rates import instead

if TYPE_CHECKING:
    from cronstack_infra.discovery.discover import DeclaredJob

LONG: Final = 3600
"""Shortest period in seconds that gets a note."""


def rate_notes(jobs: Iterable[DeclaredJob]) -> Iterator[str]:
    """Yield a note for each rate of an hour or more, with file and line, and the cron to use instead."""
    for declared in jobs:
        for schedule in declared.schedules if declared.job.enabled else ():
            value = schedule.value
            if isinstance(value, Rate) and value.seconds >= LONG:
                yield (
                    f"{declared.where}: {declared.name}: {value} may restart at each deploy that changes its"
                    f" schedule; AWS does not document it. {instead(value)}"
                )
