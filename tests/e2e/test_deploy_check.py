"""A job with plans is renamed, then plain ``cdk deploy`` runs: the real CLI shows the refusal.

The tests change one stack, so their order matters.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack.ledger.partitions import plan_key
from cronstack.occurrence import planned_id, print_time, to_milliseconds
from cronstack_infra import names
from cronstack_infra.local.environment import REGION, pointed_at
from cronstack_infra.lock_file import update
from cronstack_infra.names import role_name
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.toolchain.cdk import local_args
from tests.e2e.conftest import Deployed
from tests.e2e.projects import LONGEST_CLI_CALL, Deployer, user_project

STACK = "life"
PLANS = "life-once"
KEYS = [f"order-{number}" for number in range(10)]
LONGEST_WAIT = 60.0
JOB = """from cronstack import job, once


@job(schedule=once())
def {name}(run):
    pass
"""


def declare(deployer: Deployer, name: str) -> None:
    (deployer.root / "functions" / "jobs" / "reminders.py").write_text(JOB.format(name=name))
    update(deployer.root, "jobs", {name: True}, ci=False)


def cdk_deploy(deployer: Deployer, *more: str) -> tuple[int, str]:
    """Return the exit code and the output of ``cdk deploy``."""
    lines: list[str] = []
    args = [*local_args("deploy", package="jobs", output=deployer.root / "cdk.out"), *more]
    code = deployer.cli.run(args, pointed_at(deployer.cloud.endpoint, os.environ), LONGEST_CLI_CALL, lines.append)
    return code, "\n".join(lines)


@dataclass(frozen=True)
class Life:
    """A project with one job, which ``once()`` declares, and ten plans of it."""

    deployer: Deployer
    deployed: Deployed

    def client(self, service: str) -> Any:
        return self.deployed.cloud.client(service)

    def plans(self) -> list[str]:
        """Return the names of the schedules of plans, by key."""
        return sorted(
            schedule["Name"] for schedule in self.client("scheduler").list_schedules(GroupName=PLANS)["Schedules"]
        )

    def outputs(self) -> dict[str, str]:
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return names.stack_outputs(stack)

    def bring_forward(self, schedule: str) -> None:
        """Make a plan due in two seconds, in schedule, event and ledger."""
        scheduler = self.client("scheduler")
        described = scheduler.get_schedule(GroupName=PLANS, Name=schedule)
        kept = ("Name", "GroupName", "Target", "FlexibleTimeWindow", "ActionAfterCompletion")
        due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
        event = json.loads(described["Target"]["Input"])
        self.client("dynamodb").update_item(
            TableName=self.outputs()[names.OUTPUT_LEDGER],
            Key=plan_key("remind", event["key"]),
            UpdateExpression="SET #due = :due",
            ConditionExpression="attribute_exists(#due)",
            ExpressionAttributeNames={"#due": "due"},
            ExpressionAttributeValues={":due": {"N": str(to_milliseconds(due))}},
        )
        described["Target"]["Input"] = json.dumps(event | {"scheduled": print_time(to_milliseconds(due))})
        scheduler.update_schedule(
            **{name: described[name] for name in kept}, ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})"
        )

    def letters(self, count: int) -> set[str]:
        """Receive ``count`` letters of Scheduler. Return the keys of their plans."""
        sqs, url, keys = self.client("sqs"), self.outputs()[names.OUTPUT_DELIVERY_DEAD_LETTERS], set[str]()
        deadline = time.monotonic() + LONGEST_WAIT
        while len(keys) < count and time.monotonic() < deadline:
            answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MaxNumberOfMessages=10)
            requests = [json.loads(message["Body"]) for message in answer.get("Messages", ())]
            keys |= {json.loads(request["Payload"])["key"] for request in requests}
        return keys


@pytest.fixture(scope="module")
def life(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Life:
    deployer = user_project(tmp_path_factory.mktemp("life") / STACK, STACK, deployed.cloud)
    shutil.rmtree(deployer.root / "functions" / "jobs")
    (deployer.root / "functions" / "jobs").mkdir()
    declare(deployer, "remind")
    deployer.deploy()
    clients = deployed.cloud.client
    once = once_of(clients, find_deployment(clients("cloudformation"), STACK))
    for key in KEYS:
        once.schedule("remind", key=key, at="2199-01-01T09:00:00Z")
    return Life(deployer, deployed)


def test_a1_plain_cdk_deploy_refuses_to_remove_a_job_with_plans(life: Life) -> None:
    """Rule: the error has the number of plans and the options. Nothing is deleted."""
    before = life.plans()
    assert len(before) == len(KEYS)
    declare(life.deployer, "remind_v2")
    code, output = cdk_deploy(life.deployer)
    assert code == 1
    words = " ".join(output.split())
    assert "remind: 10 planned occurrences wait" in words
    assert "-c cronstack:even-if-waiting=remind: each then runs or ends as a dead letter" in words
    assert life.plans() == before
    assert life.client("lambda").get_function(FunctionName="life-remind")


def test_t1_the_plans_of_a_job_that_was_renamed_run_or_end_as_dead_letters(life: Life) -> None:
    """Rule: plans of a removed job end as dead letters. After the job is declared again, they run."""
    declare(life.deployer, "remind_v2")
    code, output = cdk_deploy(life.deployer, "-c", "cronstack:even-if-waiting=remind")
    assert code == 0, output
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        life.client("lambda").get_function(FunctionName="life-remind")
    kept = {role["RoleName"] for role in life.client("iam").list_roles()["Roles"]}
    assert {role_name(STACK, "remind", REGION, kind) for kind in ("carrier", "once")} <= kept
    gone, again = KEYS[:5], KEYS[5:]
    schedules = dict(zip(KEYS, life.plans(), strict=True))
    for key in gone:
        life.bring_forward(schedules[key])
    assert life.letters(len(gone)) == set(gone)

    declare(life.deployer, "remind")
    code, output = cdk_deploy(life.deployer)
    assert code == 0, output
    for key in again:
        life.bring_forward(schedules[key])
    watch = life.deployed.watch
    watch.until(lambda: ran(life) == {planned_id(key) for key in again}, LONGEST_WAIT, "the run of each plan")
    assert life.plans() == []


def ran(life: Life) -> set[str]:
    """Return the occurrences of the job that succeeded."""
    ended = life.deployed.watch.all("finished", function="life-remind", outcome="ok")
    results = [json.loads(result["result"]) for result in ended]
    return {result["occurrence"] for result in results if result["cronstack"] == "succeeded"}
