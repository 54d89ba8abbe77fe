"""The stores of the examples on moto: two buckets and a table, whose names come from the stack's variables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.examples.samples import as_csv


class Stores:
    """Flights, their statistics and the reports, by day."""

    def put_flights(self, day: str, flights: Sequence[dict[str, str]]) -> None:
        boto3.client("s3").put_object(Bucket="flights-of-the-test", Key=f"flights/{day}.csv", Body=as_csv(flights))

    def put_statistics(self, day: str, **fields: Any) -> None:
        item = {"day": day, "flights": 100, "cancelled": 4, "mean_departure_delay": Decimal("12.50"), **fields}
        boto3.resource("dynamodb").Table("statistics-of-the-test").put_item(Item=item)

    def put_reports(self, *keys: str) -> None:
        for key in keys:
            boto3.client("s3").put_object(Bucket="reports-of-the-test", Key=key, Body=b"")

    def reports(self) -> dict[str, str]:
        """Return all reports by key."""
        s3 = boto3.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="reports-of-the-test")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {key: s3.get_object(Bucket="reports-of-the-test", Key=key)["Body"].read().decode() for key in keys}

    def report(self, key: str) -> Any:
        return json.loads(self.reports()[key])


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("FLIGHTS_BUCKET", "flights-of-the-test")
    monkeypatch.setenv("REPORTS_BUCKET", "reports-of-the-test")
    monkeypatch.setenv("STATISTICS_TABLE", "statistics-of-the-test")
    with mock_aws():
        for bucket in ("flights-of-the-test", "reports-of-the-test"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        boto3.client("dynamodb").create_table(
            TableName="statistics-of-the-test",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "day", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "day", "AttributeType": "S"}],
        )
        yield Stores()
