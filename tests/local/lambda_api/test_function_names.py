"""The names by which callers invoke a function, and the revision id that shows a change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, function, role


class Deployed(NamedTuple):
    client: Any
    name: str


@pytest.fixture
def deployed(local_cloud: LocalCloud) -> Iterator[Deployed]:
    """Deploy a function that returns the ARN by which it was invoked."""
    stack = Stack.new(local_cloud)
    code = "def handler(event, context):\n    return context.invoked_function_arn"
    assert stack.deploy({"Role": role(), "Function": function(code)}) == "CREATE_COMPLETE"
    yield Deployed(local_cloud.client("lambda"), stack.physical("Function"))
    stack.delete()


def test_a_function_is_found_by_each_of_its_names(deployed: Deployed) -> None:
    arn = f"arn:aws:lambda:us-east-1:123456789012:function:{deployed.name}"
    for name in (deployed.name, arn, f"123456789012:function:{deployed.name}"):
        assert json.loads(deployed.client.invoke(FunctionName=name)["Payload"].read()) == arn
        assert deployed.client.get_function_configuration(FunctionName=name)["FunctionArn"] == arn


def test_each_change_has_a_new_revision_and_time(deployed: Deployed) -> None:
    client, name = deployed
    created = client.get_function_configuration(FunctionName=name)
    datetime.strptime(created["LastModified"], "%Y-%m-%dT%H:%M:%S.%f%z")
    changed = client.update_function_configuration(FunctionName=name, Timeout=7, RevisionId=created["RevisionId"])
    assert changed["RevisionId"] != created["RevisionId"]
    assert changed["LastModified"] > created["LastModified"]
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.update_function_configuration(FunctionName=name, Timeout=8, RevisionId=created["RevisionId"])
    version = client.publish_version(FunctionName=name, RevisionId=changed["RevisionId"])
    assert version["RevisionId"] != changed["RevisionId"]
    assert client.publish_version(FunctionName=name)["Version"] == version["Version"]
