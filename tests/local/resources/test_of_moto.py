"""Types whose properties moto loses or cannot update: roles, policies, log groups, buckets, topics."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.local.stacks import Stack, get, queue, ref, role


@pytest.fixture
def stack(local_cloud: LocalCloud) -> Stack:
    return Stack.new(local_cloud)


def allows(action: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}


def trusts(service: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def test_updates_of_a_role_and_its_policies(stack: Stack) -> None:
    def resources(service: str, arns: list[Any], **inline: str) -> dict[str, Any]:
        properties = {
            "AssumeRolePolicyDocument": trusts(service),
            "Description": f"for {service}",
            "ManagedPolicyArns": arns,
            "Policies": [{"PolicyName": name, "PolicyDocument": allows(action)} for name, action in inline.items()],
        }
        managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": allows("s3:*")}}
        return {"Role": {"Type": "AWS::IAM::Role", "Properties": properties}, "Managed": managed}

    iam = stack.cloud.client("iam")
    assert stack.deploy(resources("lambda.amazonaws.com", [], one="s3:GetObject", two="sqs:*")) == "CREATE_COMPLETE"
    name = stack.physical("Role")

    def state() -> tuple[str, str, list[str], list[str]]:
        details = iam.get_role(RoleName=name)["Role"]
        return (
            details["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"],
            details["Description"],
            sorted(iam.list_role_policies(RoleName=name)["PolicyNames"]),
            [policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]],
        )

    assert state() == ("lambda.amazonaws.com", "for lambda.amazonaws.com", ["one", "two"], [])
    changed = resources("scheduler.amazonaws.com", [ref("Managed")], one="s3:PutObject")
    assert stack.deploy(changed) == "UPDATE_COMPLETE"
    arn = stack.physical("Managed")
    assert state() == ("scheduler.amazonaws.com", "for scheduler.amazonaws.com", ["one"], [arn])
    document = iam.get_role_policy(RoleName=name, PolicyName="one")["PolicyDocument"]
    assert document == allows("s3:PutObject")
    stack.delete()
    with pytest.raises(ClientError, match="not found"):
        iam.get_role(RoleName=name)


def test_a_managed_policy_is_updated_and_deleted_with_its_stack(stack: Stack) -> None:
    def resources(action: str, *roles: Any) -> dict[str, Any]:
        properties = {"PolicyDocument": allows(action), "Roles": list(roles)}
        return {"Role": role(), "Policy": {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}}

    iam = stack.cloud.client("iam")
    stack.deploy(resources("s3:*", ref("Role")))
    arn, name = stack.physical("Policy"), stack.physical("Role")
    for action in ("sqs:*", "sns:*", "dynamodb:*", "logs:*", "kms:*", "ssm:*"):
        assert stack.deploy(resources(action, ref("Role"))) == "UPDATE_COMPLETE"
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"] == allows("ssm:*")
    assert len(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]) == 1
    stack.deploy(resources("ssm:*"))
    assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
    stack.delete()
    assert not stack.exists()
    with pytest.raises(ClientError, match="not found"):
        iam.get_policy(PolicyArn=arn)


def test_a_log_group_keeps_its_lines_over_an_update(stack: Stack) -> None:
    def resources(**properties: Any) -> dict[str, Any]:
        all_properties = {"LogGroupName": f"/jobs/{stack.name}", **properties}
        return {"Log": {"Type": "AWS::Logs::LogGroup", "Properties": all_properties}}

    logs, name = stack.cloud.client("logs"), f"/jobs/{stack.name}"
    stack.deploy(resources(RetentionInDays="30"), Outputs={"Arn": {"Value": get("Log", "Arn")}})
    assert stack.outputs()["Arn"].endswith(f":log-group:{name}:*")
    logs.create_log_stream(logGroupName=name, logStreamName="kept")

    def retention() -> int | None:
        days: int | None = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"][0].get("retentionInDays")
        return days

    assert retention() == 30
    assert stack.deploy(resources(RetentionInDays=7)) == "UPDATE_COMPLETE"
    assert retention() == 7
    assert stack.deploy(resources()) == "UPDATE_COMPLETE"
    assert retention() is None
    assert [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName=name)["logStreams"]] == [
        "kept"
    ]


def test_a_bucket_with_objects_is_updated_but_not_deleted(stack: Stack) -> None:
    def resources(**properties: Any) -> dict[str, Any]:
        return {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}

    s3 = stack.cloud.client("s3")
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": "true",
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    stack.deploy(resources(PublicAccessBlockConfiguration=block, Tags=[{"Key": "team", "Value": "ops"}]))
    name = stack.physical("Bucket")
    s3.put_object(Bucket=name, Key="kept", Body=b"x")
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]["IgnorePublicAcls"] is True
    assert stack.deploy(resources(VersioningConfiguration={"Status": "Enabled"})) == "UPDATE_COMPLETE"
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert s3.get_object(Bucket=name, Key="kept")["Body"].read() == b"x"
    stack.delete()
    assert stack.status() == "DELETE_FAILED"
    assert "not empty" in stack.describe()["StackStatusReason"]
    for version in s3.list_object_versions(Bucket=name)["Versions"]:
        s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
    stack.delete()
    assert not stack.exists()


def test_a_parameter_has_its_tags(stack: Stack) -> None:
    def resources(**tags: str) -> dict[str, Any]:
        properties = {"Name": f"/{stack.name}", "Type": "String", "Value": "v", "Tags": tags}
        return {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": properties}}

    ssm = stack.cloud.client("ssm")

    def tags_of_parameter() -> list[dict[str, str]]:
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=f"/{stack.name}")["TagList"]
        return [dict(tag) for tag in tags]

    assert stack.deploy(resources(team="ops")) == "CREATE_COMPLETE"
    assert tags_of_parameter() == [{"Key": "team", "Value": "ops"}]
    assert stack.deploy(resources(team="dev")) == "UPDATE_COMPLETE"
    assert tags_of_parameter() == [{"Key": "team", "Value": "dev"}]


def test_a_topic_keeps_its_subscribers_over_an_update(stack: Stack) -> None:
    def resources(**properties: Any) -> dict[str, Any]:
        return {"Topic": {"Type": "AWS::SNS::Topic", "Properties": properties}, "Queue": queue()}

    sns = stack.cloud.client("sns")
    inline = [{"Protocol": "sqs", "Endpoint": get("Queue", "Arn")}]
    stack.deploy(resources(Subscription=inline))
    topic = stack.physical("Topic")
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="reader@example.com")
    stack.deploy(resources(Subscription=inline, DisplayName="Jobs"))
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"] == "Jobs"

    def protocols() -> list[str]:
        return sorted(item["Protocol"] for item in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"])

    assert protocols() == ["email", "sqs"]
    stack.deploy(resources())
    assert protocols() == ["email"]


def test_a_parameter_without_a_name_gets_a_generated_one(stack: Stack) -> None:
    def resources(value: str) -> dict[str, Any]:
        return {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}}

    ssm = stack.cloud.client("ssm")
    stack.deploy(resources("one"))
    name = stack.physical("Parameter")
    stack.deploy(resources("two"))
    assert stack.physical("Parameter") == name
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] == "two"


def test_a_network_is_deleted_with_its_stack(stack: Stack) -> None:
    def part(kind: str, **properties: Any) -> dict[str, Any]:
        return {"Type": f"AWS::EC2::{kind}", "Properties": properties}

    in_vpc = {"VpcId": ref("Vpc")}
    resources = {
        "Vpc": part("VPC", CidrBlock="10.0.0.0/16"),
        "Subnet": part("Subnet", CidrBlock="10.0.0.0/24", **in_vpc),
        "Routes": part("RouteTable", **in_vpc),
        "Association": part("SubnetRouteTableAssociation", SubnetId=ref("Subnet"), RouteTableId=ref("Routes")),
        "Gateway": part("InternetGateway"),
        "Attachment": part("VPCGatewayAttachment", InternetGatewayId=ref("Gateway"), **in_vpc),
        "Route": part("Route", RouteTableId=ref("Routes"), DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("Gateway")),
        "Address": part("EIP", Domain="vpc"),
        "Nat": part("NatGateway", SubnetId=ref("Subnet"), AllocationId=get("Address", "AllocationId")),
        "Endpoint": part(
            "VPCEndpoint",
            ServiceName="com.amazonaws.us-east-1.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[ref("Routes")],
            **in_vpc,
        ),
    }
    ec2 = stack.cloud.client("ec2")

    def counts() -> list[int]:
        """Count the parts of networks, with those of the default VPC."""
        return [
            len(ec2.describe_vpcs()["Vpcs"]),
            len(ec2.describe_subnets()["Subnets"]),
            len(ec2.describe_route_tables()["RouteTables"]),
            len(ec2.describe_internet_gateways()["InternetGateways"]),
            len(ec2.describe_addresses()["Addresses"]),
        ]

    before = counts()
    assert stack.deploy(resources) == "CREATE_COMPLETE"
    assert [now - then for now, then in zip(counts(), before, strict=True)] == [1, 1, 2, 1, 1]
    stack.delete()
    assert not stack.exists()
    assert counts() == before
