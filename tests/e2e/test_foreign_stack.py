"""A CDK app without Cronstack, by the plain CLI: bootstrap, deploy, firing, a second release, destroy."""

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

APP = Path(__file__).parent / "foreign_stack"
LIMIT = 240.0


@dataclass
class ForeignStack:
    """The app's folder, a local cloud, and the plain cdk CLI."""

    folder: Path
    cloud: LocalCloud
    watch: Watch
    lines: list[str] = field(default_factory=list)

    def cdk(self, *args: str) -> str:
        self.lines = []
        environ = pointed_at(self.cloud.endpoint, os.environ) | {
            "CDK_HOME": str(self.folder / "home"),
            "CI": "true",
            "JSII_NODE": str(node.node()),
            "NO_COLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        command = ensure_cdk(ROOT, print).command(args)
        code = process.run(command, cwd=self.folder, environ=environ, timeout=LIMIT, on_line=self.lines.append)
        text = "\n".join(self.lines)
        assert code == 0, text
        return text

    def deploy(self) -> str:
        """Deploy the last synthesized app."""
        return self.cdk(
            "deploy", "--app=cdk.out", "--all", "--require-approval=never", "--concurrency=4", "--progress=events"
        )

    def fired(self, ending: str) -> list[dict[str, Any]]:
        return self.watch.all("fired", schedule=lambda arn: ending in arn)

    def results(self, function: str) -> list[Any]:
        return [json.loads(event["result"]) for event in self.watch.all("finished", function=function, outcome="ok")]

    def code(self, prefix: str) -> str:
        """Return the name and the hash of the code of the function whose name has this prefix."""
        listed = self.cloud.client("lambda").list_functions()["Functions"]
        [described] = [function for function in listed if function["FunctionName"].startswith(prefix)]
        return f"{described['FunctionName']} {described['CodeSha256']}"

    def output(self, stack: str, name: str) -> str:
        outputs = self.cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
        return str(next(output["OutputValue"] for output in outputs if output["OutputKey"] == name))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForeignStack]:
    folder = tmp_path_factory.mktemp("foreign") / "app"
    shutil.copytree(APP, folder, ignore=shutil.ignore_patterns("__pycache__", "cdk.out"))
    watch = Watch()
    with LocalCloud.start(on_event=watch) as cloud:
        yield ForeignStack(folder, cloud, watch)


def test_from_bootstrap_to_destroy(foreign: ForeignStack) -> None:
    foreign.cdk("synth", "--quiet")
    foreign.cdk("bootstrap", "--app", "cdk.out", "aws://123456789012/us-east-1")
    output = foreign.deploy()
    assert "ForeignJobs.ReportName = report" in output
    assert "CREATE_COMPLETE | AWS::Scheduler::Schedule" in " ".join(output.replace("|", " | ").split())
    assert drift(foreign.cloud.client, "ForeignBase") == []
    assert drift(foreign.cloud.client, "ForeignJobs") == []
    _check_schedules(foreign)
    _check_rules(foreign)

    worker = foreign.code("ForeignJobs-Worker")
    output = foreign.cdk("diff", "-c", "release=2")
    assert "FunctionName (requires replacement)" in output
    assert "[-] AWS::Scheduler::Schedule News" in output
    output = foreign.deploy()  # the app that the diff has synthesized
    assert "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" in output or "UPDATE_COMPLETE" in output
    assert drift(foreign.cloud.client, "ForeignBase") == []
    assert drift(foreign.cloud.client, "ForeignJobs") == []
    _check_second_release(foreign)
    name, code = foreign.code("ForeignJobs-Worker").split()
    assert name == worker.split()[0]  # only its code has changed
    assert code != worker.split()[1]
    assert "(no changes)" in foreign.deploy()

    _put_versions_into_bucket(foreign)
    foreign.cdk("destroy", "--app", "cdk.out", "--all", "--force")
    assert remaining(foreign.cloud) == []


def _check_schedules(foreign: ForeignStack) -> None:
    """Check that a schedule at a rate fires when it is created."""
    foreign.watch.until(lambda: bool(foreign.results("report")), 60, "the report's first run")
    [result] = [result for result in foreign.results("report") if result["event"]["kind"] == "daily"][:1]
    [firing] = foreign.fired(":schedule/nightly/reports")[:1]
    assert result["version"] == 1
    assert result["event"] == {"at": firing["scheduled"], "kind": "daily"}
    sqs = foreign.cloud.client("sqs")
    inbox = foreign.output("ForeignBase", "InboxUrl")
    assert sqs.receive_message(QueueUrl=inbox, WaitTimeSeconds=20)["Messages"][0]["Body"] == "news"
    assert "Messages" not in sqs.receive_message(QueueUrl=foreign.output("ForeignBase", "DeadUrl"))
    worker = "ForeignJobs-Worker"
    foreign.watch.until(
        lambda: bool(foreign.watch.all("finished", function=lambda name: name.startswith(worker), outcome="ok")),
        60,
        "the worker's run",
    )
    dynamodb = foreign.cloud.client("dynamodb")
    [table] = dynamodb.list_tables()["TableNames"]
    assert {item["body"]["S"] for item in dynamodb.scan(TableName=table)["Items"]} == {"an order"}


def _check_rules(foreign: ForeignStack) -> None:
    """Check that a rule of EventBridge first fires one period after its creation, at each target."""
    sqs = foreign.cloud.client("sqs")

    def received(output: str) -> list[str]:
        answer = sqs.receive_message(QueueUrl=foreign.output("ForeignJobs", output), MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]

    def of_rule() -> list[Any]:
        return [result["event"] for result in foreign.results("report") if result["event"]["kind"] == "rule"]

    foreign.watch.until(lambda: bool(of_rule()), 120, "the run that the rule starts")
    [firing] = foreign.fired(":rule/minutely")[:1]
    assert of_rule()[0] == {"kind": "rule", "at": firing["scheduled"]}
    event = json.loads(received("TicksUrl")[0])
    assert (event["source"], event["detail-type"], event["time"]) == (
        "aws.events",
        "Scheduled Event",
        firing["scheduled"],
    )
    assert f'"tick {firing["scheduled"]}"' in received("CopiesUrl")
    assert foreign.watch.all("note") == []
    assert foreign.watch.all("dropped") == []


def _check_second_release(foreign: ForeignStack) -> None:
    scheduler, functions = foreign.cloud.client("scheduler"), foreign.cloud.client("lambda")
    assert [schedule["Name"] for schedule in scheduler.list_schedules(GroupName="nightly")["Schedules"]] == [
        "reports-renamed"
    ]
    renamed = scheduler.get_schedule(GroupName="nightly", Name="reports-renamed")
    assert renamed["ScheduleExpression"] == "rate(2 minutes)"
    assert renamed["Target"]["Arn"].endswith(":function:reporter")
    rules = foreign.cloud.client("events").list_rules()["Rules"]
    assert {(rule["Name"], rule["State"]) for rule in rules if "minutely" in rule["Name"]} == {
        ("minutely-renamed", "DISABLED")
    }
    others = [schedule["Name"] for schedule in scheduler.list_schedules(GroupName="default")["Schedules"]]
    assert sorted(name.split("-")[1][:6] for name in others) == ["Orders", "Yearly"]
    [orders] = [name for name in others if "Orders" in name]
    assert scheduler.get_schedule(Name=orders)["State"] == "DISABLED"
    names = [function["FunctionName"] for function in functions.list_functions()["Functions"]]
    assert "reporter" in names
    assert "report" not in names
    foreign.watch.until(lambda: bool(foreign.results("reporter")), 150, "the renamed function's run")
    assert foreign.results("reporter")[0]["version"] == 2


def _put_versions_into_bucket(foreign: ForeignStack) -> None:
    s3 = foreign.cloud.client("s3")
    [bucket] = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"] if bucket["Name"].startswith("foreignbase")]
    for _ in range(2):  # two versions
        s3.put_object(Bucket=bucket, Key="report", Body=b"...")
    s3.delete_object(Bucket=bucket, Key="report")


def remaining(cloud: LocalCloud) -> list[str]:
    """Return the names of all resources, except those of bootstrap."""
    client = cloud.client
    names = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    names += client("dynamodb").list_tables()["TableNames"]
    names += client("sqs").list_queues().get("QueueUrls", [])
    names += [topic["TopicArn"] for topic in client("sns").list_topics()["Topics"]]
    names += [subscription["SubscriptionArn"] for subscription in client("sns").list_subscriptions()["Subscriptions"]]
    names += [function["FunctionName"] for function in client("lambda").list_functions()["Functions"]]
    names += [mapping["UUID"] for mapping in client("lambda").list_event_source_mappings()["EventSourceMappings"]]
    names += [role["RoleName"] for role in client("iam").list_roles()["Roles"]]
    names += [policy["PolicyName"] for policy in client("iam").list_policies(Scope="Local")["Policies"]]
    names += [group["logGroupName"] for group in client("logs").describe_log_groups()["logGroups"]]
    names += [alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]]
    names += [dashboard["DashboardName"] for dashboard in client("cloudwatch").list_dashboards()["DashboardEntries"]]
    names += [parameter["Name"] for parameter in client("ssm").describe_parameters()["Parameters"]]
    names += [schedule["Name"] for schedule in client("scheduler").list_schedules()["Schedules"]]
    names += [group["Name"] for group in client("scheduler").list_schedule_groups()["ScheduleGroups"]]
    names += [rule["Name"] for rule in client("events").list_rules()["Rules"]]
    names += [export["Name"] for export in client("cloudformation").list_exports()["Exports"]]
    of_bootstrap = ("cdk-hnb659fds", "/cdk-bootstrap", "CdkBootstrap")
    return sorted(name for name in names if name != "default" and not name.startswith(of_bootstrap))
