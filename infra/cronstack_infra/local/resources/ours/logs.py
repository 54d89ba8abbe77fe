"""Log groups and metric filters. moto cannot update a group, loses the lines of a replaced one, and lacks the type of
filters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.logs.models import logs_backends

from cronstack_infra.local.resources.api import api
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, boolean, number, tags_of


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
            for metric_filter in list(self._backend.describe_metric_filters(log_group_name=self.name)):
                self._backend.delete_metric_filter(metric_filter["filterName"], self.name)  # moto would keep them

    def _retain(self) -> None:
        days = self.properties.get("RetentionInDays")
        if days is None:
            self._backend.delete_retention_policy(self.name)
        else:
            self._backend.put_retention_policy(self.name, number(days))


class MetricFilter(Resource):
    """A metric filter of a log group. It is stored only; nothing is counted."""

    kind = "AWS::Logs::MetricFilter"
    name_property = "FilterName"
    create_only = frozenset({"FilterName", "LogGroupName"})
    _NOT_SUPPORTED = ("EmitSystemFieldDimensions", "FieldSelectionCriteria")

    @property
    def _backend(self) -> Any:
        return logs_backends[self.account][self.region]

    @property
    def _group(self) -> str:
        return str(self.properties["LogGroupName"])

    def create(self) -> None:
        if self._group not in self._backend.groups:
            raise ValidationError(message="The specified log group does not exist. (ResourceNotFoundException)")
        existing = self._backend.describe_metric_filters(prefix=self.name, log_group_name=self._group)
        if any(metric_filter["filterName"] == self.name for metric_filter in existing):
            raise already_exists(self.kind, f"{self._group}|{self.name}")
        self._put()

    def update(self, old: Properties) -> None:
        self._refuse()
        self.remove()  # otherwise moto adds a second one of the same name
        self._put()

    def remove(self) -> None:
        self._backend.delete_metric_filter(self.name, self._group)

    def _refuse(self) -> None:
        unsupported = [name for name in self._NOT_SUPPORTED if self.properties.get(name)]
        unsupported += (
            ["ApplyOnTransformedLogs"] if boolean(self.properties.get("ApplyOnTransformedLogs", False)) else []
        )
        if unsupported:
            raise ValidationError(message=f"{self.kind}: the local cloud does not support {', '.join(unsupported)}")

    def _put(self) -> None:
        self._refuse()
        api("logs", self.region).put_metric_filter(
            logGroupName=self._group,
            filterName=self.name,
            filterPattern=self.properties["FilterPattern"],
            metricTransformations=[_transformation(item) for item in self.properties["MetricTransformations"]],
        )


def _transformation(properties: Properties) -> Properties:
    """Return a metric transformation in the API's format."""
    if "DefaultValue" in properties and properties.get("Dimensions"):
        raise ValidationError(
            message="Invalid metric transformation: dimensions and default value are mutually exclusive properties."
            " (InvalidParameterException)"
        )
    transformation = {f"{name[0].lower()}{name[1:]}": value for name, value in properties.items()}
    if "DefaultValue" in properties:
        transformation["defaultValue"] = number(properties["DefaultValue"])
    if "Dimensions" in properties:
        transformation["dimensions"] = {dimension["Key"]: dimension["Value"] for dimension in properties["Dimensions"]}
    return transformation
