"""Faults of the complete stack: too many resources, and environments that grants made too large."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cronstack import job, once, parse, rate
from cronstack.errors import DeclarationError
from cronstack_infra import names
from cronstack_infra.aws.checks import environment_size
from cronstack_infra.discovery.discover import DeclaredJob
from cronstack_infra.toolchain.node import set_jsii_node

Resources = Callable[[Any], None]


def synthesize(folder: Path, resources: Resources, *, jobs: int = 1) -> None:
    """Synthesize a stack of jobs j0, j1, … that code may schedule, with these resources of the user.

    It has all options that add resources.
    """
    set_jsii_node(os.environ)
    import aws_cdk as cdk

    from cronstack_infra.aws import CronstackStack, at_synth

    def declared(number: int) -> DeclaredJob:
        created = job(name=f"j{number}", schedule=[once(), rate("1 hour")])(lambda run: None)
        return DeclaredJob(created, (parse("rate(1 hour)"),), f"functions/jobs/many.py:{number}")

    (folder / "functions" / "jobs").mkdir(parents=True)
    app = cdk.App(outdir=str(folder / "out"), builtin_cloud_formation_validation=False)
    stack = CronstackStack(
        app,
        "shop",
        jobs=[declared(number) for number in range(jobs)],
        functions_root=folder / "functions",
        alarms_to="ops@example.com",
        watchdog=True,
        dashboard=True,
    )
    resources(stack)
    at_synth.synthesize(app)


def topics(number: int) -> Resources:
    def make(stack: Any) -> None:
        import aws_cdk as cdk

        for index in range(number):
            cdk.CfnResource(stack, f"Topic{index}", type="AWS::SNS::Topic")

    return make


def test_resources_that_do_not_fit_with_those_of_the_user_are_refused(tmp_path: Path) -> None:
    """Users' grants create policies that the count of jobs does not include; CloudFormation refuses the template."""
    with pytest.raises(DeclarationError, match=r"has 5\d\d resources .* allows 500; .*: 491 AWS::SNS::Topic") as caught:
        synthesize(tmp_path, topics(490))
    assert "AWS::IAM::Policy" in caught.value.remedy


def test_the_number_of_resources_is_exact(tmp_path: Path) -> None:
    """A policy that nothing was added to is not rendered, so it does not count."""
    from cronstack_infra.aws import limits

    created = job(name="j0", schedule=[once(), rate("1 hour")])(lambda run: None)
    own = (
        limits.resources([DeclaredJob(created, (parse("rate(1 hour)"),), "x.py:1")]) - 1
    )  # the count has one in reserve

    def resources(stack: Any) -> None:
        from aws_cdk import aws_iam as iam

        topics(500 - own)(stack)
        iam.Policy(stack, "Empty")

    synthesize(tmp_path / "fits", resources)
    with pytest.raises(DeclarationError, match="has 501 resources"):
        synthesize(tmp_path / "one-more", topics(501 - own))


def grant(number: int) -> Resources:
    def resources(stack: Any) -> None:
        for index in range(number):
            stack.grant_schedule(f"j{index}", stack.jobs["j0"])
        stack.jobs["j0"].function.add_environment("TABLE", "x" * 400)

    return resources


def test_an_environment_that_grants_made_too_large_is_refused(tmp_path: Path) -> None:
    """Lambda allows 4 KB, and would refuse the function in the middle of a deployment."""
    synthesize(tmp_path / "some", grant(5), jobs=9)
    with pytest.raises(DeclarationError) as caught:
        synthesize(tmp_path / "many", grant(9), jobs=9)
    text = str(caught.value)
    assert text.startswith("functions/jobs/many.py:0: the environment of the job 'j0' has about ")
    assert "Lambda allows 4096: 9 of grant_schedule: " in text
    assert "others, such as TABLE: 405" in text
    assert "fewer jobs" in text


def test_a_function_of_the_user_is_checked_too(tmp_path: Path) -> None:
    def resources(stack: Any) -> None:
        from aws_cdk import aws_lambda as lambda_

        server = lambda_.Function(
            stack,
            "Server",
            code=lambda_.Code.from_inline("x = 1"),
            handler="index.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
        )
        for index in range(9):
            stack.grant_schedule(f"j{index}", server)
        server.add_environment("A", "x" * 600)

    with pytest.raises(DeclarationError, match=r"the function .* has about \d+ bytes"):
        synthesize(tmp_path, resources, jobs=9)


def test_sizes_are_those_of_the_names_that_cloudformation_generates() -> None:
    """Names as CloudFormation has generated them, in a Region with a long name."""
    region, account, suffix = "ap-southeast-1", "123456789012", "1A2B3C4D5E6F7"
    queue, table = names.QUEUE_IDS["delivery"], "SharedLedger"
    resources = {queue: {"Type": "AWS::SQS::Queue"}, table: {"Type": "AWS::DynamoDB::GlobalTable"}}
    written: dict[str, Any] = {
        "URL": {"Ref": queue},
        "TABLE": {"Ref": table},
        "ARN": {"Fn::GetAtt": [queue, "Arn"]},
        "JOINED": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":", {"Ref": "AWS::Region"}, ":x"]]},
        "ZÜRICH": "grüezi",
    }
    filled = {
        "URL": f"https://sqs.{region}.amazonaws.com/{account}/shop-{queue}-{suffix}",
        "TABLE": f"shop-{table}-{suffix}",
        "ARN": f"arn:aws:sqs:{region}:{account}:shop-{queue}-{suffix}",
        "JOINED": f"arn:aws-us-gov:{region}:x",
        "ZÜRICH": "grüezi",
    }
    sizes = environment_size.of_variables(written, resources, "shop")
    real = {name: len(name.encode()) + len(value.encode()) for name, value in filled.items()}
    assert all(real[name] <= sizes[name] <= real[name] + 16 for name in filled), (sizes, real)
    assert sizes["ZÜRICH"] == real["ZÜRICH"]
