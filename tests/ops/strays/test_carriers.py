"""Carriers that Cronstack cannot have created are found, and deleted only after their runs are finished."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cronstack.stage import CARRIERS, FUNCTION, occurrence, scheduled_event
from tests.ops.shop import ROLE, Shop
from tests.ops.strays.finding import DAY, find_strays, fix_all


def carrier(shop: Shop, expression: str = "at(2030-01-01T00:00:00)", **changes: Any) -> None:
    given: dict[str, Any] = {
        "Name": "carrier",
        "GroupName": CARRIERS,
        "ScheduleExpression": expression,
        "ActionAfterCompletion": "DELETE",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": FUNCTION, "RoleArn": ROLE, "Input": json.dumps(scheduled_event())},
    }
    shop.scheduler.create_schedule(**(given | changes))


def test_a_carrier_that_waits_for_its_time_is_not_a_stray(shop: Shop) -> None:
    carrier(shop)
    shop.stage.now += 3 * DAY
    assert find_strays(shop) == []


@pytest.mark.parametrize(
    ("expression", "changes", "what"),
    [
        ("rate(1 minute)", {}, "it repeats: rate(1 minute). Cronstack creates no such carrier"),
        ("at(2030-01-01T00:00:00)", {"ActionAfterCompletion": "NONE"}, "it does not delete itself after its time."),
        ("at(2026-01-02T00:00:00)", {}, "its time was 2026-01-02T00:00:00Z: it has not fired"),
    ],
)
def test_an_invalid_carrier_is_deleted_only_after_its_run_is_finished(
    shop: Shop, expression: str, changes: dict[str, Any], what: str
) -> None:
    carrier(shop, expression, **changes)
    assert find_strays(shop) == [], "it is younger than two days"
    shop.stage.now += 3 * DAY
    (stray,) = find_strays(shop)
    assert (stray.kind, stray.job, stray.schedule, stray.fix) == ("carrier", "stats", "carrier", "")
    assert stray.what.startswith(what)
    assert fix_all(shop) == ["left"]
    shop.stage.change(f"run#{occurrence().id}", status="dead")
    assert fix_all(shop) == ["left"]
    shop.stage.change(f"run#{occurrence().id}", status="succeeded")
    assert fix_all(shop) == ["deleted"]
    assert find_strays(shop) == []


def test_an_invalid_carrier_with_a_foreign_event_is_left(shop: Shop) -> None:
    carrier(shop, "rate(1 minute)", Target={"Arn": FUNCTION, "RoleArn": ROLE, "Input": "by hand"})
    shop.stage.now += 3 * DAY
    assert [(stray.job, stray.remedy) for stray in find_strays(shop)] == [
        ("", "find out what created it, then delete it by hand")
    ]
    assert fix_all(shop) == ["left"]
