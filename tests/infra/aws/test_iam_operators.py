"""The rights of viewers and operators: what each command needs is allowed, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cronstack.ledger import partitions
from cronstack.onetime import schedules
from cronstack.settings import PLANS
from tests.infra.conftest import template_of
from tests.tools.iam import OF_THE_TABLE, OTHER_WRITES, Policies, Question, judge
from tests.tools.template import ACCOUNT, REGION, arn_of, of_type, properties, resolved

Template = dict[str, Any]
SOURCE = """
@job(schedule=[once(), cron("0 6 * * ? *", timezone="UTC")])
def stats(run): ...

@job(schedule=cron("0 7 * * ? *", timezone="UTC"))
def other(run): ...
"""


def grant(stack: Any, jobs: Any) -> None:
    from aws_cdk import aws_iam as iam

    stack.grant_view(iam.ManagedPolicy(stack, "Viewers"))
    stack.grant_operate(iam.ManagedPolicy(stack, "Operators"))
    stack.grant_view(iam.Role(stack, "OnCall", assumed_by=iam.AccountRootPrincipal()))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("operators")
    package = folder / "functions" / "jobs_with_operators"
    package.mkdir(parents=True)
    (package / "all.py").write_text(f"from cronstack import cron, job, once\n{SOURCE}")
    return template_of(package.name, package.parent, folder / "out", stack="shop", resources=grant)


def policy(template: Template, name: str) -> Policies:
    [key] = [key for key in of_type(template, "AWS::IAM::ManagedPolicy") if key.startswith(name)]
    return [resolved(template, properties(template, key)["PolicyDocument"])]


@pytest.fixture
def viewer(template: Template) -> Policies:
    return policy(template, "Viewers")


@pytest.fixture
def operator(template: Template) -> Policies:
    return policy(template, "Operators")


@pytest.fixture
def table(template: Template) -> str:
    [key] = of_type(template, "AWS::DynamoDB::GlobalTable")
    return arn_of(template, key)


def arn(service: str, rest: str, *, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


def rows(action: str, table: str, *keys: str) -> list[Question]:
    return [Question(f"dynamodb:{action}", table, {"dynamodb:LeadingKeys": [key]}) for key in keys]


READ = ("job#stats", "run#stats#a", "plan#stats#0", "audit#stats", "audit#", "watch")
WRITTEN = ("job#stats", "plan#stats#0", "audit#stats", "audit#", "watch")
ONCE = arn("scheduler", f"schedule/shop-once/{schedules.name('stats', 'order-4711', 1)}")


def queues(template: Template) -> list[str]:
    return [arn_of(template, key) for key in of_type(template, "AWS::SQS::Queue")]


def reads(template: Template, table: str) -> list[Question]:
    """Return a request of each kind that a command without changes sends."""
    own = arn("cloudformation", "stack/shop/0a1b")
    log = arn("logs", "log-group:/aws/lambda/shop-stats:log-stream:x")
    return [
        *(Question(f"cloudformation:{action}", own) for action in ("DescribeStacks", "GetTemplate")),
        *(question for action in ("GetItem", "BatchGetItem", "Query") for question in rows(action, table, *READ)),
        *rows("Query", f"{table}/index/{partitions.INDEX}", "open#job#stats", "open#run#stats#a", "plan#stats#0"),
        Question("lambda:ListFunctions", "*"),
        Question("lambda:GetFunctionConfiguration", arn("lambda", "function:shop-stats")),
        Question("lambda:GetAlias", arn("lambda", "function:shop-stats")),
        Question("scheduler:ListSchedules", "*"),
        *(Question("scheduler:GetSchedule", arn("scheduler", f"schedule/shop{of}/x")) for of in ("", "-once")),
        *(
            Question(f"sqs:{action}", queue)
            for action in ("GetQueueAttributes", "ReceiveMessage", "ChangeMessageVisibility")
            for queue in (*queues(template), arn("sqs", "shop-SharedHandlerDeadLetters-Replaced1"))
        ),
        Question("sqs:ListQueues", "*"),
        Question("logs:FilterLogEvents", log),
        Question("iam:GetRole", arn("iam", "role/shop-JobsstatsRole1A-XYZ", region="")),
        Question("sns:ListSubscriptionsByTopic", arn("sns", "shop-SharedTopic-XYZ")),
        Question("cloudwatch:GetMetricData", "*"),
    ]


def changes(template: Template, table: str) -> list[Question]:
    """Return a request of each kind that only the commands with changes send."""
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if "OnceRole" in key]
    return [
        *rows("UpdateItem", table, *WRITTEN),
        *(Question("lambda:InvokeFunction", arn("lambda", f"function:shop-{job}")) for job in ("stats", "other")),
        Question("scheduler:CreateSchedule", ONCE),
        Question("scheduler:DeleteSchedule", ONCE),
        Question("scheduler:DeleteSchedule", arn("scheduler", "schedule/shop-carriers/x")),
        Question("iam:PassRole", arn_of(template, role), {"iam:PassedToService": "scheduler.amazonaws.com"}),
        *(Question("sqs:DeleteMessage", queue) for queue in queues(template)),
    ]


def never(template: Template, table: str) -> list[Question]:
    """Return requests that no command sends."""
    roles = [key for key in of_type(template, "AWS::IAM::Role") if "OnceRole" not in key]
    return [
        *rows("UpdateItem", table, "run#stats#a", "item#stats#a", "batch#stats#a", "other", "open#job#stats"),
        *(question for verb in OTHER_WRITES if verb != "BatchGetItem" for question in rows(verb, table, "job#stats")),
        *(Question(f"dynamodb:{action}", table) for action in ("Query", "UpdateItem", *OF_THE_TABLE)),
        *rows("GetItem", f"{table}2", "job#stats"),
        *rows("GetItem", table, "secrets"),
        Question("cloudformation:DeleteStack", arn("cloudformation", "stack/shop/0a1b")),
        Question("cloudformation:GetTemplate", arn("cloudformation", "stack/shop-examples/0a1b")),
        Question("lambda:InvokeFunction", arn("lambda", "function:shop-examples-stats")),
        Question("lambda:InvokeFunction", arn("lambda", "function:shop-SharedDeployCheck")),
        Question("lambda:InvokeFunction", arn("lambda", f"function:shop-stats:{PLANS}")),
        Question("lambda:UpdateFunctionCode", arn("lambda", "function:shop-stats")),
        Question("scheduler:CreateSchedule", arn("scheduler", "schedule/shop/shop-stats.1")),
        Question("scheduler:CreateSchedule", arn("scheduler", "schedule/shop-carriers/x")),
        Question("scheduler:DeleteSchedule", arn("scheduler", "schedule/shop/shop-stats.1")),
        Question("scheduler:UpdateSchedule", ONCE),
        *(Question("sqs:SendMessage", queue) for queue in queues(template)),
        *(Question("sqs:PurgeQueue", queue) for queue in queues(template)),
        Question("sqs:ReceiveMessage", arn("sqs", "orders")),
        Question("logs:FilterLogEvents", arn("logs", "log-group:/aws/lambda/shop2:log-stream:x")),
        *(
            Question("iam:PassRole", arn_of(template, key), {"iam:PassedToService": "scheduler.amazonaws.com"})
            for key in roles
        ),
        Question("iam:GetRole", arn("iam", "role/admin", region="")),
    ]


def test_a_viewer_reads_and_changes_nothing(template: Template, viewer: Policies, table: str) -> None:
    asked = reads(template, table)
    assert [question for question, yes in zip(asked, judge(viewer, asked), strict=True) if not yes] == []
    refused = [*changes(template, table), *never(template, table)]
    assert [question for question, yes in zip(refused, judge(viewer, refused), strict=True) if yes] == []


def test_an_operator_reads_and_changes(template: Template, operator: Policies, table: str) -> None:
    asked = [*reads(template, table), *changes(template, table)]
    assert [question for question, yes in zip(asked, judge(operator, asked), strict=True) if not yes] == []
    refused = never(template, table)
    assert [question for question, yes in zip(refused, judge(operator, refused), strict=True) if yes] == []


def test_a_managed_policy_is_within_the_limit_of_iam(viewer: Policies, operator: Policies) -> None:
    """6,144 characters without spaces."""
    import json

    for (document,) in (viewer, operator):
        assert len(json.dumps(document, separators=(",", ":"))) < 6144 - 60 * 20, "room for 20 more jobs"


def test_a_role_gets_the_same_rights(template: Template, viewer: Policies) -> None:
    [key] = [key for key in of_type(template, "AWS::IAM::Policy") if key.startswith("OnCall")]
    assert resolved(template, properties(template, key)["PolicyDocument"]) == viewer[0]


def test_a_viewer_may_read_a_topic_of_the_user(tmp_path: Path) -> None:
    package = tmp_path / "functions" / "jobs_with_own_topic"
    package.mkdir(parents=True)
    (package / "all.py").write_text(f"from cronstack import cron, job, once\n{SOURCE}")
    own = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
    template = template_of(
        package.name, package.parent, tmp_path / "out", stack="shop", resources=grant, **{"cronstack:alarms-to": own}
    )
    assert judge(policy(template, "Viewers"), [Question("sns:GetTopicAttributes", own)]) == [True]
