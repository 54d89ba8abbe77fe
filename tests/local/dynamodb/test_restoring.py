"""A table restored to a point in time has, and lacks, the same as on AWS."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack_infra.local.client import LocalCloud

_numbers = itertools.count()


@pytest.fixture
def table(local_cloud: LocalCloud) -> tuple[Any, str]:
    """Return a client, and the name of a table with an index, time to live, recovery and one item."""
    client, name = local_cloud.client("dynamodb"), f"restorable-{next(_numbers)}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "listed")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "listed",
                "KeySchema": [{"AttributeName": "listed", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=True,
    )
    client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    recovery(client, name, True)
    client.put_item(TableName=name, Item={"pk": {"S": "a"}, "listed": {"S": "open"}})
    return client, name


def recovery(client: Any, name: str, on: bool) -> None:
    specification = {"PointInTimeRecoveryEnabled": on}
    client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=specification)


def test_a_restored_table_has_its_own_data_and_index(table: tuple[Any, str]) -> None:
    client, name = table
    arn = client.describe_table(TableName=name)["Table"]["TableArn"]
    target = f"{name}-restored"
    client.restore_table_to_point_in_time(SourceTableArn=arn, TargetTableName=target, UseLatestRestorableTime=True)
    client.put_item(TableName=name, Item={"pk": {"S": "b"}, "listed": {"S": "open"}})
    response = client.query(
        TableName=target,
        IndexName="listed",
        KeyConditionExpression="listed = :open",
        ExpressionAttributeValues={":open": {"S": "open"}},
    )
    assert [item["pk"]["S"] for item in response["Items"]] == ["a"]
    described = client.describe_table(TableName=target)["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_a_restored_table_lacks_settings_as_on_aws(table: tuple[Any, str]) -> None:
    client, name = table
    target = f"{name}-restored"
    client.restore_table_to_point_in_time(SourceTableName=name, TargetTableName=target, UseLatestRestorableTime=True)
    assert client.describe_table(TableName=target)["Table"]["DeletionProtectionEnabled"] is False
    assert client.describe_time_to_live(TableName=target)["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"
    backups = client.describe_continuous_backups(TableName=target)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"RestoreDateTime": "2026-01-01T00:00:00Z"}, "InvalidRestoreTimeException"),
        ({}, "InvalidRestoreTimeException"),
        ({"UseLatestRestorableTime": True, "BillingModeOverride": "PROVISIONED"}, "ValidationException"),
        ({"UseLatestRestorableTime": True, "SourceTableName": "missing"}, "SourceTableNotFoundException"),
    ],
)
def test_unsupported_restores_are_refused(table: tuple[Any, str], options: dict[str, Any], code: str) -> None:
    client, name = table
    with pytest.raises(ClientError) as caught:
        client.restore_table_to_point_in_time(**{"SourceTableName": name, "TargetTableName": f"{name}-no", **options})
    assert caught.value.response["Error"]["Code"] == code


def test_a_table_without_recovery_cannot_be_restored(table: tuple[Any, str]) -> None:
    client, name = table
    recovery(client, name, False)
    with pytest.raises(ClientError) as caught:
        client.restore_table_to_point_in_time(
            SourceTableName=name, TargetTableName=f"{name}-no", UseLatestRestorableTime=True
        )
    assert caught.value.response["Error"]["Code"] == "PointInTimeRecoveryUnavailableException"
