"""The calls of each operator's command on a local cloud, against the deployed policies of viewers and operators.

moto checks no permissions, so a missing one would show on AWS only. Here an evaluator of IAM policies decides for each
logged call whether the policy allows it.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlparse

import pytest

from cronstack_infra import cli
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import ACCOUNT, REGION
from tests.e2e.projects import user_project
from tests.tools.iam import Policies, Question, judge

STACK = "trial"
SPAN = ("--from", "2026-01-01", "--to", "2026-01-03")
RESOURCES = """
from aws_cdk import aws_iam as iam


def resources(stack, jobs):
    stack.grant_view(iam.Role(stack, "Viewer", role_name="viewer", assumed_by=iam.AccountRootPrincipal()))
    stack.grant_operate(iam.Role(stack, "Operator", role_name="operator", assumed_by=iam.AccountRootPrincipal()))
"""

VIEWS = (
    "runs",
    "runs fragile --status running",
    "runs --status planned",
    "logs fragile",
    "audit",
    "audit fragile --since 1d",
    "once list",
    "once list --status dead",
    "once show planned order-1",
    "dead-letters list",
    "dead-letters summary",
    "dead-letters show m-",
    "dead-letters redrive --dry-run",
    "strays",
    f"backfill fragile all {' '.join(SPAN)} --dry-run",
)
"""Commands that change nothing."""
ACTIONS = (
    "trigger fragile --wait",
    f"backfill fragile all {' '.join(SPAN)}",
    "once planned --key order-2 --in 3d",
    "once move planned order-2 --in 4d",
    "once cancel planned order-2",
    "pause fragile --reason test",
    "resume fragile",
    "dead-letters redrive fragile --wait",
    "dead-letters drop LETTER",
    "strays --fix",
)
WITHOUT_RIGHTS = ("sts:GetCallerIdentity",)
"""Calls that need no right."""


class Scene(NamedTuple):
    cloud: LocalCloud
    viewer: Policies
    operator: Policies


def arn(service: str, rest: str, *, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{rest}"


def questions(request: dict[str, Any]) -> Iterator[Question]:
    """Yield the questions to IAM about one call. Fail on an unknown operation."""
    service, operation = request["service"], request["operation"]
    action, body, url = f"{service}:{operation}", request["body"], urlparse(request["path"])
    match service, operation:
        case "sts", _:
            assert action in WITHOUT_RIGHTS
        case "dynamodb", "GetItem" | "UpdateItem":
            given = json.loads(body)
            yield _rows(action, given["TableName"], [given["Key"]["pk"]["S"]])
        case "dynamodb", "BatchGetItem":
            for table, wanted in json.loads(body)["RequestItems"].items():
                yield _rows(action, table, [key["pk"]["S"] for key in wanted["Keys"]])
        case "dynamodb", "Query":
            given = json.loads(body)
            place = f"{given['TableName']}/index/{given['IndexName']}" if "IndexName" in given else given["TableName"]
            yield _rows(action, place, [given["ExpressionAttributeValues"][_partition(given)]["S"]])
        case "sqs", "ListQueues":
            yield Question(action, "*")
        case "sqs", _:
            name = json.loads(body)["QueueUrl"].rpartition("/")[2]
            yield Question(action.removesuffix("Batch"), arn("sqs", name))
        case "cloudformation", _:
            yield Question(action, arn("cloudformation", f"stack/{parse_qs(body)['StackName'][0]}/0a1b"))
        case "lambda", "ListFunctions":
            yield Question(action, "*")
        case "lambda", "Invoke":
            yield Question("lambda:InvokeFunction", arn("lambda", f"function:{_function(url.path)}"))
        case "lambda", "GetFunctionConfiguration" | "GetAlias":
            yield Question(action, arn("lambda", f"function:{_function(url.path)}"))
        case "scheduler", "ListSchedules":
            yield Question(action, "*")
        case "scheduler", "CreateSchedule":
            given = json.loads(body)
            yield Question(action, _schedule(given["GroupName"], url.path))
            passed = {"iam:PassedToService": "scheduler.amazonaws.com"}
            yield Question("iam:PassRole", given["Target"]["RoleArn"], passed)
        case "scheduler", "GetSchedule" | "DeleteSchedule":
            yield Question(action, _schedule(parse_qs(url.query)["groupName"][0], url.path))
        case "iam", "GetRole":
            yield Question(action, arn("iam", f"role/{parse_qs(body)['RoleName'][0]}", region=""))
        case "logs", "FilterLogEvents":
            yield Question(action, arn("logs", f"log-group:{json.loads(body)['logGroupName']}:log-stream:x"))
        case _:
            raise AssertionError(f"no question for this call: {request}")


def _rows(action: str, table: str, keys: list[str]) -> Question:
    return Question(action, arn("dynamodb", f"table/{table}"), {"dynamodb:LeadingKeys": sorted({*keys})})


def _partition(query: dict[str, Any]) -> str:
    """Return the placeholder of the partition key in a query."""
    first = query["KeyConditionExpression"].partition(" AND ")[0]
    return str(first.rpartition("=")[2].strip())


def _function(path: str) -> str:
    name = unquote(path.partition("/functions/")[2].partition("/")[0])
    return name.rpartition(":function:")[2] or name


def _schedule(group: str, path: str) -> str:
    return arn("scheduler", f"schedule/{group}/{unquote(path.rpartition('/')[2])}")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Deploy the tests' jobs with a viewer and an operator. A run is dead, another letter is invalid, a key waits."""
    root = tmp_path_factory.mktemp("operated") / "trial"
    with LocalCloud.start() as cloud, pytest.MonkeyPatch.context() as patched:
        deployer = user_project(root, "trial", cloud)
        (root / "infra" / "resources.py").write_text(RESOURCES)
        deployer.bootstrap()
        deployer.deploy()
        patched.chdir(root)
        assert run(cloud, "trigger", "fragile", "--wait", "--input", '{"needs": "/nothing/here"}') == 1
        assert run(cloud, "once", "planned", "--key", "order-1", "--in", "3d") == 0
        outputs = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        queue = next(o["OutputValue"] for o in outputs if o["OutputKey"] == "HandlerDeadLetters")
        cloud.client("sqs").send_message(QueueUrl=queue, MessageBody="junk")
        yield Scene(cloud, role(cloud, "viewer"), role(cloud, "operator"))


def role(cloud: LocalCloud, name: str) -> Policies:
    iam = cloud.client("iam")
    inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return [iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in inline]


def run(cloud: LocalCloud, *words: str) -> int:
    return cli.run([*words, "--port", cloud.endpoint.rpartition(":")[2]])


def calls(cloud: LocalCloud, command: str) -> list[dict[str, Any]]:
    """Run a command, and return its calls: those that no function has made."""
    before = len(logged(cloud))
    run(cloud, *command.split(" "))
    return [request for request in logged(cloud)[before:] if not str(request["caller"]).startswith("ASIACRONSTACK")]


def logged(cloud: LocalCloud) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{cloud.endpoint}/_cronstack/requests", timeout=30) as answer:
        requests: list[dict[str, Any]] = json.load(answer)["requests"]
    return requests


def asked(made: list[dict[str, Any]]) -> list[Question]:
    found = [question for request in made for question in questions(request)]
    return [question for number, question in enumerate(found) if question not in found[:number]]


def denied(policies: Policies, of: list[Question]) -> list[Question]:
    return [question for question, yes in zip(of, judge(policies, of), strict=True) if not yes]


@pytest.mark.parametrize("command", VIEWS)
def test_a_viewer_may_run_each_command_that_changes_nothing(scene: Scene, command: str) -> None:
    made = asked(calls(scene.cloud, command))
    assert made, "the command has called AWS"
    assert denied(scene.viewer, made) == []
    assert denied(scene.operator, made) == []


@pytest.mark.parametrize("command", ACTIONS)
def test_an_operator_may_run_each_command_and_a_viewer_may_not(
    scene: Scene, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "LETTER" in command:
        capsys.readouterr()
        run(scene.cloud, "dead-letters", "list", "--json")
        letters = json.loads(capsys.readouterr().out)
        command = command.replace("LETTER", next(letter["id"] for letter in letters if not letter["job"]))
    made = asked(calls(scene.cloud, command))
    assert denied(scene.operator, made) == []
    refused = {question.action for question in denied(scene.viewer, made)}
    if command != "strays --fix":  # there is nothing to fix
        assert "dynamodb:UpdateItem" in refused, "the record of the action"
