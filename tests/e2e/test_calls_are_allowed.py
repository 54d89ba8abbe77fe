"""The calls of the example jobs, from the local cloud's request log, checked against their deployed roles.

moto checks no permissions, so a missing one would show on AWS only. Here an evaluator of IAM policies decides
for each logged call whether the function's role allows it.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from cronstack.guard import carrier
from cronstack_infra.demo.payments import Payments, PaymentService
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import ACCOUNT, REGION
from tests.e2e.projects import Deployer, user_project
from tests.e2e.watch import Watch
from tests.tools.iam import Question, judge

STACK = "trial-examples"
JOBS = (
    "daily_stats",
    "heartbeat",
    "launch",
    "broken",
    "weekly_report",
    "consistency",
    "night_shift",
    "retention",
    "checkout",
    "remind_by_email",
    "capture_payment",
)
FAILS_ONCE = "daily_stats"
DAY = "2013-01-01"
CHECKED = "2012-12-31"
"""The day before, which ``consistency`` counts."""
OLD = ("consistency/2012-01-01.json", "weekly/2012-01-02.html")
"""For ``retention`` to delete."""
INPUT: dict[str, Any] = {
    "retention": {"days": 90},
    "checkout": {"order": "1", "cents": 100, "email": "ann@example.com", "pay_at": "2190-01-01T12:00:00Z"},
    "remind_by_email": {"order": "1", "cents": 100, "email": "ann@example.com"},
    "capture_payment": {"order": "1", "cents": 100},
}
FLIGHTS = "dep_time,dep_delay,carrier,origin\n517,2,UA,EWR\nNA,NA,AA,JFK\n"


def access_key(job: str) -> str:
    return "ASIACRONSTACK" + hashlib.sha256(f"{STACK}-{job}".encode()).hexdigest()[:7].upper()


def questions(request: dict[str, Any]) -> Iterator[Question]:
    """Yield the questions to IAM about one logged call. Fail on an unknown operation."""
    service, operation = request["service"], request["operation"]
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            for action in json.loads(request["body"])["TransactItems"]:
                ((kind, write),) = action.items()
                verb = {"Update": "UpdateItem", "ConditionCheck": "ConditionCheckItem", "Put": "PutItem"}[kind]
                yield item_question(verb, write["TableName"], next(iter(write["Key"].values()))["S"])
        case "dynamodb", "UpdateItem" | "GetItem":
            body = json.loads(request["body"])
            key = body["Key"]
            yield item_question(operation, body["TableName"], key.get("pk", next(iter(key.values())))["S"])
        case "dynamodb", "PutItem":
            body = json.loads(request["body"])
            yield item_question(operation, body["TableName"], body["Item"]["day"]["S"])
        case "s3", "GetObject" | "PutObject":
            yield Question(f"s3:{operation}", f"arn:aws:s3:::{request['path'].split('?')[0].lstrip('/')}")
        case "s3", "ListObjectsV2":
            url = urlparse(request["path"])
            prefix = {"s3:prefix": found} if (found := parse_qs(url.query).get("prefix")) else {}
            yield Question("s3:ListBucket", f"arn:aws:s3:::{url.path.strip('/')}", prefix)
        case "s3", "DeleteObjects":
            bucket = urlparse(request["path"]).path.strip("/")
            for key in re.findall("<Key>(.*?)</Key>", request["body"]):
                yield Question("s3:DeleteObject", f"arn:aws:s3:::{bucket}/{key}")
        case "sqs", "SendMessage":
            queue = urlparse(json.loads(request["body"])["QueueUrl"]).path.rpartition("/")[2]
            yield Question("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
        case "scheduler", "CreateSchedule":
            body, name = json.loads(request["body"]), request["path"].rpartition("/")[2]
            arn = f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{body['GroupName']}/{name}"
            yield Question("scheduler:CreateSchedule", arn)
            # A caller that passes a role to a service needs iam:PassRole.
            passed = {"iam:PassedToService": "scheduler.amazonaws.com"}
            yield Question("iam:PassRole", body["Target"]["RoleArn"], passed)
        case "scheduler", "GetSchedule" | "DeleteSchedule":
            url = urlparse(request["path"])
            name, group = url.path.rpartition("/")[2], parse_qs(url.query)["groupName"][0]
            yield Question(f"scheduler:{operation}", f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}")
        case "ses", "SendEmail":
            source = parse_qs(request["body"])["Source"][0]
            identity = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{source}"
            yield Question("ses:SendEmail", identity, {"ses:FromAddress": source})
        case _:
            raise AssertionError(f"no question for this call: {request}")


def item_question(operation: str, table: str, key: str) -> Question:
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
    return Question(f"dynamodb:{operation}", arn, {"dynamodb:LeadingKeys": [key]})


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalCloud, Watch, Deployer]]:
    """Deploy the examples and run each once, and ``FAILS_ONCE`` again for a day without a file."""
    watch = Watch()
    root = tmp_path_factory.mktemp("examples") / "trial"
    with (
        PaymentService(Payments()) as service,
        pytest.MonkeyPatch.context() as patched,
        LocalCloud.start(on_event=watch) as cloud,
    ):
        patched.setenv("EXAMPLES_PAYMENTS_URL", service.url)
        deployer = user_project(root, "trial", cloud)
        deployer.bootstrap()
        deployer.deploy("examples")
        outputs = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        values = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        for day in (DAY, CHECKED):
            cloud.client("s3").put_object(
                Bucket=values["FlightsBucket"], Key=f"flights/{day}.csv", Body=FLIGHTS.encode()
            )
        for key in OLD:
            cloud.client("s3").put_object(Bucket=values["ReportsBucket"], Key=key, Body=b"")
        for job in JOBS:
            assert run(cloud, job, DAY)["cronstack"] == ("dead" if job == "broken" else "succeeded")
        for day, what in (("2013-01-03", "postponed"), ("2013-01-04", "withdrawn")):
            assert (
                run(cloud, "checkout", day, what=what, pay_at=f"2191-{day[5:]}T12:00:00Z")["cronstack"] == "succeeded"
            )
        assert [charge.order for charge in service.payments.charges()] == ["1"]
        assert run(cloud, FAILS_ONCE, "2013-01-02")["cronstack"] == "retrying"
        yield cloud, watch, deployer


def run(cloud: LocalCloud, job: str, day: str, **input: Any) -> dict[str, Any]:
    """Invoke the function of a job. Return its result."""
    event = {
        "cronstack": 1,
        "job": job,
        "scheduled": f"{day}T12:00:00Z",
        "by": "operator",
        "kind": "trigger",
        "occurrence": f"m-01ARZ3NDEKTSV4RRFFQ69G5F{day[-2:]}",
        "generation": 2,
        "requested": requested(cloud),
        "input": INPUT.get(job, {}) | input,
    }
    answer = cloud.client("lambda").invoke(
        FunctionName=f"{STACK}-{job}", InvocationType="RequestResponse", Payload=json.dumps(event)
    )
    result = json.loads(answer["Payload"].read())
    assert isinstance(result, dict)
    return result


def requested(cloud: LocalCloud) -> str:
    """Return the current time of the local cloud's clock."""
    with urllib.request.urlopen(f"{cloud.endpoint}/_cronstack/requests", timeout=30) as answer:
        return str(json.load(answer)["requests"][-1]["at"])[:19] + "Z"


def role_policies(cloud: LocalCloud, job: str) -> list[dict[str, Any]]:
    """Return the inline policies of the function's deployed role. It must have no managed policy."""
    role = cloud.client("lambda").get_function(FunctionName=f"{STACK}-{job}")["Configuration"]["Role"].split("/")[-1]
    iam = cloud.client("iam")
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]


def calls_of(cloud: LocalCloud, job: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{cloud.endpoint}/_cronstack/requests", timeout=30) as answer:
        return [request for request in json.load(answer)["requests"] if request["caller"] == access_key(job)]


EXPECTED: dict[str, set[str]] = {
    "daily_stats": {"s3:GetObject", "dynamodb:PutItem", "scheduler:CreateSchedule", "iam:PassRole"},
    "heartbeat": set(),
    "launch": set(),
    "broken": {"sqs:SendMessage"},
    "weekly_report": {"dynamodb:GetItem", "s3:PutObject"},
    "consistency": {"s3:ListBucket", "s3:GetObject", "dynamodb:GetItem", "s3:PutObject"},
    "night_shift": {"s3:PutObject"},
    "retention": {"s3:ListBucket", "s3:DeleteObject"},
    "checkout": {"scheduler:CreateSchedule", "scheduler:DeleteSchedule", "iam:PassRole", "dynamodb:GetItem"},
    "remind_by_email": {"ses:SendEmail"},
    "capture_payment": set(),
}


@pytest.mark.parametrize("job", JOBS)
def test_no_call_of_an_example_would_be_denied(examples: tuple[LocalCloud, Watch, Deployer], job: str) -> None:
    cloud, _, _ = examples
    all_questions = [question for call in calls_of(cloud, job) for question in questions(call)]
    actions = {question.action for question in all_questions}
    print(f"{job}: {len(all_questions)} calls, {', '.join(sorted(actions))}")
    assert "dynamodb:UpdateItem" in actions, "each run claims and settles"
    assert EXPECTED[job] <= actions
    denied = [
        question
        for question, yes in zip(all_questions, judge(role_policies(cloud, job), all_questions), strict=True)
        if not yes
    ]
    assert not denied


def carrier_arn(job: str, *, group: str = f"{STACK}-carriers") -> str:
    name = carrier.name(job, "t-2031-01-01T06:00:00Z", "plain", "01ARZ3NDEKTSV4RRFFQ69G5FAV", 0)
    return f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/{group}/{name}"


@pytest.mark.parametrize("job", JOBS)
def test_a_call_outside_its_task_is_denied(examples: tuple[LocalCloud, Watch, Deployer], job: str) -> None:
    cloud, _, _ = examples
    real = [question for call in calls_of(cloud, job) for question in questions(call)]
    ledger = next(question.resource for question in real if question.action == "dynamodb:UpdateItem")
    other = next(name for name in JOBS if name != job)
    wrong = [
        item_question("UpdateItem", ledger.rpartition("/")[2], f"job#{other}"),
        item_question("DeleteItem", ledger.rpartition("/")[2], f"job#{job}"),
        Question("dynamodb:UpdateItem", ledger),
        Question("dynamodb:Scan", ledger),
        Question("s3:PutObject", "arn:aws:s3:::flights/flights/2013-01-01.csv"),
        Question("sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:anything"),
        Question("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-{other}"),
        Question("lambda:InvokeFunction", f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{STACK}-{job}"),
        Question("scheduler:CreateSchedule", carrier_arn(other)),
        Question("scheduler:CreateSchedule", carrier_arn(job, group=STACK)),
        Question("scheduler:DeleteSchedule", carrier_arn(job)),
    ]
    assert judge(role_policies(cloud, job), wrong) == [False] * len(wrong)
