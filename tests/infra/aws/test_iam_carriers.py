"""A job may create only its own carriers, and a carrier may invoke only its own job's function."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack.guard import carrier
from cronstack_infra import names
from tests.tools.iam import Policies, Question, allowed, judge
from tests.tools.template import ACCOUNT, REGION, arn_of, of_type, policies_of, properties

Template = dict[str, Any]
JOBS = ("broken", "daily_stats", "heartbeat", "launch")
STACK = "shop-examples"
GROUP = f"{STACK}-carriers"
TO_SCHEDULER = {"iam:PassedToService": "scheduler.amazonaws.com"}


def role(template: Template, job: str, *, of_carriers: bool = False) -> str:
    """Return the logical id of the role of a job's function, or of its carriers."""
    [key] = [
        key
        for key in of_type(template, "AWS::IAM::Role")
        if key.startswith(f"Jobs{job.replace('_', '')}") and ("CarrierRole" in key) is of_carriers
    ]
    return key


def policies(template: Template, job: str, *, of_carriers: bool = False) -> Policies:
    return policies_of(template, role(template, job, of_carriers=of_carriers))


def carrier_role_arn(template: Template, job: str) -> str:
    return arn_of(template, role(template, job, of_carriers=True))


def schedule(name: str, *, group: str = GROUP) -> str:
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}"


def name(job: str) -> str:
    return carrier.name(job, "t-2031-01-01T06:00:00Z", "plain", "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0)


def create(name: str, *, group: str = GROUP) -> Question:
    return Question("scheduler:CreateSchedule", schedule(name, group=group))


def send(queue: str) -> Question:
    return Question("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")


def pass_on(arn: str, service: str = "scheduler.amazonaws.com") -> Question:
    return Question("iam:PassRole", arn, {"iam:PassedToService": service})


@pytest.mark.parametrize("job", JOBS)
def test_a_job_creates_only_its_own_carriers(examples: Template, job: str) -> None:
    own = [create(name(job)), pass_on(carrier_role_arn(examples, job))]
    assert judge(policies(examples, job), own) == [True, True]
    others = [other for other in JOBS if other != job]
    foreign = [create(name(other)) for other in others]
    foreign += [pass_on(carrier_role_arn(examples, other)) for other in others]
    assert not any(judge(policies(examples, job), foreign))


def test_carriers_with_similar_names_are_refused(examples: Template) -> None:
    own = name("heartbeat")
    prefix = carrier.prefix("heartbeat")
    start, _, rest = own.rpartition(".")
    similar = [
        f"{start}0.{rest}",
        f"{prefix[:-2]}.{rest}",
        f"carrier.heartbeat.{rest}",
        f"carrier.heartbeat_2{prefix.removeprefix('carrier.heartbeat')}{rest}",
        f"x{own}",
        name("heartbea"),
        name("heartbeats"),
        f"{STACK}-heartbeat.1",
    ]
    assert allowed(policies(examples, "heartbeat"), "scheduler:CreateSchedule", schedule(own))
    assert judge(policies(examples, "heartbeat"), [create(each) for each in similar]) == [False] * len(similar)


def test_jobs_with_the_same_first_twenty_characters_have_different_carriers() -> None:
    longer = "reports_of_the_whole_month"
    assert longer[:20] == "reports_of_the_whole_week"[:20]
    assert carrier.prefix(longer) != carrier.prefix("reports_of_the_whole_week")
    assert len(name(longer)) <= 64


def test_a_job_creates_no_carriers_in_other_groups(examples: Template) -> None:
    own = name("broken")
    groups = (STACK, "default", f"{GROUP}-2", f"x-{GROUP}", "shop-carriers")
    assert not any(judge(policies(examples, "broken"), [create(own, group=group) for group in groups]))


@pytest.mark.parametrize("job", JOBS)
def test_a_job_reads_only_its_own_carriers(examples: Template, job: str) -> None:
    """CreateSchedule raises ConflictException also for other reasons than an existing name."""
    others = [schedule(name(other)) for other in JOBS if other != job]
    others += [schedule(name(job), group=group) for group in (STACK, f"{STACK}-once", "default")]
    asked = [Question("scheduler:GetSchedule", arn) for arn in (schedule(name(job)), *others)]
    assert judge(policies(examples, job), asked) == [True] + [False] * len(others)


@pytest.mark.parametrize("action", ["UpdateSchedule", "DeleteSchedule"])
def test_a_job_cannot_change_or_delete_a_carrier(examples: Template, action: str) -> None:
    assert not allowed(policies(examples, "broken"), f"scheduler:{action}", schedule(name("broken")))


def test_a_job_neither_creates_nor_deletes_groups_and_lists_nothing(examples: Template) -> None:
    group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}"
    asked = [
        Question("scheduler:CreateScheduleGroup", group),
        Question("scheduler:DeleteScheduleGroup", group),
        Question("scheduler:TagResource", group),
        Question("scheduler:ListSchedules", "*"),
    ]
    assert not any(judge(policies(examples, "broken"), asked))


def test_a_job_passes_only_its_carrier_role_and_only_to_scheduler(examples: Template) -> None:
    own = carrier_role_arn(examples, "broken")
    [of_schedules] = [key for key in of_type(examples, "AWS::IAM::Role") if "SchedulerRole" in key]
    near = [
        pass_on(own, "lambda.amazonaws.com"),
        pass_on(own, "events.amazonaws.com"),
        Question("iam:PassRole", own),
        pass_on(arn_of(examples, of_schedules)),
        pass_on(arn_of(examples, role(examples, "broken"))),
        pass_on(f"{own}x"),
        Question("sts:AssumeRole", own),
    ]
    assert allowed(policies(examples, "broken"), "iam:PassRole", own, TO_SCHEDULER)
    assert judge(policies(examples, "broken"), near) == [False] * len(near)


@pytest.mark.parametrize("job", JOBS)
def test_a_carrier_invokes_its_own_job_and_sends_dead_letters(examples: Template, job: str) -> None:
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-"
    queues = {
        word: arn_of(examples, key)
        for key in of_type(examples, "AWS::SQS::Queue")
        for word in ("Delivery", "Handler")
        if word in key
    }
    needed = [Question("lambda:InvokeFunction", f"{function}{job}"), Question("sqs:SendMessage", queues["Delivery"])]
    replaced = {origin: f"{STACK}-{id}-1A2B3C4D5E6F7" for origin, id in names.QUEUE_IDS.items()}
    needed.append(send(replaced["delivery"]))
    near = [Question("lambda:InvokeFunction", f"{function}{other}") for other in JOBS if other != job]
    near += [
        send(replaced["handler"]),
        send(replaced["delivery"].replace("Letters", "Letters2")),
        send(replaced["delivery"].replace(STACK, "shop")),
        send(replaced["delivery"].replace(STACK, f"{STACK}-2")),
        Question("lambda:InvokeFunction", f"{function}{job}x"),
        Question("lambda:UpdateFunctionCode", f"{function}{job}"),
        Question("sqs:SendMessage", queues["Handler"]),
        Question("sqs:ReceiveMessage", queues["Delivery"]),
        create(name(job)),
    ]
    answers = judge(policies(examples, job, of_carriers=True), [*needed, *near])
    assert answers == [True] * len(needed) + [False] * len(near)


@pytest.mark.parametrize("job", JOBS)
def test_only_scheduler_for_the_group_of_carriers_may_assume_a_carrier_role(examples: Template, job: str) -> None:
    trusted = properties(examples, role(examples, job, of_carriers=True))["AssumeRolePolicyDocument"]["Statement"]
    [statement] = trusted
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:SourceAccount": ACCOUNT,
            "aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}",
        }
    }


@pytest.mark.parametrize("job", JOBS)
def test_the_function_has_variables_for_group_role_and_queue(examples: Template, job: str) -> None:
    [function] = [
        key
        for key in of_type(examples, "AWS::Lambda::Function")
        if properties(examples, key)["FunctionName"] == f"{STACK}-{job}"
    ]
    variables = properties(examples, function)["Environment"]["Variables"]
    [queue] = [key for key in of_type(examples, "AWS::SQS::Queue") if "Delivery" in key]
    assert variables["CRONSTACK_CARRIERS"] == GROUP
    assert variables["CRONSTACK_CARRIER_ROLE"] == carrier_role_arn(examples, job)
    assert variables["CRONSTACK_DELIVERY_DEAD_LETTERS"] == arn_of(examples, queue)
