"""Compare the group of declared schedules with the stack: find unknown and missing schedules.

A schedule that is not in the stack was created by malicious code, by hand, or left by a deployment that could not
delete it. It still fires. CloudFormation's list of the stack's resources shows what the last deployment created,
whatever the code declares now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cronstack.guard.carried import event_of
from cronstack.occurrence import to_milliseconds
from cronstack_infra import names
from cronstack_infra.ops.strays.groups import Groups, Listed, Seen
from cronstack_infra.ops.strays.stray import ABANDONED_AFTER, Stray

SCHEDULE: Final = "AWS::Scheduler::Schedule"
_FIND_OUT: Final = "find out what created it: a user, a deployment that could not delete it, or malicious code. Then:"
_RECREATE: Final = "remove it from @job, deploy, add it to @job, and deploy again"


class Declared:
    """The group of declared schedules. ``clock`` returns epoch milliseconds."""

    def __init__(self, groups: Groups, group: str, cloudformation: Any, stack: str, clock: Callable[[], int]) -> None:
        self._groups, self._group = groups, group
        self._cloudformation, self._stack, self._clock = cloudformation, stack, clock

    def find(self, seen: Seen) -> Iterator[Stray]:
        """Yield schedules that the stack has not created, and schedules that it has created and that are missing.

        Schedules younger than ``ABANDONED_AFTER`` are ignored: the two lists may be of different times, and a list of
        schedules may not show a new schedule yet.
        """
        listed, expected, now = self._groups.list(self._group, seen), self._expected(), self._clock()
        unknown = [name for name in listed if name not in expected and now - listed[name].made > ABANDONED_AFTER]
        missing = [name for name in expected if name not in listed and now - expected[name] > ABANDONED_AFTER]
        again = self._expected() if unknown or missing else {}  # a deployment may have changed it meanwhile
        for name in unknown:
            got = self._groups.get(self._group, name)
            if got is not None and name not in again:
                yield self._unknown(name, listed[name], got)
        for name in missing:
            if name in again and self._groups.get(self._group, name) is None:
                job = names.job_of_schedule(self._stack, name) or ""
                what = "the stack has created it, and it is missing: it was deleted by hand. Its job does not fire"
                yield Stray("declared", job, "", name, expected[name], what, _RECREATE)

    def _unknown(self, name: str, listed: Listed, got: Any) -> Stray:
        event = event_of(got)
        fires = f"it fires: {got['ScheduleExpression']}" if listed.enabled else "it is disabled"
        what = f"the stack has not created it, and {fires}"
        delete = f"aws scheduler delete-schedule --group-name {self._group} --name {name}"
        return Stray(
            "declared", "" if event is None else event.job, "", name, listed.made, what, f"{_FIND_OUT} {delete}"
        )

    def _expected(self) -> dict[str, int]:
        """Return the names of the stack's schedules, with the time of their last change, in epoch milliseconds."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._stack)
        return {
            _name(resource["PhysicalResourceId"]): to_milliseconds(resource["LastUpdatedTimestamp"])
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == SCHEDULE
            and resource.get("PhysicalResourceId")
            and not resource["ResourceStatus"].startswith("DELETE_")
        }


def _name(id: str) -> str:
    """Return the name in the physical id of a schedule: the id is the name, or the group's name and the name."""
    return id.rpartition("|")[2].rpartition("/")[2]
