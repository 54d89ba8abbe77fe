"""Differences between a stack's template and the state of the services, read by the AWS API only.

    assert drift(cloud.client, "MyStack") == []

Each difference is a line: resource, property, value in the template, value in the service.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.tools.stored_properties import READERS, Client, Properties

ACCOUNT = "123456789012"
_ARNS = {
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{id}",
    "AWS::DynamoDB::GlobalTable": "dynamodb:{region}:{account}:table/{id}",
    "AWS::DynamoDB::Table": "dynamodb:{region}:{account}:table/{id}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{id}",
    "AWS::IAM::Role": "iam::{account}:role/{id}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{id}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{id}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{id}:*",
    "AWS::S3::Bucket": "s3:::{id}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::Scheduler::ScheduleGroup": "scheduler:{region}:{account}:schedule-group/{id}",
}
_NO_SERVICE = (
    "AWS::CDK::Metadata",
    "AWS::CloudFormation::WaitConditionHandle",
    "AWS::S3::BucketPolicy",  # the local cloud only stores it
    "Custom::CronstackDeployCheck",
    "Custom::S3AutoDeleteObjects",
)
_WITHOUT_TAGS = (
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::GlobalTable",
    "AWS::IAM::Group",
    "AWS::IAM::ManagedPolicy",
    "AWS::KMS::Alias",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Logs::MetricFilter",
    "AWS::SES::EmailIdentity",
    "AWS::SNS::Subscription",
    "AWS::Scheduler::Schedule",
)
_WRITE_ONLY = {
    "AWS::Lambda::Function": {"Code"},
    "AWS::IAM::User": {"LoginProfile"},
    "AWS::KMS::Key": {"PendingWindowInDays"},
    "AWS::DynamoDB::GlobalTable": {"Replicas", "WarmThroughput", "WriteOnDemandThroughputSettings"},
}


def drift(client: Client, stack: str) -> list[str]:
    """Return the differences between a stack's template and the services."""
    deployed = DeployedTemplate(client, stack)
    return [line for name in deployed.resources for line in deployed.differences(name)]


class DeployedTemplate:
    """A deployed template with its intrinsic functions evaluated."""

    def __init__(self, client: Client, stack: str) -> None:
        self.client, self.stack = client, stack
        cloudformation = client("cloudformation")
        self.region = cloudformation.meta.region_name
        described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        self.stack_id, self.tags = described["StackId"], described.get("Tags", [])
        body = cloudformation.get_template(StackName=stack)["TemplateBody"]
        self.template = json.loads(body) if isinstance(body, str) else body
        listed = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
        self.ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in listed}
        self.exports = {
            export["Name"]: export["Value"]
            for page in cloudformation.get_paginator("list_exports").paginate()
            for export in page["Exports"]
        }
        self.resources = {name: resource for name, resource in self.template["Resources"].items() if name in self.ids}

    def differences(self, name: str) -> list[str]:
        resource = self.resources[name]
        kind, wanted = resource["Type"], self.value(resource.get("Properties", {}))
        if kind in _NO_SERVICE:
            return []
        if kind in _INDIRECT:
            return [f"{name}: {line}" for line in _INDIRECT[kind](self.client, wanted)]
        if kind not in READERS:
            return [f"{name}: no reader for {kind}"]
        stored = READERS[kind](self.client, self.ids[name])
        if self.tags and kind not in _WITHOUT_TAGS:
            own = wanted.get("Tags", [])
            own = [{"Key": key, "Value": value} for key, value in own.items()] if isinstance(own, dict) else own
            known = {tag["Key"] for tag in own}
            wanted["Tags"] = own + [tag for tag in self.tags if tag["Key"] not in known]
        usual = {"LogGroup": f"/aws/lambda/{self.ids[name]}"}
        if kind == "AWS::Lambda::Function" and wanted.get("LoggingConfig") == usual:
            wanted.pop("LoggingConfig")
        if kind == "AWS::Scheduler::Schedule":
            wanted["Target"].setdefault("RetryPolicy", {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185})
        if kind in ("AWS::IAM::Group", "AWS::IAM::Role", "AWS::IAM::User"):
            separate = {policy["PolicyName"] for policy in self._inline_policies()}
            stored["Policies"] = [
                policy for policy in stored.get("Policies", []) if policy["PolicyName"] not in separate
            ]
        if kind == "AWS::DynamoDB::GlobalTable":
            [replica] = wanted["Replicas"]
            wanted = {name: value for name, value in replica.items() if name in stored} | wanted
        if kind == "AWS::KMS::Alias":
            wanted["TargetKeyId"] = wanted["TargetKeyId"].rpartition("/")[2]  # an ARN is equivalent
        if kind == "AWS::Lambda::Function" and "Environment" in wanted and not wanted["Environment"].get("Variables"):
            wanted.pop("Environment")
        lines = []
        for group in wanted.pop("Groups", []) if kind == "AWS::IAM::User" else ():
            lines += _members(self.client, {"GroupName": group, "Users": [self.ids[name]]})
        return [f"{name} ({kind}): {line}" for line in lines + _compare(kind, wanted, stored, READERS[kind].__name__)]

    def _inline_policies(self) -> list[Properties]:
        """Return the policies of roles, groups and users that are separate resources."""
        kinds = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy")
        return [self.value(resource["Properties"]) for resource in self.resources.values() if resource["Type"] in kinds]

    def value(self, part: Any) -> Any:
        """Return a part of the template with intrinsic functions evaluated."""
        if isinstance(part, list):
            return [value for each in part if (value := self.value(each)) is not None]
        if isinstance(part, str):
            return resolved(self.client, part)
        if not isinstance(part, dict):
            return part
        if len(part) == 1:
            ((name, argument),) = part.items()
            if name == "Ref" or name.startswith("Fn::"):
                result = self._evaluated(name, argument)
                return resolved(self.client, result) if isinstance(result, str) else result
        return {name: value for name, each in part.items() if (value := self.value(each)) is not None}

    def _evaluated(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                return self._get(*(argument if isinstance(argument, list) else argument.split(".", 1)))
            case "Fn::ImportValue":
                return self.exports[self.value(argument)]
            case "Fn::Join":
                return argument[0].join(str(item) for item in self.value(argument[1]))
            case "Fn::Select":
                return self.value(argument[1])[int(argument[0])]
            case "Fn::Split":
                return self.value(argument[1]).split(argument[0])
            case "Fn::Sub":
                text, extra = (argument, {}) if isinstance(argument, str) else argument
                return re.sub(r"\$\{([^!}]+)\}", lambda match: str(self._sub(match[1], extra)), text)
        raise NotImplementedError(name)

    def _sub(self, name: str, extra: dict[str, Any]) -> Any:
        if name in extra:
            return self.value(extra[name])
        return self._get(*name.split(".", 1)) if "." in name else self._ref(name)

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": None,
            "AWS::Partition": "aws",
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": "amazonaws.com",
        }
        if name in pseudo:
            return pseudo[name]
        return self.ids[name] if name in self.ids else self.template["Parameters"][name]["Default"]

    def _get(self, name: str, attribute: str) -> str:
        kind, physical = self.resources[name]["Type"], self.ids[name]
        last = physical.rpartition("/")[2]
        if attribute in ("TopicName", "QueueName"):
            return re.split("[:/]", physical)[-1]
        if attribute in ("TopicArn",):
            return physical
        assert attribute == "Arn", (kind, attribute)
        return "arn:aws:" + _ARNS[kind].format(region=self.region, account=ACCOUNT, id=physical, name=last)


def resolved(client: Client, text: str) -> str:
    """Return a string with its dynamic references replaced by their current values."""

    def current_value(match: re.Match[str]) -> str:
        if match[1] == "ssm":
            return str(client("ssm").get_parameter(Name=match[2])["Parameter"]["Value"])
        name, _, rest = match[2].partition(":SecretString")
        key, stage, version = [*rest.removeprefix(":").split(":"), "", "", ""][:3]
        wanted = {"SecretId": name, "VersionStage": stage, "VersionId": version}
        parameters = {parameter: value for parameter, value in wanted.items() if value}
        value = client("secretsmanager").get_secret_value(**parameters)["SecretString"]
        return str(json.loads(value)[key] if key else value)

    return re.sub(r"\{\{resolve:(ssm|secretsmanager):(.*?)\}\}", current_value, text)


def _compare(kind: str, wanted: Properties, stored: Properties, reader: str) -> list[str]:
    wanted = {name: value for name, value in wanted.items() if name not in _WRITE_ONLY.get(kind, ())}
    explicit = _without_defaults(wanted, stored)
    lines = []
    for name in sorted(wanted.keys() | stored.keys()):
        in_template, in_service = plain(explicit.get(name)) or None, plain(stored.get(name)) or None
        generated = name.endswith("Name") and name not in wanted
        if in_template != in_service and not generated:
            lines.append(f"{name}: the template has {in_template}, the service has {in_service}")
    return lines


def _without_defaults(wanted: Properties, stored: Properties) -> Properties:
    """Remove explicit defaults of the template, because readers leave defaults out."""
    return {name: value for name, value in wanted.items() if name in stored or plain(value) not in _DEFAULTS}


_DEFAULTS = (
    *([], {}, "", "true", "false", "0", "30", "128", "3", "345600", "UTC", "ENABLED", "default", "/", "10", "text"),
    *("Standard", "PROVISIONED", "PassThrough", "x86_64"),
)


def plain(part: Any) -> Any:
    """Normalize a value to compare it: scalars as text, JSON parsed, lists sorted, a list of one as its item."""
    if isinstance(part, str) and part[:1] in ("{", "["):
        try:
            return plain(json.loads(part))
        except ValueError:
            return part
    if isinstance(part, dict):
        return {name: plain(value) for name, value in sorted(part.items()) if value not in (None, [], {})}
    if isinstance(part, list | tuple):
        parts = sorted((plain(item) for item in part), key=str)
        return parts[0] if len(parts) == 1 else parts
    if isinstance(part, bool):
        return str(part).lower()
    if hasattr(part, "isoformat"):
        return part.isoformat()
    if isinstance(part, float) and part == int(part):
        return str(int(part))
    return part if part is None else str(part)


def _inline_policy(client: Client, wanted: Properties) -> list[str]:
    differences = []
    for word in ("Role", "Group", "User"):
        read = getattr(client("iam"), f"get_{word.lower()}_policy")
        for name in wanted.get(f"{word}s", []):
            stored = read(**{f"{word}Name": name}, PolicyName=wanted["PolicyName"])["PolicyDocument"]
            if plain(stored) != plain(wanted["PolicyDocument"]):
                differences.append(
                    f"PolicyDocument of {name}: the template has {wanted['PolicyDocument']}, the service has {stored}"
                )
    return differences


def _queue_policy(client: Client, wanted: Properties) -> list[str]:
    differences = []
    for url in wanted["Queues"]:
        answer = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
        stored = answer.get("Attributes", {}).get("Policy")
        if plain(stored) != plain(wanted["PolicyDocument"]):
            differences.append(
                f"policy of {url}: the template has {wanted['PolicyDocument']}, the service has {stored}"
            )
    return differences


def _topic_policy(client: Client, wanted: Properties) -> list[str]:
    differences = []
    for arn in wanted["Topics"]:
        stored = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
        if plain(stored) != plain(wanted["PolicyDocument"]):
            differences.append(
                f"policy of {arn}: the template has {wanted['PolicyDocument']}, the service has {stored}"
            )
    return differences


def _members(client: Client, wanted: Properties) -> list[str]:
    stored = [user["UserName"] for user in client("iam").get_group(GroupName=wanted["GroupName"])["Users"]]
    return [f"{user} is not in {wanted['GroupName']}" for user in wanted["Users"] if user not in stored]


_INDIRECT = {
    "AWS::IAM::Policy": _inline_policy,
    "AWS::IAM::UserToGroupAddition": _members,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::SQS::QueuePolicy": _queue_policy,
}
