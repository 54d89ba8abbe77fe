"""``/_cronstack/units``: what each partition of each table has consumed, for a person to read."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud


def asked(cloud: LocalCloud, method: str = "GET") -> list[dict[str, Any]]:
    request = urllib.request.Request(f"{cloud.endpoint}/_cronstack/units", method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: list[dict[str, Any]] = json.load(answer)["units"]
        return found


def test_the_units_of_partitions_are_told(local_cloud: LocalCloud) -> None:
    client, key = local_cloud.client("dynamodb"), {"pk": {"S": "a"}, "sk": {"N": "1"}}
    client.create_table(
        TableName="told",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, kind in (("pk", "S"), ("sk", "N"))
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="told", Item=key | {"text": {"S": "x" * 1500}})
    client.get_item(TableName="told", Key=key, ConsistentRead=True)
    (row,) = (row for row in asked(local_cloud) if row["table"] == "told")
    assert row == {"table": "told", "index": "", "partition": "a", "read": 1, "write": 2, "busiest_second": 2}
    assert asked(local_cloud, "DELETE") == []
    assert asked(local_cloud) == []


def test_another_method_is_refused(local_cloud: LocalCloud) -> None:
    with pytest.raises(urllib.error.HTTPError, match="405"):
        asked(local_cloud, "PUT")
