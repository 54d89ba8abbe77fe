"""Code that may schedule a job: what it is granted, what lies beside that, and how it is told where to find the job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack.errors import DeclarationError
from cronstack.ledger import partitions
from cronstack.onetime import schedules
from cronstack.onetime.schedules import Wiring
from cronstack.settings import PLANS, once_variable
from cronstack_infra import names
from tests.infra.conftest import Synthesize, template_of
from tests.tools.iam import OF_THE_TABLE, WAYS_BESIDE, Question, judge
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
    """To a job, and to a server's role, which has no other right."""
    from aws_cdk import aws_iam as iam

    stack.grant_schedule("remind", jobs["shop_front"])
    server = iam.Role(stack, "Server", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    stack.grant_schedule("remind", server)


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


def planner(template: Template) -> str:
    """The role of a server that may plan, and do nothing else."""
    [one] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("Server")]
    return one


def schedule(name: str, *, group: str = GROUP, partition: str = "aws") -> str:
    return f"arn:{partition}:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}"


def pass_on(arn: str, service: str = "scheduler.amazonaws.com") -> Question:
    return Question("iam:PassRole", arn, {"iam:PassedToService": service})


def row(action: str, partition: str, table: str) -> Question:
    return Question(f"dynamodb:{action}", table, {"dynamodb:LeadingKeys": [partition]})


def invoke(job: str, qualifier: str = "") -> Question:
    """``qualifier``: with its colon."""
    return Question("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-{job}{qualifier}")


@pytest.mark.parametrize("who", ["server", "job"])
def test_it_may_do_all_that_once_asks_for(template: Template, who: str) -> None:
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::GlobalTable")]
    own = schedules.name("remind", "order-4711", 1_767_268_800_000)
    asked = [Question(f"scheduler:{action}Schedule", schedule(own)) for action in ("Create", "Get", "Delete")]
    verbs = ("GetItem", "UpdateItem", "Query")
    asked += [row(verb, partition, table) for verb in verbs for partition in partitions.plan_partitions("remind")]
    asked += [pass_on(arn_of(template, role(template, "remind", "OnceRole")))]
    granted = planner(template) if who == "server" else role(template, "shop_front")
    assert judge(policies_of(template, granted), asked) == [True] * len(asked)


def test_what_lies_beside_it_is_refused(template: Template) -> None:
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
        *(invoke("remind", qualifier) for qualifier in ("", f":{PLANS}", ":$LATEST")),
        pass_on(arn_of(template, role(template, "remind", "OnceRole")), "lambda.amazonaws.com"),
        *(pass_on(arn_of(template, one)) for one in roles if "OnceRole" in one and "remind" not in one),
        *(pass_on(arn_of(template, one)) for one in roles if "CarrierRole" in one and "shopfront" not in one),
        pass_on(f"{arn_of(template, role(template, 'remind', 'OnceRole'))}2"),
    ]
    assert len(near) >= 10
    assert judge(policies_of(template, planner(template)), near) == [False] * len(near)


NEAR_PARTITIONS = (
    "job#remind",
    "job#capture",
    "run#remind#0",
    "run#remind#f",
    "plan#capture#0",
    "plan#shop_front#0",
    "plan#remin#0",
    "plan#remind2#0",
    "plan#remind",
    "plan#remind#",
    "plan#remind#10",
    "plan#remind#0#",
    "plan#",
    "xplan#remind#0",
    "open#job#remind",
    "open#run#remind#0",
    "batch#remind#0",
    "item#remind#0",
    "watch",
    "audit#remind",
    "",
)
"""Runs and leases of the job itself, plans of others, jobs whose names begin alike, lists of the index, later rooms."""


@pytest.mark.parametrize("verb", ["GetItem", "UpdateItem", "Query"])
def test_a_planner_reaches_plans_of_its_job_and_no_other_partition(template: Template, verb: str) -> None:
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::GlobalTable")]
    near = [row(verb, partition, table) for partition in NEAR_PARTITIONS]
    own, other = "plan#remind#0", "job#remind"
    near += [
        Question(f"dynamodb:{verb}", table, {"dynamodb:LeadingKeys": [own, other]}),
        Question(f"dynamodb:{verb}", table),
        row(verb, own, f"{table}2"),
    ]
    if verb == "Query":
        near += [row(verb, one, f"{table}/index/{partitions.INDEX}") for one in (own, "open#job#remind")]
    asked = [row(verb, own, table), *near]
    assert judge(policies_of(template, planner(template)), asked) == [True] + [False] * len(near)


@pytest.mark.parametrize("action", WAYS_BESIDE)
def test_a_planner_has_no_other_way_to_its_plans(template: Template, action: str) -> None:
    """PutItem would drop attributes, DeleteItem would let a key be planned anew; each has a twin in PartiQL."""
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::GlobalTable")]
    asked = [row(action, "plan#remind#0", table), row(action, "job#remind", table)]
    assert judge(policies_of(template, planner(template)), asked) == [False, False]


@pytest.mark.parametrize("action", OF_THE_TABLE)
def test_a_planner_does_nothing_to_the_table(template: Template, action: str) -> None:
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::GlobalTable")]
    assert judge(policies_of(template, planner(template)), [Question(f"dynamodb:{action}", table)]) == [False]


@pytest.mark.parametrize("job", ["remind", "capture"])
def test_its_schedules_invoke_that_job_by_the_alias_only_and_leave_dead_letters(template: Template, job: str) -> None:
    """An event that a planner forged reaches the function by the alias, where it is refused, or not at all."""
    [queue] = [arn_of(template, key) for key in of_type(template, "AWS::SQS::Queue") if "Delivery" in key]
    asked = [invoke(job, f":{PLANS}"), Question("sqs:SendMessage", queue)]
    near = [
        *(invoke(job, qualifier) for qualifier in ("", ":$LATEST", ":1", ":plan", f":{PLANS}2", f":{PLANS}:1")),
        *(invoke(one, qualifier) for one in ("shop_front", f"{job}2") for qualifier in ("", f":{PLANS}")),
        Question("dynamodb:UpdateItem", arn_of(template, next(iter(of_type(template, "AWS::DynamoDB::GlobalTable"))))),
        Question("lambda:UpdateAlias", invoke(job).resource),
    ]
    found = judge(policies_of(template, role(template, job, "OnceRole")), [*asked, *near])
    assert found == [True] * len(asked) + [False] * len(near)
    [statement] = properties(template, role(template, job, "OnceRole"))["AssumeRolePolicyDocument"]["Statement"]
    source = {"aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT} | source}


@pytest.mark.parametrize("of", ["CarrierRole", "SchedulerRole"])
def test_carriers_and_declared_schedules_come_unqualified(template: Template, of: str) -> None:
    [one] = [
        key for key in of_type(template, "AWS::IAM::Role") if key.startswith(("Jobsremind", "Shared")) and of in key
    ]
    asked = [invoke("remind"), *(invoke("remind", qualifier) for qualifier in (f":{PLANS}", ":$LATEST", ":1"))]
    assert judge(policies_of(template, one), asked) == [True, False, False, False]


def test_the_alias_has_lambdas_retries_and_the_dead_letters_of_the_function(template: Template) -> None:
    """And is there before them: their qualifier is a plain text, from which CloudFormation derives no order."""
    configs = of_type(template, "AWS::Lambda::EventInvokeConfig")
    of_alias = {key: one for key, one in configs.items() if one["Properties"]["Qualifier"] == PLANS}
    aliases = of_type(template, "AWS::Lambda::Alias")
    assert len(of_alias) == len(aliases) == 2
    for key, alias in aliases.items():
        assert (alias["Properties"]["Name"], alias["Properties"]["FunctionVersion"]) == (PLANS, "$LATEST")
        [own] = [one for one in of_alias.values() if key in one["DependsOn"]]
        function = own["Properties"]["FunctionName"]
        assert function == alias["Properties"]["FunctionName"]
        [latest] = [
            one["Properties"]
            for one in configs.values()
            if one["Properties"]["Qualifier"] == "$LATEST" and one["Properties"]["FunctionName"] == function
        ]
        assert own["Properties"] | {"Qualifier": "$LATEST"} == latest


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
    assert wiring.function == invoke("remind", f":{PLANS}").resource
    for job in ("remind", "capture"):
        output = resolved(template, template["Outputs"][names.once_output(job)]["Value"])
        assert Wiring.read(output).job == job


def test_what_code_schedules_has_a_day_to_start(template: Template) -> None:
    """Scheduler's and Lambda's limits: 86,400 s and 21,600 s. Lambda sends what it keeps no longer to the queue."""
    output = resolved(template, template["Outputs"][names.once_output("capture")]["Value"])
    assert Wiring.read(output).start_deadline == 86_400
    schedules = [properties(template, key)["Target"] for key in of_type(template, "AWS::Scheduler::Schedule")]
    assert [one["RetryPolicy"]["MaximumEventAgeInSeconds"] for one in schedules] == [86_400]
    configs = [properties(template, key) for key in of_type(template, "AWS::Lambda::EventInvokeConfig")]
    assert {one["MaximumEventAgeInSeconds"] for one in configs} == {21_600}
    assert all(one["DestinationConfig"]["OnFailure"]["Destination"] for one in configs)


def test_a_stack_without_such_jobs_has_the_group_alone(synthesize: Synthesize) -> None:
    """Deleting the group would delete the plans that wait in it, so it does not go with the last such job."""
    template = synthesize("@job(schedule=rate('1 hour'))\ndef hourly(run): ...")
    assert "OnceRole" not in json.dumps(template)
    groups = {item["Properties"]["Name"] for item in of_type(template, "AWS::Scheduler::ScheduleGroup").values()}
    assert groups == {"shop", "shop-carriers", GROUP}


@pytest.mark.parametrize(
    ("job", "why"), [("nobody", "no job 'nobody' exists"), ("shop_front", "is not declared by once")]
)
def test_a_grant_for_another_job_is_refused(synthesize: Synthesize, job: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        synthesize(SOURCE, resources=lambda stack, jobs: stack.grant_schedule(job, jobs["remind"]))


def test_a_job_may_schedule_itself(synthesize: Synthesize) -> None:
    template = synthesize(SOURCE, resources=lambda stack, jobs: stack.grant_schedule("remind", jobs["remind"]))
    own = Question("scheduler:CreateSchedule", schedule(schedules.name("remind", "again", 1)))
    assert judge(policies_of(template, role(template, "remind")), [own]) == [True]
