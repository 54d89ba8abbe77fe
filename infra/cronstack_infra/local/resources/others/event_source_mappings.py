"""Event source mappings. They use Lambda's API in this process, whose patches notify the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.api import api, ignore_not_found
from cronstack_infra.local.resources.resource import Properties, Resource, boolean, number, tags_of

_NUMBERS: Final = ("BatchSize", "MaximumBatchingWindowInSeconds")
_DEFAULTS: Final[Properties] = {
    "BatchSize": 10,
    "Enabled": True,
    "FunctionResponseTypes": [],
    "MaximumBatchingWindowInSeconds": 0,
    "ScalingConfig": {},
}
_SENT: Final = (*_DEFAULTS, "FunctionName", "FilterCriteria", "ProvisionedPollerConfig", "DestinationConfig")


class EventSourceMapping(Resource):
    """A mapping of a queue to a function. Ref returns its UUID. Properties missing in the template get defaults."""

    kind = "AWS::Lambda::EventSourceMapping"
    create_only = frozenset({"EventSourceArn", "StartingPosition", "StartingPositionTimestamp"})

    _uuid = ""
    _arn = ""

    @property
    def physical_resource_id(self) -> str:
        return self._uuid

    def attributes(self) -> Mapping[str, str]:
        return {"Id": self._uuid, "EventSourceMappingArn": self._arn}

    def create(self) -> None:
        arn = self.properties.get("EventSourceArn") or ""
        if arn.split(":")[2:3] != ["sqs"]:
            raise ValidationError(message=f"{self.kind}: the local cloud polls SQS queues only, not {arn or 'that'}")
        mapping = api("lambda", self.region).create_event_source_mapping(
            EventSourceArn=arn, Tags=tags_of(self.properties), **self._fields()
        )
        self._uuid, self._arn = mapping["UUID"], mapping["EventSourceMappingArn"]

    def update(self, old: Properties) -> None:
        functions = api("lambda", self.region)
        functions.update_event_source_mapping(UUID=self._uuid, **self._fields())
        if removed := sorted(tags_of(old).keys() - tags_of(self.properties).keys()):
            functions.untag_resource(Resource=self._arn, TagKeys=removed)
        if tags := tags_of(self.properties):
            functions.tag_resource(Resource=self._arn, Tags=tags)

    def remove(self) -> None:
        ignore_not_found(api("lambda", self.region).delete_event_source_mapping, UUID=self._uuid)

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: Any, *args: Any, **kwargs: Any) -> Resource:
        """Update the mapping with the same UUID."""
        cloudformation_json = kwargs.get("cloudformation_json") or args[1]
        account, region = original_resource.account, original_resource.region
        mapping = cls(original_resource.name, cloudformation_json["Properties"], account, region)
        mapping._uuid, mapping._arn = original_resource._uuid, original_resource._arn
        mapping.update(original_resource.properties)
        return mapping

    def _fields(self) -> Properties:
        fields = _DEFAULTS | {name: self.properties[name] for name in _SENT if self.properties.get(name) is not None}
        for name in _NUMBERS:
            fields[name] = number(fields[name])
        fields["Enabled"] = boolean(fields["Enabled"])
        if fields["ScalingConfig"]:
            fields["ScalingConfig"] = {"MaximumConcurrency": number(fields["ScalingConfig"]["MaximumConcurrency"])}
        return fields
