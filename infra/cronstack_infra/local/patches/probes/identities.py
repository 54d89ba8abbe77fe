"""Probes of IAM and STS."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from cronstack_infra.local.patches.probes import probe
from cronstack_infra.local.patches.probes.scene import client, fails, function, role

_POLICY = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


@probe
def an_inline_policy_of_a_template_is_a_python_object() -> bool:
    """GetRolePolicy of a role of a template does not return JSON text."""
    document = {"Version": "2012-10-17", "Statement": []}
    inline = {"PolicyName": "inline", "PolicyDocument": document}
    properties = {"RoleName": "r", "AssumeRolePolicyDocument": document, "Policies": [inline]}
    template = json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": properties}}})
    client("cloudformation").create_stack(StackName="s", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
    # boto3 decodes JSON text and returns anything else unchanged
    return bool(client("iam").get_role_policy(RoleName="r", PolicyName="inline")["PolicyDocument"] != document)


@probe
def a_role_gets_no_policy_of_aws() -> bool:
    """AttachRolePolicy fails for a managed policy of AWS."""
    role("r")
    return fails(lambda: client("iam").attach_role_policy(RoleName="r", PolicyArn=_POLICY), ClientError)


@probe
def a_user_gets_no_policy_of_aws() -> bool:
    """AttachUserPolicy fails for a managed policy of AWS."""
    client("iam").create_user(UserName="u")
    return fails(lambda: client("iam").attach_user_policy(UserName="u", PolicyArn=_POLICY), ClientError)


@probe
def a_group_gets_no_policy_of_aws() -> bool:
    """AttachGroupPolicy fails for a managed policy of AWS."""
    client("iam").create_group(GroupName="g")
    return fails(lambda: client("iam").attach_group_policy(GroupName="g", PolicyArn=_POLICY), ClientError)


@probe
def every_caller_is_a_user_called_moto() -> bool:
    """GetCallerIdentity with the key of a function returns a user, not the role of the function."""
    from moto.sts.models import sts_backends

    from cronstack_infra.local.executor.values import access_key_of

    function()
    _, arn, _ = sts_backends["123456789012"]["aws"].get_caller_identity(access_key_of("f"), "us-east-1")
    return str(arn).endswith(":user/moto")
