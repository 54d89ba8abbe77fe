"""Sent mails, on the page of the local cloud."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.http.mails import PATH

SHOP = "shop@example.com"
RAW = "Subject: =?utf-8?q?F=C3=BCr_Ann?=\nContent-Type: text/plain; charset=utf-8\n\nBy hand\n"


def mails_by(cloud: LocalCloud, method: str = "GET") -> list[dict[str, Any]]:
    request = urllib.request.Request(cloud.endpoint + PATH, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        mails: list[dict[str, Any]] = json.load(response)["mails"]
        return mails


@pytest.fixture
def ses(local_cloud: LocalCloud) -> Any:
    mails_by(local_cloud, "DELETE")
    client = local_cloud.client("ses")
    client.verify_email_identity(EmailAddress=SHOP)
    return client


def test_each_mail_is_listed_with_its_content_until_it_is_deleted(local_cloud: LocalCloud, ses: Any) -> None:
    to = {"ToAddresses": ["ann@example.com"], "CcAddresses": ["bob@example.com"]}
    message = {"Subject": {"Data": "Für Ann"}, "Body": {"Text": {"Data": "Two\nlines"}}}
    ids = [
        ses.send_email(Source=SHOP, Destination=to, Message=message)["MessageId"],
        ses.send_raw_email(Source=SHOP, Destinations=["ann@example.com"], RawMessage={"Data": RAW})["MessageId"],
    ]
    common = {"from": SHOP, "to": ["ann@example.com"], "subject": "Für Ann"}
    assert mails_by(local_cloud) == [
        {"id": ids[0], **common, "cc": ["bob@example.com"], "text": "Two\nlines"},
        {"id": ids[1], **common, "text": "By hand\n"},
    ]
    assert mails_by(local_cloud, "DELETE") == []
    assert mails_by(local_cloud) == []


def test_a_rejected_mail_is_not_listed_and_other_methods_are_refused(local_cloud: LocalCloud, ses: Any) -> None:
    message = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "x"}}}
    with pytest.raises(ses.exceptions.MessageRejected):
        ses.send_email(Source="other@example.com", Destination={"ToAddresses": [SHOP]}, Message=message)
    assert mails_by(local_cloud) == []
    with pytest.raises(urllib.error.HTTPError) as refused:
        mails_by(local_cloud, "PUT")
    with refused.value as response:
        assert response.code == 405
