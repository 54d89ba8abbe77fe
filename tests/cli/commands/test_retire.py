"""``cronstack retire`` and the check before ``cronstack cdk deploy``: both list what waits for a removed job."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cronstack.errors import OperationError
from cronstack_infra.cli import run
from cronstack_infra.cli.commands.cdk.checks import before_deploy
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.lock_file import APP_TAG, read_lock, update
from tests.cli.commands.handmade import Deployed
from tests.local.stacks import Stack


@pytest.fixture(scope="module")
def local_cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud


@pytest.fixture
def deployed(local_cloud: LocalCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    stack_with_job = Deployed(local_cloud, tmp_path / "project")
    monkeypatch.chdir(stack_with_job.root)
    monkeypatch.setenv("AWS_ENDPOINT_URL", local_cloud.endpoint)
    update(stack_with_job.root, "jobs", {"nightly": False}, ci=False)
    yield stack_with_job
    stack_with_job.stack.delete()


def locked(deployed: Deployed) -> list[str]:
    lock = read_lock(deployed.root)
    assert lock is not None
    return sorted(lock.jobs("jobs"))


def test_a_job_for_which_a_run_waits_is_not_retired(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.declare("other")
    deployed.put_run("retrying")
    assert run(["retire", "nightly"]) == 1
    message = capsys.readouterr().err
    assert "1 run to come back" in message
    assert "cronstack retire nightly --even-if-waiting" in message
    assert locked(deployed) == ["nightly"]
    assert run(["retire", "nightly", "--even-if-waiting"]) == 0
    assert locked(deployed) == []


def test_once_list_notes_removed_jobs_for_which_something_waits(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Code cannot schedule them, so ``once list`` does not list their keys."""
    update(deployed.root, "jobs", {"nightly": True}, ci=False)
    deployed.declare("other")
    assert run(["once", "list"]) == 0
    assert "Note" not in capsys.readouterr().err
    deployed.put_run("retrying")
    assert run(["once", "list"]) == 0
    assert "Note: nightly has 1 run to come back, and code can no longer schedule it." in capsys.readouterr().err
    assert run(["once", "list", "nightly"]) == 1
    assert "cronstack strays" in capsys.readouterr().err


def test_a_job_for_which_nothing_waits_is_retired(deployed: Deployed) -> None:
    deployed.declare("other")
    deployed.put_run("dead")
    assert run(["retire", "nightly"]) == 0
    assert locked(deployed) == []


def test_an_unknown_or_declared_job_is_invalid_input(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["retire", "nightly"]) == 2
    assert "still declared, in functions/jobs/some.py" in capsys.readouterr().err
    assert run(["retire", "nigtly"]) == 2
    assert "Did you mean 'nightly'?" in capsys.readouterr().err


def test_a_stack_that_is_not_deployed_is_an_error(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    deployed.declare("other")
    assert run(["retire", "nightly", "--stack", "gone"]) == 1
    assert "the stack gone is not deployed" in (message := capsys.readouterr().err)
    assert "cronstack retire nightly --even-if-waiting" in message


def test_list_adds_new_jobs_to_the_lock_and_notes_removed_ones(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.declare("other")
    monkeypatch.setenv("CI", "true")
    assert run(["list"]) == 0
    assert locked(deployed) == ["nightly"]
    monkeypatch.delenv("CI")
    assert run(["list"]) == 0
    assert "When nothing of it waits: cronstack retire nightly" in capsys.readouterr().err
    assert locked(deployed) == ["nightly", "other"]


def test_a_deployment_that_removes_a_job_is_refused_before_it_begins(deployed: Deployed) -> None:
    endpoint = deployed.cloud.endpoint
    deployed.put_run("retrying")
    assert before_deploy(deployed.project, ("deploy",), endpoint, regardless=False) == []
    deployed.declare("other")
    with pytest.raises(OperationError, match="nightly: 1 run to come back") as caught:
        before_deploy(deployed.project, ("deploy",), endpoint, regardless=False)
    assert "cronstack cdk --even-if-waiting deploy" in str(caught.value)
    override = ["-c", "cronstack:even-if-waiting=nightly"]
    assert before_deploy(deployed.project, ("deploy",), endpoint, regardless=True) == override
    for permitted in ("nightly", "other, nightly", "all"):
        context = ("deploy", "-c", f"cronstack:even-if-waiting={permitted}")
        assert before_deploy(deployed.project, context, endpoint, regardless=False) == []
    with pytest.raises(OperationError, match="nightly: 1 run to come back"):
        before_deploy(deployed.project, ("deploy", "-c", "cronstack:even-if-waiting=other"), endpoint, regardless=False)


def test_a9_a_second_stack_of_the_project_is_a_warning(deployed: Deployed, capsys: pytest.CaptureFixture[str]) -> None:
    """A renamed project is a second stack, and the jobs of the first stack continue to fire."""
    other, lock = Stack.new(deployed.cloud), read_lock(deployed.root)
    assert lock is not None
    for stack, app in ((other, lock.app), (deployed.stack, "0" * 16)):
        assert f"the stack {other.name}" not in capsys.readouterr().err
        stack.cloudformation.create_stack(
            StackName=other.name if stack is other else f"{other.name}-unrelated",
            TemplateBody='{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}',
            Tags=[{"Key": APP_TAG, "Value": app}],
        )
    before_deploy(deployed.project, ("deploy",), deployed.cloud.endpoint, regardless=False)
    message = capsys.readouterr().err
    assert f"Warning: the stack {other.name} also belongs to this project" in message
    assert "unrelated" not in message
