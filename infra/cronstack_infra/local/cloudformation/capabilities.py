"""Capabilities that a request must acknowledge before CloudFormation creates IAM resources of its template."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from moto.cloudformation.exceptions import CloudFormationError

IAM: Final = "CAPABILITY_IAM"
NAMED: Final = "CAPABILITY_NAMED_IAM"

_NAME_OF: Final = {
    "AWS::IAM::AccessKey": "",
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Policy": "",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::IAM::UserToGroupAddition": "",
}
"""Types that need a capability, and the property with the custom name; "" for types without a custom name."""


class InsufficientCapabilities(CloudFormationError):
    """The request does not acknowledge the IAM resources of its template."""

    code = "InsufficientCapabilitiesException"


def check(template: Mapping[str, Any], given: Collection[str]) -> None:
    """Raise InsufficientCapabilities if a template needs a capability that is not given."""
    needed = _needed(template)
    if needed is not None and not {NAMED, needed} & set(given):
        raise InsufficientCapabilities(f"Requires capabilities : [{needed}]")


def _needed(template: Mapping[str, Any]) -> str | None:
    resources = template.get("Resources")
    definitions = [item for item in resources.values() if isinstance(item, dict)] if isinstance(resources, dict) else []
    of_iam = [definition for definition in definitions if definition.get("Type") in _NAME_OF]
    if any(_NAME_OF[definition["Type"]] in (definition.get("Properties") or {}) for definition in of_iam):
        return NAMED
    return IAM if of_iam else None
