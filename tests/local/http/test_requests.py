"""The request log: every call with its caller and its operation, for comparisons with policies."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import ACCESS_KEY
from cronstack_infra.local.http.requests import LONGEST_BODY, MAX_REQUESTS, RequestLog, request_of


def logged(cloud: LocalCloud, since: int = 0) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{cloud.endpoint}/_cronstack/requests?since={since}", timeout=20) as response:
        requests: list[dict[str, Any]] = json.load(response)["requests"]
        return requests


CALLS = [
    ("dynamodb", "list_tables", {}, "ListTables"),
    ("sqs", "list_queues", {}, "ListQueues"),
    ("sns", "list_topics", {}, "ListTopics"),
    ("sts", "get_caller_identity", {}, "GetCallerIdentity"),
    ("cloudformation", "describe_stacks", {}, "DescribeStacks"),
    ("logs", "describe_log_groups", {}, "DescribeLogGroups"),
    ("ssm", "describe_parameters", {}, "DescribeParameters"),
    ("iam", "list_roles", {}, "ListRoles"),
    ("cloudwatch", "describe_alarms", {}, "DescribeAlarms"),
    ("lambda", "list_functions", {}, "ListFunctions"),
    ("lambda", "get_function", {"FunctionName": "missing"}, "GetFunction"),
    ("lambda", "get_function_configuration", {"FunctionName": "missing"}, "GetFunctionConfiguration"),
    ("lambda", "invoke", {"FunctionName": "missing"}, "Invoke"),
    ("scheduler", "list_schedules", {}, "ListSchedules"),
    ("scheduler", "get_schedule", {"Name": "missing"}, "GetSchedule"),
    ("scheduler", "delete_schedule", {"Name": "missing"}, "DeleteSchedule"),
    ("scheduler", "list_schedule_groups", {}, "ListScheduleGroups"),
    ("s3", "list_buckets", {}, "ListBuckets"),
    ("s3", "create_bucket", {"Bucket": "logged-bucket"}, "CreateBucket"),
    ("s3", "put_object", {"Bucket": "logged-bucket", "Key": "a/b c", "Body": b"x"}, "PutObject"),
    ("s3", "get_object", {"Bucket": "logged-bucket", "Key": "a/b c"}, "GetObject"),
    ("s3", "head_object", {"Bucket": "logged-bucket", "Key": "a/b c"}, "HeadObject"),
    ("s3", "head_bucket", {"Bucket": "logged-bucket"}, "HeadBucket"),
    ("s3", "list_objects_v2", {"Bucket": "logged-bucket"}, "ListObjectsV2"),
    ("s3", "list_objects", {"Bucket": "logged-bucket"}, "ListObjects"),
    ("s3", "get_bucket_policy", {"Bucket": "logged-bucket"}, "GetBucketPolicy"),
    ("s3", "get_bucket_location", {"Bucket": "logged-bucket"}, "GetBucketLocation"),
    (
        "s3",
        "copy_object",
        {"Bucket": "logged-bucket", "Key": "copy", "CopySource": "logged-bucket/a/b c"},
        "CopyObject",
    ),
    ("s3", "create_multipart_upload", {"Bucket": "logged-bucket", "Key": "m"}, "CreateMultipartUpload"),
    ("s3", "delete_object", {"Bucket": "logged-bucket", "Key": "copy"}, "DeleteObject"),
    ("s3", "delete_objects", {"Bucket": "logged-bucket", "Delete": {"Objects": [{"Key": "x"}]}}, "DeleteObjects"),
]


@pytest.mark.parametrize(("service", "method", "parameters", "operation"), CALLS)
def test_each_call_is_logged_with_its_operation(
    local_cloud: LocalCloud, service: str, method: str, parameters: dict[str, Any], operation: str
) -> None:
    client = local_cloud.client(service)
    last = max((request["seq"] for request in logged(local_cloud)), default=0)
    with contextlib.suppress(client.exceptions.ClientError):  # only the log matters
        getattr(client, method)(**parameters)
    (request,) = logged(local_cloud, last)
    signing = {"cloudwatch": "monitoring"}.get(service, service)
    assert (request["service"], request["operation"], request["caller"]) == (signing, operation, ACCESS_KEY)


def test_the_caller_is_the_access_key(local_cloud: LocalCloud) -> None:
    last = max((request["seq"] for request in logged(local_cloud)), default=0)
    key = "ASIACRONSTACK0123ABC"
    keys = {"aws_access_key_id": key, "aws_secret_access_key": "x", "aws_session_token": "y"}
    client = boto3.client("sqs", endpoint_url=local_cloud.endpoint, region_name="us-east-1", **keys)
    client.create_queue(QueueName="named-in-the-body")
    (request,) = logged(local_cloud, last)
    assert request["caller"] == key
    assert json.loads(request["body"])["QueueName"] == "named-in-the-body"
    assert (request["method"], request["path"], request["status"]) == ("POST", "/", 200)


def environ(body: bytes = b"") -> dict[str, Any]:
    return {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "QUERY_STRING": "", "CONTENT_LENGTH": str(len(body))}


def test_long_bodies_are_cut_and_old_requests_are_dropped() -> None:
    log = RequestLog(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    log.add(request_of(environ(), b"x" * (LONGEST_BODY + 1)), 200)
    assert len(log.since(0)[0]["body"]) == LONGEST_BODY
    for _ in range(1100):
        log.add(request_of(environ(), b"y" * LONGEST_BODY), 200)
    kept = log.since(0)
    assert kept[-1]["seq"] == 1101
    assert len(kept) == 1024
    assert len(kept) < MAX_REQUESTS


def test_an_unsigned_request_has_no_caller() -> None:
    log = RequestLog(lambda: datetime(2026, 1, 1, tzinfo=UTC))
    log.add(request_of(environ(), b""), 403)
    (request,) = log.since(0)
    assert (request["caller"], request["service"], request["operation"]) == ("", "", "")
    assert request["at"] == "2026-01-01T00:00:00+00:00"
