"""The template of a declaration: function, schedules, both dead-letter paths, alarms, outputs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cronstack.deployed.form import read_schedule
from cronstack.errors import DeclarationError
from cronstack_infra import names
from tests.infra.conftest import Synthesize
from tests.tools.template import arn_of, name_of, of_type, policies_of, properties

Template = dict[str, Any]


def only(template: Template, kind: str, word: str = "") -> str:
    """Return the logical id of the only resource of a type, with a word in its id."""
    keys = [key for key in of_type(template, kind) if word in key]
    assert len(keys) == 1, f"{kind}: {keys}"
    return keys[0]


def properties_of(template: Template, kind: str, word: str = "") -> dict[str, Any]:
    return properties(template, only(template, kind, word))


def schedules(template: Template) -> dict[str, dict[str, Any]]:
    all_schedules = (properties(template, key) for key in of_type(template, "AWS::Scheduler::Schedule"))
    return {schedule["Name"]: schedule for schedule in all_schedules}


def test_a_job_is_a_function_with_its_own_role_log_retries_and_schedule(examples: Template) -> None:
    jobs, by_code, without_schedule = 11, 2, 3
    for kind, count in {
        "Lambda::Function": jobs,
        "Logs::LogGroup": jobs,
        "Lambda::Alias": by_code,
        "Lambda::EventInvokeConfig": jobs + by_code,
    }.items():
        assert len(of_type(examples, f"AWS::{kind}")) == count, kind
    assert len(of_type(examples, "AWS::Scheduler::Schedule")) == jobs - without_schedule
    assert len(of_type(examples, "AWS::IAM::Role")) == 2 * jobs + by_code + 1
    roles = {
        json.dumps(function["Properties"]["Role"]) for function in of_type(examples, "AWS::Lambda::Function").values()
    }
    assert len(roles) == jobs


def test_there_is_one_custom_resource_and_no_type_beyond_those_known(examples: Template) -> None:
    assert {resource["Type"].removeprefix("AWS::") for resource in examples["Resources"].values()} == {
        "CloudWatch::Alarm",
        "Custom::CronstackDeployCheck",
        "DynamoDB::GlobalTable",
        "DynamoDB::Table",
        "IAM::Policy",
        "IAM::Role",
        "Lambda::Alias",
        "Lambda::EventInvokeConfig",
        "Lambda::Function",
        "Logs::LogGroup",
        "S3::Bucket",
        "SES::EmailIdentity",
        "SNS::Topic",
        "SNS::TopicPolicy",
        "SQS::Queue",
        "SQS::QueuePolicy",
        "Scheduler::Schedule",
        "Scheduler::ScheduleGroup",
    }


def test_the_function_has_the_values_of_the_declaration(examples: Template) -> None:
    function = properties_of(examples, "AWS::Lambda::Function", "broken")
    assert function["FunctionName"] == "shop-examples-broken"
    assert function["Handler"] == "examples.broken.broken"
    assert (function["Timeout"], function["MemorySize"]) == (60, 256)
    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    variables = function["Environment"]["Variables"]
    assert variables["EXCHANGE_RATE"] == "1,3194"
    table = only(examples, "AWS::DynamoDB::GlobalTable", "Ledger")
    queue = only(examples, "AWS::SQS::Queue", "HandlerDeadLetters")
    assert variables["CRONSTACK_LEDGER"] == name_of(examples, table)
    assert variables["CRONSTACK_DEAD_LETTERS"].endswith(f"/{name_of(examples, queue)}")
    assert variables["CRONSTACK_STACK"] == "shop-examples"


def test_all_functions_share_one_asset(examples: Template) -> None:
    keys = {function["Properties"]["Code"]["S3Key"] for function in of_type(examples, "AWS::Lambda::Function").values()}
    assert len(keys) == 1


def test_python_and_architecture_are_chosen_by_context(synthesize: Synthesize) -> None:
    source = "@job()\ndef nightly(run): ..."
    function = properties_of(
        synthesize(source, cronstack__python="3.12", cronstack__architecture="x86_64"), "AWS::Lambda::Function"
    )
    assert (function["Runtime"], function["Architectures"]) == ("python3.12", ["x86_64"])
    with pytest.raises(DeclarationError, match=r"cronstack:python.*2\.7"):
        synthesize(source, cronstack__python="2.7")


def test_the_log_group_has_the_functions_name_and_a_retention(examples: Template) -> None:
    group = properties_of(examples, "AWS::Logs::LogGroup", "heartbeat")
    assert group == {"LogGroupName": "/aws/lambda/shop-examples-heartbeat", "RetentionInDays": 30}
    function = properties_of(examples, "AWS::Lambda::Function", "heartbeat")
    assert function["LoggingConfig"] == {"LogGroup": "/aws/lambda/shop-examples-heartbeat"}


def test_the_schedule_has_the_values_of_the_declaration(examples: Template) -> None:
    schedule = schedules(examples)["shop-examples-daily_stats.1"]
    assert schedule["GroupName"] == "shop-examples"
    assert schedule["ScheduleExpression"] == "cron(55 23 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "America/New_York"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["State"] == "ENABLED"
    assert not {"StartDate", "EndDate"} & set(schedule)
    assert schedule["Target"]["Arn"].endswith(":function:shop-examples-daily_stats")
    assert schedule["Target"]["RoleArn"] == arn_of(examples, only(examples, "AWS::IAM::Role", "Scheduler"))


def test_an_at_is_deployed_as_a_yearly_cron_in_utc(examples: Template) -> None:
    schedule = schedules(examples)["shop-examples-launch.1"]
    assert schedule["Description"].startswith("at(2")
    assert schedule["Description"].endswith(" America/New_York")
    declared = read_schedule(schedule)
    (due,) = declared.after(datetime(2000, 1, 1, tzinfo=UTC))
    assert schedule["ScheduleExpression"] == f"cron({due.minute} {due.hour} {due.day} {due.month} ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"


def test_schedulers_context_attributes_are_in_the_input(examples: Template) -> None:
    text = schedules(examples)["shop-examples-broken.1"]["Target"]["Input"]
    assert json.loads(text) == {
        "cronstack": 1,
        "job": "broken",
        "scheduled": "<aws.scheduler.scheduled-time>",
        "schedule": "<aws.scheduler.schedule-arn>",
        "delivery": "<aws.scheduler.execution-id>",
        "input": {},
    }
    for attribute in ("scheduled-time", "schedule-arn", "execution-id"):
        assert f"<aws.scheduler.{attribute}>" in text


def test_start_and_end_input_state_and_several_schedules(synthesize: Synthesize) -> None:
    template = synthesize(
        """
@job(
    schedule=[
        rate("5 minutes", end=datetime(2032, 1, 1, tzinfo=UTC)),
        cron("0 6 * * ? *", timezone="Europe/Berlin", start=datetime(2031, 1, 1, 6, tzinfo=UTC)),
    ],
    input={"shop": "Zürich <3"},
    enabled=False,
)
def nightly(run): ...
"""
    )
    by_name = schedules(template)
    assert sorted(by_name) == ["shop-nightly.1", "shop-nightly.2"]
    first, second = by_name["shop-nightly.1"], by_name["shop-nightly.2"]
    assert first["ScheduleExpression"] == "rate(5 minutes)"
    assert not {"StartDate", "EndDate"} & {*first, *second}
    assert first["Description"] == "end=2032-01-01T00:00:00+00:00"
    assert second["Description"] == "start=2031-01-01T06:00:00+00:00"
    assert second["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert {first["State"], second["State"]} == {"DISABLED"}
    assert json.loads(first["Target"]["Input"])["input"] == {"shop": "Zürich <3"}


def test_a_job_without_a_schedule_is_deployed_for_triggers(synthesize: Synthesize) -> None:
    template = synthesize("@job()\ndef by_hand(run): ...")
    assert schedules(template) == {}
    assert properties_of(template, "AWS::Lambda::Function")["FunctionName"] == "shop-by_hand"


def test_a_stack_without_jobs_is_valid(synthesize: Synthesize) -> None:
    template = synthesize("")
    assert not of_type(template, "AWS::Lambda::Function")
    [policy] = policies_of(template, only(template, "AWS::IAM::Role", "Scheduler"))
    assert [statement["Sid"] for statement in policy["Statement"]] == ["DeliveryDeadLetters"]


def test_undeliverable_events_go_to_the_delivery_dead_letters(examples: Template) -> None:
    target = schedules(examples)["shop-examples-heartbeat.1"]["Target"]
    assert target["DeadLetterConfig"] == {"Arn": arn_of(examples, only(examples, "AWS::SQS::Queue", "Delivery"))}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 185}


def test_failed_runs_go_to_the_handler_dead_letters(examples: Template) -> None:
    """Lambda's retries are for faults, so they are the same for each job: broken has no retries of its own."""
    queue = arn_of(examples, only(examples, "AWS::SQS::Queue", "Handler"))
    for job in ("broken", "daily_stats"):
        assert properties_of(examples, "AWS::Lambda::EventInvokeConfig", job.replace("_", "")) == {
            "FunctionName": f"shop-examples-{job}",
            "Qualifier": "$LATEST",
            "MaximumRetryAttempts": 2,
            "MaximumEventAgeInSeconds": 21600,
            "DestinationConfig": {"OnFailure": {"Destination": queue}},
        }


@pytest.mark.parametrize("origin", ["Delivery", "Handler"])
def test_dead_letters_are_kept_encrypted(examples: Template, origin: str) -> None:
    queue = only(examples, "AWS::SQS::Queue", origin)
    assert properties(examples, queue) == {"MessageRetentionPeriod": 14 * 86400, "SqsManagedSseEnabled": True}
    assert examples["Resources"][queue]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert examples["Resources"][queue]["UpdateReplacePolicy"] == "Retain"
    [statement] = properties_of(examples, "AWS::SQS::QueuePolicy", origin)["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_operators_find_the_deployment_by_its_outputs(examples: Template) -> None:
    assert set(examples["Outputs"]) == {
        "Ledger",
        "DeliveryDeadLetters",
        "HandlerDeadLetters",
        "ScheduleGroup",
        "AlarmTopic",
        "FlightsBucket",
        "ReportsBucket",
        "StatisticsTable",
        names.once_output("capture_payment"),
        names.once_output("remind_by_email"),
    }
    outputs = {name: output["Value"] for name, output in examples["Outputs"].items()}
    assert outputs["Ledger"] == {"Ref": only(examples, "AWS::DynamoDB::GlobalTable", "Ledger")}
    assert outputs["DeliveryDeadLetters"] == {"Ref": only(examples, "AWS::SQS::Queue", "Delivery")}
    assert outputs["HandlerDeadLetters"] == {"Ref": only(examples, "AWS::SQS::Queue", "Handler")}


def test_a11_3_a_schedule_waits_for_its_group_its_role_and_the_retries_of_its_function(examples: Template) -> None:
    """Without the retries, Lambda's defaults apply to a first event, which could end without a letter."""
    group = only(examples, "AWS::Scheduler::ScheduleGroup", "Group")
    role = only(examples, "AWS::IAM::Role", "Scheduler")
    configs = of_type(examples, "AWS::Lambda::EventInvokeConfig")
    for key, schedule in of_type(examples, "AWS::Scheduler::Schedule").items():
        job = key.partition("Schedule")[0]
        [retries] = [config for config in configs if config.startswith(f"{job}Retries")]
        assert {group, role, retries} <= set(schedule["DependsOn"])


def test_names_of_jobs_that_differ_by_one_sign_stay_different(synthesize: Synthesize) -> None:
    template = synthesize(
        "@job()\ndef a_b(run): ...\n\n@job(name='a-b')\ndef c(run): ...\n\n@job()\ndef Ledger(run): ..."
    )
    functions = [properties(template, key)["FunctionName"] for key in of_type(template, "AWS::Lambda::Function")]
    assert sorted(functions) == ["shop-Ledger", "shop-a-b", "shop-a_b"]
