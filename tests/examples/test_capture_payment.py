"""The responses of the payment service, and the results of the run."""

from __future__ import annotations

import io
import urllib.error
from collections.abc import Iterator
from email.message import Message

import pytest

from cronstack.errors import PermanentError, RetryLater
from cronstack_infra.demo.payments import COME_BACK, LIMIT, Payments, PaymentService
from examples.capture_payment import capture_payment
from tests.examples.samples import run_of

DUE = "2026-01-05T14:00:00+00:00"


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[PaymentService]:
    with PaymentService(Payments(stumbles=lambda order, number: order == "slow" and number == 1)) as running:
        monkeypatch.setenv("PAYMENTS_URL", running.url)
        yield running


def capture(order: str, cents: int = 1999, attempt: int = 1) -> object:
    run = run_of("capture_payment", DUE, input={"order": order, "cents": cents}, attempt=attempt, occurrence="k-1")
    return capture_payment.function(run)


def test_repeated_requests_charge_once(service: PaymentService) -> None:
    assert capture("4711") == capture("4711", attempt=2) == {"charge": 1, "order": "4711", "cents": 1999}
    (charge,) = service.payments.charges()
    assert (charge.key, charge.requests) == ("capture_payment/k-1", 2)
    assert service.payments.charged_twice() == []


def test_a_refusal_is_a_permanent_error(service: PaymentService) -> None:
    with pytest.raises(PermanentError, match=r"order 4711: 402 .*limit"):
        capture("4711", cents=LIMIT + 1)
    capture("4712")
    with pytest.raises(PermanentError, match=r"422 .*another charge"):
        capture("4712", cents=1)
    assert [charge.order for charge in service.payments.charges()] == ["4712"]


def test_an_error_after_the_charge_is_retried_after_its_delay(service: PaymentService) -> None:
    with pytest.raises(RetryLater) as raised:
        capture("slow")
    assert raised.value.after == COME_BACK
    assert capture("slow", attempt=2) == {"charge": 1, "order": "slow", "cents": 1999}
    assert service.payments.charges()[0].requests == 2


@pytest.mark.parametrize("status", [500, 502, 408, 425, 429])
def test_temporary_errors_are_raised_and_retried(
    status: int, service: PaymentService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise urllib.error.HTTPError(service.url, status, "", Message(), io.BytesIO(b"busy"))

    monkeypatch.setattr("examples.capture_payment.post", refuse)
    with pytest.raises(urllib.error.HTTPError):
        capture("4711")


def test_a_refused_connection_is_raised_and_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    with PaymentService(Payments()) as gone:
        monkeypatch.setenv("PAYMENTS_URL", gone.url)
    with pytest.raises(OSError, match="refused"):
        capture("4711")
