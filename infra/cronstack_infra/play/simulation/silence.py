"""Disable the schedules of some jobs in a virtual cloud; their functions stay deployed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from cronstack_infra import names

_ANSWERED: Final = ("ResponseMetadata", "Arn", "CreationDate", "LastModificationDate")
"""Fields of GetSchedule that UpdateSchedule does not accept."""


def silence(scheduler: Any, stack: str, jobs: Collection[str]) -> None:
    """Set the declared schedules of these jobs to DISABLED."""
    group = names.group_name(stack)
    for page in scheduler.get_paginator("list_schedules").paginate(GroupName=group):
        for listed in page["Schedules"]:
            if names.job_of_schedule(stack, listed["Name"]) in jobs:
                schedule = scheduler.get_schedule(Name=listed["Name"], GroupName=group)
                request = {name: value for name, value in schedule.items() if name not in _ANSWERED}
                scheduler.update_schedule(**request | {"State": "DISABLED"})
