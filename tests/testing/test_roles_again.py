"""A job is removed and declared again while its plans wait. Its roles get the same names, which the plans use."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cronstack_infra import names
from cronstack_infra.local.environment import REGION
from cronstack_infra.testing.cloud import Cloud

JOB = "capture_payment"
AT = datetime(2026, 1, 5, 14, tzinfo=UTC)
pytestmark = pytest.mark.cronstack(jobs="examples", only=[JOB], start="2026-01-05T12:00:30")


def template_of(cloud: Cloud, stack: str) -> dict[str, Any]:
    found = cloud.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    return dict(json.loads(found) if isinstance(found, str) else found)


def deploy(cloud: Cloud, stack: str, template: dict[str, Any]) -> None:
    cloudformation = cloud.client("cloudformation")
    cloudformation.update_stack(
        StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    assert described["StackStatus"] == "UPDATE_COMPLETE", described


def without(template: dict[str, Any], job: str) -> dict[str, Any]:
    """Return the template without a job, its grants and its output."""
    removed = f"Jobs{job.replace('_', '')}"
    kept = {key: item for key, item in template["Resources"].items() if not key.startswith(removed)}
    for item in kept.values():
        if isinstance(item.get("DependsOn"), list):  # the deploy check depends on everything
            item["DependsOn"] = [name for name in item["DependsOn"] if not name.startswith(removed)]
        text = json.dumps(item)
        assert removed not in text or item["Type"] in ("AWS::Lambda::Function", "AWS::IAM::Policy"), text
        if item["Type"] == "AWS::Lambda::Function":
            variables = item["Properties"]["Environment"]["Variables"]
            for name in [name for name, value in variables.items() if removed in json.dumps(value)]:
                del variables[name]
        if item["Type"] == "AWS::IAM::Policy":
            document = item["Properties"]["PolicyDocument"]
            document["Statement"] = [
                statement for statement in document["Statement"] if removed not in json.dumps(statement)
            ]
    outputs = {key: item for key, item in template["Outputs"].items() if removed not in json.dumps(item)}
    return template | {"Resources": kept, "Outputs": outputs}


def test_a1_a_job_that_is_declared_again_runs_its_earlier_plans(cloud: Cloud) -> None:
    """Function, roles and alias are deleted and created again. The plan's schedule refers to their ARNs."""
    stack = cloud.stack.deployment.stack
    before = template_of(cloud, stack)
    assert cloud.once.schedule(JOB, key="order-1", at=AT, input={"order": "1", "cents": 1}).outcome == "planned"
    deploy(cloud, stack, without(template_of(cloud, stack), JOB))
    iam, role = cloud.client("iam"), names.role_name(stack, JOB, REGION, "once")
    assert role not in {listed["RoleName"] for listed in iam.list_roles()["Roles"]}
    deploy(cloud, stack, before)
    assert iam.get_role(RoleName=role)
    cloud.advance(until=AT)
    cloud.advance(seconds=30)
    [run] = cloud.runs(JOB)
    assert run.attempt == 1, "the plan was delivered; the answer of the payment service does not matter here"
