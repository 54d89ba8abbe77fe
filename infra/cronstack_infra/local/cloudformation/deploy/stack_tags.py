"""Tags of a stack: all in it that can have tags has them, as if the template said so; a resource's own come first.

Of moto: they are kept with the stack alone.
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
"""Of the types that the registry calls taggable, those whose tags are kept and updated here."""

_MAPS: Final = frozenset({"AWS::SSM::Parameter"})
"""Types whose tags are a map."""


def tagged(kind: str, properties: Properties, tags: Mapping[str, str]) -> Properties:
    """The properties of a resource with the tags of its stack."""
    if kind not in TAGGED or not tags:
        return properties
    whole = {**tags, **tags_of(properties)}
    listed = [{"Key": name, "Value": value} for name, value in whole.items()]
    return {**properties, "Tags": whole if kind in _MAPS else listed}
