"""``/_cronstack/units``: the capacity units that each partition of each table has consumed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud


def units_by(cloud: LocalCloud, method: str = "GET") -> list[dict[str, Any]]:
    request = urllib.request.Request(f"{cloud.endpoint}/_cronstack/units", method=method)
    with urllib.request.urlopen(request, timeout=20) as response:
        units: list[dict[str, Any]] = json.load(response)["units"]
        return units


def test_the_units_of_partitions_are_listed(local_cloud: LocalCloud) -> None:
    client, key = local_cloud.client("dynamodb"), {"pk": {"S": "a"}, "sk": {"N": "1"}}
    client.create_table(
        TableName="counted",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in (("pk", "S"), ("sk", "N"))
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="counted", Item=key | {"text": {"S": "x" * 1500}})
    client.get_item(TableName="counted", Key=key, ConsistentRead=True)
    (row,) = (row for row in units_by(local_cloud) if row["table"] == "counted")
    assert row == {"table": "counted", "index": "", "partition": "a", "read": 1, "write": 2, "busiest_second": 2}
    assert units_by(local_cloud, "DELETE") == []
    assert units_by(local_cloud) == []


def test_another_method_is_refused(local_cloud: LocalCloud) -> None:
    with pytest.raises(urllib.error.HTTPError, match="405"):
        units_by(local_cloud, "PUT")
