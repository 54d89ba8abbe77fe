"""Any call of any service gets a response, and the events of the local cloud still arrive afterwards."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud, event_of
from tests.local.http.every_service import CallResult, call, services


def await_firing(cloud: LocalCloud, events: Queue[dict[str, Any]], name: str) -> None:
    """Create a schedule that is due, and wait for its event."""
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = cloud.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    cloud.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression="at(2020-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}", "RoleArn": role["Role"]["Arn"]},
    )
    while not ((seen := events.get(timeout=60))["event"] == "fired" and seen["schedule"].endswith(f"/{name}")):
        pass


def test_events_still_arrive_after_a_call_of_each_service() -> None:
    events: Queue[dict[str, Any]] = Queue()
    with LocalCloud.start(on_event=events.put) as cloud, ThreadPoolExecutor(2) as threads:
        calls = list(threads.map(lambda service: call(cloud.endpoint, service), services()))
        await_firing(cloud, events, "afterwards")
    assert len(calls) > 400
    assert sum(result.status == 501 for result in calls) > 200
    assert [result for result in calls if result.status == 501 and not names_the_unsupported_call(result, calls)] == []
    assert [result for result in calls if result.status >= 300 and not result.code] == []


def names_the_unsupported_call(result: CallResult, calls: list[CallResult]) -> bool:
    """Services that share a signing name and an operation have the same request, so the message may name each."""
    services_signed_alike = [other.service for other in calls if other.signing_name == result.signing_name]
    starts = [f"not supported here: {service} {result.operation}: " for service in services_signed_alike]
    return result.code == "NotImplemented" and result.message.startswith(tuple(starts))


@pytest.mark.parametrize(
    ("service", "operation", "named"),
    [
        ("cloudcontrol", "list_resources", "cloudcontrol ListResources"),  # JSON; signing name differs
        ("accessanalyzer", "list_analyzers", "accessanalyzer ListAnalyzers"),  # REST; signing name differs
        ("cloudsearch", "list_domain_names", "cloudsearch ListDomainNames"),  # query
        ("codeconnections", "list_connections", "codeconnections ListConnections"),  # CBOR
        ("ec2", "describe_fpga_images", "ec2 DescribeFpgaImages"),  # EC2's own query protocol
        ("kafka", "list_vpc_connections", "kafka ListVpcConnections"),  # moto has the service, not the operation
        ("s3files", "list_file_systems", "s3files ListFileSystems"),  # moto would answer as S3
    ],
)
def test_an_unsupported_call_is_refused_by_name_and_not_retried(
    local_cloud: LocalCloud, service: str, operation: str, named: str
) -> None:
    given = {"TypeName": "AWS::S3::Bucket"} if service == "cloudcontrol" else {}
    with pytest.raises(ClientError) as refused:
        getattr(local_cloud.client(service), operation)(**given)
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert f"not supported here: {named}: " in str(refused.value)
    metadata = refused.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (501, 0)


@pytest.mark.parametrize("line", ["", "Unable to find appropriate backend", "3", "null", "[]", '{"a": 1}', "{"])
def test_a_line_that_is_not_an_event_is_ignored(line: str) -> None:
    assert event_of(line + "\n") is None
    assert event_of('{"event": "ready"}\n') == {"event": "ready"}
