"""Orders on a virtual clock: the plans that the deployed stack schedules for them, and their runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack_infra.demo.payments import LIMIT, Payments
from cronstack_infra.testing.cloud import Cloud
from tests.tools.payment_wire import answered_by

pytestmark = pytest.mark.cronstack(
    jobs="examples", only=["checkout", "capture_payment", "remind_by_email"], start="2026-01-05T12:00:30"
)

DUE = datetime(2026, 1, 8, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ORDER = {"order": "4711", "cents": 1999, "email": "ann@example.com", "pay_at": "2026-01-08T11:00:00+01:00"}


@pytest.fixture
def payments() -> Iterator[Payments]:
    service = Payments()
    with answered_by(service):
        yield service


def check_out(cloud: Cloud, what: str = "placed", **order: Any) -> dict[str, Any]:
    """Run the job checkout. Return its result."""
    return dict(cloud.fire("checkout", input={**ORDER, "what": what, **order}).result)


def planned(cloud: Cloud) -> dict[str, datetime]:
    return {
        job: plan.at
        for job in ("capture_payment", "remind_by_email")
        for plan in cloud.once.list(job, status="planned")
    }


def test_an_order_plans_a_reminder_and_a_day_later_a_payment(cloud: Cloud, payments: Payments) -> None:
    assert check_out(cloud) == {"order": "4711", "payment": "planned", "reminder": "planned"}
    assert planned(cloud) == {"capture_payment": DUE, "remind_by_email": DUE - DAY}
    cloud.advance(until=DUE - DAY + timedelta(minutes=1))
    assert [mail["to"] for mail in cloud.mails] == [["ann@example.com"]]
    cloud.advance(until=DUE + timedelta(minutes=1))
    assert [(charge.order, charge.cents) for charge in payments.charges()] == [("4711", 1999)]
    assert len(cloud.mails) == 1


def test_a_repeated_order_changes_nothing(cloud: Cloud, payments: Payments) -> None:
    check_out(cloud)
    cloud.advance(hours=1)
    assert check_out(cloud) == {"order": "4711", "payment": "unchanged", "reminder": "unchanged"}
    later = (DUE + 3 * DAY).isoformat()
    check_out(cloud, "postponed", pay_at=later)
    assert check_out(cloud)["payment"] == "as it is"
    assert planned(cloud) == {"capture_payment": DUE + 3 * DAY, "remind_by_email": DUE + 2 * DAY}


def test_no_reminder_without_an_address_and_a_reminder_at_once_for_a_near_payment(
    cloud: Cloud, payments: Payments
) -> None:
    soon = cloud.now + timedelta(minutes=5)
    order = {"cents": 500, "pay_at": soon.isoformat()}
    assert cloud.fire("checkout", input={"order": "1", **order}).result == {"order": "1", "payment": "planned"}
    cloud.fire("checkout", input={"order": "2", "email": "bob@example.com", **order})
    cloud.advance(seconds=30)
    assert [mail["subject"] for mail in cloud.mails] == ["Your order 2"]
    cloud.advance(minutes=5)
    assert sorted(charge.order for charge in payments.charges()) == ["1", "2"]


def test_a_withdrawn_order_has_no_reminder_and_no_payment(cloud: Cloud, payments: Payments) -> None:
    check_out(cloud)
    assert check_out(cloud, "withdrawn")["payment"] == "cancelled"
    assert check_out(cloud)["payment"] == "as it is"
    cloud.advance(until=DUE + DAY)
    assert (payments.charges(), cloud.mails, planned(cloud)) == ([], [], {})


def test_after_the_payment_it_is_too_late(cloud: Cloud, payments: Payments) -> None:
    check_out(cloud)
    cloud.advance(until=DUE + timedelta(minutes=1))
    assert check_out(cloud, "withdrawn")["payment"] == "too late"
    assert check_out(cloud, "postponed", pay_at=(DUE + DAY).isoformat())["payment"] == "too late"
    assert len(payments.charges()) == 1


def test_a_refused_payment_is_a_dead_letter_at_once(cloud: Cloud, payments: Payments) -> None:
    check_out(cloud, cents=LIMIT + 1)
    cloud.advance(until=DUE + timedelta(minutes=1))
    (letter,) = cloud.dead_letters("capture_payment")
    assert "order 4711: 402" in letter.contents.error
    assert cloud.runs("capture_payment")[0].attempt == 1


def test_a_reminder_that_crashed_after_its_mail_is_sent_once(cloud: Cloud, payments: Payments) -> None:
    cloud.faults.crash("remind_by_email", on_attempt=1)
    check_out(cloud)
    cloud.advance(until=DUE - DAY + timedelta(minutes=30))
    assert [(run.status, run.attempt) for run in cloud.runs("remind_by_email")] == [("succeeded", 2)]
    assert len(cloud.mails) == 1


@pytest.mark.parametrize("what", ["placed", "postponed", "withdrawn"])
def test_a_crashed_checkout_is_completed_by_its_retry(cloud: Cloud, payments: Payments, what: str) -> None:
    if what != "placed":
        check_out(cloud)
    cloud.faults.crash("checkout", on_attempt=1)
    check_out(cloud, what, pay_at=(DUE + DAY).isoformat())
    cloud.faults.clear()
    cloud.advance(until=DUE + 2 * DAY)
    counts = (len(payments.charges()), len(cloud.mails))
    assert counts == ((0, 0) if what == "withdrawn" else (1, 1))
