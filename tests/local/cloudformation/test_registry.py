"""The table of the registry's schemas, and what is judged by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, get, queue, schedule, scheduler_role
from tests.tools import registry


def test_the_table_is_the_registrys() -> None:
    """If cfn-lint has newer schemas: python -m tests.tools.registry"""
    written = json.loads(registry.WRITTEN.read_text("utf-8"))
    found = {kind: schema for kind in registry.kinds() if (schema := registry.cut(kind)) is not None}
    assert sorted(written) == sorted(found)
    assert [kind for kind in written if written[kind] != found[kind]] == []


def test_what_is_for_ever() -> None:
    from cronstack_infra.local.cloudformation.template.registry import create_only

    assert create_only("AWS::Scheduler::Schedule") == {"Name"}
    assert create_only("AWS::SQS::Queue") == {"QueueName", "FifoQueue"}
    assert create_only("AWS::Lambda::EventInvokeConfig") == {"FunctionName", "Qualifier"}
    assert create_only("AWS::IAM::Policy") == set()


JUDGED: list[tuple[dict[str, Any], str]] = [
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


@pytest.mark.parametrize(("properties", "said"), JUDGED)
def test_judged_before_it_is_made(local_cloud: LocalCloud, properties: dict[str, Any], said: str) -> None:
    from moto.cloudformation.exceptions import ValidationError

    from cronstack_infra.local.cloudformation.template.registry import judge

    whole = schedule("arn:x")["Properties"] | {"Target": {"Arn": "x", "RoleArn": "x"}}
    judge("Schedule", "AWS::Scheduler::Schedule", whole)
    with pytest.raises(ValidationError) as refused:
        judge("Schedule", "AWS::Scheduler::Schedule", whole | properties)
    assert refused.match(said) or pytest.fail(str(refused.value))


def test_a_property_that_does_not_exist_fails_its_resource(local_cloud: LocalCloud) -> None:
    stack = Stack.new(local_cloud)
    resources = {"Role": scheduler_role(), "Queue": queue(), "S": schedule(get("Queue", "Arn"), Colour="red")}
    resources["S"]["Properties"]["Target"]["RoleArn"] = get("Role", "Arn")
    assert stack.deploy(resources) == "ROLLBACK_COMPLETE"
    assert ("S", "CREATE_FAILED") in stack.events()
    assert "extraneous key [Colour] is not permitted" in stack.reasons()[0]


def test_numbers_and_truths_may_be_text(local_cloud: LocalCloud) -> None:
    stack = Stack.new(local_cloud)
    assert stack.deploy({"Queue": queue(DelaySeconds="5", SqsManagedSseEnabled="true")}) == "CREATE_COMPLETE"
