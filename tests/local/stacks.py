"""Templates by hand, deployed as the cdk CLI does it: a change set of always the same name."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cronstack_infra.local.client import LocalCloud

Template = dict[str, Any]
_NAMES = (f"stack{number}" for number in itertools.count())


def listed(client: Any, operation: str, of: str) -> list[Any]:
    """All pages: a cloud that many files share has more than one."""
    return [one for page in client.get_paginator(operation).paginate() for one in page[of]]


class Stack(NamedTuple):
    """One stack of a local cloud."""

    cloud: LocalCloud
    cloudformation: Any
    name: str

    @classmethod
    def new(cls, cloud: LocalCloud) -> Stack:
        return cls(cloud, cloud.client("cloudformation"), next(_NAMES))

    def deploy(self, resources: Mapping[str, Any], *, parameters: Any = (), **blocks: Any) -> str:
        """Deploy a template of these resources; the stack's status afterwards, or "no changes"."""
        kind = "UPDATE" if self.exists() else "CREATE"
        change_set = {"StackName": self.name, "ChangeSetName": "deploy"}
        self.cloudformation.create_change_set(
            **change_set,
            ChangeSetType=kind,
            TemplateBody=json.dumps({"Resources": resources, **blocks}),
            Parameters=list(parameters),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        described = self.cloudformation.describe_change_set(**change_set)
        if described["Status"] == "FAILED":
            assert "didn't contain changes" in described["StatusReason"]
            self.cloudformation.delete_change_set(**change_set)
            return "no changes"
        self.cloudformation.execute_change_set(**change_set)
        self.cloudformation.delete_change_set(**change_set)
        return self.status()

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        return found

    def exists(self) -> bool:
        return any(one["StackName"] == self.name for one in listed(self.cloudformation, "describe_stacks", "Stacks"))

    def status(self) -> str:
        found: str = self.describe()["StackStatus"]
        return found

    def outputs(self) -> dict[str, str]:
        return {one["OutputKey"]: one["OutputValue"] for one in self.describe().get("Outputs", [])}

    def physical(self, logical: str) -> str:
        found: str = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)[
            "StackResourceDetail"
        ]["PhysicalResourceId"]
        return found

    def events(self) -> list[tuple[str, str]]:
        """Logical name and status of each event, oldest first."""
        told = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [(one["LogicalResourceId"], one["ResourceStatus"]) for one in reversed(told)]

    def reasons(self) -> list[str]:
        """Reasons of failed resources, oldest first."""
        told = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [one["ResourceStatusReason"] for one in reversed(told) if one["ResourceStatus"].endswith("_FAILED")]

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName=self.name)


def queue(**properties: Any) -> Template:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def role(**more: Any) -> Template:
    """A function's role that may send where its records go: Lambda asks at once."""
    document = {"Version": "2012-10-17", "Statement": []}
    allow = {"Effect": "Allow", "Action": ["sqs:SendMessage", "sns:Publish"], "Resource": "*"}
    policy = {"PolicyName": "records", "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow]}}
    properties = {"AssumeRolePolicyDocument": document, "Policies": [policy]}
    return {"Type": "AWS::IAM::Role", "Properties": properties, **more}


def function(code: str = "def handler(event, context): return 1", **properties: Any) -> Template:
    given = {"Runtime": "python3.13", "Handler": "index.handler", "Code": {"ZipFile": code}, "Role": get("Role", "Arn")}
    return {"Type": "AWS::Lambda::Function", "Properties": {**given, **properties}}


def schedule(target: Any, **properties: Any) -> Template:
    given = {
        "ScheduleExpression": "cron(0 6 * * ? 2199)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": target, "RoleArn": get("SchedulerRole", "Arn"), "Input": "{}"},
    }
    return {"Type": "AWS::Scheduler::Schedule", "Properties": {**given, **properties}}


def scheduler_role() -> Template:
    """A role that Scheduler may assume and that may invoke and send."""
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    allow = {"Effect": "Allow", "Action": ["lambda:InvokeFunction", "sqs:SendMessage"], "Resource": "*"}
    properties = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "may", "PolicyDocument": {"Version": "2012-10-17", "Statement": [allow]}}],
    }
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def table(**properties: Any) -> Template:
    given = {
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return {"Type": "AWS::DynamoDB::Table", "Properties": {**given, **properties}}


def ref(name: str) -> Template:
    return {"Ref": name}


def get(name: str, attribute: str) -> Template:
    return {"Fn::GetAtt": [name, attribute]}
