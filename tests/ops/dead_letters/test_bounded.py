"""Letters of schedules with start, end, at() or a flexible window: only due occurrences are sent again."""

from __future__ import annotations

import pytest

from tests.cronstack.stage import NOON
from tests.ops.dead_letters.test_forged import HOUR, ID, OWN, forge, letters_left, redrive_all
from tests.ops.shop import FixableHandler, Shop


def bounded(shop: Shop, handler: FixableHandler, expression: str, description: str = "", window: int = 0) -> None:
    """Deploy the job with one schedule in the form of a template."""
    shop.deploy(lambda run: handler(run), expression, input=OWN)
    name = "shop-stats.1"
    deployed = shop.scheduler.get_schedule(GroupName="shop", Name=name)
    kept = {key: deployed[key] for key in ("ScheduleExpression", "ScheduleExpressionTimezone", "Target")}
    spread = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": window} if window else {"Mode": "OFF"}
    given = {"Description": description} if description else {}
    shop.scheduler.update_schedule(GroupName="shop", Name=name, FlexibleTimeWindow=spread, **kept, **given)


@pytest.mark.parametrize(
    ("expression", "description"),
    [
        ("cron(0 * * * ? *)", "end=2026-01-01T12:00:00+00:00"),
        ("cron(0 * * * ? *)", "start=2026-01-01T12:00:01+00:00"),
        ("cron(0 12 1 1 ? *)", "at(2025-01-01T13:00:00) Europe/Berlin"),
        ("rate(1 minute)", "end=2026-01-01T12:00:00+00:00"),
    ],
)
def test_a_letter_from_outside_start_and_end_is_deleted_and_nothing_runs(
    shop: Shop, expression: str, description: str
) -> None:
    """The schedule in Scheduler has no start or end, so it can send such letters."""
    handler = FixableHandler()
    bounded(shop, handler, expression, description)
    forge(shop)
    (result,) = redrive_all(shop)
    assert "outside start and end" in result.detail
    assert (handler.ran, letters_left(shop)) == ([], 0)


def test_a_letter_that_names_the_start_within_a_window_is_the_occurrence_of_its_instant(shop: Shop) -> None:
    handler = FixableHandler()
    bounded(shop, handler, "cron(0 12 * * ? *)", window=30)
    shop.stage.now += HOUR
    forge(shop, NOON + 17 * 60_000 + 31_000)
    forge(shop)
    redrive_all(shop)
    assert handler.ran == [(ID, 1, OWN)]
    assert letters_left(shop) == 0


def test_a_letter_of_a_rate_that_ends_later_runs(shop: Shop) -> None:
    handler = FixableHandler()
    bounded(shop, handler, "rate(1 minute)", "end=2026-01-02T00:00:00+00:00")
    forge(shop, NOON - 7_000)
    redrive_all(shop)
    assert [occurrence for occurrence, _, _ in handler.ran] == ["t-2026-01-01T11:59:53Z"]
