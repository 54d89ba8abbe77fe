"""The schedules of EventBridge Scheduler, by group: lists and single reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from cronstack.occurrence import to_milliseconds

Seen = Callable[[int], None]
"""Progress callback: number of schedules and rows that were read so far."""

AT_ONCE: Final = 8
"""GetSchedule requests in parallel."""
FEW: Final = 20
"""Most schedules that are read one after another."""


@dataclass(frozen=True)
class Listed:
    """A schedule as the list of its group shows it. Times are epoch milliseconds."""

    made: int
    enabled: bool
    target: str
    """ARN of its target."""


class Groups:
    """The schedule groups of a stack."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def list(self, group: str, seen: Seen, *, prefix: str = "") -> dict[str, Listed]:
        """Return the schedules of a group; an empty dict if the group does not exist."""
        schedules: dict[str, Listed] = {}
        filters = {"NamePrefix": prefix} if prefix else {}
        with suppress(self._scheduler.exceptions.ResourceNotFoundException):
            for page in self._scheduler.get_paginator("list_schedules").paginate(GroupName=group, **filters):
                for schedule in page["Schedules"]:
                    schedules[schedule["Name"]] = _listed(schedule)
                seen(len(schedules))
        return schedules

    def get(self, group: str, name: str) -> Any:
        """Return a schedule; None if it does not exist."""
        try:
            return self._scheduler.get_schedule(GroupName=group, Name=name)
        except self._scheduler.exceptions.ResourceNotFoundException:
            return None

    def get_all(self, group: str, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
        """Yield schedules with their names, in the order of the names; None for a missing schedule."""
        wanted = list(names)
        if len(wanted) <= FEW:
            yield from ((name, self.get(group, name)) for name in wanted)
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from zip(wanted, pool.map(lambda name: self.get(group, name), wanted), strict=True)

    def read_listed(self, group: str, name: str) -> Listed | None:
        """Return a schedule as the list shows it; None if it does not exist. The result is newer than the list."""
        got = self.get(group, name)
        return None if got is None else _listed(got)

    def delete(self, group: str, name: str) -> None:
        with suppress(self._scheduler.exceptions.ResourceNotFoundException):  # it has fired meanwhile
            self._scheduler.delete_schedule(GroupName=group, Name=name)


def _listed(schedule: Mapping[str, Any]) -> Listed:
    enabled = schedule.get("State", "ENABLED") == "ENABLED"
    return Listed(to_milliseconds(schedule["CreationDate"]), enabled, str(schedule.get("Target", {}).get("Arn", "")))
