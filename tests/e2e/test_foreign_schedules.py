"""Schedules without Cronstack: plain boto3 on the local endpoint, and the caller's own function."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud
from tests.e2e.watch import Watch

CODE = "def main(event, context):\n    return {'saw': event}\n"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}
INVOKE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}],
}


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def cloud(watch: Watch) -> Iterator[LocalCloud]:
    with LocalCloud.start(on_event=watch) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def target(cloud: LocalCloud) -> dict[str, Any]:
    """A schedule target: the caller's own function and role."""
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="mine", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="mine", PolicyName="invoke", PolicyDocument=json.dumps(INVOKE))
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as file:
        file.writestr("mine.py", CODE)
    function = cloud.client("lambda").create_function(
        FunctionName="mine", Runtime="python3.13", Role=role, Handler="mine.main", Code={"ZipFile": code.getvalue()}
    )
    payload = '{"at": "<aws.scheduler.scheduled-time>", "try": <aws.scheduler.attempt-number>}'
    return {"Arn": function["FunctionArn"], "RoleArn": role, "Input": payload}


def test_they_fire_in_their_minute_and_are_deleted_on_request(
    cloud: LocalCloud, watch: Watch, target: dict[str, Any]
) -> None:
    schedules = cloud.client("scheduler")
    due = (datetime.now(UTC) + timedelta(seconds=8)).replace(microsecond=0)
    expression = f"at({due:%Y-%m-%dT%H:%M:%S})"
    common: dict[str, Any] = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    schedules.create_schedule(Name="stays", ScheduleExpression=expression, **common)
    schedules.create_schedule(Name="goes", ScheduleExpression=expression, ActionAfterCompletion="DELETE", **common)
    schedules.create_schedule(Name="each-minute", ScheduleExpression="rate(1 minute)", **common)

    def fired(name: str) -> list[dict[str, Any]]:
        return watch.all("fired", schedule=lambda arn: arn.endswith(f"/{name}"))

    watch.until(lambda: len(fired("each-minute")) >= 2, 100, "two firings of rate(1 minute)")
    assert len(fired("stays")) == len(fired("goes")) == 1
    for name in ("stays", "goes"):
        firing = fired(name)[0]
        assert firing["scheduled"] == f"{due:%Y-%m-%dT%H:%M:%SZ}"
        late = datetime.fromisoformat(firing["at"]) - due
        assert timedelta(0) <= late < timedelta(seconds=30)
    first, second = (datetime.fromisoformat(firing["scheduled"]) for firing in fired("each-minute")[:2])
    assert second - first == timedelta(minutes=1)

    results = [json.loads(done["result"]) for done in watch.all("finished", function="mine")]
    assert results.count({"saw": {"at": f"{due:%Y-%m-%dT%H:%M:%SZ}", "try": 1}}) == 2
    assert schedules.get_schedule(Name="stays")["ScheduleExpression"] == expression
    with pytest.raises(ClientError) as gone:
        schedules.get_schedule(Name="goes")
    assert gone.value.response["Error"]["Code"] == "ResourceNotFoundException"
