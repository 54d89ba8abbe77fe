"""The virtual cloud: deployed jobs run at their virtual time, and nothing outside the cloud changes."""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cronstack_infra.ops.deployment import find_deployment
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.runs import RunRow
from cronstack_infra.ops.trigger import trigger
from cronstack_infra.play.simulation.cloud.snapshot import Snapshot
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.play.simulation.handlers.faults import Rates
from tests.play.simulation.conftest import START


def attempts(cloud: VirtualCloud, job: str) -> list[dict[str, Any]]:
    return [event for event in cloud.events if event["event"] == "attempt" and event["job"] == job]


def outcomes(cloud: VirtualCloud, job: str) -> dict[str, int]:
    return Counter(row["outcome"] for row in attempts(cloud, job))


def runs(cloud: VirtualCloud, job: str) -> list[RunRow]:
    deployment = find_deployment(cloud.client("cloudformation"), "small")
    return list(list_runs(cloud.client("dynamodb"), deployment, [job], now=cloud.now, most=1000))


def fire(cloud: VirtualCloud, job: str, **input: Any) -> None:
    """Trigger a job like ``cronstack trigger``."""
    deployment = find_deployment(cloud.client("cloudformation"), "small")
    trigger(cloud.client, deployment, job, now=cloud.now, ulid="01KDVDNA00856109Y4T71RDEY4", input=input)


def test_an_hourly_job_runs_every_hour_from_the_first_instant_on(cloud: VirtualCloud) -> None:
    cloud.advance(timedelta(days=1) - timedelta(microseconds=1))
    assert [row["due"] for row in attempts(cloud, "hourly")] == [
        f"2027-03-01T{hour:02}:00:00.000Z" for hour in range(24)
    ]
    assert outcomes(cloud, "hourly") == {"succeeded": 24}


def test_a_handler_sees_virtual_time_and_its_own_variables_which_do_not_leak(cloud: VirtualCloud) -> None:
    cloud.advance(timedelta(minutes=1))
    (run,) = runs(cloud, "hourly")
    result = run.result
    assert 2.5 <= result["slept"] < 2.6
    assert abs(result["time"] - START.timestamp() - 2.5) < 0.1
    assert result["now"].startswith("2027-03-01T00:00:02.5")
    assert (result["greeting"], result["function"]) == ("hello", "small-hourly")
    assert "GREETING" not in os.environ
    assert "_HANDLER" not in os.environ


def test_handlers_overlap_in_virtual_time(cloud: VirtualCloud) -> None:
    cloud.advance(START.replace(hour=12, minute=10))
    crowd = attempts(cloud, "crowd")
    assert outcomes(cloud, "crowd") == {"succeeded": 9}
    assert all(90 <= row["seconds"] < 90.2 for row in crowd)
    assert [row.get("overlaps", 0) for row in crowd] == [0, *[1] * 8]
    assert all(earlier["ended"] > later["began"] for earlier, later in itertools.pairwise(crowd))


def test_a_job_that_may_not_overlap_skips_every_second_minute(cloud: VirtualCloud) -> None:
    cloud.advance(START.replace(hour=12, minute=10))
    assert outcomes(cloud, "alone") == {"succeeded": 5, "skipped": 5}
    assert not any(row.get("overlaps") for row in attempts(cloud, "alone"))


def test_a_retry_comes_by_a_carrier_at_its_virtual_time(cloud: VirtualCloud) -> None:
    cloud.advance(START.replace(hour=6, minute=30))
    rows = attempts(cloud, "flaky")
    assert [(row["attempt"], row["outcome"]) for row in rows] == [(1, "retrying"), (2, "retrying"), (3, "succeeded")]
    began = [datetime.fromisoformat(row["began"]) for row in rows]
    assert 60 <= (began[1] - began[0]).total_seconds() < 70
    assert 120 <= (began[2] - began[1]).total_seconds() < 140
    assert rows[0]["error"] == "ValueError: attempt 1"


def test_a_handler_that_catches_every_exception_is_killed_at_its_time_limit(cloud: VirtualCloud) -> None:
    cloud.advance(START.replace(hour=7, minute=50))
    rows = attempts(cloud, "stuck")
    assert [(row["outcome"], row["seconds"]) for row in rows if row["attempt"]] == [("crashed", 20.0)] * 2
    assert {row["reason"] for row in rows if row["outcome"] == "crashed"} == {"time limit"}
    assert runs(cloud, "stuck")[0].status == "dead"


def test_a_failure_without_retries_becomes_one_dead_letter(cloud: VirtualCloud) -> None:
    cloud.advance(START.replace(hour=9))
    assert outcomes(cloud, "broken") == {"dead": 1}
    (letter,) = [e for e in cloud.events if e["event"] == "dead_letter" and e["job"] == "broken"]
    assert (letter["reason"], letter["occurrence"]) == ("RetriesExhausted", "t-2027-03-01T08:00:00Z")


def test_calls_of_aws_by_a_handler_take_time_and_have_effects(cloud: VirtualCloud) -> None:
    cloud.advance(timedelta(hours=1, minutes=30))
    fire(cloud, "caller")
    cloud.advance(timedelta(seconds=1))
    (run,) = runs(cloud, "caller")
    assert 0.01 < attempts(cloud, "caller")[0]["seconds"] < 1
    assert run.status == "succeeded"
    note = cloud.client("s3").get_object(Bucket=run.result["bucket"], Key="note")
    assert note["Body"].read() == b"written in virtual time"
    assert run.result["modified"].startswith("2027-03-01T01:30:00")


def effects(cloud: VirtualCloud) -> list[dict[str, Any]]:
    return list(cloud.client("dynamodb").scan(TableName="effects")["Items"])


@pytest.fixture
def table(cloud: VirtualCloud) -> None:
    cloud.client("dynamodb").create_table(
        TableName="effects",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("rates", [Rates(), Rates(lost=0.6)], ids=["calm", "lost answers"])
def test_a_handlers_own_write_and_the_runs_end_are_one_transaction(cloud: VirtualCloud, rates: Rates) -> None:
    cloud.faults.rates = rates
    fire(cloud, "committer")
    cloud.advance(timedelta(minutes=30))
    cloud.faults.rates = Rates()
    assert [run.status for run in runs(cloud, "committer")] == ["succeeded"]
    assert [item["times"]["N"] for item in effects(cloud)] == ["1"]


@pytest.mark.usefixtures("table")
def test_a_refused_write_of_a_handler_cancels_the_whole_transaction(cloud: VirtualCloud) -> None:
    fire(cloud, "committer", refused=True)
    cloud.advance(timedelta(seconds=30))
    assert attempts(cloud, "committer")[0]["error"].startswith("CommitRefused")
    assert [run.status for run in runs(cloud, "committer")] == ["retrying"]
    assert effects(cloud) == []


def test_output_of_a_handler_is_in_its_log_and_asyncio_waits_in_virtual_time(
    cloud: VirtualCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    fire(cloud, "talker")
    cloud.advance(timedelta(minutes=1))
    (run,) = runs(cloud, "talker")
    assert run.result == {"slept": pytest.approx(20, abs=0.01), "buckets": 1}
    logged = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/small-talker")["events"]
    assert logged[0]["message"] == "printed, and logged"
    assert capsys.readouterr() == ("", "")


def test_a_handler_that_ends_its_process_has_crashed_and_the_cloud_goes_on(cloud: VirtualCloud) -> None:
    fire(cloud, "leaves")
    cloud.advance(timedelta(minutes=10))
    ended = [row["outcome"] for row in attempts(cloud, "leaves")]
    assert ended[0] == "crashed"
    assert "crashed" not in outcomes(cloud, "hourly")
    logged = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/small-leaves")["events"]
    assert logged[0]["message"] == "the child ended with 7"
    ends = [event for event in cloud.events if event["event"] == "finished" and event["function"] == "small-leaves"]
    assert "Runtime exited with error: exit status 3" in str(ends[0])


@pytest.mark.usefixtures("table")
def test_expired_items_are_deleted_from_a_table_of_the_user(cloud: VirtualCloud) -> None:
    client, end = cloud.client("dynamodb"), int((START + timedelta(days=2)).timestamp())
    client.update_time_to_live(TableName="effects", TimeToLiveSpecification={"Enabled": True, "AttributeName": "until"})
    for name, until in (("short", end), ("long", end + 10 * 86400)):
        client.put_item(TableName="effects", Item={"id": {"S": name}, "until": {"N": str(until)}})
    cloud.advance(timedelta(days=1, hours=23))
    assert len(effects(cloud)) == 2
    cloud.advance(timedelta(days=2))
    assert [item["id"]["S"] for item in effects(cloud)] == ["long"]


def test_the_hosts_sleep_lets_virtual_time_pass_and_the_clock_shows_it(cloud: VirtualCloud) -> None:
    time.sleep(3600 * 3)
    assert datetime.now(UTC) == cloud.now == START + timedelta(hours=3)
    assert outcomes(cloud, "hourly")["succeeded"] == 3


def test_queues_use_virtual_time(cloud: VirtualCloud) -> None:
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=900)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    cloud.advance(timedelta(seconds=901))
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    before = cloud.now
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)
    assert cloud.now - before == timedelta(seconds=20)
    cloud.advance(timedelta(hours=1))
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_expired_runs_are_deleted_from_the_ledger(cloud: VirtualCloud) -> None:
    cloud.advance(timedelta(hours=2, minutes=30))
    assert len(runs(cloud, "hourly")) == 3
    cloud.jump(START + timedelta(days=34))
    cloud.advance(timedelta(minutes=1))
    assert len(runs(cloud, "hourly")) == 4
    cloud.advance(timedelta(days=3))
    due = [row.due for row in runs(cloud, "hourly")]
    assert min(due) == START + timedelta(days=34)


def test_each_test_starts_with_the_deployed_state(deployed: tuple[VirtualCloud, Snapshot]) -> None:
    cloud, clean = deployed
    seen = []
    for _ in range(2):
        cloud.wake(clean)
        assert (cloud.now, attempts(cloud, "hourly"), runs(cloud, "hourly")) == (START, [], [])
        cloud.client("s3").create_bucket(Bucket="left-behind")
        made = cloud.client("sqs").create_queue(QueueName="left-behind")["QueueUrl"]
        sent = cloud.client("sqs").send_message(QueueUrl=made, MessageBody="x")["MessageId"]
        cloud.advance(timedelta(hours=8))
        seen.append(json.dumps([cloud.events, sent, [run.result for run in runs(cloud, "hourly")]]))
        cloud.sleep()
    assert seen[0] == seen[1]
    assert datetime.now(UTC).year != START.year or abs(time.time() - START.timestamp()) > 3600


def test_a_closed_cloud_leaves_no_change_in_this_process(deployed: tuple[VirtualCloud, Snapshot]) -> None:
    from moto.core.botocore_stubber import BotocoreStubber
    from moto.sqs.models import SQSBackend

    cloud, clean = deployed
    before = (time.sleep, os.urandom, time.monotonic, boto3.DEFAULT_SESSION, dict(os.environ), random.getstate())
    methods = (vars(BotocoreStubber)["__call__"], vars(SQSBackend)["receive_message"])
    cloud.wake(clean)
    assert time.sleep is not before[0]
    cloud.advance(timedelta(hours=1))
    cloud.sleep()
    assert before == (
        time.sleep,
        os.urandom,
        time.monotonic,
        boto3.DEFAULT_SESSION,
        dict(os.environ),
        random.getstate(),
    )
    assert methods == (vars(BotocoreStubber)["__call__"], vars(SQSBackend)["receive_message"])


def test_a_planned_crash_occurs_in_its_attempt(cloud: VirtualCloud) -> None:
    cloud.faults.crash("hourly", on_attempt=1)
    cloud.advance(timedelta(minutes=30))
    rows = attempts(cloud, "hourly")
    assert [(row["attempt"], row["outcome"]) for row in rows if row["attempt"]] == [(1, "crashed"), (2, "succeeded")]


@pytest.mark.parametrize("service", ["s3", "sqs"])
def test_a_boto3_client_of_a_test_uses_the_same_cloud(cloud: VirtualCloud, service: str) -> None:
    plain = boto3.client(service, region_name="us-east-1")
    if service == "s3":
        plain.create_bucket(Bucket="mine")
        assert "mine" in [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    else:
        url = plain.create_queue(QueueName="mine")["QueueUrl"]
        assert url in cloud.client("sqs").list_queues()["QueueUrls"]


@pytest.mark.parametrize(
    ("service", "call", "parameters", "named"),
    [
        ("cloudcontrol", "list_resources", {"TypeName": "AWS::S3::Bucket"}, "cloudcontrol ListResources"),
        ("cloudtrail", "lookup_events", {}, "cloudtrail LookupEvents"),
        ("codeconnections", "list_connections", {}, "codeconnections ListConnections"),
    ],
)
def test_an_unsupported_call_is_refused_with_its_name(
    cloud: VirtualCloud, service: str, call: str, parameters: dict[str, str], named: str
) -> None:
    with pytest.raises(ClientError, match=f"not supported here: {named}: "):
        getattr(cloud.client(service), call)(**parameters)
