"""Schedule groups that are being deleted. AWS deletes their schedules after a while; until then they may fire."""

from __future__ import annotations

from typing import Any

from moto.scheduler.models import ScheduleGroup, scheduler_backends


class Deleting(ScheduleGroup):
    """A group in the state DELETING. Assign this class to ``group.__class__`` to set the state."""

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"State": "DELETING"}


def being_deleted(arn: str) -> ScheduleGroup | None:
    """Return the group of an ARN if it is being deleted, else None."""
    _, _, _, region, account, rest = arn.split(":", 5)
    group: ScheduleGroup | None = scheduler_backends[account][region].schedule_groups.get(rest.partition("/")[2])
    return group if isinstance(group, Deleting) else None


def forget(group: ScheduleGroup) -> None:
    """Remove a group with its schedules."""
    _, _, _, region, account, _ = group.arn.split(":", 5)
    scheduler_backends[account][region].schedule_groups.pop(group.name, None)
