"""Capabilities: what a request must acknowledge before CloudFormation creates IAM resources of its template."""

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
"""Types that need a capability, and the property that gives a name in the account; "" where there is none."""


class InsufficientCapabilities(CloudFormationError):
    """The template has IAM resources that the request does not acknowledge."""

    code = "InsufficientCapabilitiesException"


def check(template: Mapping[str, Any], given: Collection[str]) -> None:
    """Raise InsufficientCapabilities where a template needs a capability that is not given."""
    needed = _needed(template)
    if needed is not None and not {NAMED, needed} & set(given):
        raise InsufficientCapabilities(f"Requires capabilities : [{needed}]")


def _needed(template: Mapping[str, Any]) -> str | None:
    resources = template.get("Resources")
    found = [one for one in resources.values() if isinstance(one, dict)] if isinstance(resources, dict) else []
    of_iam = [one for one in found if one.get("Type") in _NAME_OF]
    if any(_NAME_OF[one["Type"]] in (one.get("Properties") or {}) for one in of_iam):
        return NAMED
    return IAM if of_iam else None
