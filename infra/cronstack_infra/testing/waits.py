"""Runs and events in a test's cloud that have not ended. A jump over them would lose them or run them too late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cronstack_infra import names
from cronstack_infra.ops.dead_letters.unwrapping import unwrap
from cronstack_infra.play.simulation.clock.hub import EPOCH

if TYPE_CHECKING:
    from cronstack.onetime.planner import Plan
    from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud

SHOWN: Final = 5
"""Most waits that a message lists. It counts the others."""


@dataclass(frozen=True)
class Unfinished:
    """One run or event that has not ended."""

    job: str
    """Name of the job. For a function that is not a job, the last part of its ARN."""
    what: str
    due: datetime
    """Begin of the run, or time at which the event comes back."""
    under_way: bool = False

    def __str__(self) -> str:
        return f"{self.job}: {self.what} {self.due:%Y-%m-%d %H:%M:%S}"

    def holds(self, to: datetime) -> bool:
        """Return whether a jump to the time ``to`` would pass it."""
        return self.under_way or self.due < to


def waits(cloud: VirtualCloud, stack: str, plans: Iterable[Plan]) -> list[Unfinished]:
    """Return all waits of a stack, the earliest first."""
    found = [*_running(cloud, stack), *_events(cloud, stack), *_deliveries(cloud, stack), *_carriers(cloud, stack)]
    found += [Unfinished(plan.job, f"{plan.key!r} is planned, due", plan.at) for plan in plans]
    return sorted(found, key=lambda wait: (wait.due, wait.job))


def listed(found: Sequence[Unfinished]) -> str:
    """Return a line for each of the first waits, and the number of the others."""
    lines = [f"  {wait}" for wait in found[:SHOWN]]
    return "\n".join(lines + ([f"  and {len(found) - SHOWN} more"] if len(found) > SHOWN else []))


def _running(cloud: VirtualCloud, stack: str) -> Iterator[Unfinished]:
    for attempt in cloud.handlers.under_way.values():
        invocation = attempt.invocation
        job, occurrence = _about(invocation.payload.decode(), invocation.function.name, stack)
        yield Unfinished(
            job, f"{occurrence} has run since", EPOCH + timedelta(microseconds=attempt.began), under_way=True
        )


def _events(cloud: VirtualCloud, stack: str) -> Iterator[Unfinished]:
    for event in cloud.drive.pending_events():
        if event.request_id not in cloud.handlers.under_way:
            job, occurrence = _about(event.payload, _function(event.function_arn), stack)
            yield Unfinished(job, f"{occurrence} waits for Lambda's next attempt, due", event.due)


def _deliveries(cloud: VirtualCloud, stack: str) -> Iterator[Unfinished]:
    for delivery in cloud.drive.pending_deliveries():
        job = _function(delivery.function_arn).removeprefix(f"{stack}-")
        yield Unfinished(job, "a firing waits for Scheduler's next delivery, due", delivery.due)


def _carriers(cloud: VirtualCloud, stack: str) -> Iterator[Unfinished]:
    scheduler, group = cloud.client("scheduler"), names.carriers_group(stack)
    for page in scheduler.get_paginator("list_schedules").paginate(GroupName=group):
        for listed_schedule in page["Schedules"]:
            name = listed_schedule["Name"]
            carrier = scheduler.get_schedule(Name=name, GroupName=group)
            job, occurrence = _about(carrier["Target"]["Input"], names.job_of_carrier(name) or "", stack)
            at = datetime.fromisoformat(carrier["ScheduleExpression"].removeprefix("at(").removesuffix(")"))
            yield Unfinished(job, f"{occurrence} waits for its carrier, due", at.replace(tzinfo=UTC))


def _about(event: str, function: str, stack: str) -> tuple[str, str]:
    """Return job and occurrence of an event. For an event of another kind, return its function and "an event"."""
    contents = unwrap(event, {}, "handler", stack)
    if contents.occurrence is None:
        return contents.job or function.removeprefix(f"{stack}-"), "an event"
    return contents.job, contents.occurrence.key or contents.occurrence.id


def _function(arn: str) -> str:
    """Return the function's name from an ARN with or without a qualifier. For another ARN, return its last part."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 else parts[-1]
