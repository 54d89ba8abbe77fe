"""The types of resources that the local cloud can deploy."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.extras.types import EXTRA_TYPES
from cronstack_infra.local.resources.others.custom_resource import CustomResource, is_custom
from cronstack_infra.local.resources.resource import boolean
from cronstack_infra.local.resources.table import TYPES as ORDINARY_TYPES

TYPES: Final = {**ORDINARY_TYPES, **EXTRA_TYPES}
"""The types of which the local cloud has its own implementation."""
NESTED: Final = "nested stacks are not supported; deploy them as separate stacks of the app"
NOT_SUPPORTED: Final[Mapping[str, str]] = {
    "AWS::CloudFormation::Stack": NESTED,
    "AWS::CloudFormation::WaitCondition": "a stack does not wait for signals",
    "AWS::Events::Archive": "events are not archived",
    "AWS::Events::EventBus": "events are not delivered; invoke their targets yourself",
    "AWS::Lambda::Url": "function URLs are not supported; call Invoke",
    "AWS::Logs::SubscriptionFilter": "log lines are not delivered to subscribers",
    "AWS::StepFunctions::StateMachine": "state machines do not run",
}
"""Types without their effect in the local cloud, and the reason or remedy. moto only stores most of them."""

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
"""Services that run workloads on AWS. moto only stores their descriptions."""

NAME_AMONG_PROPERTIES: Final = frozenset({"AWS::SSM::Parameter"})
"""Types whose generated name moto expects in the name property of the definition."""


def class_of(kind: str) -> Any:
    """Return the class that creates resources of a type: ours, else moto's."""
    resource_class: Any = TYPES.get(kind) or (CustomResource if is_custom(kind) else None)
    resource_class = resource_class or (None if why_not(kind) else parsing.get_model_map().get(kind))
    if resource_class is None:
        raise ValidationError(message=f"Template format error: Unrecognized resource types: [{kind}]")
    return resource_class


def why_not(kind: str, properties: Mapping[str, Any] | None = None) -> str | None:
    """Return why a type, or a resource with these properties, is not supported; None if it is."""
    if kind in TYPES:
        return TYPES[kind].why_not(properties or {})
    if is_custom(kind):
        return CustomResource.why_not(properties or {})
    if kind in NOT_SUPPORTED:
        return NOT_SUPPORTED[kind]
    service = kind.split("::")[1] if kind.count("::") == 2 else ""
    if service in _NO_SERVICE:
        return f"workloads of {service} do not run"
    if kind in parsing.get_model_map() and kind.startswith("AWS::") and service != "SERVICE":
        return None
    return "this type is not supported"


def physical_name(kind: str, properties: Mapping[str, Any], stack: str, logical: str) -> str:
    """Return the custom name, else a name generated from the stack's name, the logical id and random characters."""
    resource_class = class_of(kind)
    custom = properties.get(resource_class.cloudformation_name_type())
    if custom is not None:
        return str(custom)
    ending = ".fifo" if boolean(properties.get(getattr(resource_class, "fifo_property", ""))) else ""
    generated: str = parsing.generate_resource_name(kind, stack, logical)
    longest = getattr(resource_class, "longest_name", 255) - len(ending)  # moto generates names of any length
    if len(generated) <= longest:
        return generated + ending
    suffix = generated.rpartition("-")[2]
    half = (longest - len(suffix) - 2) // 2
    return f"{stack[:half]}-{logical[:half]}-{suffix}{ending}"


def as_moto_expects(definition: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a copy of an evaluated definition, adapted for the class that creates or updates the resource."""
    kind, copied = definition["Type"], copy.deepcopy(definition)
    if kind in NAME_AMONG_PROPERTIES:
        properties = copied["Properties"]
        properties.setdefault(class_of(kind).cloudformation_name_type(), name)
        if isinstance(properties.get("Tags"), dict):  # this type's tags are a map, but moto expects a list
            properties["Tags"] = [{"Key": key, "Value": value} for key, value in properties["Tags"].items()]
    return copied
