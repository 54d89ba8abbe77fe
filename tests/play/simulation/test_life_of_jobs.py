"""Plans whose job is renamed, loses its ``once()``, or is deleted with its stack: none of them is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack.errors import CronstackError
from cronstack_infra import project as projects
from cronstack_infra.lock_file import update
from cronstack_infra.ops.deployment import Deployment, find_deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.play.simulation.cloud.assembly import Assembly
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.kit.virtual import Prepared, awake, prepared
from tests.play.simulation.conftest import START, assembled, small_project

JOB = """from cronstack import cron, job, once

@job(schedule={schedule}, retries=0)
def {name}(run):
    return run.once_key
"""
YEARLY = "cron('0 0 1 1 ? *', timezone='UTC')"
HOUR = timedelta(hours=1)


class Project:
    """A project whose only job is declared again for each deployment, with its lock file as in a repository."""

    def __init__(self, root: Path) -> None:
        jobs = root / "empty"
        jobs.mkdir(parents=True)
        self.root = small_project(root / "small", jobs).root

    def assembly(self, name: str, schedule: str = "once()", even_if_waiting: str = "", lock: bool = True) -> Assembly:
        (self.root / "functions" / "jobs" / "reminders.py").write_text(JOB.format(name=name, schedule=schedule))
        cdk_json = self.root / "cdk.json"
        written = json.loads(cdk_json.read_text("utf-8"))
        written["context"]["cronstack:even-if-waiting"] = even_if_waiting
        cdk_json.write_text(json.dumps(written), "utf-8")
        (self.root / ".cronstack").unlink(missing_ok=True)
        (self.root / "cronstack.lock").unlink(missing_ok=True)
        if lock:
            update(self.root, "jobs", {"remind": True}, ci=False)
            update(self.root, "jobs", {name: schedule == "once()"}, ci=False)
        return assembled(projects.Project.find(self.root))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("life"))


@pytest.fixture(scope="module")
def deployed(project: Project) -> Iterator[Prepared]:
    """A cloud with the job ``remind`` and ten reminders, due in three hours."""

    def remind(cloud: VirtualCloud) -> None:
        cloud.deploy(project.assembly("remind"))
        once = once_of(cloud.client, deployment(cloud))
        for number in range(10):
            once.schedule("remind", key=f"order-{number}", after=3 * HOUR)

    with prepared(START, 3, remind) as ready:
        yield ready


@pytest.fixture
def cloud(deployed: Prepared) -> Iterator[VirtualCloud]:
    with awake(deployed) as virtual:
        yield virtual


def deployment(cloud: VirtualCloud) -> Deployment:
    return find_deployment(cloud.client("cloudformation"), "small")


def status(cloud: VirtualCloud) -> str:
    value: str = cloud.client("cloudformation").describe_stacks(StackName="small")["Stacks"][0]["StackStatus"]
    return value


def reasons(cloud: VirtualCloud) -> list[str]:
    events = cloud.client("cloudformation").describe_stack_events(StackName="small")["StackEvents"]
    return [
        event["ResourceStatusReason"]
        for event in events
        if event["LogicalResourceId"] == "SharedDeployCheck" and event["ResourceStatus"].endswith("_FAILED")
    ]


def schedules(cloud: VirtualCloud) -> int:
    return len(cloud.client("scheduler").list_schedules(GroupName="small-once")["Schedules"])


def letters(cloud: VirtualCloud) -> list[dict[str, Any]]:
    """Return the dead letters of deliveries."""
    sqs, url, bodies = cloud.client("sqs"), deployment(cloud).delivery_dead_letters, []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


def ran(cloud: VirtualCloud) -> set[str]:
    """Return the keys whose run has succeeded."""
    return {event["key"] for event in cloud.events if event["event"] == "attempt" and event["outcome"] == "succeeded"}


KEYS = {f"order-{number}" for number in range(10)}


def test_a1_a_renamed_job_loses_none_of_its_plans(cloud: VirtualCloud, project: Project) -> None:
    """Rule: a deployment that would end plans is refused before it deletes anything. If it is forced, each plan becomes
    a dead letter. If the job is declared again before they are due, it runs all of them."""
    with pytest.raises(CronstackError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloud.deploy(project.assembly("remind_v2"))
    assert status(cloud) == "UPDATE_ROLLBACK_COMPLETE"
    (reason,) = reasons(cloud)
    assert "remind: 10 planned occurrences wait" in reason
    assert "-c cronstack:even-if-waiting=remind" in reason
    assert schedules(cloud) == 10
    cloud.client("lambda").get_function(FunctionName="small-remind")

    cloud.deploy(project.assembly("remind_v2", even_if_waiting="remind"))
    with pytest.raises(ClientError):
        cloud.client("lambda").get_function(FunctionName="small-remind")
    removed = cloud.snapshot()
    cloud.advance(4 * HOUR)
    assert len(letters(cloud)) == 10
    assert schedules(cloud) == 0
    assert ran(cloud) == set()

    cloud.restore(removed)
    cloud.deploy(project.assembly("remind"))
    cloud.advance(4 * HOUR)
    assert ran(cloud) == KEYS
    assert letters(cloud) == []


def test_a1_plans_of_a_job_without_once_still_run(cloud: VirtualCloud, project: Project) -> None:
    """Rule: a job that loses its once() keeps the role and the alias of its plans while the lock file lists it."""
    with pytest.raises(CronstackError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloud.deploy(project.assembly("remind", schedule=YEARLY))
    cloud.deploy(project.assembly("remind", schedule=YEARLY, even_if_waiting="all"))
    cloud.advance(4 * HOUR)
    assert ran(cloud) == KEYS


def test_a1_without_the_lock_file_the_refusal_warns_of_lost_plans(cloud: VirtualCloud, project: Project) -> None:
    with pytest.raises(CronstackError, match="UPDATE_ROLLBACK_COMPLETE"):
        cloud.deploy(project.assembly("remind_v2", lock=False))
    assert "they are lost then" in reasons(cloud)[0]


def test_a1_a_stack_is_not_deleted_while_plans_wait(cloud: VirtualCloud) -> None:
    """Rule: the check is the first step of a deletion, so nothing is deleted if it refuses."""
    cloud.client("cloudformation").delete_stack(StackName="small")
    assert status(cloud) == "DELETE_FAILED"
    assert "10 planned occurrences wait. After a deletion these never run" in reasons(cloud)[0]
    assert schedules(cloud) == 10
    cloud.advance(4 * HOUR)
    assert ran(cloud) == KEYS
    cloud.client("cloudformation").delete_stack(StackName="small")
    with pytest.raises(ClientError):
        status(cloud)


def test_a_removed_job_for_which_nothing_waits_is_removed(cloud: VirtualCloud, project: Project) -> None:
    cloud.advance(4 * HOUR)
    before = cloud.now
    cloud.deploy(project.assembly("remind_v2"))
    assert status(cloud) == "UPDATE_COMPLETE"
    assert cloud.now - before < timedelta(seconds=10), "the check looks twice"
