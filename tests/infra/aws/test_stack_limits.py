"""Stacks that AWS would refuse in the middle of a deployment are refused before it, with the number and the remedy."""

from __future__ import annotations

import json

import pytest

from cronstack import job, once, rate
from cronstack.declaration import Job
from cronstack.errors import DeclarationError
from cronstack.settings import Settings
from cronstack_infra import names
from cronstack_infra.aws import limits
from cronstack_infra.discovery.discover import DeclaredJob
from tests.infra.conftest import Synthesize
from tests.tools.template import of_type, policies_of

EVERYTHING = {"cronstack__watchdog": "true", "cronstack__dashboard": "true", "cronstack__alarms-to": "ops@example.com"}
"""Options with which a stack has the most resources."""


def declared(name: str, *, schedules: int = 1, env: dict[str, str] | None = None) -> DeclaredJob:
    from cronstack import parse

    created: Job = job(name=name, schedule=[rate("1 hour")] * schedules, env=env)(lambda run: None)
    return DeclaredJob(created, (parse("rate(1 hour)"),) * schedules, "functions/jobs/many.py:7")


def test_the_error_for_a_name_too_long_for_aws_has_its_limit() -> None:
    longest = names.longest_job_name("shop")
    limits.check("shop", [declared("x" * longest)])
    with pytest.raises(DeclarationError) as caught:
        limits.check("shop", [declared("x" * (longest + 1))])
    message = str(caught.value)
    assert "x" * (longest + 1) in message
    assert f"at most {longest}" in message
    assert message.startswith("functions/jobs/many.py:7: ")
    assert "Shorten" in message


def test_the_longest_accepted_name_fits_aws() -> None:
    name = "x" * names.longest_job_name("shop")
    assert len(names.function_name("shop", name)) <= 64
    assert len(names.schedule_name("shop", name, 99)) == 64


def test_a_stack_name_too_long_for_names_of_jobs_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"cdk\.json") as caught:
        limits.check("s" * 60, [declared("x")])
    assert "cronstack:project" in caught.value.remedy


def test_a_stack_name_too_long_for_the_group_of_carriers_is_refused() -> None:
    limits.check("s" * 55, [declared("x")])
    assert len(names.carriers_group("s" * 55)) == 64
    with pytest.raises(DeclarationError, match=r"has 56 characters.*-carriers") as caught:
        limits.check("s" * 56, [declared("x")])
    assert "Shorten" in caught.value.remedy


def test_an_environment_too_large_for_lambda_is_refused() -> None:
    limits.check("shop", [declared("a", env={"A": "x" * (limits.MOST_ENVIRONMENT - 1)})])
    with pytest.raises(DeclarationError, match="3073 bytes; Lambda allows 4096"):
        limits.check("shop", [declared("a", env={"A": "x" * limits.MOST_ENVIRONMENT})])


def test_cronstacks_own_variables_fit_with_the_longest_names() -> None:
    """In a Region with a long name. A queue's name has at most 80 characters, a table's name from CloudFormation 95."""
    region, stack = "ap-southeast-1", "s" * 55
    settings = Settings(
        ledger="x" * 95,
        dead_letters=f"https://sqs.{region}.amazonaws.com/123456789012/{'x' * 80}",
        stack=stack,
        carriers=names.carriers_group(stack),
        carrier_role=f"arn:aws:iam::123456789012:role/{'x' * 64}",
        delivery_dead_letters=f"arn:aws:sqs:{region}:123456789012:{'x' * 80}",
    )
    size = sum(len(name) + len(value) for name, value in settings.environment().items())
    assert 600 < size <= 700
    assert size + limits.MOST_ENVIRONMENT < 4096


def test_more_jobs_than_fit_are_refused_with_the_numbers() -> None:
    most = [declared(f"j{n}") for n in range(limits.MOST_JOBS)]
    limits.check("shop", most)
    with pytest.raises(DeclarationError, match=r"74 jobs with 74 schedules .* the limit is 73 jobs") as caught:
        limits.check("shop", [*most, declared("more")])
    assert "second project" in caught.value.remedy


@pytest.mark.parametrize(("schedules", "most"), [(0, 54), (1, 48)])
def test_fewer_jobs_that_code_schedules_fit_a_stack(schedules: int, most: int) -> None:
    def by_code(number: int) -> DeclaredJob:
        created = job(name=f"j{number}", schedule=[once(), *[rate("1 hour")] * schedules])(lambda run: None)
        return DeclaredJob(created, declared("x", schedules=schedules).schedules, "functions/jobs/many.py:7")

    limits.check("shop", [by_code(number) for number in range(most)])
    with pytest.raises(DeclarationError, match="the limit is 73 jobs and 464 resources"):
        limits.check("shop", [by_code(number) for number in range(most + 1)])


def test_many_schedules_count_too() -> None:
    with pytest.raises(DeclarationError, match="482 resources"):
        limits.check("shop", [declared(f"j{n}", schedules=33) for n in range(12)])


def test_the_most_accepted_jobs_fit_cloudformation_and_iam(synthesize: Synthesize) -> None:
    more = names.longest_job_name("shop") - 2
    source = "\n\n".join(
        f"@job(schedule=rate('1 hour'))\ndef {'x' * more}{number}(run): ..."
        for number in range(10, 10 + limits.MOST_JOBS)
    )
    template = synthesize(source, stack="shop", **EVERYTHING)
    counted = limits.resources([declared(f"j{n}") for n in range(limits.MOST_JOBS)])
    assert len(template["Resources"]) <= counted <= limits.MOST_RESOURCES
    assert len(json.dumps(template)) < 1_000_000
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if "Scheduler" in key]
    [policy] = policies_of(template, role)
    longer_region = len("ap-southeast-1") - len("us-east-1")
    assert len(json.dumps(policy, separators=(",", ":"))) + longer_region * (limits.MOST_JOBS + 2) < 10_240


def test_the_count_of_resources_is_exact(synthesize: Synthesize) -> None:
    """For jobs with and without schedules and once(). The count has one resource in reserve."""
    source = """
@job(schedule=[once(), rate('1 hour')])
def both(run): ...

@job(schedule=once())
def by_code(run): ...

@job()
def by_hand(run): ...
"""
    both = job(name="both", schedule=[once(), rate("1 hour")])(lambda run: None)
    by_code = job(name="by_code", schedule=once())(lambda run: None)
    jobs = [
        DeclaredJob(both, declared("both").schedules, "x.py:1"),
        DeclaredJob(by_code, (), "x.py:1"),
        declared("by_hand", schedules=0),
    ]
    assert len(synthesize(source, **EVERYTHING)["Resources"]) + 1 == limits.resources(jobs)


def test_jobs_that_the_watchdog_starts_fit_its_role(synthesize: Synthesize) -> None:
    """With the longest names: as many as the limit permits, in a Region with a long name."""
    more = names.longest_job_name("shop") - 2
    most = limits.MOST_TO_START // (64 + len('arn:aws:lambda:ap-southeast-1:123456789012:function:","'))
    jobs = [f"{'x' * more}{number}" for number in range(10, 10 + most)]
    source = "\n\n".join(f"@job(schedule=rate('1 hour'), on_missed='run')\ndef {name}(run): ..." for name in jobs)
    template = synthesize(source, stack="shop", **EVERYTHING, cronstack__tracing="true")
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("JobswatchdogRole")]
    policies = [json.dumps(policy, separators=(",", ":")) for policy in policies_of(template, role)]
    longer_region = len("ap-southeast-1") - len("us-east-1")
    assert sum(map(len, policies)) + longer_region * (most + 20) < 10_240
    limits.check("shop", [started(name) for name in jobs])
    with pytest.raises(DeclarationError, match=r'have on_missed="run"; their ARNs have'):
        limits.check("shop", [started(name) for name in [*jobs, *(letter * 55 for letter in "abcde")]])


def started(name: str) -> DeclaredJob:
    created = job(name=name, schedule=rate("1 hour"), on_missed="run")(lambda run: None)
    return DeclaredJob(created, declared("x").schedules, "functions/jobs/many.py:7")


def test_jobs_that_code_schedules_need_different_variable_names() -> None:
    def by_code(name: str) -> DeclaredJob:
        return DeclaredJob(job(name=name, schedule=once())(lambda run: None), (), "functions/jobs/many.py:7")

    limits.check("shop", [by_code("a-b"), declared("a_b")])
    with pytest.raises(DeclarationError, match=r"'a-b' and 'a_b'.*differ only in - and _"):
        limits.check("shop", [by_code("a-b"), by_code("a_b")])
