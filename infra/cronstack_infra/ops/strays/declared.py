"""The declared schedules, against the stack: what its group has besides them, and what it lacks.

A schedule that the stack does not know was planted, made by hand, or left by a deploy that could not delete it. It
fires all the same. CloudFormation's list of the stack's resources is what the last deploy has created, whatever the
code says now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from cronstack.occurrence import to_milliseconds
from cronstack_infra import names
from cronstack_infra.ops.strays.groups import Groups, Listed, Seen, event_of
from cronstack_infra.ops.strays.stray import FORGOTTEN, Stray

SCHEDULE: Final = "AWS::Scheduler::Schedule"
_FIND_OUT: Final = "find out what made it: a person, a deploy that could not delete it, or planted code. Then:"
_PUT_BACK: Final = "take it out of @job, deploy, put it back, and deploy again"


class Declared:
    """The group of declared schedules. ``clock`` returns epoch milliseconds."""

    def __init__(self, groups: Groups, group: str, cloudformation: Any, stack: str, clock: Callable[[], int]) -> None:
        self._groups, self._group = groups, group
        self._cloudformation, self._stack, self._clock = cloudformation, stack, clock

    def find(self, seen: Seen) -> Iterator[Stray]:
        """Yield schedules that the stack has not made, and those that it has made and that are gone.

        What was made within ``FORGOTTEN`` is not judged: the two lists may be of different moments, and a list of
        schedules may not show a new one yet.
        """
        listed, expected, now = self._groups.list(self._group, seen), self._expected(), self._clock()
        more = [name for name in listed if name not in expected and now - listed[name].made > FORGOTTEN]
        less = [name for name in expected if name not in listed and now - expected[name] > FORGOTTEN]
        again = self._expected() if more or less else {}  # a deploy may have changed it meanwhile
        for name in more:
            got = self._groups.get(self._group, name)
            if got is not None and name not in again:
                yield self._unknown(name, listed[name], got)
        for name in less:
            if name in again and self._groups.get(self._group, name) is None:
                job = names.job_of_schedule(self._stack, name) or ""
                what = "the stack has made it, and it is gone: somebody deleted it. Its job does not fire"
                yield Stray("declared", job, "", name, expected[name], what, _PUT_BACK)

    def _unknown(self, name: str, listed: Listed, got: Any) -> Stray:
        event = event_of(got)
        fires = f"it fires: {got['ScheduleExpression']}" if listed.enabled else "it is disabled"
        what = f"the stack has not made it, and {fires}"
        delete = f"aws scheduler delete-schedule --group-name {self._group} --name {name}"
        return Stray(
            "declared", "" if event is None else event.job, "", name, listed.made, what, f"{_FIND_OUT} {delete}"
        )

    def _expected(self) -> dict[str, int]:
        """Return the names of the stack's schedules, and when it has changed each last, in epoch milliseconds."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self._stack)
        return {
            _name(one["PhysicalResourceId"]): to_milliseconds(one["LastUpdatedTimestamp"])
            for page in pages
            for one in page["StackResourceSummaries"]
            if one["ResourceType"] == SCHEDULE
            and one.get("PhysicalResourceId")
            and not one["ResourceStatus"].startswith("DELETE_")
        }


def _name(id: str) -> str:
    """Return the name in the physical id of a schedule, which is the name alone or has the group's before it."""
    return id.rpartition("|")[2].rpartition("/")[2]
