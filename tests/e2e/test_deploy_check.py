"""A job is renamed while reminders are planned, then plain ``cdk deploy``: the real CLI shows the refusal."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cronstack_infra.local.environment import REGION, pointed_at
from cronstack_infra.lock_file import update
from cronstack_infra.names import role_name
from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.toolchain.cdk import local_args
from tests.e2e.conftest import Deployed
from tests.e2e.projects import LONGEST_CLI_CALL, Deployer, user_project

JOB = """from cronstack import job, once


@job(schedule=once())
def {name}(run):
    pass
"""


def declare(deployer: Deployer, name: str) -> None:
    (deployer.root / "functions" / "jobs" / "reminders.py").write_text(JOB.format(name=name))
    update(deployer.root, "jobs", {name: True}, ci=False)


def cdk_deploy(deployer: Deployer, *more: str) -> tuple[int, str]:
    """Exit code of ``cdk deploy``, and what it said."""
    said: list[str] = []
    args = [*local_args("deploy", package="jobs", output=deployer.root / "cdk.out"), *more]
    code = deployer.cli.run(args, pointed_at(deployer.cloud.endpoint, os.environ), LONGEST_CLI_CALL, said.append)
    return code, "\n".join(said)


def test_a1_plain_cdk_deploy_refuses_to_remove_a_job_with_plans(deployed: Deployed, tmp_path: Path) -> None:
    """Rule: the person who deploys reads how much waits for the job, and what can be done. Nothing is deleted."""
    deployer = user_project(tmp_path / "life", "life", deployed.cloud)
    shutil.rmtree(deployer.root / "functions" / "jobs")
    (deployer.root / "functions" / "jobs").mkdir()
    declare(deployer, "remind")
    deployer.deploy()
    clients = deployed.cloud.client
    once = once_of(clients, find_deployment(clients("cloudformation"), "life"))
    for number in range(10):
        once.schedule("remind", key=f"order-{number}", at="2199-01-01T09:00:00Z")
    declare(deployer, "remind_v2")
    code, said = cdk_deploy(deployer)
    assert code == 1
    words = " ".join(said.split())
    assert "remind: 10 planned occurrences wait" in words
    assert "-c cronstack:even-if-waiting=remind: each then runs or ends as a dead letter" in words
    assert len(clients("scheduler").list_schedules(GroupName="life-once")["Schedules"]) == 10
    assert clients("lambda").get_function(FunctionName="life-remind")
    code, said = cdk_deploy(deployer, "-c", "cronstack:even-if-waiting=remind")
    assert code == 0, said
    kept = {one["RoleName"] for one in clients("iam").list_roles()["Roles"]}
    assert {role_name("life", "remind", REGION, kind) for kind in ("carrier", "once")} <= kept
