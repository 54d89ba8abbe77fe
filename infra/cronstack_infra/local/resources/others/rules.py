"""Scheduled rules of EventBridge, with their targets. They go through moto's backend, where the engine watches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.events.models import EventsBackend, events_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of

NO_PATTERNS = (
    "rules fire by ScheduleExpression only, no event reaches an EventPattern;"
    " leave this rule out of local deployments and invoke its target yourself"
)
NO_BUSES = "rules live on the default event bus only, no events are passed on between buses"


class Rule(Resource):
    """Ref gives its name."""

    kind = "AWS::Events::Rule"
    name_property = "Name"
    create_only = frozenset({"Name"})
    longest_name = 64

    @classmethod
    def why_not(cls, properties: Mapping[str, Any]) -> str | None:
        """Why a rule of a template, not yet evaluated, cannot be carried out; None when it can."""
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
        except Exception:  # CloudFormation does not know it yet, and would leave it
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
        given = self.properties
        self._backend.put_rule(
            self.name,
            description=given.get("Description"),
            event_bus_arn="default",
            role_arn=given.get("RoleArn"),
            scheduled_expression=given.get("ScheduleExpression"),
            state=given.get("State") or "ENABLED",
        )
        targets = [_target(target) for target in given.get("Targets", [])]
        gone = {target["Id"] for target in old.get("Targets", [])} - {target["Id"] for target in targets}
        if gone:
            self._backend.remove_targets(self.name, None, sorted(gone))
        if targets:
            self._backend.put_targets(self.name, None, targets)
        self._backend.untag_resource(self._arn, list(tags_of(old)))
        self._backend.tag_resource(self._arn, tags_of(given))


def _target(given: Properties) -> Properties:
    """The target as the API has it: numbers may stand as text in a template."""
    retries = given.get("RetryPolicy")
    return given if retries is None else {**given, "RetryPolicy": {key: number(one) for key, one in retries.items()}}
