"""A CloudFormation template with intrinsic functions evaluated, and generated names where it has none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/shop/51af3dc0-da77-11e4-872e-1234567db123"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": STACK_ID,
}

# Type -> (property with its name, its ARN)
_NAMED = {
    "AWS::DynamoDB::GlobalTable": ("TableName", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{}}"),
    "AWS::DynamoDB::Table": ("TableName", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{{}}"),
    "AWS::SNS::Topic": ("TopicName", f"arn:aws:sns:{REGION}:{ACCOUNT}:{{}}"),
    "AWS::SQS::Queue": ("QueueName", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}"),
    "AWS::S3::Bucket": ("BucketName", "arn:aws:s3:::{}"),
    "AWS::SES::EmailIdentity": ("EmailIdentity", f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{{}}"),
    "AWS::Lambda::Function": ("FunctionName", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}"),
    "AWS::Logs::LogGroup": ("LogGroupName", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}:*"),
    "AWS::IAM::Role": ("RoleName", f"arn:aws:iam::{ACCOUNT}:role/{{}}"),
    "AWS::Scheduler::ScheduleGroup": ("Name", f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{{}}"),
}

Template = Mapping[str, Any]


def name_of(template: Template, logical_id: str) -> str:
    """Return the physical name: the template's, or one from the logical id."""
    resource = template["Resources"][logical_id]
    named_by, _ = _NAMED[resource["Type"]]
    name = resource.get("Properties", {}).get(named_by)
    return logical_id.lower() if name is None else str(resolved(template, name))


def arn_of(template: Template, logical_id: str) -> str:
    _, arn = _NAMED[template["Resources"][logical_id]["Type"]]
    return arn.format(name_of(template, logical_id))


def resolved(template: Template, value: Any) -> Any:
    """Return ``value`` with Ref, Fn::GetAtt, Fn::Join and Fn::Sub evaluated. Raise KeyError for other functions."""
    if isinstance(value, list):
        return [resolved(template, item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
        return {key: resolved(template, item) for key, item in value.items()}
    function, argument = next(iter(value.items()))
    return {"Ref": _ref, "Fn::GetAtt": _get_att, "Fn::Join": _join, "Fn::Sub": _sub}[function](template, argument)


def _ref(template: Template, argument: str) -> str:
    if argument in PSEUDO:
        return PSEUDO[argument]
    if template["Resources"][argument]["Type"] == "AWS::SQS::Queue":
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name_of(template, argument)}"
    if template["Resources"][argument]["Type"] == "AWS::SNS::Topic":
        return arn_of(template, argument)
    return name_of(template, argument)


def _get_att(template: Template, argument: list[str]) -> str:
    logical_id, attribute = argument
    return {"Arn": arn_of, "QueueName": name_of}[attribute](template, logical_id)


def _join(template: Template, argument: list[Any]) -> str:
    separator, parts = argument
    return str(separator).join(resolved(template, parts))


def _sub(template: Template, argument: str) -> str:
    return re.sub(r"\$\{([^}]+)}", lambda match: _ref(template, match.group(1)), argument)


def of_type(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """Return the resources of a type by logical id, without those of the deploy check."""
    resources = {key: item for key, item in template["Resources"].items() if item["Type"] == kind}
    return {key: item for key, item in resources.items() if not key.startswith("SharedDeployCheck")}


def properties(template: Template, logical_id: str) -> dict[str, Any]:
    """Return the resolved properties of a resource."""
    values = resolved(template, template["Resources"][logical_id].get("Properties", {}))
    assert isinstance(values, dict)
    return values


def policies_of(template: Template, role: str) -> list[dict[str, Any]]:
    """Return all policy documents of a role: its inline ones and those of grants."""
    documents = [policy["PolicyDocument"] for policy in properties(template, role).get("Policies", [])]
    for policy in of_type(template, "AWS::IAM::Policy").values():
        if {"Ref": role} in policy["Properties"]["Roles"]:
            documents.append(resolved(template, policy["Properties"]["PolicyDocument"]))
    assert not template["Resources"][role]["Properties"].get("ManagedPolicyArns"), f"{role} has managed policies"
    return documents
