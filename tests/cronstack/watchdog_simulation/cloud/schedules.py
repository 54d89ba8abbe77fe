"""EventBridge Scheduler: groups, schedules, pages, and the events that the schedules send."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from cronstack.occurrence import print_time, to_datetime, to_milliseconds
from cronstack.timetable.instants import Schedule, parse
from tests.cronstack.watchdog_simulation.cloud.clients import Answer, Pages, ServiceError
from tests.cronstack.watchdog_simulation.cloud.virtual_time import MINUTE, SECOND, VirtualTime

ACCOUNT: Final = "us-east-1:123456789012"
LIST_LAG: Final = 2 * SECOND
"""Most milliseconds after which a list shows a new schedule."""
EARLIEST: Final = 60 * SECOND
"""Most milliseconds by which an event comes before its time."""


@dataclass
class Deployed:
    """One schedule. ``parameters``: those of CreateSchedule or UpdateSchedule."""

    group: str
    name: str
    parameters: dict[str, Any]
    created: int
    modified: int
    generation: int = 0
    """Grows with each change, so that an event of the state before is not sent."""
    instants: Iterator[int] = field(default_factory=lambda: iter(()))

    @property
    def arn(self) -> str:
        return f"arn:aws:scheduler:{ACCOUNT}:schedule/{self.group}/{self.name}"

    @property
    def enabled(self) -> bool:
        return bool(self.parameters.get("State", "ENABLED") == "ENABLED")


Send = Callable[[Deployed, int, dict[str, str]], None]
"""Called with a schedule, the instant, and the context attributes of the event."""


class Schedules:
    """The groups of one account. ``send`` is called when a schedule fires."""

    def __init__(self, time: VirtualTime, chance: random.Random, groups: tuple[str, ...], send: Send) -> None:
        self._time, self._chance, self._send = time, chance, send
        self.groups: dict[str, dict[str, Deployed]] = {group: {} for group in groups}
        self._pages = Pages(chance)
        self.reports_start = chance.random() < 0.5
        """Whether an event of a flexible window has the time of its start. AWS does not document it."""
        self._fired = 0
        self.punctual: set[str] = set()
        """Names of schedules that never fire early."""

    # -- changes -------------------------------------------------------------------------------------------------------
    def create(self, parameters: Mapping[str, Any]) -> Deployed:
        group, name = parameters.get("GroupName", "default"), parameters["Name"]
        if group not in self.groups:
            raise ServiceError("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)
        if name in self.groups[group]:
            raise ServiceError("ConflictException", f"Schedule {name} already exists.", 409)
        now = self._time.now
        made = Deployed(group, name, {"State": "ENABLED", **parameters}, now, now)
        self.groups[group][name] = made
        self._arm(made)
        return made

    def update(self, group: str, name: str, **changes: Any) -> None:
        """Change a schedule, as UpdateSchedule does."""
        of = self.groups[group][name]
        of.parameters, of.modified = {**of.parameters, **changes}, self._time.now
        of.generation += 1
        self._arm(of)

    def delete(self, group: str, name: str) -> None:
        if name not in self.groups[group]:
            raise ServiceError("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
        self.groups[group].pop(name).generation += 1

    # -- firing --------------------------------------------------------------------------------------------------------
    def _arm(self, of: Deployed) -> None:
        of.instants = _instants(of, self._time.now)
        self._arm_next(of)

    def _arm_next(self, of: Deployed) -> None:
        instant = next(of.instants, None)
        if instant is None:
            return
        chance, generation = self._chance, of.generation
        late = chance.randrange(59) * SECOND
        repeats = not of.parameters["ScheduleExpression"].startswith("at(")
        if repeats and chance.random() < 0.1 and of.name not in self.punctual:
            late = -chance.randrange(EARLIEST)
        window = int(of.parameters["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0))
        late += chance.randrange(window * MINUTE) if window else 0

        def fire() -> None:
            if of.generation != generation:
                return
            if not repeats and of.parameters.get("ActionAfterCompletion") == "DELETE":
                self._time.after(chance.randrange(20 * SECOND), lambda: self._complete(of))
            if of.enabled:
                self._fire(of, instant, window)
            if repeats:
                self._arm_next(of)

        self._time.at(instant + late, fire)

    def _fire(self, of: Deployed, instant: int, window: int) -> None:
        self._fired += 1
        shown = self._time.now if window and self.reports_start else instant
        attributes = {
            "<aws.scheduler.scheduled-time>": print_time(max(shown, instant)),
            "<aws.scheduler.schedule-arn>": of.arn,
            "<aws.scheduler.execution-id>": f"d{self._fired:012}",
        }
        self._send(of, instant, attributes)

    def _complete(self, of: Deployed) -> None:
        if self.groups[of.group].get(of.name) is of:
            self.groups[of.group].pop(of.name)

    # -- answers -------------------------------------------------------------------------------------------------------
    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        match operation:
            case "ListSchedules":
                return self._list(parameters)
            case "GetSchedule":
                found = self.groups.get(parameters.get("GroupName", "default"), {}).get(parameters["Name"])
                if found is None:
                    raise ServiceError("ResourceNotFoundException", f"Schedule {parameters['Name']} not found.", 404)
                shown = {name: value for name, value in found.parameters.items() if name != "ClientToken"}
                return {**shown, "Arn": found.arn, "GroupName": found.group, **_dates(found)}
        raise AssertionError(f"the watchdog has no right to scheduler:{operation}")

    def _list(self, parameters: Mapping[str, Any]) -> Answer:
        group, prefix = parameters.get("GroupName"), parameters.get("NamePrefix", "")
        if group is not None and group not in self.groups:
            raise ServiceError("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)
        listed = [
            of
            for in_group in ([self.groups[group]] if group is not None else self.groups.values())
            for of in in_group.values()
            if of.name.startswith(prefix) and self._is_listed(of)
        ]
        listed.sort(key=lambda of: (of.group, of.name))
        if (state := parameters.get("State")) is not None:
            listed = [of for of in listed if of.parameters["State"] == state]
        if token := parameters.get("NextToken"):
            listed = [of for of in listed if f"{of.group}/{of.name}" > token]
        size = self._pages.size(parameters.get("MaxResults", 100))
        page = listed[:size]
        answer: Answer = {"Schedules": [_entry(of) for of in page]}
        if len(listed) > size:
            answer["NextToken"] = f"{page[-1].group}/{page[-1].name}"
        return answer

    def _is_listed(self, of: Deployed) -> bool:
        return self._time.now - of.created > LIST_LAG or self._chance.random() < 0.5


def _entry(of: Deployed) -> dict[str, Any]:
    return {
        "Arn": of.arn,
        "Name": of.name,
        "GroupName": of.group,
        "State": of.parameters["State"],
        "Target": {"Arn": of.parameters["Target"]["Arn"]},
        **_dates(of),
    }


def _dates(of: Deployed) -> dict[str, datetime]:
    return {"CreationDate": to_datetime(of.created), "LastModificationDate": to_datetime(of.modified)}


def _instants(of: Deployed, now: int) -> Iterator[int]:
    """Yield the instants of a schedule from now on. A rate() starts when its schedule is made or changed."""
    expression = str(of.parameters["ScheduleExpression"])
    if expression.startswith("at("):
        due = datetime.fromisoformat(expression[3:-1]).replace(tzinfo=UTC)
        yield max(to_milliseconds(due), now)
        return
    schedule = _parsed(expression, of.parameters.get("ScheduleExpressionTimezone", "UTC"))
    if schedule.kind == "rate":
        yield now
    yield from map(to_milliseconds, schedule.after(to_datetime(now)))


@lru_cache(maxsize=512)
def _parsed(expression: str, zone: str) -> Schedule:
    return parse(expression, timezone=zone)
