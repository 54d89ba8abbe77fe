"""A stack with all options, deployed to the local cloud: its topic delivers, and its watchdog may do what it does."""

from __future__ import annotations

import hashlib
import json
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

import pytest

from cronstack import clock
from cronstack.entropy import SYSTEM, ulid
from cronstack.event import operator_event
from cronstack.occurrence import trigger_id
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import ACCOUNT, REGION
from tests.cronstack.telemetry.test_metrics import judge as judge_metrics
from tests.e2e.projects import user_project
from tests.tools.iam import Question, judge

STACK = "trial"
OPTIONS = {
    "cronstack:alarms-to": "ops@example.com",
    "cronstack:metrics": "job",
    "cronstack:watchdog": True,
    "cronstack:dashboard": True,
    "cronstack:tracing": True,
}
JOB = """from cronstack import Run, cron, job


@job(schedule=cron("0 6 * * ? *", timezone="UTC"), on_missed="run")
def import_prices(run: Run):
    return {"prices": 3}
"""


@dataclass(frozen=True)
class Deployed:
    cloud: LocalCloud
    outputs: dict[str, str]

    def client(self, service: str) -> Any:
        return self.cloud.client(service)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    root = tmp_path_factory.mktemp("options") / STACK
    with LocalCloud.start() as cloud:
        deployer = user_project(root, STACK, cloud)
        shutil.rmtree(root / "functions" / "jobs")
        (root / "functions" / "jobs").mkdir()
        (root / "functions" / "jobs" / "prices.py").write_text(JOB)
        settings = json.loads((root / "cdk.json").read_text())
        settings["context"] |= OPTIONS
        (root / "cdk.json").write_text(json.dumps(settings))
        deployer.bootstrap()
        deployer.deploy()
        [stack] = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        yield Deployed(cloud, {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})


def invoke(deployed: Deployed, job: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Invoke a job's function. Return its answer, and its log lines in JSON."""
    now = clock.now_ms()
    event = operator_event(job, "trigger", due=now, requested=now, input={}, occurrence=trigger_id(ulid(now, SYSTEM)))
    answer = deployed.client("lambda").invoke(FunctionName=f"{STACK}-{job}", Payload=json.dumps(event))
    logs = deployed.client("logs")
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{STACK}-{job}")["events"]
    lines = [json.loads(event["message"]) for event in events if event["message"].startswith("{")]
    return json.loads(answer["Payload"].read()), lines


def test_a_subscriber_of_the_topic_receives_what_is_published(deployed: Deployed) -> None:
    topic, sqs, sns = deployed.outputs["AlarmTopic"], deployed.client("sqs"), deployed.client("sns")
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Subject="[trial] import_prices: missed", Message="run it")
    [message] = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert (body["TopicArn"], body["Subject"], body["Message"]) == (topic, "[trial] import_prices: missed", "run it")


def test_topic_alarms_and_dashboard_exist_with_their_actions(deployed: Deployed) -> None:
    topic, sns = deployed.outputs["AlarmTopic"], deployed.client("sns")
    found = [
        (of["Protocol"], of["Endpoint"]) for of in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    ]
    assert ("email", "ops@example.com") in found
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert [statement["Principal"] for statement in policy["Statement"]] == [{"Service": "cloudwatch.amazonaws.com"}]
    alarms = deployed.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == 2
    for alarm in alarms:
        assert alarm["AlarmActions"] == alarm["OKActions"] == [topic]
        assert alarm["ActionsEnabled"]
    dashboard = deployed.client("cloudwatch").get_dashboard(DashboardName=STACK)
    assert REGION in dashboard["DashboardBody"]
    function = deployed.client("lambda").get_function_configuration(FunctionName=f"{STACK}-import_prices")
    assert function["TracingConfig"] == {"Mode": "Active"}


def test_the_log_line_of_a_deployed_job_has_metrics_of_stack_and_job(deployed: Deployed) -> None:
    answer, lines = invoke(deployed, "import_prices")
    assert answer["cronstack"] == "succeeded"
    [line] = [line for line in lines if "cronstack" in line]
    assert judge_metrics(line).keys() == {"Runs", "Duration"}
    assert (line["Stack"], line["Job"]) == (STACK, "import_prices")


def test_a_pass_of_the_watchdog_has_a_heartbeat_and_makes_no_call_that_its_role_denies(deployed: Deployed) -> None:
    answer, lines = invoke(deployed, "watchdog")
    assert answer["cronstack"] == "succeeded"
    heartbeats = [judge_metrics(line) for line in lines if "_aws" in line]
    assert heartbeats[-1] == {"WatchdogPasses": 1}, "its own runs are not in the metrics"
    asked = list(dict.fromkeys(questions_of(deployed)))
    actions = {question.action for question in asked}
    assert {"cloudformation:GetTemplate", "scheduler:GetSchedule", "dynamodb:UpdateItem"} <= actions
    role = deployed.client("lambda").get_function(FunctionName=f"{STACK}-watchdog")["Configuration"]["Role"]
    iam, name = deployed.client("iam"), role.rpartition("/")[2]
    policies = [
        iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    answers = judge(policies, [question._replace(context=json.loads(question.context)) for question in asked])  # type: ignore[arg-type]
    denied = [question for question, yes in zip(asked, answers, strict=True) if not yes]
    assert not denied


def questions_of(deployed: Deployed) -> Iterator[Question]:
    """Yield the question to IAM about each call of the watchdog. Its context is text, so that it can be hashed."""
    caller = "ASIACRONSTACK" + hashlib.sha256(f"{STACK}-watchdog".encode()).hexdigest()[:7].upper()
    with urllib.request.urlopen(f"{deployed.cloud.endpoint}/_cronstack/requests", timeout=30) as answer:
        requests = [request for request in json.load(answer)["requests"] if request["caller"] == caller]
    for request in requests:
        for action, resource, keys in _asked(deployed, request):
            context = {"dynamodb:LeadingKeys": keys} if keys else {}
            yield Question(action, resource, json.dumps(context))  # type: ignore[arg-type]


def _asked(deployed: Deployed, request: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield action, resource, and partitions of one request. Fail on an unknown operation."""
    service, operation = request["service"].replace("monitoring", "cloudwatch"), request["operation"]
    table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{deployed.outputs['Ledger']}"
    action = f"{service}:{operation}"
    if service == "dynamodb":
        yield from ((f"dynamodb:{of}", f"{table}{index}", keys) for of, index, keys in _of_dynamodb(request))
    elif service == "cloudformation":
        [stack] = deployed.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
        assert parse_qs(request["body"])["StackName"] == [STACK]
        yield action, stack["StackId"], []
    elif action in ("scheduler:ListSchedules", "cloudwatch:GetMetricData"):
        yield action, "*", []
    elif action == "scheduler:GetSchedule":
        url = urlparse(request["path"])
        name, group = unquote(url.path.rpartition("/")[2]), parse_qs(url.query)["groupName"][0]
        yield action, f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}", []
    elif service == "sqs":
        queue = urlparse(json.loads(request["body"])["QueueUrl"]).path.rpartition("/")[2]
        yield action, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}", []
    elif action == "sns:Publish":
        yield action, parse_qs(request["body"])["TopicArn"][0], []
    else:
        raise AssertionError(f"no question for this call: {request}")


def _of_dynamodb(request: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield verb, index and partitions of a request to DynamoDB."""
    operation, body = request["operation"], json.loads(request["body"])
    if operation == "TransactWriteItems":
        for [(kind, write)] in (write.items() for write in body["TransactItems"]):
            yield {"Update": "UpdateItem"}[kind], "", [write["Key"]["pk"]["S"]]
    elif operation == "BatchGetItem":
        keys = [key["pk"]["S"] for table in body["RequestItems"].values() for key in table["Keys"]]
        yield operation, "", keys
    elif operation == "Query":
        values = [value["S"] for value in body["ExpressionAttributeValues"].values() if "S" in value]
        yield operation, f"/index/{body['IndexName']}" if "IndexName" in body else "", values[:1]
    else:
        yield operation, "", [body["Key"]["pk"]["S"]]
