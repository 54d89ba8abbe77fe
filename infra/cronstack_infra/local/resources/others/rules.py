"""Scheduled rules of EventBridge, with their targets. They use moto's backend, whose patches notify the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.events.models import EventsBackend, events_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of

NO_PATTERNS = (
    "rules with an EventPattern are not supported, only those with a ScheduleExpression;"
    " leave this rule out of local deployments and invoke its target yourself"
)
NO_BUSES = "rules on another event bus than the default one are not supported"


class Rule(Resource):
    """A scheduled rule. Ref returns its name."""

    kind = "AWS::Events::Rule"
    name_property = "Name"
    create_only = frozenset({"Name"})
    longest_name = 64

    @classmethod
    def why_not(cls, properties: Mapping[str, Any]) -> str | None:
        """Return why a rule of a template, before evaluation, is not supported; None if it is."""
        if "EventPattern" in properties:
            return NO_PATTERNS
        bus = properties.get("EventBusName", "default")
        return None if str(bus).rpartition("/")[2] == "default" else NO_BUSES

    @property
    def _backend(self) -> EventsBackend:
        return events_backends[self.account][self.region]

    @property
    def _arn(self) -> str:
        return f"arn:{get_partition(self.region)}:events:{self.region}:{self.account}:rule/{self.name}"

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": self._arn}

    def create(self) -> None:
        if self.name in self._backend.event_buses["default"].rules:
            raise already_exists(self.kind, self.name)
        try:
            self._put({})
        except Exception:  # of any type: CloudFormation has no record of it yet, and would not delete it
            self.remove()
            raise

    def update(self, old: Properties) -> None:
        self._put(old)

    def remove(self) -> None:
        rule = self._backend.event_buses["default"].rules.get(self.name)
        if rule is not None:
            self._backend.remove_targets(self.name, None, [target["Id"] for target in rule.targets])
            self._backend.delete_rule(self.name, None)

    def _put(self, old: Properties) -> None:
        properties = self.properties
        self._backend.put_rule(
            self.name,
            description=properties.get("Description"),
            event_bus_arn="default",
            role_arn=properties.get("RoleArn"),
            scheduled_expression=properties.get("ScheduleExpression"),
            state=properties.get("State") or "ENABLED",
        )
        targets = [_target(target) for target in properties.get("Targets", [])]
        removed = {target["Id"] for target in old.get("Targets", [])} - {target["Id"] for target in targets}
        if removed:
            self._backend.remove_targets(self.name, None, sorted(removed))
        if targets:
            self._backend.put_targets(self.name, None, targets)
        self._backend.untag_resource(self._arn, list(tags_of(old)))
        self._backend.tag_resource(self._arn, tags_of(properties))


def _target(target: Properties) -> Properties:
    """Return a target for the API. Numbers may be text in a template."""
    retries = target.get("RetryPolicy")
    return (
        target if retries is None else {**target, "RetryPolicy": {key: number(value) for key, value in retries.items()}}
    )
