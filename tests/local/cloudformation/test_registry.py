"""The table of the registry's schemas, and the validation of properties by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, get, queue, schedule, scheduler_role
from tests.tools import registry


def test_the_table_equals_the_registry() -> None:
    """If cfn-lint has newer schemas: python -m tests.tools.registry"""
    written = json.loads(registry.WRITTEN.read_text("utf-8"))
    expected = {kind: schema for kind in registry.kinds() if (schema := registry.cut(kind)) is not None}
    assert sorted(written) == sorted(expected)
    assert [kind for kind in written if written[kind] != expected[kind]] == []


def test_create_only_properties() -> None:
    from cronstack_infra.local.cloudformation.template.registry import create_only

    assert create_only("AWS::Scheduler::Schedule") == {"Name"}
    assert create_only("AWS::SQS::Queue") == {"QueueName", "FifoQueue"}
    assert create_only("AWS::Lambda::EventInvokeConfig") == {"FunctionName", "Qualifier"}
    assert create_only("AWS::IAM::Policy") == set()


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"Colour": "red"}, r"\[#: extraneous key \[Colour\] is not permitted\]"),
    (
        {"Target": {"Arn": "x", "RoleArn": "x", "Inputs": "x"}},
        r"\[#/Target: extraneous key \[Inputs\] is not permitted\]",
    ),
    ({"Target": {"Arn": "x"}}, r"\[#/Target: required key \[RoleArn\] not found\]"),
    ({"Target": "x"}, r"\[#/Target: expected type: JSONObject, found: str\]"),
    ({"FlexibleTimeWindow": {"Mode": "ON"}}, r"\[#/FlexibleTimeWindow/Mode: ON is not a valid enum value\]"),
    ({"State": "PAUSED"}, r"\[#/State: PAUSED is not a valid enum value\]"),
    ({"ActionAfterCompletion": "DELETE"}, r"extraneous key \[ActionAfterCompletion\]"),
    ({"Tags": []}, r"extraneous key \[Tags\]"),
    ({"Arn": "arn:x"}, r"Encountered read-only properties \['Arn'\]"),
]


@pytest.mark.parametrize(("properties", "message"), INVALID)
def test_invalid_properties_are_refused(local_cloud: LocalCloud, properties: dict[str, Any], message: str) -> None:
    from moto.cloudformation.exceptions import ValidationError

    from cronstack_infra.local.cloudformation.template.registry import validate

    valid = schedule("arn:x")["Properties"] | {"Target": {"Arn": "x", "RoleArn": "x"}}
    validate("Schedule", "AWS::Scheduler::Schedule", valid)
    with pytest.raises(ValidationError) as refused:
        validate("Schedule", "AWS::Scheduler::Schedule", valid | properties)
    assert refused.match(message) or pytest.fail(str(refused.value))


def test_a_property_that_does_not_exist_fails_its_resource(local_cloud: LocalCloud) -> None:
    stack = Stack.new(local_cloud)
    resources = {"Role": scheduler_role(), "Queue": queue(), "S": schedule(get("Queue", "Arn"), Colour="red")}
    resources["S"]["Properties"]["Target"]["RoleArn"] = get("Role", "Arn")
    assert stack.deploy(resources) == "ROLLBACK_COMPLETE"
    assert ("S", "CREATE_FAILED") in stack.events()
    assert "extraneous key [Colour] is not permitted" in stack.reasons()[0]


def test_numbers_and_booleans_may_be_text(local_cloud: LocalCloud) -> None:
    stack = Stack.new(local_cloud)
    assert stack.deploy({"Queue": queue(DelaySeconds="5", SqsManagedSseEnabled="true")}) == "CREATE_COMPLETE"
