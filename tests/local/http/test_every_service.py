"""Any call of any service: it is answered, and the events of the local cloud still arrive afterwards."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud, event_of
from tests.local.http.every_service import Called, call, services


def fires(cloud: LocalCloud, events: Queue[dict[str, Any]], name: str) -> None:
    """Make a schedule that is due, and wait until its event has been received."""
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


def test_a_firing_is_shown_after_a_call_of_each_service_in_the_catalogue() -> None:
    events: Queue[dict[str, Any]] = Queue()
    with LocalCloud.start(on_event=events.put) as cloud, ThreadPoolExecutor(2) as threads:
        answered = list(threads.map(lambda service: call(cloud.endpoint, service), services()))
        fires(cloud, events, "afterwards")
    assert len(answered) > 400
    assert sum(one.status == 501 for one in answered) > 200
    assert [one for one in answered if one.status == 501 and not says_what_is_not_supported(one, answered)] == []
    assert [one for one in answered if one.status >= 300 and not one.code] == []


def says_what_is_not_supported(one: Called, answered: list[Called]) -> bool:
    """Services that share a signing name and an operation look alike on the wire."""
    alike = [other.service for other in answered if other.signing_name == one.signing_name]
    started = [f"not supported here: {service} {one.operation}: " for service in alike]
    return one.code == "NotImplemented" and one.message.startswith(tuple(started))


@pytest.mark.parametrize(
    ("service", "operation", "named"),
    [
        ("cloudcontrol", "list_resources", "cloudcontrol ListResources"),  # JSON, signs with another name
        ("accessanalyzer", "list_analyzers", "accessanalyzer ListAnalyzers"),  # REST, signs with another name
        ("cloudsearch", "list_domain_names", "cloudsearch ListDomainNames"),  # query
        ("codeconnections", "list_connections", "codeconnections ListConnections"),  # CBOR
        ("ec2", "describe_fpga_images", "ec2 DescribeFpgaImages"),  # EC2's own query protocol
        ("kafka", "list_vpc_connections", "kafka ListVpcConnections"),  # moto has the service, not the operation
        ("s3files", "list_file_systems", "s3files ListFileSystems"),  # moto would answer as S3
    ],
)
def test_a_call_that_cannot_be_carried_out_is_refused_by_name_and_not_repeated(
    local_cloud: LocalCloud, service: str, operation: str, named: str
) -> None:
    given = {"TypeName": "AWS::S3::Bucket"} if service == "cloudcontrol" else {}
    with pytest.raises(ClientError) as refused:
        getattr(local_cloud.client(service), operation)(**given)
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert f"not supported here: {named}: " in str(refused.value)
    answered = refused.value.response["ResponseMetadata"]
    assert (answered["HTTPStatusCode"], answered["RetryAttempts"]) == (501, 0)


@pytest.mark.parametrize("line", ["", "Unable to find appropriate backend", "3", "null", "[]", '{"a": 1}', "{"])
def test_a_line_that_is_not_an_event_is_read_as_none(line: str) -> None:
    assert event_of(line + "\n") is None
    assert event_of('{"event": "ready"}\n') == {"event": "ready"}
