"""Handwritten templates, deployed like the cdk CLI does: by a change set that always has the same name."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cronstack_infra.local.client import LocalCloud

Template = dict[str, Any]
_NAMES = (f"stack{number}" for number in itertools.count())


def listed(client: Any, operation: str, of: str) -> list[Any]:
    """Return the items of all pages: a cloud shared by many test files has several pages."""
    return [item for page in client.get_paginator(operation).paginate() for item in page[of]]


class Stack(NamedTuple):
    """One stack of a local cloud."""

    cloud: LocalCloud
    cloudformation: Any
    name: str

    @classmethod
    def new(cls, cloud: LocalCloud) -> Stack:
        return cls(cloud, cloud.client("cloudformation"), next(_NAMES))

    def deploy(self, resources: Mapping[str, Any], *, parameters: Any = (), **blocks: Any) -> str:
        """Deploy a template of these resources; return the stack's status, or "no changes"."""
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
        stack: dict[str, Any] = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        return stack

    def exists(self) -> bool:
        stacks = listed(self.cloudformation, "describe_stacks", "Stacks")
        return any(stack["StackName"] == self.name for stack in stacks)

    def status(self) -> str:
        status: str = self.describe()["StackStatus"]
        return status

    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.describe().get("Outputs", [])}

    def physical(self, logical: str) -> str:
        """Return the physical id of a resource."""
        resource = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return str(resource["StackResourceDetail"]["PhysicalResourceId"])

    def events(self) -> list[tuple[str, str]]:
        """Return logical name and status of each event, oldest first."""
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)]

    def reasons(self) -> list[str]:
        """Return the reasons of failed resources, oldest first."""
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")]
        return [event["ResourceStatusReason"] for event in failed]

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName=self.name)


def queue(**properties: Any) -> Template:
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def role(**more: Any) -> Template:
    """Return a function's role that may send to its destinations: Lambda checks that at once."""
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
    """Return a role that Scheduler may assume, and that may invoke functions and send messages."""
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
