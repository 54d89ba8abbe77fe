"""Log groups, and metric filters: moto cannot update a group, a replaced one has lost its lines, and filters are
not in templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.logs.models import logs_backends

from cronstack_infra.local.resources.api import api
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of, truth


class LogGroup(Resource):
    """A log group with its retention."""

    kind = "AWS::Logs::LogGroup"
    name_property = "LogGroupName"
    create_only = frozenset({"LogGroupName"})

    @property
    def _backend(self) -> Any:
        return logs_backends[self.account][self.region]

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": f"{self._backend.groups[self.name].arn}:*"}

    def create(self) -> None:
        if self.name in self._backend.groups:
            raise already_exists(self.kind, self.name)
        self._backend.create_log_group(self.name, tags_of(self.properties), kmsKeyId=self.properties.get("KmsKeyId"))
        self._retain()

    def update(self, old: Properties) -> None:
        group = self._backend.groups[self.name]
        group.kms_key_id = self.properties.get("KmsKeyId")
        self._backend.untag_log_group(self.name, list(tags_of(old)))
        self._backend.tag_log_group(self.name, tags_of(self.properties))
        self._retain()

    def remove(self) -> None:
        if self.name in self._backend.groups:
            self._backend.delete_log_group(self.name)
            for held in list(self._backend.describe_metric_filters(log_group_name=self.name)):
                self._backend.delete_metric_filter(held["filterName"], self.name)  # moto would keep them

    def _retain(self) -> None:
        days = self.properties.get("RetentionInDays")
        if days is None:
            self._backend.delete_retention_policy(self.name)
        else:
            self._backend.put_retention_policy(self.name, number(days))


class MetricFilter(Resource):
    """What of a group's lines is to be counted. It is kept as it is written; nothing is counted."""

    kind = "AWS::Logs::MetricFilter"
    name_property = "FilterName"
    create_only = frozenset({"FilterName", "LogGroupName"})
    _NOT_KEPT = ("EmitSystemFieldDimensions", "FieldSelectionCriteria")

    @property
    def _backend(self) -> Any:
        return logs_backends[self.account][self.region]

    @property
    def _group(self) -> str:
        return str(self.properties["LogGroupName"])

    def create(self) -> None:
        if self._group not in self._backend.groups:
            raise ValidationError(message="The specified log group does not exist. (ResourceNotFoundException)")
        there = self._backend.describe_metric_filters(prefix=self.name, log_group_name=self._group)
        if any(held["filterName"] == self.name for held in there):
            raise already_exists(self.kind, f"{self._group}|{self.name}")
        self._put()

    def update(self, old: Properties) -> None:
        self._refuse()
        self.remove()  # moto adds another one of the same name
        self._put()

    def remove(self) -> None:
        self._backend.delete_metric_filter(self.name, self._group)

    def _refuse(self) -> None:
        lost = [name for name in self._NOT_KEPT if self.properties.get(name)]
        lost += ["ApplyOnTransformedLogs"] if truth(self.properties.get("ApplyOnTransformedLogs", False)) else []
        if lost:
            raise ValidationError(message=f"{self.kind}: the local cloud does not keep {', '.join(lost)}")

    def _put(self) -> None:
        self._refuse()
        api("logs", self.region).put_metric_filter(
            logGroupName=self._group,
            filterName=self.name,
            filterPattern=self.properties["FilterPattern"],
            metricTransformations=[_transformation(one) for one in self.properties["MetricTransformations"]],
        )


def _transformation(given: Properties) -> Properties:
    """The same in the API's words."""
    if "DefaultValue" in given and given.get("Dimensions"):
        raise ValidationError(
            message="Invalid metric transformation: dimensions and default value are mutually exclusive properties."
            " (InvalidParameterException)"
        )
    made = {f"{name[0].lower()}{name[1:]}": value for name, value in given.items()}
    if "DefaultValue" in given:
        made["defaultValue"] = number(given["DefaultValue"])
    if "Dimensions" in given:
        made["dimensions"] = {one["Key"]: one["Value"] for one in given["Dimensions"]}
    return made
