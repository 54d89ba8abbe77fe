"""The watchdog in the template: a job like the others, with exactly the rights that a pass needs."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack.errors import DeclarationError
from cronstack.ledger import partitions
from tests.infra.conftest import Synthesize
from tests.tools.iam import OF_THE_TABLE, OTHER_WRITES, Question, judge
from tests.tools.template import ACCOUNT, REGION, STACK_ID, arn_of, of_type, policies_of, properties, resolved

Template = dict[str, Any]
JOBS = """
@job(schedule=rate('1 hour'), on_missed="run")
def repeated(run): ...

@job(schedule=rate('1 hour'))
def reported(run): ...
"""


@pytest.fixture
def template(synthesize: Synthesize) -> Template:
    return synthesize(JOBS, cronstack__watchdog="true")


def function_of(template: Template, job: str) -> dict[str, Any]:
    functions = [properties(template, key) for key in of_type(template, "AWS::Lambda::Function")]
    [found] = [function for function in functions if function.get("FunctionName") == f"shop-{job}"]
    return found


def judged(template: Template, *asked: Question) -> list[bool]:
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("JobswatchdogRole")]
    return judge(policies_of(template, role), asked)


def keys(*partition: str) -> dict[str, list[str]]:
    return {"dynamodb:LeadingKeys": [*partition]}


def test_it_is_deployed_as_a_job_with_the_same_code(template: Template) -> None:
    watchdog, other = function_of(template, "watchdog"), function_of(template, "reported")
    assert watchdog["Handler"] == "cronstack.watchdog.handler.watchdog"
    assert watchdog["Code"] == other["Code"]
    schedules = {properties(template, key)["Name"]: properties(template, key) for key in of_type(template, SCHEDULE)}
    assert schedules["shop-watchdog.1"]["ScheduleExpression"] == "cron(0/5 * * * ? *)"
    assert schedules["shop-watchdog.1"]["GroupName"] == "shop"
    topic = resolved(template, template["Outputs"]["AlarmTopic"]["Value"])
    variables, of_others = watchdog["Environment"]["Variables"], other["Environment"]["Variables"]
    assert variables.keys() - of_others.keys() == {"CRONSTACK_ALARM_TOPIC"}
    assert variables["CRONSTACK_ALARM_TOPIC"] == topic


SCHEDULE = "AWS::Scheduler::Schedule"


def test_its_own_runs_are_not_in_the_metrics_of_the_stack(template: Template) -> None:
    assert "CRONSTACK_METRICS" not in function_of(template, "watchdog")["Environment"]["Variables"]
    assert function_of(template, "reported")["Environment"]["Variables"]["CRONSTACK_METRICS"] == "stack"


def test_it_reads_all_rows_and_writes_incidents_and_its_own_rows(template: Template) -> None:
    table = arn_of(template, "SharedLedger")
    index = f"{table}/index/{partitions.INDEX}"
    reads = [
        Question("dynamodb:GetItem", table, keys("job#reported")),
        Question("dynamodb:BatchGetItem", table, keys("job#reported", "run#reported#1")),
        Question("dynamodb:Query", table, keys("job#reported")),
        Question("dynamodb:Query", index, keys("open#job#reported")),
    ]
    writes = [
        Question("dynamodb:UpdateItem", table, keys("watch")),
        Question("dynamodb:UpdateItem", table, keys("job#watchdog")),
        Question("dynamodb:UpdateItem", table, keys("job#reported")),
        Question("dynamodb:UpdateItem", table, keys("watch", "job#reported")),
        Question("dynamodb:UpdateItem", table, keys("audit#reported")),
        Question("dynamodb:UpdateItem", table),
    ]
    assert judged(template, *reads) == [True] * 4
    assert judged(template, *writes) == [True, True, False, False, False, False]


def test_it_does_nothing_else_to_the_table(template: Template) -> None:
    table = arn_of(template, "SharedLedger")
    others = [action for action in OTHER_WRITES if action != "BatchGetItem"]
    asked = [Question(f"dynamodb:{action}", table, keys("watch")) for action in others]
    asked += [Question(f"dynamodb:{action}", table) for action in OF_THE_TABLE]
    assert judged(template, *asked) == [False] * len(asked)


def test_it_reads_its_stack_its_schedules_its_queues_and_metrics(template: Template) -> None:
    def schedule(group: str) -> str:
        return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/x"

    allowed = [
        Question("cloudformation:GetTemplate", STACK_ID),
        Question("cloudformation:DescribeStacks", STACK_ID),
        Question("scheduler:ListSchedules", "*"),
        *(Question("scheduler:GetSchedule", schedule(group)) for group in ("shop", "shop-carriers", "shop-once")),
        Question("sqs:GetQueueAttributes", arn_of(template, "SharedHandlerDeadLetters")),
        Question("sqs:GetQueueAttributes", arn_of(template, "SharedDeliveryDeadLetters")),
        Question("cloudwatch:GetMetricData", "*"),
    ]
    refused = [
        Question("cloudformation:GetTemplate", STACK_ID.replace("stack/shop/", "stack/shop-examples/")),
        Question("cloudformation:UpdateStack", STACK_ID),
        Question("scheduler:GetSchedule", schedule("shop-examples")),
        Question("scheduler:DeleteSchedule", schedule("shop")),
        Question("scheduler:UpdateSchedule", schedule("shop")),
        Question("sqs:ReceiveMessage", arn_of(template, "SharedHandlerDeadLetters")),
        Question("sqs:DeleteMessage", arn_of(template, "SharedHandlerDeadLetters")),
        Question("cloudwatch:PutMetricData", "*"),
        Question("cloudwatch:DisableAlarmActions", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:x"),
    ]
    assert judged(template, *allowed) == [True] * len(allowed)
    assert judged(template, *refused) == [False] * len(refused)


def test_it_publishes_only_to_the_topic_of_alarms(template: Template) -> None:
    topic = resolved(template, template["Outputs"]["AlarmTopic"]["Value"])
    asked = [
        Question("sns:Publish", topic),
        Question("sns:Publish", f"{topic}2"),
        Question("sns:Subscribe", topic),
        Question("sns:DeleteTopic", topic),
    ]
    assert judged(template, *asked) == [True, False, False, False]


def test_it_starts_only_jobs_that_request_it(template: Template) -> None:
    def function(job: str) -> str:
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-{job}"

    asked = [Question("lambda:InvokeFunction", function(job)) for job in ("repeated", "reported", "watchdog", "x")]
    assert judged(template, *asked) == [True, False, False, False]
    assert judged(template, Question("lambda:InvokeFunction", function("repeated:plans"))) == [False]


def test_a_job_neither_publishes_nor_writes_incidents(template: Template) -> None:
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("JobsreportedRole")]
    topic = resolved(template, template["Outputs"]["AlarmTopic"]["Value"])
    asked = [
        Question("sns:Publish", topic),
        Question("dynamodb:UpdateItem", arn_of(template, "SharedLedger"), keys("watch")),
    ]
    assert judge(policies_of(template, role), asked) == [False, False]


def test_the_deploy_check_does_not_know_it(template: Template) -> None:
    check = template["Resources"]["SharedDeployCheck"]["Properties"]
    assert "reported" in str(check)
    assert "watchdog" not in str(check)


def test_it_can_be_left_out(synthesize: Synthesize) -> None:
    template = synthesize(JOBS, cronstack__watchdog="false")
    assert not [key for key in template["Resources"] if "atchdog" in key]


def test_no_job_of_the_user_may_have_its_name(synthesize: Synthesize) -> None:
    with pytest.raises(DeclarationError, match="the name 'watchdog' is reserved") as caught:
        synthesize("@job()\ndef watchdog(run): ...")
    assert '@job(name="...")' in caught.value.remedy
    assert caught.value.where.endswith("nightly.py:4")
