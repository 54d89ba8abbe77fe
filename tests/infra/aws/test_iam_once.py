"""Code that may schedule a job: its rights, the rights that it lacks, and its wiring."""

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
from tests.tools.iam import OF_THE_TABLE, OTHER_WRITES, Question, judge
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
    """Grant scheduling to a job, and to a server's role without other rights."""
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
    prefix = f"Jobs{job.replace('_', '')}{id}"
    [key] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith(prefix)]
    return key


def planner(template: Template) -> str:
    """Return the role of a server that may plan, and do nothing else."""
    [key] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("Server")]
    return key


def schedule(name: str, *, group: str = GROUP, partition: str = "aws") -> str:
    return f"arn:{partition}:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}"


def pass_on(arn: str, service: str = "scheduler.amazonaws.com") -> Question:
    return Question("iam:PassRole", arn, {"iam:PassedToService": service})


def row(action: str, partition: str, table: str) -> Question:
    return Question(f"dynamodb:{action}", table, {"dynamodb:LeadingKeys": [partition]})


def invoke(job: str, qualifier: str = "") -> Question:
    """Return the question for an invocation. ``qualifier``: with its colon."""
    return Question("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:shop-{job}{qualifier}")


@pytest.mark.parametrize("grantee", ["server", "job"])
def test_a_grantee_may_call_all_requests_of_once(template: Template, grantee: str) -> None:
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::GlobalTable")]
    own = schedules.name("remind", "order-4711", 1_767_268_800_000)
    asked = [Question(f"scheduler:{action}Schedule", schedule(own)) for action in ("Create", "Get", "Delete")]
    verbs = ("GetItem", "UpdateItem", "Query")
    asked += [row(verb, partition, table) for verb in verbs for partition in partitions.plan_partitions("remind")]
    asked += [pass_on(arn_of(template, role(template, "remind", "OnceRole")))]
    granted = planner(template) if grantee == "server" else role(template, "shop_front")
    assert judge(policies_of(template, granted), asked) == [True] * len(asked)


def test_similar_requests_are_refused(template: Template) -> None:
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
        *(pass_on(arn_of(template, key)) for key in roles if "OnceRole" in key and "remind" not in key),
        *(pass_on(arn_of(template, key)) for key in roles if "CarrierRole" in key and "shopfront" not in key),
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
"""Runs and leases of the job, plans of others, jobs with similar names, lists of the index, unused prefixes."""


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
        near += [row(verb, partition, f"{table}/index/{partitions.INDEX}") for partition in (own, "open#job#remind")]
    asked = [row(verb, own, table), *near]
    assert judge(policies_of(template, planner(template)), asked) == [True] + [False] * len(near)


@pytest.mark.parametrize("action", OTHER_WRITES)
def test_a_planner_has_no_other_way_to_its_plans(template: Template, action: str) -> None:
    """PutItem would drop attributes, DeleteItem would let a key be planned again; each has a PartiQL equivalent."""
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::GlobalTable")]
    asked = [row(action, "plan#remind#0", table), row(action, "job#remind", table)]
    assert judge(policies_of(template, planner(template)), asked) == [False, False]


@pytest.mark.parametrize("action", OF_THE_TABLE)
def test_a_planner_does_nothing_to_the_table(template: Template, action: str) -> None:
    [table] = [arn_of(template, key) for key in of_type(template, "AWS::DynamoDB::GlobalTable")]
    assert judge(policies_of(template, planner(template)), [Question(f"dynamodb:{action}", table)]) == [False]


@pytest.mark.parametrize("job", ["remind", "capture"])
def test_schedules_of_plans_invoke_only_their_job_by_the_alias_and_send_dead_letters(
    template: Template, job: str
) -> None:
    """A forged event of a planner reaches the function only by the alias, where it is refused."""
    [queue] = [arn_of(template, key) for key in of_type(template, "AWS::SQS::Queue") if "Delivery" in key]
    asked = [invoke(job, f":{PLANS}"), Question("sqs:SendMessage", queue)]
    near = [
        *(invoke(job, qualifier) for qualifier in ("", ":$LATEST", ":1", ":plan", f":{PLANS}2", f":{PLANS}:1")),
        *(invoke(other, qualifier) for other in ("shop_front", f"{job}2") for qualifier in ("", f":{PLANS}")),
        Question("dynamodb:UpdateItem", arn_of(template, next(iter(of_type(template, "AWS::DynamoDB::GlobalTable"))))),
        Question("lambda:UpdateAlias", invoke(job).resource),
    ]
    answers = judge(policies_of(template, role(template, job, "OnceRole")), [*asked, *near])
    assert answers == [True] * len(asked) + [False] * len(near)
    [statement] = properties(template, role(template, job, "OnceRole"))["AssumeRolePolicyDocument"]["Statement"]
    source = {"aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT} | source}


@pytest.mark.parametrize("of", ["CarrierRole", "SchedulerRole"])
def test_carriers_and_declared_schedules_invoke_unqualified(template: Template, of: str) -> None:
    [role_key] = [
        key for key in of_type(template, "AWS::IAM::Role") if key.startswith(("Jobsremind", "Shared")) and of in key
    ]
    asked = [invoke("remind"), *(invoke("remind", qualifier) for qualifier in (f":{PLANS}", ":$LATEST", ":1"))]
    assert judge(policies_of(template, role_key), asked) == [True, False, False, False]


def test_the_alias_has_lambdas_retries_and_the_dead_letters_of_the_function(template: Template) -> None:
    """The alias is created first: the qualifier is a string, so CloudFormation sees no dependency."""
    configs = of_type(template, "AWS::Lambda::EventInvokeConfig")
    of_alias = {key: config for key, config in configs.items() if config["Properties"]["Qualifier"] == PLANS}
    aliases = of_type(template, "AWS::Lambda::Alias")
    assert len(of_alias) == len(aliases) == 2
    for key, alias in aliases.items():
        assert (alias["Properties"]["Name"], alias["Properties"]["FunctionVersion"]) == (PLANS, "$LATEST")
        [own] = [config for config in of_alias.values() if key in config["DependsOn"]]
        function = own["Properties"]["FunctionName"]
        assert function == alias["Properties"]["FunctionName"]
        [latest] = [
            config["Properties"]
            for config in configs.values()
            if config["Properties"]["Qualifier"] == "$LATEST" and config["Properties"]["FunctionName"] == function
        ]
        assert own["Properties"] | {"Qualifier": "$LATEST"} == latest


def test_functions_and_outputs_have_the_wiring_of_the_job(template: Template) -> None:
    [function] = [
        properties(template, key)
        for key in of_type(template, "AWS::Lambda::Function")
        if properties(template, key)["FunctionName"] == "shop-shop_front"
    ]
    variables = function["Environment"]["Variables"]
    wiring = Wiring.read(variables[once_variable("remind")])
    assert once_variable("capture") not in variables
    assert (wiring.job, wiring.group, wiring.start_deadline) == ("remind", GROUP, 600)
    assert wiring.role == arn_of(template, role(template, "remind", "OnceRole"))
    assert wiring.function == invoke("remind", f":{PLANS}").resource
    for job in ("remind", "capture"):
        output = resolved(template, template["Outputs"][names.once_output(job)]["Value"])
        assert Wiring.read(output).job == job


def test_a_job_that_code_schedules_has_a_day_to_start(template: Template) -> None:
    """Scheduler's and Lambda's limits: 86,400 s and 21,600 s. Lambda sends older events to the queue."""
    output = resolved(template, template["Outputs"][names.once_output("capture")]["Value"])
    assert Wiring.read(output).start_deadline == 86_400
    schedules = [properties(template, key)["Target"] for key in of_type(template, "AWS::Scheduler::Schedule")]
    assert [target["RetryPolicy"]["MaximumEventAgeInSeconds"] for target in schedules] == [86_400]
    configs = [properties(template, key) for key in of_type(template, "AWS::Lambda::EventInvokeConfig")]
    assert {config["MaximumEventAgeInSeconds"] for config in configs} == {21_600}
    assert all(config["DestinationConfig"]["OnFailure"]["Destination"] for config in configs)


def test_a_stack_without_such_jobs_still_has_the_group(synthesize: Synthesize) -> None:
    """Deleting the group would delete the plans that wait in it, so the group stays after the last such job."""
    template = synthesize("@job(schedule=rate('1 hour'))\ndef hourly(run): ...")
    assert "OnceRole" not in json.dumps(template)
    groups = {item["Properties"]["Name"] for item in of_type(template, "AWS::Scheduler::ScheduleGroup").values()}
    assert groups == {"shop", "shop-carriers", GROUP}


@pytest.mark.parametrize(
    ("job", "why"), [("unknown", "no job 'unknown' exists"), ("shop_front", "is not declared by once")]
)
def test_a_grant_for_another_job_is_refused(synthesize: Synthesize, job: str, why: str) -> None:
    with pytest.raises(DeclarationError, match=why):
        synthesize(SOURCE, resources=lambda stack, jobs: stack.grant_schedule(job, jobs["remind"]))


def test_a_job_may_schedule_itself(synthesize: Synthesize) -> None:
    template = synthesize(SOURCE, resources=lambda stack, jobs: stack.grant_schedule("remind", jobs["remind"]))
    own = Question("scheduler:CreateSchedule", schedule(schedules.name("remind", "again", 1)))
    assert judge(policies_of(template, role(template, "remind")), [own]) == [True]
