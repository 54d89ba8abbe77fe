"""A user's tests on moto, as in its documentation, in the same session as tests with the fixture ``cloud``."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws


@pytest.fixture
def aws_credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")


@pytest.fixture
def s3(aws_credentials):
    with mock_aws():
        yield boto3.client("s3", region_name="eu-central-1")


@pytest.mark.parametrize("again", range(3))
def test_a_bucket_of_my_own(s3, again):
    assert s3.list_buckets()["Buckets"] == []
    s3.create_bucket(Bucket="mine", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    (found,) = s3.list_buckets()["Buckets"]
    assert abs(found["CreationDate"] - datetime.now(UTC)) < timedelta(minutes=5)
    assert os.environ["AWS_ACCESS_KEY_ID"] in ("testing", "FOOBARKEY")


@pytest.mark.parametrize("again", range(3))
@mock_aws
def test_a_topic_and_a_table_of_my_own(aws_credentials, again):
    sns, dynamodb = boto3.client("sns", "us-east-1"), boto3.client("dynamodb", "us-east-1")
    assert sns.list_topics()["Topics"] == []
    assert dynamodb.list_tables()["TableNames"] == []
    sns.create_topic(Name="mine")
    dynamodb.create_table(
        TableName="mine",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    assert dynamodb.list_tables()["TableNames"] == ["mine"]


@pytest.mark.parametrize("again", range(2))
def test_both_in_one_test(aws_credentials, cloud, again):
    sns = boto3.client("sns", "us-east-1")
    (of_alarms,) = sns.list_topics()["Topics"]
    mine = sns.create_topic(Name="mine")["TopicArn"]
    assert cloud.fire("nightly").status == "succeeded"
    assert sns.list_topics()["Topics"] == [of_alarms, {"TopicArn": mine}]
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-central-1"


def test_the_cloud_within_a_mock_of_my_own(s3, cloud):
    assert cloud.fire("nightly").status == "succeeded"
