"""The payment service over HTTP: charges, answers, and the detection of double charges."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cronstack_infra.demo.payments import LIMIT, Payments, PaymentService


@pytest.fixture
def service() -> Iterator[PaymentService]:
    with PaymentService(Payments(stumbles=lambda order, number: order == "slow" and number == 1)) as found:
        yield found


def post(service: PaymentService, key: str, **charge: Any) -> tuple[int, dict[str, Any], str]:
    """Return status, answer and the header Retry-After."""
    headers = {"Idempotency-Key": key} if key else {}
    request = urllib.request.Request(service.url, json.dumps(charge).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer), ""
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused), refused.headers.get("Retry-After", "")


def listed(service: PaymentService) -> dict[str, Any]:
    with urllib.request.urlopen(service.url, timeout=10) as answer:
        return dict(json.load(answer))


def test_concurrent_requests_with_one_key_are_one_charge(service: PaymentService) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(service, "k", order="1", cents=5), range(20)))
    assert answers == [(201, {"charge": 1, "order": "1", "cents": 5}, "")] * 20
    (charge,) = service.payments.charges()
    assert (charge.order, charge.cents, charge.requests) == ("1", 5, 20)


def test_a_second_key_for_an_order_is_reported_as_charged_twice(service: PaymentService) -> None:
    for key, order in (("a", "1"), ("b", "1"), ("c", "2")):
        assert post(service, key, order=order, cents=5)[0] == 201
    assert service.payments.charged_twice() == ["1"]
    data = listed(service)
    assert data["charged_twice"] == ["1"]
    assert [charge["key"] for charge in data["charges"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("key", "charge", "status"),
    [
        ("", {"order": "1", "cents": 5}, 400),
        ("k", {"order": "1"}, 400),
        ("k", {"order": "1", "cents": "much"}, 400),
        ("k", {"order": "1", "cents": LIMIT + 1}, 402),
        ("k", {"order": "1", "cents": 0}, 402),
        ("known", {"order": "1", "cents": 6}, 422),
    ],
)
def test_a_refused_request_is_not_charged(service: PaymentService, key: str, charge: Any, status: int) -> None:
    post(service, "known", order="1", cents=5)
    answered, data, _ = post(service, key, **charge)
    assert (answered, list(data)) == (status, ["error"])
    assert [(charged.key, charged.requests) for charged in service.payments.charges()] == [("known", 1)]


def test_a_503_answer_comes_after_the_charge(service: PaymentService) -> None:
    assert post(service, "k", order="slow", cents=5)[::2] == (503, "3")
    assert [charge.order for charge in service.payments.charges()] == ["slow"]
    assert post(service, "k", order="slow", cents=5)[0] == 201
