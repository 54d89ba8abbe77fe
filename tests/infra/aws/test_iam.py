"""Each role may do only what its job needs, by a real evaluator of IAM policies."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack.ledger import partitions
from cronstack.settings import PLANS
from tests.infra.conftest import Synthesize
from tests.tools.iam import OF_THE_TABLE, OTHER_WRITES, Policies, Question, allowed, judge
from tests.tools.template import ACCOUNT, REGION, arn_of, of_type, policies_of, properties

Template = dict[str, Any]
JOBS = (
    "broken",
    "capture_payment",
    "checkout",
    "consistency",
    "daily_stats",
    "heartbeat",
    "launch",
    "night_shift",
    "remind_by_email",
    "retention",
    "weekly_report",
)

GRANTED = {"checkout": ("capture_payment", "remind_by_email")}
"""Jobs that the code of a job may schedule (see ``test_iam_once``)."""


def role_of(template: Template, job: str) -> Policies:
    """Return the policies of the role of a job's function."""
    [function] = [
        item["Properties"]
        for key, item in of_type(template, "AWS::Lambda::Function").items()
        if properties(template, key)["FunctionName"] == f"shop-examples-{job}"
    ]
    return policies_of(template, function["Role"]["Fn::GetAtt"][0])


def arn(template: Template, kind: str, word: str) -> str:
    [resource] = [key for key in of_type(template, kind) if word in key]
    return arn_of(template, resource)


def keys(*partition: str) -> dict[str, list[str]]:
    return {"dynamodb:LeadingKeys": [*partition]}


def own_partitions(job: str) -> tuple[str, ...]:
    """Return all partitions that the runtime writes for a job, with each digit of its runs and plans."""
    runs = {partitions.run_partition(job, f"k-{digit}000") for digit in partitions.DIGITS}
    return (partitions.job_partition(job), *sorted(runs), *partitions.plan_partitions(job))


@pytest.fixture
def table(examples: Template) -> str:
    return arn(examples, "AWS::DynamoDB::GlobalTable", "Ledger")


@pytest.mark.parametrize("job", JOBS)
def test_a_job_reads_and_updates_all_its_own_partitions(examples: Template, table: str, job: str) -> None:
    own = own_partitions(job)
    assert len(own) == 1 + 16 + 16
    needed = [
        Question(f"dynamodb:{verb}", table, keys(partition)) for verb in ("GetItem", "UpdateItem") for partition in own
    ]
    assert judge(role_of(examples, job), needed) == [True] * len(needed)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_reaches_no_partition_of_another(examples: Template, table: str, job: str) -> None:
    others = [other for other in JOBS if other != job]
    near = [partition for other in others for partition in own_partitions(other)[:2]]
    near += [f"plan#{other}#0" for other in others if other not in GRANTED.get(job, ())]
    near += [f"job#{job}2", f"job#{job[:-1]}", f"job#{job}#0", "job#", "", job, f"x-job#{job}"]
    near += [f"{prefix}#{job}{rest}" for prefix in ("run", "plan") for rest in ("", "#", "#11", "2#1", "#1#1")]
    near += [f"open#job#{job}", f"open#run#{job}#1", f"batch#{job}#1", f"item#{job}#1", "watch", f"audit#{job}"]
    verbs = ("GetItem", "UpdateItem")
    asked = [Question(f"dynamodb:{verb}", table, keys(partition)) for verb in verbs for partition in near]
    assert judge(role_of(examples, job), asked) == [False] * len(asked)


def test_all_keys_of_a_request_must_be_its_own(examples: Template, table: str) -> None:
    """Such as the keys of a batch. DynamoDB authorizes each action of a transaction separately."""
    both = keys("job#heartbeat", "job#launch")
    assert not allowed(role_of(examples, "heartbeat"), "dynamodb:UpdateItem", table, both)
    assert allowed(
        role_of(examples, "heartbeat"), "dynamodb:UpdateItem", table, keys("job#heartbeat", "run#heartbeat#a")
    )


def test_a_request_without_keys_does_not_pass(examples: Template, table: str) -> None:
    policies = role_of(examples, "heartbeat")
    assert not any(judge(policies, [Question("dynamodb:GetItem", table), Question("dynamodb:UpdateItem", table)]))


@pytest.mark.parametrize("action", ["Query", *OTHER_WRITES])
def test_a_job_reads_and_updates_single_rows_and_nothing_else(examples: Template, table: str, action: str) -> None:
    asked = [Question(f"dynamodb:{action}", table, keys(key)) for key in ("job#checkout", "run#checkout#0")]
    assert judge(role_of(examples, "checkout"), asked) == [False, False]


@pytest.mark.parametrize("action", OF_THE_TABLE)
def test_a_job_does_nothing_to_the_table(examples: Template, table: str, action: str) -> None:
    assert not allowed(role_of(examples, "checkout"), f"dynamodb:{action}", table)


def test_a_job_reaches_neither_another_table_nor_the_index(examples: Template, table: str) -> None:
    policies, own = role_of(examples, "heartbeat"), keys("job#heartbeat")
    assert allowed(policies, "dynamodb:UpdateItem", table, own)
    assert not allowed(policies, "dynamodb:UpdateItem", table.rpartition("/")[0] + "/another", own)
    lists = [Question("dynamodb:Query", f"{table}/index/{partitions.INDEX}", keys("open#job#heartbeat"))]
    assert judge(policies, lists) == [False]


def test_the_user_grants_the_condition_check_of_a_commit(synthesize: Synthesize) -> None:
    """``run.commit`` may check a row of the user's own table: the transaction needs that right only there."""

    def resources(stack: Any, jobs: Any) -> None:
        from aws_cdk import aws_dynamodb as dynamodb

        key = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
        orders = dynamodb.Table(stack, "Orders", partition_key=key)
        orders.grant(jobs["pay"].function, "dynamodb:ConditionCheckItem", "dynamodb:UpdateItem")

    template = synthesize("@job(schedule=rate('1 hour'))\ndef pay(run): ...", resources=resources)
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("JobspayRole")]
    orders = arn(template, "AWS::DynamoDB::Table", "Orders")
    ledger = arn(template, "AWS::DynamoDB::GlobalTable", "Ledger")
    check = [
        Question("dynamodb:ConditionCheckItem", orders, keys("order-1")),
        Question("dynamodb:UpdateItem", orders, keys("order-1")),
        Question("dynamodb:UpdateItem", ledger, keys("job#pay")),
        Question("dynamodb:ConditionCheckItem", ledger, keys("job#pay")),
    ]
    assert judge(policies_of(template, role), check) == [True, True, True, False]


def test_a_job_sends_to_the_handler_dead_letters_and_reads_none(examples: Template) -> None:
    policies = role_of(examples, "broken")
    handler, delivery = (arn(examples, "AWS::SQS::Queue", origin) for origin in ("Handler", "Delivery"))
    asked = [
        Question("sqs:SendMessage", handler),
        Question("sqs:SendMessage", delivery),
        Question("sqs:ReceiveMessage", handler),
        Question("sqs:DeleteMessage", handler),
        Question("sqs:PurgeQueue", handler),
    ]
    assert judge(policies, asked) == [True, False, False, False, False]


def test_a_job_writes_its_own_log(examples: Template) -> None:
    def stream(job: str) -> str:
        return f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/shop-examples-{job}:log-stream:2026/11/23/1"

    policies = role_of(examples, "launch")
    assert allowed(policies, "logs:PutLogEvents", stream("launch"))
    assert allowed(policies, "logs:CreateLogStream", stream("launch"))
    assert not allowed(policies, "logs:PutLogEvents", stream("broken"))


def test_only_daily_stats_reads_flights_and_writes_statistics(examples: Template) -> None:
    flights = arn(examples, "AWS::S3::Bucket", "Flights")
    statistics = arn(examples, "AWS::DynamoDB::Table", "DailyStatistics")
    asked = [
        Question("s3:GetObject", f"{flights}/flights/2013-01-01.csv"),
        Question("dynamodb:PutItem", statistics, {"dynamodb:LeadingKeys": ["2013-01-01"]}),
        Question("s3:GetObject", f"{flights}/secrets.csv"),
        Question("s3:PutObject", f"{flights}/flights/2013-01-01.csv"),
        Question("s3:ListBucket", flights),
        Question("dynamodb:Scan", statistics),
        Question("dynamodb:DeleteItem", statistics, {"dynamodb:LeadingKeys": ["2013-01-01"]}),
    ]
    assert judge(role_of(examples, "daily_stats"), asked) == [True, True, False, False, False, False, False]
    assert not any(judge(role_of(examples, "heartbeat"), asked))


def test_each_example_may_do_only_what_its_module_does(examples: Template) -> None:
    """A table of all calls of the examples, and some other calls, with the jobs that may make them."""
    flights, reports = (arn(examples, "AWS::S3::Bucket", word) for word in ("Flights", "Reports"))
    statistics = arn(examples, "AWS::DynamoDB::Table", "DailyStatistics")
    day = {"dynamodb:LeadingKeys": ["2013-01-01"]}
    sender, other = (f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{name}@example.com" for name in ("reminders", "boss"))
    from_it, from_other = ({"ses:FromAddress": f"{name}@example.com"} for name in ("reminders", "boss"))
    none: set[str] = set()
    may = [
        (Question("ses:SendEmail", sender, from_it), {"remind_by_email"}),
        (Question("ses:SendEmail", sender, from_other), none),
        (Question("ses:SendEmail", sender), none),
        (Question("ses:SendEmail", other, from_it), none),
        (Question("ses:SendRawEmail", sender, from_it), none),
        (Question("ses:SendBulkTemplatedEmail", sender, from_it), none),
        (Question("s3:GetObject", f"{flights}/flights/2013-01-01.csv"), {"daily_stats", "consistency"}),
        (Question("s3:ListBucket", flights, {"s3:prefix": "flights/2013-01-01.csv"}), {"consistency"}),
        (Question("s3:ListBucket", flights), none),
        (Question("s3:PutObject", f"{flights}/flights/2013-01-01.csv"), none),
        (Question("dynamodb:PutItem", statistics, day), {"daily_stats"}),
        (Question("dynamodb:GetItem", statistics, day), {"weekly_report", "consistency"}),
        (Question("dynamodb:Scan", statistics), none),
        (Question("s3:PutObject", f"{reports}/weekly/2013-01-07.html"), {"weekly_report"}),
        (Question("s3:PutObject", f"{reports}/consistency/2013-01-01.json"), {"consistency"}),
        (Question("s3:PutObject", f"{reports}/nights/2013-01-01.json"), {"night_shift"}),
        (Question("s3:ListBucket", reports, {"s3:prefix": "weekly/"}), {"retention"}),
        (Question("s3:ListBucket", reports, {"s3:prefix": "nights/"}), none),
        (Question("s3:ListBucket", reports), none),
        (Question("s3:DeleteObject", f"{reports}/consistency/2013-01-01.json"), {"retention"}),
        (Question("s3:DeleteObject", f"{reports}/weekly/2013-01-07.html"), {"retention"}),
        (Question("s3:DeleteObject", f"{reports}/nights/2013-01-01.json"), none),
        (Question("s3:GetObject", f"{reports}/weekly/2013-01-07.html"), none),
    ]
    for job in JOBS:
        answers = judge(role_of(examples, job), [asked for asked, _ in may])
        assert answers == [job in those for _, those in may], job


def test_scheduler_invokes_the_stacks_functions_and_nothing_else(examples: Template) -> None:
    [role] = [key for key in of_type(examples, "AWS::IAM::Role") if "Scheduler" in key]
    policies = policies_of(examples, role)
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function"
    own = [Question("lambda:InvokeFunction", f"{function}:shop-examples-{job}") for job in JOBS]
    assert judge(policies, own) == [True] * len(JOBS)
    foreign = [
        Question("lambda:InvokeFunction", f"{function}:shop-examples-other"),
        Question("lambda:InvokeFunction", f"{function}:shop-daily"),
        *(Question("lambda:InvokeFunction", f"{function}:shop-examples-{job}:{PLANS}") for job in JOBS),
        Question("lambda:InvokeFunction", f"{function}:shop-examples-broken:1"),
        Question("lambda:UpdateFunctionCode", f"{function}:shop-examples-broken"),
        Question("sqs:SendMessage", arn(examples, "AWS::SQS::Queue", "Handler")),
    ]
    assert judge(policies, foreign) == [False] * len(foreign)
    assert allowed(policies, "sqs:SendMessage", arn(examples, "AWS::SQS::Queue", "Delivery"))


def test_only_scheduler_for_this_group_may_assume_the_role(examples: Template) -> None:
    """The source is the group's ARN: with a schedule's ARN, CreateSchedule fails."""
    [role] = [key for key in of_type(examples, "AWS::IAM::Role") if "Scheduler" in key]
    [statement] = properties(examples, role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {
        "Action": "sts:AssumeRole",
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Condition": {
            "StringEquals": {
                "aws:SourceAccount": ACCOUNT,
                "aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/shop-examples",
            }
        },
    }


def test_the_evaluator_refuses_an_invalid_question(examples: Template, table: str) -> None:
    policies = role_of(examples, "heartbeat")
    with pytest.raises(AssertionError):
        allowed(policies, "dynamodb:NoSuchAction", table)
    with pytest.raises(AssertionError, match="not a condition key"):
        allowed(policies, "dynamodb:GetItem", table, {"sqs:Nonsense": "1"})
