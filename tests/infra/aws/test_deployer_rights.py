"""The policies of the page "The way to AWS", judged for the resources that a stack named "shop" has."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest

from cronstack_infra import names
from tests.pages.blocks import blocks
from tests.places import ROOT
from tests.tools import iam

REGION = "eu-central-1"
HERE = f"{REGION}:{iam.ACCOUNT}"
ROLES = f"arn:aws:iam::{iam.ACCOUNT}:role/"
FUNCTION = f"arn:aws:lambda:{HERE}:function:"
LOGS = f"arn:aws:logs:{HERE}:log-group:"


@cache
def policy(file: str) -> Any:
    (block,) = [found for found in blocks((ROOT / "infra" / "README.md").read_text("utf-8")) if found.path == file]
    return json.loads(block.text)


def allowed(file: str, action: str, resource: str) -> bool:
    return iam.allowed([policy(file)], action, resource)


CREATED = [
    ("lambda:CreateFunction", FUNCTION + names.function_name("shop", "hello")),
    ("lambda:CreateAlias", FUNCTION + names.function_name("shop", "remind")),
    ("lambda:InvokeFunction", FUNCTION + f"shop-{names.DEPLOY_CHECK_FUNCTION}-1A2B3C"),
    ("dynamodb:CreateTable", f"arn:aws:dynamodb:{HERE}:table/shop-SharedLedger-1A2B3C"),
    ("dynamodb:UpdateContinuousBackups", f"arn:aws:dynamodb:{HERE}:table/shop-SharedLedger-1A2B3C"),
    *(("sqs:CreateQueue", f"arn:aws:sqs:{HERE}:shop-{id}-1A2B3C") for id in names.QUEUE_IDS.values()),
    *(
        ("scheduler:CreateScheduleGroup", f"arn:aws:scheduler:{HERE}:schedule-group/{group}")
        for group in (names.group_name("shop"), names.carriers_group("shop"), names.once_group("shop"))
    ),
    ("scheduler:CreateSchedule", f"arn:aws:scheduler:{HERE}:schedule/shop/{names.schedule_name('shop', 'hello', 1)}"),
    ("logs:CreateLogGroup", LOGS + "/aws/lambda/shop-hello"),
    ("logs:PutRetentionPolicy", LOGS + "shop-SharedDeployCheckLog-1A2B3C"),
    ("cloudwatch:PutMetricAlarm", f"arn:aws:cloudwatch:{HERE}:alarm:shop-SharedWorkAlarm-1A2B3C"),
    ("cloudwatch:PutDashboard", f"arn:aws:cloudwatch::{iam.ACCOUNT}:dashboard/shop"),
    ("sns:CreateTopic", f"arn:aws:sns:{HERE}:shop-SharedAlarmTopic-1A2B3C"),
    ("sns:Subscribe", f"arn:aws:sns:{HERE}:shop-SharedAlarmTopic-1A2B3C"),
    ("iam:CreateRole", ROLES + "shop-JobshelloRole1A2B3C"),
    ("iam:PutRolePolicy", ROLES + names.role_name("shop", "hello", REGION, "carrier")),
    ("iam:PassRole", ROLES + names.role_name("shop", "remind", REGION, "once")),
    ("s3:GetObject", f"arn:aws:s3:::cdk-hnb659fds-assets-{iam.ACCOUNT}-{REGION}/code.zip"),
    ("ssm:GetParameters", f"arn:aws:ssm:{HERE}:parameter/cdk-bootstrap/hnb659fds/version"),
]
OTHERS = [
    ("lambda:UpdateFunctionCode", FUNCTION + "bank-transfer"),
    ("dynamodb:DeleteTable", f"arn:aws:dynamodb:{HERE}:table/bank-accounts"),
    ("scheduler:CreateSchedule", f"arn:aws:scheduler:{HERE}:schedule/default/now"),
    ("iam:CreateRole", ROLES + "bank-admin"),
    ("iam:PassRole", ROLES + "admin"),
    ("iam:CreateUser", f"arn:aws:iam::{iam.ACCOUNT}:user/shop-ada"),
]


@pytest.mark.parametrize(("action", "resource"), CREATED)
def test_cloudformation_may_create_what_the_stack_has(action: str, resource: str) -> None:
    assert allowed("execution-policy.json", action, resource)


@pytest.mark.parametrize(("action", "resource"), OTHERS)
def test_cloudformation_may_not_touch_what_other_stacks_have(action: str, resource: str) -> None:
    assert not allowed("execution-policy.json", action, resource)


def test_the_deployer_assumes_the_roles_of_the_cdk_and_changes_nothing() -> None:
    assert allowed("deployer-policy.json", "sts:AssumeRole", f"{ROLES}cdk-hnb659fds-deploy-role-{iam.ACCOUNT}-{REGION}")
    assert not allowed("deployer-policy.json", "sts:AssumeRole", ROLES + "admin")
    table = f"arn:aws:dynamodb:{HERE}:table/shop-SharedLedger-1A2B3C"
    assert allowed("deployer-policy.json", "dynamodb:Query", f"{table}/index/open")
    assert not [action for action, resource in CREATED if allowed("deployer-policy.json", action, resource)]
