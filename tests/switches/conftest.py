"""The places in which switches are played: one local cloud for all tests, and one virtual cloud without a stack."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import client_arguments
from cronstack_infra.local.http import switching
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.switches.parsing import read
from cronstack_infra.switches.settings import Switches
from tests.kit.virtual import Prepared, awake, prepared

START = datetime(2027, 3, 1, tzinfo=UTC)
_ONE_ATTEMPT: Any = {"retries": {"total_max_attempts": 1}}


class Place(NamedTuple):
    """A cloud, a factory of its clients, which send each request once, and its switches."""

    name: str
    client: Callable[[str], Any]
    switched: Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="session")
def local_cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def prepared_cloud() -> Iterator[Prepared]:
    with prepared(START, seed=7) as cloud:
        yield cloud


@pytest.fixture
def virtual(prepared_cloud: Prepared) -> Iterator[VirtualCloud]:
    with awake(prepared_cloud) as cloud:
        yield cloud


@pytest.fixture(params=["local cloud", "virtual cloud"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "local cloud":
        cloud: LocalCloud = request.getfixturevalue("local_cloud")
        return of_local(cloud)
    return of_virtual(request.getfixturevalue("virtual"))


def of_local(cloud: LocalCloud) -> Place:
    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(service, config=Config(**_ONE_ATTEMPT), **client_arguments(cloud.endpoint, "us-east-1"))

    def switched(*given: str, seed: int = 0) -> AbstractContextManager[None]:
        return switching.switches(cloud.endpoint, *given, seed=seed)

    return Place("local cloud", client, switched)


def of_virtual(cloud: VirtualCloud) -> Place:
    def client(service: str) -> Any:
        make: Any = boto3.client
        return make(service, config=Config(**_ONE_ATTEMPT), **client_arguments(None, "us-east-1"))

    @contextmanager
    def switched(*given: str, seed: int = 0) -> Iterator[None]:
        cloud.play(read(given, seed=seed))
        yield
        cloud.play(Switches())

    return Place("virtual cloud", client, switched)


_names = iter(range(1_000_000))


def new_name(what: str) -> str:
    """Return a name that no other test uses, because tests share the local cloud."""
    return f"{what}-{next(_names)}"


def new_role(place: Place, name: str = "") -> str:
    """Create a role that Scheduler may assume and that allows everything. Return its ARN."""
    iam, name = place.client("iam"), name or new_name("role")
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))
    allowed = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=_document(allowed))
    return str(made["Role"]["Arn"])


def delete_role(place: Place, arn: str) -> None:
    iam, name = place.client("iam"), arn.rpartition("/")[2]
    iam.delete_role_policy(RoleName=name, PolicyName="may")
    iam.delete_role(RoleName=name)


def new_queue(place: Place) -> tuple[str, str]:
    """Create a queue. Return its URL and ARN."""
    sqs = place.client("sqs")
    url = sqs.create_queue(QueueName=new_name("queue"))["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, answer["Attributes"]["QueueArn"]


def schedule(role: str, target: str, expression: str = "cron(0 6 * * ? 2199)", **more: Any) -> dict[str, Any]:
    """Return the members of a CreateSchedule request. ``letters``: the ARN of its dead-letter queue."""
    letters = more.pop("letters", None)
    destination = {"Arn": target, "RoleArn": role, "Input": '"hello"'}
    destination |= {"DeadLetterConfig": {"Arn": letters}} if letters else {}
    members = {"ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": destination}
    return {"Name": new_name("schedule"), **members, **more}


def bodies(place: Place, url: str) -> list[str]:
    """Return the bodies of the messages in a queue."""
    answer = place.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in answer.get("Messages", ())]


def _document(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
