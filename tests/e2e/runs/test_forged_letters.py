"""A job with its own credentials forges a dead letter for the job ``retention``, which would delete every report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest

from cronstack.guard import carrier
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import REGION
from cronstack_infra.local.executor.values import access_key_of
from cronstack_infra.names import carriers_group, stack_outputs
from tests.e2e.projects import Deployer, user_project

STACK = "trial-examples"
FORGER = "heartbeat"
YOUNG = "weekly/{day}.html"


@pytest.fixture(scope="module")
def deployer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    with LocalCloud.start() as cloud:
        deployer = user_project(tmp_path_factory.mktemp("forged") / "trial", "trial", cloud)
        deployer.bootstrap()
        deployer.deploy("examples")
        yield deployer


def due() -> str:
    """Return yesterday's due time of the schedule of ``retention``."""
    there = datetime.now(ZoneInfo("America/New_York")) - timedelta(days=1)
    return there.replace(hour=4, minute=15, second=0, microsecond=0).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def forged() -> dict[str, Any]:
    return {"cronstack": 1, "job": "retention", "scheduled": due(), "input": {"days": -100_000}}


def client_of_job(cloud: LocalCloud, service: str) -> Any:
    """Return a client with the credentials of the forging job."""
    make: Any = boto3.client
    key = access_key_of(f"{STACK}-{FORGER}")
    keys = {"aws_access_key_id": key, "aws_secret_access_key": "local", "aws_session_token": "-"}
    return make(service, endpoint_url=cloud.endpoint, region_name=REGION, **keys)


def environment_of_job(cloud: LocalCloud) -> dict[str, str]:
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=f"{STACK}-{FORGER}")
    return dict(configuration["Environment"]["Variables"])


def send_to_handler_queue(cloud: LocalCloud) -> None:
    queue = environment_of_job(cloud)["CRONSTACK_DEAD_LETTERS"]
    context = {"condition": "RetriesExhausted", "functionArn": f"arn:aws:lambda:::function:{STACK}-retention"}
    body = json.dumps({"requestContext": context, "requestPayload": forged(), "responsePayload": {}})
    client_of_job(cloud, "sqs").send_message(QueueUrl=queue, MessageBody=body)


def send_through_scheduler(cloud: LocalCloud) -> None:
    """Send by a universal target: the carriers' role may write to the delivery queue, the job's own role may not."""
    environment = environment_of_job(cloud)
    outputs = stack_outputs(cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0])
    request = {"FunctionName": f"{STACK}-retention", "InvocationType": "Event", "Payload": json.dumps(forged())}
    soon = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")
    client_of_job(cloud, "scheduler").create_schedule(
        Name=carrier.name(FORGER, "t-2031-01-01T06:00:00Z", "plain", "forged", 0),
        GroupName=carriers_group(STACK),
        ScheduleExpression=f"at({soon})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
            "RoleArn": environment["CRONSTACK_CARRIER_ROLE"],
            "Input": json.dumps({"QueueUrl": outputs["DeliveryDeadLetters"], "MessageBody": json.dumps(request)}),
        },
    )


def cronstack(deployer: Deployer, *args: str, code: int) -> Any:
    port = deployer.cloud.endpoint.rpartition(":")[2]
    options = ("--jobs", "examples", "--port", port, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "cronstack_infra.cli", "dead-letters", *args, *options],
        cwd=deployer.root,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, f"{args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def test_a_forged_letter_deletes_nothing(deployer: Deployer) -> None:
    cloud, s3 = deployer.cloud, deployer.cloud.client("s3")
    outputs = stack_outputs(cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0])
    bucket = outputs["ReportsBucket"]
    young = YOUNG.format(day=datetime.now(UTC).date() - timedelta(days=2))
    s3.put_object(Bucket=bucket, Key=young, Body=b"")
    send_to_handler_queue(cloud)
    send_through_scheduler(cloud)
    for _ in range(100):
        letters = cronstack(deployer, "list", "retention", code=0)
        if len(letters) == 2:
            break
        time.sleep(0.1)
    assert sorted(letter["origin"] for letter in letters) == ["delivery", "handler"]

    refused = cronstack(deployer, "redrive", "retention", code=1)
    assert sorted(result["detail"] for result in refused) == [
        f"it was sent by the carriers' role of the job {FORGER}, but names the job retention; it stays",
        f"it was sent by the role of the job {FORGER}, but names the job retention; it stays",
    ]
    shown = cronstack(deployer, "redrive", "retention", "--any-sender", "--dry-run", code=0)
    assert [result["input"] for result in shown if result["input"]] == [{"days": 90}]
    assert 'the letter has input {"days": -100000}, but the schedule trial-examples-retention.1 has' in "".join(
        note for result in shown for note in result["notes"]
    )
    first, copy = cronstack(deployer, "redrive", "retention", "--any-sender", "--wait", code=1)
    assert (first["status"], first["input"], first["input_by"]) == (
        "succeeded",
        {"days": 90},
        "the schedule trial-examples-retention.1",
    )
    assert copy["detail"] == "a copy: this command has redriven its occurrence already"
    assert [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [young]
