"""Roles, compared with the template: their trust, their inline policies, and their attached policies.

The documents are compared, and not simulated: SimulatePrincipalPolicy needs a right that few operators have, and its
answer omits the policies of resources. A document that equals the template's has the rights that the tests of
Cronstack check.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import unquote

from cronstack_infra.ops.doctor.drift.compare import Kind, Meaning, State, command, has_unknown
from cronstack_infra.ops.doctor.requests import Requests
from cronstack_infra.ops.doctor.stack import DeployedStack, Resource

POLICIES: Final = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy")
MANAGED: Final = "AWS::IAM::ManagedPolicy"
_INLINE: Final = "Policy."


def with_grants(stack: DeployedStack, role: Resource) -> Resource:
    """Return a role with the policies that are resources of their own: the grants of ``infra/resources.py``."""
    others = [
        {"PolicyName": policy.properties.get("PolicyName"), "PolicyDocument": policy.properties.get("PolicyDocument")}
        for policy in stack.resources(*POLICIES)
        if role.id in [*policy.properties.get("Roles", []), policy.properties.get("RoleName")]
    ]
    managed = [policy.id for policy in stack.resources(MANAGED) if role.id in policy.properties.get("Roles", [])]
    inline = [*role.properties.get("Policies", []), *others]
    attached = [*role.properties.get("ManagedPolicyArns", []), *managed]
    grants = {"Policies": inline, "ManagedPolicyArns": attached}
    return Resource(role.logical, role.kind, role.id, {**role.properties, **grants})


def _wanted(resource: Resource) -> State:
    properties = resource.properties
    inline = {f"{_INLINE}{policy['PolicyName']}": policy["PolicyDocument"] for policy in properties.get("Policies", [])}
    return {
        "Trust": properties.get("AssumeRolePolicyDocument"),
        "AttachedPolicies": properties.get("ManagedPolicyArns"),
        **inline,
    }


def _stored(requests: Requests, resource: Resource) -> State | None:
    got = requests.ask("iam", "get_role", RoleName=resource.id)
    if got is None:
        return None
    names = list(requests.pages("iam", "list_role_policies", "PolicyNames", RoleName=resource.id))
    inline = {}
    for name in names:
        answer = requests.ask("iam", "get_role_policy", RoleName=resource.id, PolicyName=name) or {}
        inline[f"{_INLINE}{name}"] = _document(answer.get("PolicyDocument"))
    attached = requests.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=resource.id)
    return {
        "Trust": _document(got["Role"].get("AssumeRolePolicyDocument")),
        "AttachedPolicies": [policy["PolicyArn"] for policy in attached],
        **inline,
    }


def _document(value: Any) -> Any:
    """Return a policy document: IAM encodes it as in a URL, and botocore decodes only some."""
    return json.loads(unquote(value)) if isinstance(value, str) else value


def _restore(resource: Resource, property: str) -> str:
    name, wanted = ("--role-name", resource.id), _wanted(resource).get(property)
    if has_unknown(wanted):
        return ""
    if property == "Trust":
        return command("aws", "iam", "update-assume-role-policy", *name, "--policy-document", json.dumps(wanted))
    if not property.startswith(_INLINE):
        return ""
    policy = ("--policy-name", property.removeprefix(_INLINE))
    if wanted is None:
        return command("aws", "iam", "delete-role-policy", *name, *policy)
    return command("aws", "iam", "put-role-policy", *name, *policy, "--policy-document", json.dumps(wanted))


ROLE: Final = Kind(
    noun="role",
    service="iam",
    wanted=_wanted,
    stored=_stored,
    meanings={
        "Trust": Meaning("Lambda or Scheduler cannot use the role, or others can.", "error"),
        "Policy": Meaning("The job lacks a right and fails, or has rights that the stack does not give.", "error"),
        "AttachedPolicies": Meaning("The job lacks a right and fails, or has rights that the stack does not give."),
    },
    deleted="What uses the role cannot run, and its dead letters are lost.",
    restore=_restore,
)
