"""The types of resources that the local cloud can carry out."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.others.custom_resource import CustomResource, is_custom
from cronstack_infra.local.resources.resource import truth
from cronstack_infra.local.resources.table import TYPES

NESTED: Final = "nested stacks are not carried out; make them stacks of the app"
NOT_CARRIED_OUT: Final[Mapping[str, str]] = {
    "AWS::CloudFormation::Stack": NESTED,
    "AWS::CloudFormation::WaitCondition": "nothing is waited for",
    "AWS::Events::Archive": "no events are kept",
    "AWS::Events::EventBus": "no events are passed on; invoke their receivers yourself",
    "AWS::Lambda::Url": "functions have no URL; invoke them",
    "AWS::Logs::SubscriptionFilter": "log lines are not passed on",
    "AWS::StepFunctions::StateMachine": "state machines do not run",
}
"""Types that would do something, and what to do instead. moto has most of them, as a description that does nothing."""

_NO_SERVICE: Final = frozenset(
    {
        "ApiGateway",
        "AutoScaling",
        "Batch",
        "DataPipeline",
        "ECS",
        "EMR",
        "ElasticLoadBalancing",
        "ElasticLoadBalancingV2",
        "IoT",
        "Pipes",
        "RDS",
        "Redshift",
        "SageMaker",
    }
)
"""Services that run or serve something, of which moto keeps descriptions only."""

NAME_AMONG_PROPERTIES: Final = frozenset({"AWS::SSM::Parameter"})
"""Types in which moto looks for a generated name where the template would have put it."""


def class_of(kind: str) -> Any:
    """The class that makes resources of a type: ours, else moto's."""
    found: Any = TYPES.get(kind) or (CustomResource if is_custom(kind) else None)
    found = found or (None if why_not(kind) else parsing.get_model_map().get(kind))
    if found is None:
        raise ValidationError(message=f"Template format error: Unrecognized resource types: [{kind}]")
    return found


def why_not(kind: str, properties: Mapping[str, Any] | None = None) -> str | None:
    """Why a type, or a resource with these properties, cannot be carried out; None when it can."""
    if kind in TYPES:
        return TYPES[kind].why_not(properties or {})
    if is_custom(kind):
        return CustomResource.why_not(properties or {})
    if kind in NOT_CARRIED_OUT:
        return NOT_CARRIED_OUT[kind]
    service = kind.split("::")[1] if kind.count("::") == 2 else ""
    if service in _NO_SERVICE:
        return f"nothing of {service} runs"
    if kind in parsing.get_model_map() and kind.startswith("AWS::") and service != "SERVICE":
        return None
    return "it has no such type"


def physical_name(kind: str, properties: Mapping[str, Any], stack: str, logical: str) -> str:
    """The name the template gives, else one generated from the stack's, the logical one and chance."""
    found = class_of(kind)
    given = properties.get(found.cloudformation_name_type())
    if given is not None:
        return str(given)
    ending = ".fifo" if truth(properties.get(getattr(found, "fifo_property", ""))) else ""
    generated: str = parsing.generate_resource_name(kind, stack, logical)
    longest = getattr(found, "longest_name", 255) - len(ending)  # moto makes them of any length
    if len(generated) <= longest:
        return generated + ending
    chance = generated.rpartition("-")[2]
    half = (longest - len(chance) - 2) // 2
    return f"{stack[:half]}-{logical[:half]}-{chance}{ending}"


def as_moto_wants(definition: dict[str, Any], name: str) -> dict[str, Any]:
    """A copy of an evaluated definition, to be handed to the class that makes or updates the resource."""
    kind, copied = definition["Type"], copy.deepcopy(definition)
    if kind in NAME_AMONG_PROPERTIES:
        given = copied["Properties"]
        given.setdefault(class_of(kind).cloudformation_name_type(), name)
        if isinstance(given.get("Tags"), dict):  # this type's tags are a map, which moto takes for a list
            given["Tags"] = [{"Key": key, "Value": value} for key, value in given["Tags"].items()]
    return copied
