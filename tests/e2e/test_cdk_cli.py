"""``cronstack cdk`` from bootstrap to destroy, against a local cloud: the real CLI, the project's own files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cronstack.settings import STACK
from cronstack_infra import names
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.toolchain import ensure_cdk
from tests.places import ROOT
from tests.tools.drift import drift

EXAMPLES = [path.stem for path in (ROOT / "functions" / "examples").glob("*.py")]
ONLY_PLANNED = ("checkout", "capture_payment", "remind_by_email")  # jobs without a deployed schedule
LIMIT = 180
HELLO = """
from cronstack import Run, job, {imports}

@job(schedule={schedule})
def {name}(run: Run) -> None: ...
"""


@dataclass(frozen=True)
class Shop:
    """A project with this repository's app, examples and fetched cdk CLI, and the cloud it is deployed to."""

    root: Path
    cloud: LocalCloud

    def cdk(self, *args: str, code: int = 0) -> str:
        """Run ``cronstack cdk ARGS``. Return the output. The exit code must be ``code``."""
        port = self.cloud.endpoint.rpartition(":")[2]
        ended = subprocess.run(
            [sys.executable, "-m", "cronstack_infra.cli", "cdk", "--port", port, *args],
            cwd=self.root / "functions",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env=os.environ | {"CI": "true"},
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == code, output
        assert "Traceback" not in output
        return output

    def destroy(self) -> str:
        """Destroy the last synthesized app, without a new synthesis."""
        return self.cdk("destroy", "--force", "--app", "cdk.out")

    def deploy(self, *args: str, code: int = 0) -> str:
        return self.cdk("deploy", "--require-approval", "never", *args, code=code)

    def job(self, name: str, *, schedule: str, file: str | None = None) -> None:
        text = HELLO.format(name=name, schedule=schedule, imports=schedule.partition("(")[0])
        (self.root / "functions" / "jobs" / f"{file or name}.py").write_text(text, "utf-8")

    def schedules(self, group: str) -> dict[str, str]:
        """Return the deployed schedules of a group, without the watchdog's: name -> expression."""
        scheduler = self.cloud.client("scheduler")
        listed = scheduler.list_schedules(GroupName=group)["Schedules"]
        return {
            schedule["Name"]: scheduler.get_schedule(GroupName=group, Name=schedule["Name"])["ScheduleExpression"]
            for schedule in listed
            if not schedule["Name"].endswith("-watchdog.1")
        }

    def functions(self) -> set[str]:
        """Return the functions of jobs, without the watchdog."""
        functions = self.cloud.client("lambda").list_functions()["Functions"]
        names = {function["FunctionName"] for function in functions if STACK in function["Environment"]["Variables"]}
        return {name for name in names if not name.endswith("-watchdog")}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("cdk") / "shop"
    ensure_cdk(ROOT, print)
    (root / ".cronstack").mkdir(parents=True)
    (root / ".cronstack" / "cdk").symlink_to(ROOT / ".cronstack" / "cdk")
    for folder in ("infra", "functions/examples"):
        ignored = shutil.ignore_patterns("__pycache__", "cronstack_infra")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    (root / "functions" / "jobs").mkdir()
    text = (ROOT / "cdk.json").read_text("utf-8")
    (root / "cdk.json").write_text(text.replace('project": "cronstack"', 'project": "shop"'), "utf-8")
    with LocalCloud.start() as cloud:
        project = Shop(root, cloud)
        project.cdk("bootstrap")
        yield project


def test_the_examples_from_deploy_to_destroy(shop: Shop) -> None:
    chosen = ("-c", "jobs=examples")
    output = shop.deploy(*chosen)
    assert "shop-examples.FlightsBucket = " in output
    assert "shop-examples.Ledger = " in output
    assert shop.functions() == {f"shop-examples-{job}" for job in EXAMPLES}
    assert set(shop.schedules("shop-examples")) == {
        f"shop-examples-{job}.1" for job in EXAMPLES if job not in ONLY_PLANNED
    }
    assert drift(shop.cloud.client, "shop-examples") == []

    assert "(no changes)" in shop.deploy(*chosen)

    assert "destroyed" in shop.destroy()
    assert shop.functions() == set()
    groups = shop.cloud.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    assert [group["Name"] for group in groups] == ["default"]
    # The ledger and the dead-letter queues outlive the stack.
    queues = shop.cloud.client("sqs").list_queues()["QueueUrls"]
    assert sorted(url.rpartition("Shared")[2].partition("DeadLetters")[0] for url in queues) == ["Delivery", "Handler"]
    [table] = shop.cloud.client("dynamodb").list_tables()["TableNames"]
    assert "Ledger" in table


def test_a_stack_with_letters_is_destroyed_on_request_only(shop: Shop) -> None:
    shop.job("hello", schedule="rate('1 hour')")
    shop.deploy()
    stack = shop.cloud.client("cloudformation").describe_stacks(StackName="shop")["Stacks"][0]
    queue = names.stack_outputs(stack)[names.OUTPUT_HANDLER_DEAD_LETTERS]
    shop.cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="{}")
    refusal = shop.cdk("destroy", "--force", "--app", "cdk.out", code=1)
    assert "1 dead letter" in refusal
    assert "The ledger is kept" in refusal
    assert shop.functions() == {"shop-hello"}
    assert "destroyed" in shop.cdk("--even-if-waiting", "destroy", "--force", "--app", "cdk.out")
    assert shop.functions() == set()
    assert shop.cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"], "the letter is kept"


def test_jobs_are_created_updated_and_deleted_with_their_files(shop: Shop) -> None:
    shop.job("hello", schedule="rate('1 hour')")
    shop.deploy()
    assert shop.schedules("shop") == {"shop-hello.1": "rate(1 hour)"}

    shop.job("hello", schedule="rate('2 hours')")
    shop.job("bye", schedule="cron('0 6 * * ? *', timezone='Europe/Berlin')")
    assert "shop-bye" in shop.cdk("diff")
    shop.deploy("--app", "cdk.out")
    assert shop.schedules("shop") == {"shop-hello.1": "rate(2 hours)", "shop-bye.1": "cron(0 6 * * ? *)"}

    (shop.root / "functions" / "jobs" / "hello.py").unlink()
    shop.deploy()
    assert shop.schedules("shop") == {"shop-bye.1": "cron(0 6 * * ? *)"}
    assert shop.functions() == {"shop-bye"}
    shop.destroy()
    assert shop.functions() == set()


def test_an_invalid_declaration_is_reported_and_nothing_is_deployed(shop: Shop) -> None:
    shop.job("never", schedule="cron('0 6 31 2 ? *', timezone='UTC')")
    try:
        output = shop.deploy(code=1)
    finally:
        (shop.root / "functions" / "jobs" / "never.py").unlink()
    assert "functions/jobs/never.py:" in output
    assert "shop-never" not in " ".join(shop.functions())


def test_other_commands_go_to_the_cdk_cli(shop: Shop) -> None:
    assert shop.cdk("--version").startswith("2.1148.1")
    assert "--exclusively" in shop.cdk("deploy", "--help")
    assert shop.cdk("ls").split() == ["shop"]
    assert shop.cdk("ls", "-c", "jobs=examples").splitlines()[0] == "shop-examples"  # then notes
    shop.cdk("no-such-command", code=1)


def test_a_change_of_code_only_is_a_difference(shop: Shop) -> None:
    shop.job("hello", schedule="rate('1 hour')")
    shop.deploy()
    path = shop.root / "functions" / "jobs" / "hello.py"
    path.write_text(path.read_text("utf-8").replace("...", "print('other')"), "utf-8")
    output = shop.cdk("diff")
    assert "There were no differences" not in output
    assert "S3Key" in output
    shop.deploy("--app", "cdk.out")
    assert "There were no differences" in shop.cdk("diff", "--app", "cdk.out")


@dataclass(frozen=True)
class Plain:
    """A synthesized app: one stack of queues, without assets."""

    shop: Shop
    name: str

    def run(self, command: str, delays: Mapping[str, int | str], *args: str, code: int = 0) -> str:
        """Run a CLI command on a stack of queues with these delays. A delay that is not a number fails."""
        folder = self.shop.root / f"{self.name}.out"
        folder.mkdir(exist_ok=True)
        queues = {name: {"DelaySeconds": value, "QueueName": f"{self.name}-{name}"} for name, value in delays.items()}
        resources = {name: {"Type": "AWS::SQS::Queue", "Properties": properties} for name, properties in queues.items()}
        (folder / "template.json").write_text(json.dumps({"Resources": resources}), "utf-8")
        artifact = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://123456789012/us-east-1",
            "properties": {"templateFile": "template.json", "stackName": self.name},
        }
        manifest = {"version": "36.0.0", "artifacts": {self.name: artifact}}
        (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        approval = ("--require-approval", "never") if command == "deploy" else ()
        return self.shop.cdk(command, "--app", folder.name, *approval, *args, code=code)

    @property
    def status(self) -> str:
        stack = self.shop.cloud.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        return str(stack["StackStatus"])


def test_a_failed_deployment_is_kept_and_rolled_back_on_request(shop: Shop) -> None:
    plain = Plain(shop, "plain-standard")
    plain.run("deploy", {"One": 1, "Two": "word"}, "--no-rollback", code=1)
    assert plain.status == "CREATE_FAILED"
    plain.run("deploy", {"One": 1, "Two": 1}, "--no-rollback")
    assert plain.status == "UPDATE_COMPLETE"
    plain.run("deploy", {"One": 2, "Two": "word"}, "--no-rollback", code=1)
    assert plain.status == "UPDATE_FAILED"
    assert "Rollback time" in plain.run("rollback", {"One": 2, "Two": "word"})
    assert plain.status == "UPDATE_ROLLBACK_COMPLETE"


def test_an_express_deployment_fails_without_rollback_and_can_be_repeated(shop: Shop) -> None:
    plain = Plain(shop, "plain-express")
    plain.run("deploy", {"One": 1, "Two": "word"}, "--express", code=1)
    assert plain.status == "CREATE_FAILED"
    assert "RollbackStack is not supported" in plain.run("rollback", {"One": 1}, code=1)
    plain.run("deploy", {"One": 1, "Two": 1}, "--express")
    assert plain.status == "UPDATE_COMPLETE"


def test_a_direct_deployment_without_changes_succeeds(shop: Shop) -> None:
    plain = Plain(shop, "plain-direct")
    plain.run("deploy", {"One": 1}, "--method", "direct")
    assert "(no changes)" in plain.run("deploy", {"One": 1}, "--method", "direct", "--force")
