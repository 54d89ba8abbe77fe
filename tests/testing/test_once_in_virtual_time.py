"""``once`` on a virtual clock: its calls reach the engine, take virtual time, and may fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack import OnceConflict
from cronstack.errors import OperationError
from cronstack.onetime.schedules import Wiring
from cronstack_infra import names
from cronstack_infra.demo.payments import Payments
from cronstack_infra.play.simulation.cloud import scheduling
from cronstack_infra.play.simulation.handlers.faults import Rates
from cronstack_infra.testing.cloud import Cloud
from tests.tools.payment_wire import answered_by

pytestmark = pytest.mark.cronstack(
    jobs="examples", only=["checkout", "capture_payment", "remind_by_email"], start="2026-01-05T12:00:30"
)

AT = datetime(2026, 1, 5, 14, tzinfo=UTC)
ORDER = {"order": "4711", "cents": 1999}


@pytest.fixture
def payments() -> Iterator[Payments]:
    service = Payments()
    with answered_by(service):
        yield service


def schedules(cloud: Cloud) -> list[dict[str, Any]]:
    """Return the schedules in the group of ``once``."""
    pages = cloud.client("scheduler").get_paginator("list_schedules")
    group = names.once_group(cloud.stack.deployment.stack)
    return [schedule for page in pages.paginate(GroupName=group) for schedule in page["Schedules"]]


def check_out(cloud: Cloud, **order: Any) -> dict[str, Any]:
    row = cloud.fire("checkout", input={**ORDER, "pay_at": AT.isoformat(), **order})
    assert row.status == "succeeded", row
    return dict(row.result)


def test_a_plan_of_a_handler_is_due_in_virtual_time(cloud: Cloud, payments: Payments) -> None:
    began = cloud.now
    assert check_out(cloud)["payment"] == "planned"
    assert timedelta(milliseconds=10) < cloud.now - began < timedelta(seconds=1), (
        "each of five calls takes virtual time"
    )
    (made,) = schedules(cloud)
    assert made["CreationDate"].replace(tzinfo=UTC) - began < timedelta(seconds=1)
    cloud.advance(until=AT)
    assert payments.charges() == []
    cloud.advance(seconds=2)
    (charge,) = payments.charges()
    assert (charge.order, charge.cents, charge.key) == (
        "4711",
        1999,
        f"capture_payment/{cloud.runs('capture_payment')[0].occurrence}",
    )
    assert schedules(cloud) == [], "it has deleted itself"


def test_a_plan_can_be_cancelled_shortly_before_it_fires(cloud: Cloud, payments: Payments) -> None:
    check_out(cloud)
    cloud.advance(until=AT - timedelta(milliseconds=500))
    assert check_out(cloud, what="withdrawn")["payment"] == "cancelled"
    assert schedules(cloud) == []
    cloud.advance(hours=2)
    assert payments.charges() == []
    assert [(run.status, run.reason) for run in cloud.runs("capture_payment")] == [("cancelled", "")]


def test_a_plan_can_be_moved_shortly_before_it_fires(cloud: Cloud, payments: Payments) -> None:
    check_out(cloud)
    cloud.advance(until=AT - timedelta(milliseconds=500))
    later = AT + timedelta(hours=1)
    assert check_out(cloud, what="postponed", pay_at=later.isoformat())["payment"] == "moved"
    cloud.advance(until=later)
    assert payments.charges() == []
    cloud.advance(seconds=2)
    assert [charge.requests for charge in payments.charges()] == [1]
    assert check_out(cloud, what="withdrawn")["payment"] == "too late"


def test_faults_also_hit_the_calls_of_once(cloud: Cloud, payments: Payments) -> None:
    cloud.faults.rates = Rates(crash=0.15, lost=0.3, throttled=0.1)
    check_out(cloud)
    crashed = [e for e in cloud.events if e["event"] == "attempt" and e["outcome"] == "crashed"]
    cloud.faults.rates = Rates(lost=0.3)
    cloud.advance(until=AT + timedelta(minutes=30))
    assert len(payments.charges()) == 1
    assert schedules(cloud) == []
    assert crashed, "choose another seed: no fault occurred"


def test_a_test_can_schedule_without_virtual_time_passing(cloud: Cloud, payments: Payments) -> None:
    began = cloud.now
    assert cloud.once.schedule("capture_payment", key="order-1", at=AT, input=ORDER).outcome == "planned"
    assert cloud.now == began
    cloud.advance(seconds=1)
    assert cloud.once.schedule("capture_payment", key="order-1", at=AT, input=ORDER).outcome == "unchanged"
    with pytest.raises(OnceConflict):
        cloud.once.schedule("capture_payment", key="order-1", at=AT, input={})
    assert [plan.key for plan in cloud.once.list("capture_payment")] == ["order-1"]
    with pytest.raises(OperationError, match="capture_payment: 'order-1' is planned, due 2026-01-05 14:00:00"):
        cloud.at("2026-02-01")
    cloud.advance(until=AT + timedelta(minutes=1))
    assert cloud.once.get("capture_payment", "order-1").status == "begun"
    assert [run.status for run in cloud.runs("capture_payment")] == ["succeeded"]
    assert cloud.at("2026-02-01") == cloud.now
    with pytest.raises(OperationError, match="code may not schedule a job 'heartbeat'"):
        cloud.once.get("heartbeat", "x")


def test_schedule_many_works_with_threads(cloud: Cloud, payments: Payments) -> None:
    orders = ({"key": f"order-{number}", "input": {"order": f"{number}", "cents": 100}} for number in range(60))
    results = list(cloud.once.schedule_many("capture_payment", orders, at=AT, concurrency=8))
    assert {result.plan.outcome for result in results if result.plan is not None} == {"planned"}
    assert len(results) == len(schedules(cloud)) == 60
    cloud.advance(until=AT + timedelta(minutes=1))
    assert len(payments.charges()) == 60
    assert payments.charged_twice() == []


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("GetSchedule", {"Name": "once.a"}),
    ("CreateSchedule", {"Name": "once.a"}),
    ("CreateSchedule", {"Name": "once.a"}),
    ("CreateSchedule", {"Name": "once.a", "ClientToken": "another"}),
    ("CreateSchedule", {"Name": "once.b", "ScheduleExpression": "at(tomorrow)"}),
    ("CreateSchedule", {"Name": "once.b", "GroupName": "absent"}),
    ("GetSchedule", {"Name": "once.a"}),
    ("DeleteSchedule", {"Name": "once.a", "GroupName": "absent"}),
    ("DeleteSchedule", {"Name": "once.a"}),
    ("DeleteSchedule", {"Name": "once.a"}),
]


def test_answers_are_the_same_with_and_without_http(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare errors and successes, each after the same earlier calls."""
    from cronstack.transport import Botocore

    for name, value in {"REGION": "us-east-1", "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test"}.items():
        monkeypatch.setenv(f"AWS_{name.replace('REGION', 'DEFAULT_REGION')}", value)
    wiring = Wiring.read(cloud.outputs[names.once_output("capture_payment")])
    whole = {
        "GroupName": wiring.group,
        "ScheduleExpression": "at(2026-01-05T14:00:00)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ClientToken": "token",
        "Target": {"Arn": wiring.function, "RoleArn": wiring.role, "Input": "{}"},
    }
    short = {"GroupName": wiring.group}
    answers: list[list[Any]] = []
    for call in (Botocore(), scheduling.call):
        answers.append([])
        for operation, arguments in CALLS:
            answer = dict(call(operation, (whole if operation == "CreateSchedule" else short) | arguments))
            status = answer.pop("ResponseMetadata", {}).get("HTTPStatusCode", 200)
            answer.pop("Message", None)
            kept = (
                answer
                if operation != "GetSchedule" or "Error" in answer
                else {"Name": answer["Name"], "Target": answer["Target"]}
            )
            answers[-1].append((operation, status, kept))
    assert answers[0] == answers[1]
    assert [status for _, status, _ in answers[1]] == [404, 200, 200, 409, 400, 404, 200, 404, 200, 404]
