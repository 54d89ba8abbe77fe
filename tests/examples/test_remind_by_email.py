"""The reminder: it sends one mail, and no second one if a checkpoint has the first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from cronstack.run import NoGuard
from cronstack_infra.local.http import mails
from examples.remind_by_email import remind_by_email
from tests.examples.samples import run_of

DUE = "2026-01-04T14:00:00+00:00"
INPUT = {"order": "4711", "cents": 1999, "email": "ann@example.com"}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Yield a list for the handler's calls of the guard, in a cloud with a verified sender."""
    for name, value in {"DEFAULT_REGION": "us-east-1", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("REMINDER_SENDER", "shop@example.com")
    with mock_aws():
        boto3.client("ses").verify_email_identity(EmailAddress="shop@example.com")
        yield []


class RecordingGuard(NoGuard):
    """A guard that records checkpoints."""

    __slots__ = ("_calls",)

    def __init__(self, calls: list[Any]) -> None:
        self._calls = calls

    def checkpoint(self, value: object) -> None:
        self._calls.append(("checkpoint", value))


def remind(calls: list[Any], **given: Any) -> dict[str, str]:
    run = run_of("remind_by_email", DUE, input=INPUT, guard=RecordingGuard(calls), **given)
    return dict(remind_by_email.function(run))


def test_a_mail_is_sent_and_its_id_is_saved(calls: list[Any]) -> None:
    answer = remind(calls)
    (mail,) = mails.sent()
    assert answer == {"mail": mail["id"]}
    assert calls == [("checkpoint", answer)]
    assert (mail["from"], mail["to"], mail["subject"]) == ("shop@example.com", ["ann@example.com"], "Your order 4711")
    assert "shortly we collect 19.99 euros for your order 4711." in mail["text"]


def test_the_mail_of_an_earlier_attempt_is_not_sent_again(calls: list[Any]) -> None:
    assert remind(calls, attempt=2, resume={"mail": "m-1"}) == {"mail": "m-1"}
    assert mails.sent() == []


def test_a_mail_that_ses_rejects_is_not_saved(calls: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMINDER_SENDER", "boss@example.com")
    with pytest.raises(ClientError, match="not verified"):
        remind(calls)
    assert calls == []
