"""A job may make carriers of its own and no others, and a carrier may invoke its own job's function and no other."""

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
    """Logical id of the role of a job's function, or of its carriers."""
    [found] = [
        key
        for key in of_type(template, "AWS::IAM::Role")
        if key.startswith(f"Jobs{job.replace('_', '')}") and ("CarrierRole" in key) is of_carriers
    ]
    return found


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
def test_a_job_makes_carriers_of_its_own_and_of_no_other(examples: Template, job: str) -> None:
    own = [create(name(job)), pass_on(carrier_role_arn(examples, job))]
    assert judge(policies(examples, job), own) == [True, True]
    others = [other for other in JOBS if other != job]
    foreign = [create(name(other)) for other in others]
    foreign += [pass_on(carrier_role_arn(examples, other)) for other in others]
    assert not any(judge(policies(examples, job), foreign))


def test_a_name_that_merely_begins_alike_is_not_its_own(examples: Template) -> None:
    own = name("heartbeat")
    prefix = carrier.prefix("heartbeat")
    begun, _, rest = own.rpartition(".")
    alike = [
        f"{begun}0.{rest}",
        f"{prefix[:-2]}.{rest}",
        f"carrier.heartbeat.{rest}",
        f"carrier.heartbeat_2{prefix.removeprefix('carrier.heartbeat')}{rest}",
        f"x{own}",
        name("heartbea"),
        name("heartbeats"),
        f"{STACK}-heartbeat.1",
    ]
    assert allowed(policies(examples, "heartbeat"), "scheduler:CreateSchedule", schedule(own))
    assert judge(policies(examples, "heartbeat"), [create(one) for one in alike]) == [False] * len(alike)


def test_jobs_that_begin_with_the_same_twenty_characters_have_different_carriers() -> None:
    longer = "reports_of_the_whole_month"
    assert longer[:20] == "reports_of_the_whole_week"[:20]
    assert carrier.prefix(longer) != carrier.prefix("reports_of_the_whole_week")
    assert len(name(longer)) <= 64


def test_no_other_group_not_even_that_of_the_declared_schedules(examples: Template) -> None:
    own = name("broken")
    groups = (STACK, "default", f"{GROUP}-2", f"x-{GROUP}", "shop-carriers")
    assert not any(judge(policies(examples, "broken"), [create(own, group=group) for group in groups]))


@pytest.mark.parametrize("job", JOBS)
def test_a_job_looks_whether_a_carrier_of_its_own_exists_and_at_no_other(examples: Template, job: str) -> None:
    """CreateSchedule answers ConflictException also for other reasons than an existing name."""
    others = [schedule(name(other)) for other in JOBS if other != job]
    others += [schedule(name(job), group=group) for group in (STACK, f"{STACK}-once", "default")]
    asked = [Question("scheduler:GetSchedule", one) for one in (schedule(name(job)), *others)]
    assert judge(policies(examples, job), asked) == [True] + [False] * len(others)


@pytest.mark.parametrize("action", ["UpdateSchedule", "DeleteSchedule"])
def test_a_carrier_once_made_is_out_of_its_makers_hands(examples: Template, action: str) -> None:
    assert not allowed(policies(examples, "broken"), f"scheduler:{action}", schedule(name("broken")))


def test_a_job_neither_makes_nor_deletes_groups_and_lists_nothing(examples: Template) -> None:
    group = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{GROUP}"
    asked = [
        Question("scheduler:CreateScheduleGroup", group),
        Question("scheduler:DeleteScheduleGroup", group),
        Question("scheduler:TagResource", group),
        Question("scheduler:ListSchedules", "*"),
    ]
    assert not any(judge(policies(examples, "broken"), asked))


def test_it_passes_its_carrier_role_to_scheduler_only_and_no_other_role(examples: Template) -> None:
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
def test_a_carrier_invokes_its_own_job_and_leaves_dead_letters(examples: Template, job: str) -> None:
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
    found = judge(policies(examples, job, of_carriers=True), [*needed, *near])
    assert found == [True] * len(needed) + [False] * len(near)


@pytest.mark.parametrize("job", JOBS)
def test_only_scheduler_for_the_group_of_carriers_takes_a_carrier_role(examples: Template, job: str) -> None:
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
def test_the_function_is_told_its_group_its_role_and_the_queue(examples: Template, job: str) -> None:
    [function] = [
        key
        for key in of_type(examples, "AWS::Lambda::Function")
        if properties(examples, key)["FunctionName"] == f"{STACK}-{job}"
    ]
    told = properties(examples, function)["Environment"]["Variables"]
    [queue] = [key for key in of_type(examples, "AWS::SQS::Queue") if "Delivery" in key]
    assert told["CRONSTACK_CARRIERS"] == GROUP
    assert told["CRONSTACK_CARRIER_ROLE"] == carrier_role_arn(examples, job)
    assert told["CRONSTACK_DELIVERY_DEAD_LETTERS"] == arn_of(examples, queue)
