"""Schedules and their groups. They use moto's backend, whose patches notify the engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends

from cronstack_infra.local.lookups.groups import Deleting, forget
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of


class ScheduleGroup(Resource):
    """A schedule group. Its deletion deletes its schedules."""

    kind = "AWS::Scheduler::ScheduleGroup"
    name_property = "Name"
    create_only = frozenset({"Name"})
    longest_name = 64

    @property
    def _backend(self) -> EventBridgeSchedulerBackend:
        return scheduler_backends[self.account][self.region]

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": self._backend.get_schedule_group(self.name).arn, "State": "ACTIVE"}

    def create(self) -> None:
        existing = self._backend.schedule_groups.get(self.name)
        if isinstance(existing, Deleting):  # CloudFormation has waited for the end of the deletion
            self._delete_schedules(existing)
            forget(existing)
        elif existing is not None:
            raise already_exists(self.kind, self.name)
        self._backend.create_schedule_group(self.name, self._tags())

    def update(self, old: Properties) -> None:
        arn = self._backend.get_schedule_group(self.name).arn
        self._backend.untag_resource(arn, list(tags_of(old)))
        self._backend.tag_resource(arn, self._tags())

    def remove(self) -> None:
        group = self._backend.schedule_groups.get(self.name)
        if group is None:
            return
        self._backend.delete_schedule_group(self.name)

    def _delete_schedules(self, group: Any) -> None:
        """Delete the schedules one by one, so that the engine is notified of each."""
        for name in list(group.schedules):
            self._backend.delete_schedule(self.name, name)

    def _tags(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in tags_of(self.properties).items()]


class Schedule(Resource):
    """A schedule. CloudFormation identifies it by its name without the group. The consequences apply here, too:
    Fn::GetAtt Arn fails for a schedule in a custom group, and so does a change of the group."""

    kind = "AWS::Scheduler::Schedule"
    name_property = "Name"
    create_only = frozenset({"Name"})
    longest_name = 64

    @property
    def _backend(self) -> EventBridgeSchedulerBackend:
        return scheduler_backends[self.account][self.region]

    @property
    def _group(self) -> str:
        return str(self.properties.get("GroupName") or "default")

    def get_cfn_attribute(self, attribute: str) -> str:
        if attribute == "Arn" and self._group != "default":
            raise ValidationError(
                message=f"Unable to retrieve Arn attribute for {self.kind}, with error message Schedule {self.name}"
                f" does not exist. (CloudFormation looks in the group default, not in {self._group}: build the ARN)"
            )
        return super().get_cfn_attribute(attribute)

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": self._backend.get_schedule_group(self._group).schedules[self.name].arn}

    def create(self) -> None:
        group = self._backend.get_schedule_group(self._group)
        if self.name in group.schedules:
            raise already_exists(self.kind, self.name)
        self._backend.create_schedule(
            name=self.name, group_name=self._group, action_after_completion="NONE", **self._fields()
        )

    def update(self, old: Properties) -> None:
        if self._group != str(old.get("GroupName") or "default"):
            raise ValidationError(
                message=f"Schedule {self.name} does not exist. (The group of a schedule cannot be changed: give it"
                " a new Name, too)"
            )
        self._backend.update_schedule(name=self.name, group_name=self._group, **self._fields())

    def remove(self) -> None:
        group = self._backend.schedule_groups.get(self._group)
        if group is not None and self.name in group.schedules:
            self._backend.delete_schedule(self._group, self.name)

    def _fields(self) -> dict[str, Any]:
        """Return the arguments of moto's create and update, with AWS's defaults for missing properties."""
        properties = self.properties
        return {
            "description": properties.get("Description"),
            "end_date": _epoch(properties.get("EndDate")),
            "flexible_time_window": _numbers(properties["FlexibleTimeWindow"], "MaximumWindowInMinutes"),
            "kms_key_arn": properties.get("KmsKeyArn"),
            "schedule_expression": properties["ScheduleExpression"],
            "schedule_expression_timezone": properties.get("ScheduleExpressionTimezone") or "UTC",
            "start_date": _epoch(properties.get("StartDate")),
            "state": properties.get("State") or "ENABLED",
            "target": _target(properties["Target"]),
        }


def _target(properties: Properties) -> Properties:
    target = dict(properties)
    retry = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185, **(properties.get("RetryPolicy") or {})}
    target["RetryPolicy"] = _numbers(retry, "MaximumEventAgeInSeconds", "MaximumRetryAttempts")
    if "SqsParameters" not in target and target["Arn"].endswith(".fifo"):
        raise ValidationError(message="Invalid request provided: SqsParameters is required for a FIFO queue.")
    return target


def _numbers(properties: Mapping[str, Any], *names: str) -> Properties:
    return {key: number(value) if key in names else value for key, value in properties.items()}


def _epoch(date: str | None) -> float | None:
    """Return a date of a template, which is text, as the number that the API uses."""
    return None if date is None else datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()
