"""Code that may schedule a job: what it is granted, what lies beside that, and how it is told where to find the job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack.errors import DeclarationError
from cronstack.onetime import schedules
from cronstack.onetime.schedules import Wiring
from cronstack.settings import once_variable
from cronstack_infra import names
from tests.infra.conftest import Synthesize, template_of
from tests.tools.iam import Question, judge
from tests.tools.template import ACCOUNT, REGION, arn_of, of_type, policies_of, properties, resolved

Template = dict[str, Any]
SOURCE = """
@job(schedule=once(), start_deadline=600)
def remind(run): ...

@job(schedule=[once(), cron("0 6 * * ? *", timezone="UTC")])
def capture(run): ...

@job()
def shop_front(run): ...
"""
GROUP = "shop-once"


def grants(stack: Any, jobs: Any) -> None:
    stack.grant_schedule("remind", jobs["shop_front"])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("once")
    package = folder / "functions" / "jobs_that_code_schedules"
    package.mkdir(parents=True)
    (package / "all.py").write_text(f"from cronstack import cron, job, once\n{SOURCE}")
    return template_of(package.name, package.parent, folder / "out", stack="shop", resources=grants)


def role(template: Template, job: str, id: str = "Role") -> str:
    found = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith(f"Jobs{job.replace('_', '')}{id}")]
    [one] = found
    return one


def schedule(name: str, *, group: str = GROUP, partition: str = "aws") -> str:
    return f"arn:{partition}:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}"


def pass_on(arn: str, service: str = "scheduler.amazonaws.com") -> Question:
    return Question("iam:PassRole", arn, {"iam:PassedToService": service})


def row(action: str, job: str, table: str) -> Question:
    return Question(f"dynamodb:{action}", table, {"dynamodb:LeadingKeys": [f"job#{job}"]})


def test_it_may_do_all_that_once_asks_for(template: Template) -> None:
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::Table")]
    own = schedules.name("remind", "order-4711", 1_767_268_800_000)
    asked = [Question(f"scheduler:{action}Schedule", schedule(own)) for action in ("Create", "Get", "Delete")]
    asked += [row(action, "remind", table) for action in ("GetItem", "UpdateItem", "Query")]
    asked += [pass_on(arn_of(template, role(template, "remind", "OnceRole")))]
    assert judge(policies_of(template, role(template, "shop_front")), asked) == [True] * len(asked)


def test_what_lies_beside_it_is_refused(template: Template) -> None:
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::Table")]
    prefix, own = schedules.prefix("remind"), schedules.name("remind", "order-4711", 1)
    rest = own.removeprefix(prefix)
    roles = of_type(template, "AWS::IAM::Role")
    near = [
        Question("scheduler:CreateSchedule", schedule(schedules.name("capture", "order-4711", 1))),
        Question("scheduler:CreateSchedule", schedule(f"{prefix[:-1]}0.{rest}")),
        Question("scheduler:CreateSchedule", schedule(f"x{own}")),
        Question("scheduler:CreateSchedule", schedule(own[:-30])),
        Question("scheduler:CreateSchedule", schedule(own, group="shop")),
        Question("scheduler:CreateSchedule", schedule(own, group="shop-carriers")),
        Question("scheduler:CreateSchedule", schedule(own, group="shop-once2")),
        Question("scheduler:CreateSchedule", schedule(own, partition="aws-cn")),
        Question("scheduler:UpdateSchedule", schedule(own)),
        Question("scheduler:ListSchedules", "*"),
        Question("scheduler:DeleteScheduleGroup", f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}"),
        Question("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-remind"),
        pass_on(arn_of(template, role(template, "remind", "OnceRole")), "lambda.amazonaws.com"),
        *(pass_on(arn_of(template, one)) for one in roles if "OnceRole" in one and "remind" not in one),
        *(pass_on(arn_of(template, one)) for one in roles if "CarrierRole" in one and "shopfront" not in one),
        pass_on(f"{arn_of(template, role(template, 'remind', 'OnceRole'))}2"),
        row("GetItem", "capture", table),
        row("UpdateItem", "remind2", table),
        row("PutItem", "remind", table),
        row("DeleteItem", "remind", table),
        Question("dynamodb:Scan", table),
        Question("dynamodb:Query", table),
    ]
    assert len(near) >= 10
    assert judge(policies_of(template, role(template, "shop_front")), near) == [False] * len(near)


@pytest.mark.parametrize("job", ["remind", "capture"])
def test_its_schedules_invoke_that_job_and_leave_dead_letters(template: Template, job: str) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-"
    [queue] = [arn_of(template, key) for key in of_type(template, "AWS::SQS::Queue") if "Delivery" in key]
    asked = [Question("lambda:InvokeFunction", f"{function}{job}"), Question("sqs:SendMessage", queue)]
    near = [Question("lambda:InvokeFunction", f"{function}{one}") for one in ("shop_front", f"{job}2")]
    found = judge(policies_of(template, role(template, job, "OnceRole")), [*asked, *near])
    assert found == [True, True, False, False]
    [statement] = properties(template, role(template, job, "OnceRole"))["AssumeRolePolicyDocument"]["Statement"]
    source = {"aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT} | source}


def test_code_and_servers_are_told_how_to_reach_the_job(template: Template) -> None:
    [function] = [
        properties(template, key)
        for key in of_type(template, "AWS::Lambda::Function")
        if properties(template, key)["FunctionName"] == "shop-shop_front"
    ]
    told = function["Environment"]["Variables"]
    wiring = Wiring.read(told[once_variable("remind")])
    assert once_variable("capture") not in told
    assert (wiring.job, wiring.group, wiring.start_deadline) == ("remind", GROUP, 600)
    assert wiring.role == arn_of(template, role(template, "remind", "OnceRole"))
    assert wiring.function == f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-remind"
    for job in ("remind", "capture"):
        output = resolved(template, template["Outputs"][names.once_output(job)]["Value"])
        assert Wiring.read(output).job == job


def test_a_stack_without_such_jobs_has_nothing_of_it(synthesize: Synthesize) -> None:
    template = synthesize("@job(schedule=rate('1 hour'))\ndef hourly(run): ...")
    assert "OnceRole" not in json.dumps(template)
    assert GROUP not in json.dumps(template)


@pytest.mark.parametrize(
    ("job", "why"), [("nobody", "there is no job 'nobody'"), ("shop_front", "is not declared by once")]
)
def test_a_grant_for_another_job_is_refused(synthesize: Synthesize, job: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        synthesize(SOURCE, resources=lambda stack, jobs: stack.grant_schedule(job, jobs["remind"]))


def test_a_job_may_schedule_itself(synthesize: Synthesize) -> None:
    template = synthesize(SOURCE, resources=lambda stack, jobs: stack.grant_schedule("remind", jobs["remind"]))
    own = Question("scheduler:CreateSchedule", schedule(schedules.name("remind", "again", 1)))
    assert judge(policies_of(template, role(template, "remind")), [own]) == [True]
