"""Tags of a stack: all in it that can have tags has them, as if the template said so; a resource's own come first.

Of moto 5.2.5: they are kept with the stack alone, and a request without tags looks like one that takes them all away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

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


def keep_unless_given(answer: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make an action's answer see the tags that the stack has where the request says nothing of tags."""

    def answered(response: Any) -> Any:
        if not any(name.partition(".")[0] == "Tags" for name in response.querystring):
            asked = response._get_param("StackName")
            stacks = response.cloudformation_backend.stacks.values()
            kept = next((stack.tags for stack in stacks if asked in (stack.name, stack.stack_id)), None)
            if kept:
                response.params["Tags"] = [{"Key": name, "Value": value} for name, value in kept.items()]
        return answer(response)

    return answered
