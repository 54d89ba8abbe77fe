"""Requests that do not acknowledge the IAM resources of their template are refused, as on AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, queue, scheduler_role

Request = Callable[..., Any]


def named_role(name: str) -> dict[str, Any]:
    role = scheduler_role()
    return {**role, "Properties": {**role["Properties"], "RoleName": name}}


def create(stack: Stack, **given: Any) -> None:
    stack.cloudformation.create_stack(StackName=stack.name, **given)


def change_set(stack: Stack, **given: Any) -> None:
    stack.cloudformation.create_change_set(StackName=stack.name, ChangeSetName="c", ChangeSetType="CREATE", **given)


def update(stack: Stack, **given: Any) -> None:
    stack.deploy({"Queue": queue()})
    stack.cloudformation.update_stack(StackName=stack.name, **given)


@pytest.mark.parametrize("request_of", [create, change_set, update])
@pytest.mark.parametrize(
    ("named", "given", "missing"),
    [
        (False, [], "CAPABILITY_IAM"),
        (False, ["CAPABILITY_AUTO_EXPAND"], "CAPABILITY_IAM"),
        (True, [], "CAPABILITY_NAMED_IAM"),
        (True, ["CAPABILITY_IAM"], "CAPABILITY_NAMED_IAM"),
        (False, ["CAPABILITY_IAM"], None),
        (False, ["CAPABILITY_NAMED_IAM"], None),
        (True, ["CAPABILITY_NAMED_IAM"], None),
    ],
)
def test_a_role_needs_a_capability(
    local_cloud: LocalCloud, request_of: Request, named: bool, given: list[str], missing: str | None
) -> None:
    stack = Stack.new(local_cloud)
    resources = {"Queue": queue(), "Role": named_role(f"{stack.name}-role") if named else scheduler_role()}
    body = json.dumps({"Resources": resources})
    if missing is None:
        request_of(stack, TemplateBody=body, Capabilities=given)
        return
    with pytest.raises(ClientError) as refused:
        request_of(stack, TemplateBody=body, Capabilities=given)
    assert refused.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"
    assert refused.value.response["Error"]["Message"] == f"Requires capabilities : [{missing}]"
