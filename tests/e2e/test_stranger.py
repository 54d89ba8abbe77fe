"""A CDK app that knows nothing of Cronstack, by the plain CLI: bootstrap, deploy, firing, a second release, destroy."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import pointed_at
from cronstack_infra.toolchain import ensure_cdk, node, process
from tests.e2e.watch import Watch
from tests.places import ROOT
from tests.tools.drift import drift

APP = Path(__file__).parent / "stranger"
LIMIT = 240.0


@dataclass
class Stranger:
    """The app's folder, a local cloud, and the CLI as anybody would call it."""

    folder: Path
    cloud: LocalCloud
    watch: Watch
    said: list[str] = field(default_factory=list)

    def cdk(self, *args: str) -> str:
        self.said = []
        environ = pointed_at(self.cloud.endpoint, os.environ) | {
            "CDK_HOME": str(self.folder / "home"),
            "CI": "true",
            "JSII_NODE": str(node.node()),
            "NO_COLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        command = ensure_cdk(ROOT, print).command(args)
        code = process.run(command, cwd=self.folder, environ=environ, timeout=LIMIT, on_line=self.said.append)
        text = "\n".join(self.said)
        assert code == 0, text
        return text

    def deploy(self) -> str:
        """Deploy what has been synthesized last."""
        return self.cdk(
            "deploy", "--app=cdk.out", "--all", "--require-approval=never", "--concurrency=4", "--progress=events"
        )

    def fired(self, ending: str) -> list[dict[str, Any]]:
        return self.watch.all("fired", schedule=lambda arn: ending in arn)

    def results(self, function: str) -> list[Any]:
        return [json.loads(one["result"]) for one in self.watch.all("finished", function=function, outcome="ok")]

    def code(self, prefix: str) -> str:
        """Hash of the code of the function whose name starts so."""
        listed = self.cloud.client("lambda").list_functions()["Functions"]
        [found] = [one for one in listed if one["FunctionName"].startswith(prefix)]
        return f"{found['FunctionName']} {found['CodeSha256']}"

    def output(self, stack: str, name: str) -> str:
        found = self.cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        return str(next(one["OutputValue"] for one in found if one["OutputKey"] == name))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stranger]:
    folder = tmp_path_factory.mktemp("stranger") / "app"
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("__pycache__", "cdk.out"))
    watch = Watch()
    with LocalCloud.start(on_event=watch) as cloud:
        yield Stranger(folder, cloud, watch)


def test_from_bootstrap_to_destroy(stranger: Stranger) -> None:
    stranger.cdk("synth", "--quiet")
    stranger.cdk("bootstrap", "--app", "cdk.out", "aws://123456789012/us-east-1")
    said = stranger.deploy()
    assert "StrangerJobs.ReportName = report" in said
    assert "CREATE_COMPLETE | AWS::Scheduler::Schedule" in " ".join(said.replace("|", " | ").split())
    assert drift(stranger.cloud.client, "StrangerBase") == []
    assert drift(stranger.cloud.client, "StrangerJobs") == []
    _fires(stranger)
    _rules_fire(stranger)

    worker = stranger.code("StrangerJobs-Worker")
    said = stranger.cdk("diff", "-c", "release=2")
    assert "FunctionName (requires replacement)" in said
    assert "[-] AWS::Scheduler::Schedule News" in said
    said = stranger.deploy()  # what the diff has synthesized
    assert "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" in said or "UPDATE_COMPLETE" in said
    assert drift(stranger.cloud.client, "StrangerBase") == []
    assert drift(stranger.cloud.client, "StrangerJobs") == []
    _second_release(stranger)
    name, code = stranger.code("StrangerJobs-Worker").split()
    assert name == worker.split()[0]  # only its code has changed
    assert code != worker.split()[1]
    assert "(no changes)" in stranger.deploy()

    _put_something_in_the_bucket(stranger)
    stranger.cdk("destroy", "--app", "cdk.out", "--all", "--force")
    assert left(stranger.cloud) == []


def _fires(stranger: Stranger) -> None:
    """At a rate, a schedule fires for the first time when it is made."""
    stranger.watch.until(lambda: bool(stranger.results("report")), 60, "the report's first run")
    [result] = [one for one in stranger.results("report") if one["event"]["kind"] == "daily"][:1]
    [firing] = stranger.fired(":schedule/nightly/reports")[:1]
    assert result["version"] == 1
    assert result["event"] == {"at": firing["scheduled"], "kind": "daily"}
    sqs = stranger.cloud.client("sqs")
    inbox = stranger.output("StrangerBase", "InboxUrl")
    assert sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=20)["Messages"][0]["Body"] == "news"
    assert "Messages" not in sqs.receive_message(QueueUrl=stranger.output("StrangerBase", "DeadUrl"))
    worker = "StrangerJobs-Worker"
    stranger.watch.until(
        lambda: bool(stranger.watch.all("finished", function=lambda name: name.startswith(worker), outcome="ok")),
        60,
        "the worker's run",
    )
    dynamodb = stranger.cloud.client("dynamodb")
    [table] = dynamodb.list_tables()["TableNames"]
    assert {one["body"]["S"] for one in dynamodb.scan(TableName=table)["Items"]} == {"an order"}


def _rules_fire(stranger: Stranger) -> None:
    """A rule of EventBridge fires for the first time one period after it was made, at each of its targets."""
    sqs = stranger.cloud.client("sqs")

    def received(output: str) -> list[str]:
        answer = sqs.receive_message(QueueUrl=stranger.output("StrangerJobs", output), MaxNumberOfMessages=10)
        return [one["Body"] for one in answer.get("Messages", [])]

    def of_rule() -> list[Any]:
        return [one["event"] for one in stranger.results("report") if one["event"]["kind"] == "rule"]

    stranger.watch.until(lambda: bool(of_rule()), 120, "the run that the rule starts")
    [firing] = stranger.fired(":rule/minutely")[:1]
    assert of_rule()[0] == {"kind": "rule", "at": firing["scheduled"]}
    event = json.loads(received("TicksUrl")[0])
    assert (event["source"], event["detail-type"], event["time"]) == (
        "aws.events",
        "Scheduled Event",
        firing["scheduled"],
    )
    assert f'"tick {firing["scheduled"]}"' in received("ToldUrl")
    assert stranger.watch.all("note") == []
    assert stranger.watch.all("dropped") == []


def _second_release(stranger: Stranger) -> None:
    scheduler, functions = stranger.cloud.client("scheduler"), stranger.cloud.client("lambda")
    assert [one["Name"] for one in scheduler.list_schedules(GroupName="nightly")["Schedules"]] == ["reports-renamed"]
    renamed = scheduler.get_schedule(GroupName="nightly", Name="reports-renamed")
    assert renamed["ScheduleExpression"] == "rate(2 minutes)"
    assert renamed["Target"]["Arn"].endswith(":function:reporter")
    rules = stranger.cloud.client("events").list_rules()["Rules"]
    assert {(one["Name"], one["State"]) for one in rules if "minutely" in one["Name"]} == {
        ("minutely-renamed", "DISABLED")
    }
    others = [one["Name"] for one in scheduler.list_schedules(GroupName="default")["Schedules"]]
    assert sorted(name.split("-")[1][:6] for name in others) == ["Orders", "Yearly"]
    [orders] = [name for name in others if "Orders" in name]
    assert scheduler.get_schedule(Name=orders)["State"] == "DISABLED"
    names = [one["FunctionName"] for one in functions.list_functions()["Functions"]]
    assert "reporter" in names
    assert "report" not in names
    stranger.watch.until(lambda: bool(stranger.results("reporter")), 150, "the renamed function's run")
    assert stranger.results("reporter")[0]["version"] == 2


def _put_something_in_the_bucket(stranger: Stranger) -> None:
    s3 = stranger.cloud.client("s3")
    [bucket] = [one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("strangerbase")]
    for _ in range(2):  # two versions
        s3.put_object(Bucket=bucket, Key="report", Body=b"...")
    s3.delete_object(Bucket=bucket, Key="report")


def left(cloud: LocalCloud) -> list[str]:
    """What is there besides what bootstrap made."""
    client = cloud.client
    names = [one["Name"] for one in client("s3").list_buckets()["Buckets"]]
    names += client("dynamodb").list_tables()["TableNames"]
    names += client("sqs").list_queues().get("QueueUrls", [])
    names += [one["TopicArn"] for one in client("sns").list_topics()["Topics"]]
    names += [one["SubscriptionArn"] for one in client("sns").list_subscriptions()["Subscriptions"]]
    names += [one["FunctionName"] for one in client("lambda").list_functions()["Functions"]]
    names += [one["UUID"] for one in client("lambda").list_event_source_mappings()["EventSourceMappings"]]
    names += [one["RoleName"] for one in client("iam").list_roles()["Roles"]]
    names += [one["PolicyName"] for one in client("iam").list_policies(Scope="Local")["Policies"]]
    names += [one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]]
    names += [one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]]
    names += [one["DashboardName"] for one in client("cloudwatch").list_dashboards()["DashboardEntries"]]
    names += [one["Name"] for one in client("ssm").describe_parameters()["Parameters"]]
    names += [one["Name"] for one in client("scheduler").list_schedules()["Schedules"]]
    names += [one["Name"] for one in client("scheduler").list_schedule_groups()["ScheduleGroups"]]
    names += [one["Name"] for one in client("events").list_rules()["Rules"]]
    names += [one["Name"] for one in client("cloudformation").list_exports()["Exports"]]
    of_bootstrap = ("cdk-hnb659fds", "/cdk-bootstrap", "CdkBootstrap")
    return sorted(name for name in names if name != "default" and not name.startswith(of_bootstrap))
