"""Requested faults: each service's own errors, for the given callers and operations, and the given number of times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from cronstack.steps import Fault, read
from cronstack.transport import Botocore
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.executor.values import access_key_of
from cronstack_infra.local.http.faults import InvalidFault, faults, set_faults

KEY = {"pk": {"S": "a"}, "sk": {"S": "b"}}
ONCE = Config(retries={"total_max_attempts": 1})


def client(cloud: LocalCloud, service: str, function: str = "shop-stats") -> Any:
    """Return a client without retries that calls as a function's code."""
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key_of(function),
        aws_secret_access_key="x",
        config=ONCE,
    )


@pytest.fixture(scope="module")
def table(local_cloud: LocalCloud) -> str:
    local_cloud.client("dynamodb").create_table(
        TableName="faulty",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return "faulty"


@pytest.fixture(autouse=True)
def _remove_faults(local_cloud: LocalCloud) -> Iterator[None]:
    yield
    set_faults(local_cloud.endpoint, ())


def request(cloud: LocalCloud, method: str, body: str = "") -> tuple[int, dict[str, Any]]:
    connection = HTTPConnection("127.0.0.1", urlsplit(cloud.endpoint).port or 0, timeout=20)
    try:
        connection.request(method, "/_cronstack/faults", body=body)
        response = connection.getresponse()
        return response.status, json.load(response)
    finally:
        connection.close()


CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("get_item", {"TableName": "faulty", "Key": KEY}),
    "sqs": ("list_queues", {}),
    "scheduler": ("list_schedules", {}),
    "lambda": ("list_functions", {}),
    "s3": ("list_buckets", {}),
    "sns": ("list_topics", {}),
    "cloudwatch": ("describe_alarms", {}),
}
ERRORS = [
    ("dynamodb", "500", "InternalServerError", 500),
    ("dynamodb", "503", "ServiceUnavailable", 503),
    ("dynamodb", "throttled", "ProvisionedThroughputExceededException", 400),
    ("dynamodb", "conflict", "TransactionConflictException", 400),
    ("sqs", "500", "InternalError", 500),
    ("sqs", "throttled", "RequestThrottled", 400),
    ("scheduler", "500", "InternalServerException", 500),
    ("scheduler", "throttled", "ThrottlingException", 429),
    ("scheduler", "conflict", "ConflictException", 409),
    ("lambda", "throttled", "TooManyRequestsException", 429),
    ("s3", "503", "ServiceUnavailable", 503),
    ("sns", "throttled", "ThrottlingException", 400),
    ("cloudwatch", "500", "InternalFailure", 500),
]


@pytest.mark.parametrize(("service", "answer", "code", "status"), ERRORS)
def test_each_service_returns_its_own_error(
    local_cloud: LocalCloud, service: str, answer: str, code: str, status: int
) -> None:
    method, parameters = CALLS[service]
    call = getattr(client(local_cloud, service), method)
    with faults(local_cloud.endpoint, {"service": service, "answer": answer}):
        with pytest.raises(ClientError) as raised:
            call(**parameters)
        response = raised.value.response
        assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
        assert "a requested fault" in response["Error"]["Message"]
    if service != "dynamodb":
        call(**parameters)


def test_a_conflict_of_a_transaction_names_one_item(local_cloud: LocalCloud, table: str) -> None:
    puts = [{"Put": {"TableName": table, "Item": KEY | {"sk": {"S": name}}}} for name in ("c1", "c2", "c3")]
    dynamodb = client(local_cloud, "dynamodb")
    with faults(local_cloud.endpoint, {"service": "dynamodb", "answer": "conflict", "times": 1}):
        with pytest.raises(ClientError) as raised:
            dynamodb.transact_write_items(TransactItems=puts)
        response = raised.value.response
        codes = [reason["Code"] for reason in response["CancellationReasons"]]
        assert codes == ["TransactionConflict", "None", "None"]
        fault = read(response)
        assert isinstance(fault, Fault)
        assert (fault.code, fault.passing) == ("TransactionConflict", True)
        dynamodb.transact_write_items(TransactItems=puts)


def test_a_reset_request_has_no_effect_and_a_lost_answer_has(local_cloud: LocalCloud, table: str) -> None:
    dynamodb = client(local_cloud, "dynamodb")
    for answer, stored in (("reset", False), ("lost answer", True)):
        item = {"pk": {"S": answer}, "sk": {"S": "x"}}
        with faults(local_cloud.endpoint, {"service": "dynamodb", "operations": ["PutItem"], "answer": answer}):
            with pytest.raises(ConnectionClosedError):
                dynamodb.put_item(TableName=table, Item=item)
            assert ("Item" in dynamodb.get_item(TableName=table, Key=item)) is stored


def test_the_runtime_treats_a_closed_connection_as_a_lost_answer(
    local_cloud: LocalCloud, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": access_key_of("shop-stats"), "AWS_SECRET_ACCESS_KEY": "x"}
    for name, value in (keys | {"AWS_ENDPOINT_URL": local_cloud.endpoint, "AWS_DEFAULT_REGION": "us-east-1"}).items():
        monkeypatch.setenv(name, value)
    transport = Botocore()
    with faults(local_cloud.endpoint, {"service": "dynamodb", "answer": "reset", "times": 1}):
        answer = transport("GetItem", {"TableName": table, "Key": KEY})
        assert answer["Error"]["Code"] == "ConnectionError"
        assert "Error" not in transport("GetItem", {"TableName": table, "Key": KEY})


def test_a_fault_fails_only_matching_requests_and_only_so_often(local_cloud: LocalCloud, table: str) -> None:
    fault = {"service": "dynamodb", "operations": ["GetItem"], "caller": "shop-stats", "answer": "503", "times": 2}
    mine, other = client(local_cloud, "dynamodb"), client(local_cloud, "dynamodb", "shop-other")
    get = {"TableName": table, "Key": KEY}
    with faults(local_cloud.endpoint, fault):
        other.get_item(**get)
        mine.query(TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": "a"}})
        for _ in range(2):
            with pytest.raises(ClientError):
                mine.get_item(**get)
        mine.get_item(**get)
        assert request(local_cloud, "GET") == (200, {"faults": [fault | {"hits": 2}]})
    assert request(local_cloud, "GET") == (200, {"faults": []})


def test_faults_are_replaced_together_and_removed(local_cloud: LocalCloud) -> None:
    first, second = {"service": "sqs", "answer": "500"}, {"service": "sns", "answer": "500"}
    set_faults(local_cloud.endpoint, [first])
    status, response = request(local_cloud, "PUT", json.dumps(second))
    assert (status, [fault["service"] for fault in response["faults"]]) == (200, ["sns"])
    client(local_cloud, "sqs").list_queues()
    assert request(local_cloud, "DELETE") == (200, {"faults": []})
    client(local_cloud, "sns").list_topics()
    assert request(local_cloud, "POST")[0] == 405


GOOD = {"service": "dynamodb", "answer": "503"}
MALFORMED = [
    ("{", "not JSON"),
    ('"503"', "a fault is an object"),
    ("[[]]", "a fault is an object"),
    ("{}", "service is the name"),
    (json.dumps(GOOD | {"service": "dynamo"}), "service 'dynamo' does not exist"),
    (json.dumps(GOOD | {"service": "../dynamodb"}), "does not exist"),
    (json.dumps(GOOD | {"operation": "GetItem"}), "no field 'operation'. Fields: service, operations, caller"),
    (json.dumps(GOOD | {"operations": "GetItem"}), "operations is a list"),
    (json.dumps(GOOD | {"operations": []}), "operations is a list"),
    (json.dumps(GOOD | {"operations": ["get_item"]}), 'dynamodb has no operation "get_item"'),
    (json.dumps(GOOD | {"operations": [["GetItem"]]}), "dynamodb has no operation"),
    (json.dumps(GOOD | {"answer": 503}), "answer is one of 500, 503, throttled"),
    (json.dumps(GOOD | {"answer": ["503"]}), "answer is one of 500, 503, throttled"),
    (json.dumps({"service": "sqs", "answer": "conflict"}), "sqs has no error 'conflict'"),
    (json.dumps(GOOD | {"caller": 3}), "caller is the name"),
    (json.dumps(GOOD | {"caller": ""}), "caller is the name"),
    (json.dumps(GOOD | {"times": 0}), "times is a whole number"),
    (json.dumps(GOOD | {"times": True}), "times is a whole number"),
    (json.dumps([GOOD, GOOD | {"times": 1.5}]), "times is a whole number"),
]


@pytest.mark.parametrize(("body", "reason"), MALFORMED, ids=[reason for _, reason in MALFORMED])
def test_an_invalid_fault_is_refused_and_changes_nothing(local_cloud: LocalCloud, body: str, reason: str) -> None:
    set_faults(local_cloud.endpoint, [{"service": "sns", "answer": "503"}])
    before = request(local_cloud, "GET")
    status, response = request(local_cloud, "PUT", body)
    assert status == 400
    assert reason in response["message"]
    assert request(local_cloud, "GET") == before


def test_the_client_raises_the_reason_of_the_refusal(local_cloud: LocalCloud) -> None:
    with pytest.raises(InvalidFault, match="service 'missing' does not exist"):
        set_faults(local_cloud.endpoint, [{"service": "missing", "answer": "503"}])


def test_an_unanswered_request_is_in_the_log_with_status_0(local_cloud: LocalCloud) -> None:
    with faults(local_cloud.endpoint, {"service": "sns", "answer": "reset"}), pytest.raises(ConnectionClosedError):
        client(local_cloud, "sns").list_topics()
    connection = HTTPConnection("127.0.0.1", urlsplit(local_cloud.endpoint).port or 0, timeout=20)
    connection.request("GET", "/_cronstack/requests")
    last = json.load(connection.getresponse())["requests"][-1]
    connection.close()
    assert (last["operation"], last["status"], last["caller"]) == ("ListTopics", 0, access_key_of("shop-stats"))
