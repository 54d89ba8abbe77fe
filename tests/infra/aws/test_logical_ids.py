"""Logical ids are built from names of jobs: a construct that moves in the tree keeps its resources."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cronstack import job, once, parse, rate
from cronstack_infra.discovery.discover import DeclaredJob, discover
from cronstack_infra.toolchain.node import set_jsii_node
from tests.infra.conftest import FUNCTIONS

Template = dict[str, Any]
OF_THE_STACK = (
    *("Ledger", "DeliveryDeadLetters", "DeliveryDeadLettersPolicy", "HandlerDeadLetters", "HandlerDeadLettersPolicy"),
    *("AlarmTopic", "AlarmTopicPolicy", "WorkAlarm", "Group", "Carriers", "Once", "SchedulerRole"),
    *("DeployCheck", "DeployCheckFunction", "DeployCheckRole", "DeployCheckLog"),
)
OF_A_JOB = ("Log", "Role", "CarrierRole", "Function", "Retries", "Role/DefaultPolicy", "Schedule1")
OF_CODE = ("OnceRole", "Plans", "PlansRetries")
OF_THE_USER = re.compile(r"(DailyStatistics|Flights|Reports|Sender)[0-9A-F]{8}")


def logical_ids_module() -> Any:
    """Return the module under test. aws_cdk takes a second to load, and starts Node, so import it late."""
    set_jsii_node(os.environ)
    from cronstack_infra.aws import logical_ids

    return logical_ids


def test_each_resource_of_cronstack_has_a_fixed_id(examples: Template) -> None:
    """No id depends on the path, also not ids of what the CDK adds: the policy of a grant, or of a queue."""
    logical_ids = logical_ids_module()
    jobs = [declared.name for declared in discover("examples", FUNCTIONS).jobs]
    known = {logical_ids.of_stack(kind) for kind in OF_THE_STACK}
    known |= {logical_ids.of_job(job, kind) for job in jobs for kind in (*OF_A_JOB, *OF_CODE)}
    ids = set(examples["Resources"])
    assert {logical for logical in ids if not OF_THE_USER.fullmatch(logical)} <= known
    assert {logical_ids.of_stack(kind) for kind in OF_THE_STACK} <= ids
    assert logical_ids.of_job("daily_stats", "Role/DefaultPolicy") in ids


def ids_of_a_stack(outdir: Path, place: Callable[[Any], Any]) -> set[str]:
    """Synthesize a stack whose shared constructs and job are created in the scope of ``place``."""
    logical_ids = logical_ids_module()
    import aws_cdk as cdk
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_

    from cronstack_infra.aws.foundation import Foundation
    from cronstack_infra.aws.scheduled_function import ScheduledFunction

    app = cdk.App(outdir=str(outdir))
    stack = logical_ids.StackOfOwners(app, "shop")
    removal = cdk.RemovalPolicy.RETAIN
    foundation = Foundation(place(stack), "A", functions=["shop-a_b"], removal=removal, ledger=None, warm_writes=None)
    created = job(name="a_b", schedule=[once(), rate("1 hour")])(lambda run: None)
    function = ScheduledFunction(
        place(stack),
        "B",
        declared=DeclaredJob(created, (parse("rate(1 hour)"),), "jobs/many.py:7"),
        foundation=foundation,
        code=lambda_.Code.from_inline("x = 1"),
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
    )
    # Resources that users add below Cronstack's constructs: a right of the job, a right to start it, a right to send.
    function.role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))
    function.function.add_permission("Bus", principal=iam.ServicePrincipal("events.amazonaws.com"))
    function.function.add_function_url()
    foundation.delivery_dead_letters.grant_send_messages(iam.ServicePrincipal("events.amazonaws.com"))
    app.synth()
    return set(json.loads((outdir / "shop.template.json").read_text())["Resources"])


def test_a_construct_that_moves_keeps_its_ids(tmp_path: Path) -> None:
    """Resources that the CDK or the user adds keep theirs too: AWS refuses a second, equal event source."""
    logical_ids = logical_ids_module()
    from constructs import Construct

    numbers = itertools.count()
    here = ids_of_a_stack(tmp_path / "here", lambda stack: stack)
    below = ids_of_a_stack(tmp_path / "below", lambda stack: Construct(Construct(stack, f"X{next(numbers)}"), "Below"))
    assert here == below
    added = ("Role/DefaultPolicy", "Function/Bus", "Function/FunctionUrl")
    assert {logical_ids.of_job("a_b", kind) for kind in (*OF_A_JOB, *OF_CODE, *added)} <= here


NAME = st.text("ab-_A1", min_size=1, max_size=6)


@given(one=NAME, other=NAME, kind=st.sampled_from(OF_A_JOB), another=st.sampled_from(OF_A_JOB))
def test_ids_are_different_if_jobs_or_kinds_are(one: str, other: str, kind: str, another: str) -> None:
    logical_ids = logical_ids_module()
    first, second = logical_ids.of_job(one, kind), logical_ids.of_job(other, another)
    assert (first == second) is ((one, kind) == (other, another))


def test_ids_are_valid_for_cloudformation() -> None:
    logical_ids = logical_ids_module()
    longest = logical_ids.of_job("x-" * 32, "Function/" + "SqsEventSource:queue/" * 20)
    shared = logical_ids.of_stack("DeliveryDeadLetters/" + "Policy/" * 60)
    for id in (longest, shared, logical_ids.of_stack("Ledger"), logical_ids.of_job("a", "Log")):
        assert re.fullmatch(r"[A-Za-z0-9]{1,255}", id)
