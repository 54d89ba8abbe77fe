"""Tags of a stack, which CloudFormation adds to all its taggable resources. A resource's own tags have priority.

moto stores them with the stack only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cronstack_infra.local.resources.resource import Properties, tags_of

TAGGED: Final = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::CompositeAlarm",
        "AWS::DynamoDB::Table",
        "AWS::IAM::Role",
        "AWS::IAM::User",
        "AWS::KMS::Key",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::Scheduler::ScheduleGroup",
        "AWS::SecretsManager::Secret",
    }
)
"""The taggable types of the registry whose tags the local cloud stores and updates."""

_MAPS: Final = frozenset({"AWS::SSM::Parameter"})
"""Types whose tags are a map."""


def tagged(kind: str, properties: Properties, tags: Mapping[str, str]) -> Properties:
    """Return the properties of a resource with the tags of its stack."""
    if kind not in TAGGED or not tags:
        return properties
    merged = {**tags, **tags_of(properties)}
    listed = [{"Key": name, "Value": value} for name, value in merged.items()]
    return {**properties, "Tags": merged if kind in _MAPS else listed}
