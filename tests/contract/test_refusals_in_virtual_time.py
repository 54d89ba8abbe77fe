"""Requests that the API gate refuses over HTTP are refused in a virtual cloud, with the same code, message and status.

One table of wrong requests is sent over HTTP to the local cloud, by a test with the fixture ``cloud``, and by a handler
in a virtual cloud. The conformance kit also runs in virtual time.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from cronstack.transport import Botocore
from cronstack_infra.conformance.runner import ROWS, ask
from cronstack_infra.conformance.scenes import Stage
from cronstack_infra.local.client import LocalCloud
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.testing.cloud import Cloud
from tests.contract import wrong_requests
from tests.contract.wrong_requests import QUEUE, SCHEDULE, WRONG, Answer, Wrong, answer, clients
from tests.local.apis.rules_stage import role

START = datetime(2027, 3, 1, tzinfo=UTC)
KEYS = {"aws_access_key_id": "123456789012", "aws_secret_access_key": "secret"}
OPERATIONS = {"create_schedule": "CreateSchedule", "get_schedule": "GetSchedule", "delete_schedule": "DeleteSchedule"}
BY_TRANSPORT = [wrong for wrong in WRONG if wrong.method in OPERATIONS and wrong.body is None]
NOT_SENT = {
    "an unknown parameter": {"Nonsense": 1},
    "a number for a text": {"Description": 7},
    "no name": {"Name": ""},
    "an unknown member of the target": {"Target": SCHEDULE["Target"] | {"Nonsense": 1}},
}
"""Parameters that boto3 refuses before it sends them."""


@pytest.fixture(scope="module")
def over_http() -> dict[str, Answer]:
    """Return the refusals of the local cloud: by the API, and by the transport of the runtime and of ``once``."""
    with LocalCloud.start() as local:
        client = clients(local.endpoint, **KEYS)
        client("sqs").create_queue(QueueName=QUEUE)
        refusals = {_key(wrong): answer(client, wrong) for wrong in WRONG}
        transport = Botocore(client)
        refusals |= {_key(wrong, "transport"): _sent_by(transport, wrong) for wrong in BY_TRANSPORT}
    return refusals


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.method}: {wrong.what}")
def test_the_local_cloud_refuses_the_table(over_http: dict[str, Answer], wrong: Wrong) -> None:
    assert over_http[_key(wrong)][:1] == [wrong.code]


def test_the_fixture_cloud_refuses_the_same(over_http: dict[str, Answer], cloud: Cloud) -> None:
    client = clients(**KEYS)
    client("sqs").create_queue(QueueName=QUEUE)
    assert {_key(wrong): answer(client, wrong) for wrong in WRONG} == _of_api(over_http)


def test_a_virtual_cloud_refuses_a_handlers_requests(over_http: dict[str, Answer]) -> None:
    with VirtualCloud(START) as cloud:
        cloud.client("sqs").create_queue(QueueName=QUEUE)
        invoke = cloud.client("lambda").invoke
        _deploy(cloud)
        refusals = {}
        for wrong in WRONG:
            payload = json.dumps(wrong).encode()
            refusals[_key(wrong)] = json.load(invoke(FunctionName="asks", Payload=payload)["Payload"])
            assert "AWS_LAMBDA_FUNCTION_NAME" not in os.environ, "the test has the environment of the handler"
    assert refusals == _of_api(over_http)


def test_the_transport_of_a_virtual_cloud_refuses_the_same(over_http: dict[str, Answer]) -> None:
    with VirtualCloud(START) as cloud:
        for wrong in BY_TRANSPORT:
            assert _sent_by(cloud.calls.transport, wrong) == over_http[_key(wrong, "transport")], wrong.what


@pytest.mark.parametrize("wrong", NOT_SENT.values(), ids=NOT_SENT)
def test_the_transport_raises_the_errors_of_botocore(wrong: Mapping[str, Any]) -> None:
    parameters = SCHEDULE | wrong
    with VirtualCloud(START) as cloud:
        with pytest.raises(ParamValidationError) as of_botocore:
            cloud.client("scheduler").create_schedule(**parameters)
        with pytest.raises(ParamValidationError) as caught:
            cloud.calls.transport("CreateSchedule", parameters)
    assert str(caught.value) == str(of_botocore.value)


def test_an_invalid_commit_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    key = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    settled = {"TableName": "ledger", "Key": key, "UpdateExpression": "SET #x = :x"}
    settled |= {"ExpressionAttributeNames": {"#x": "x"}, "ExpressionAttributeValues": {":x": {"S": "done"}}}
    wrong = {"TableName": "effects", "Item": {"id": "a text without a type"}}
    with VirtualCloud(START) as cloud:
        cloud.ledgers.add("ledger")
        with pytest.raises(ParamValidationError):
            cloud.calls.transport("TransactWriteItems", {"TransactItems": [{"Update": settled}, {"Put": wrong}]})
        assert "Item" not in cloud.calls.transport("GetItem", {"TableName": "ledger", "Key": key})


def test_a_virtual_cloud_passes_the_conformance_kit() -> None:
    with VirtualCloud(START) as cloud:
        stage = Stage(clients(**KEYS), "kit")
        stage.build()
        verdicts = [ask(stage, row, cloud.now) for row in ROWS]
    assert [verdict for verdict in verdicts if not verdict.same] == []


def _key(wrong: Wrong, way: str = "API") -> str:
    return f"{way}: {wrong.service} {wrong.method}: {wrong.what}"


def _of_api(refusals: dict[str, Answer]) -> dict[str, Answer]:
    return {key: value for key, value in refusals.items() if key.startswith("API: ")}


def _sent_by(transport: Any, wrong: Wrong) -> Answer:
    """Send a request by a transport. Return code and message; a transport returns no status."""
    error = transport(OPERATIONS[wrong.method], wrong.parameters).get("Error", {})
    return [error.get("Code"), error.get("Message")]


def _deploy(cloud: VirtualCloud) -> None:
    """Create a function from the module ``wrong_requests``."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("wrong_requests.py", Path(wrong_requests.__file__).read_text("utf-8"))
    cloud.client("lambda").create_function(
        FunctionName="asks",
        Runtime="python3.13",
        Handler="wrong_requests.handler",
        Role=role(cloud, "asks", "lambda.amazonaws.com"),
        Code={"ZipFile": data.getvalue()},
    )
