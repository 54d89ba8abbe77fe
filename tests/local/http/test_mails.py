"""Mails that were sent, as a person reads them from the local cloud."""

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


def asked(cloud: LocalCloud, method: str = "GET") -> list[dict[str, Any]]:
    request = urllib.request.Request(cloud.endpoint + PATH, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["mails"]
        return found


@pytest.fixture
def ses(local_cloud: LocalCloud) -> Any:
    asked(local_cloud, "DELETE")
    client = local_cloud.client("ses")
    client.verify_email_identity(EmailAddress=SHOP)
    return client


def test_each_mail_is_there_with_all_that_was_said_and_goes_when_it_is_told_to(
    local_cloud: LocalCloud, ses: Any
) -> None:
    to = {"ToAddresses": ["ann@example.com"], "CcAddresses": ["bob@example.com"]}
    said = {"Subject": {"Data": "Für Ann"}, "Body": {"Text": {"Data": "Two\nlines"}}}
    ids = [
        ses.send_email(Source=SHOP, Destination=to, Message=said)["MessageId"],
        ses.send_raw_email(Source=SHOP, Destinations=["ann@example.com"], RawMessage={"Data": RAW})["MessageId"],
    ]
    common = {"from": SHOP, "to": ["ann@example.com"], "subject": "Für Ann"}
    assert asked(local_cloud) == [
        {"id": ids[0], **common, "cc": ["bob@example.com"], "text": "Two\nlines"},
        {"id": ids[1], **common, "text": "By hand\n"},
    ]
    assert asked(local_cloud, "DELETE") == []
    assert asked(local_cloud) == []


def test_what_was_rejected_is_no_mail_and_nothing_else_is_done_with_them(local_cloud: LocalCloud, ses: Any) -> None:
    said = {"Subject": {"Data": "Hello"}, "Body": {"Text": {"Data": "x"}}}
    with pytest.raises(ses.exceptions.MessageRejected):
        ses.send_email(Source="other@example.com", Destination={"ToAddresses": [SHOP]}, Message=said)
    assert asked(local_cloud) == []
    with pytest.raises(urllib.error.HTTPError) as refused:
        asked(local_cloud, "PUT")
    with refused.value as answer:
        assert answer.code == 405
