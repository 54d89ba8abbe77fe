"""The kinds of a backfill: what each runs, and that nothing runs twice, also together with dead letters."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.backfill import BackfillPlan, Filled, Kind, carry_out, plan_backfill
from cronstack_infra.ops.dead_letters.redriving import Redriven, redrive
from tests.cronstack.stage import occurrence, scheduled_event
from tests.ops.shop import FixableHandler, Shop, utc

FIRST, LAST = utc(2025, 12, 25), utc(2025, 12, 30)
DAYS = range(25, 30)


def t(day: int, generation: int = 1) -> str:
    return f"t-2025-12-{day}T06:00:00Z" + (f"~{generation}" if generation > 1 else "")


@pytest.fixture
def handler(shop: Shop) -> FixableHandler:
    """One job, with a run in each state: succeeded, dead, missed, skipped by a pause; the last day has none."""
    handler = FixableHandler()
    shop.deploy(lambda run: handler(run), "cron(0 6 * * ? *)", retries=0)
    deliver(shop, handler, 25, fails=False)
    deliver(shop, handler, 26, fails=True)
    shop.invoke(scheduled_event(due(27)))  # days after its start deadline
    pause(shop, 28)
    handler.ran.clear()
    return handler


def due(day: int) -> int:
    return to_milliseconds(utc(2025, 12, day, 6))


def deliver(shop: Shop, handler: FixableHandler, day: int, *, fails: bool) -> None:
    now, handler.fixed = shop.stage.now, not fails
    shop.stage.now = due(day)
    shop.invoke(scheduled_event(due(day)))
    shop.stage.now, handler.fixed = now, True


def pause(shop: Shop, day: int, generation: int = 1) -> None:
    """Write the row of an occurrence that a pause has skipped."""
    shop.stage.change(f"run#{t(day, generation)}", status="skipped", reason="paused", due=due(day), v=1)


def plan(shop: Shop, kind: Kind, **options: Any) -> BackfillPlan:
    return plan_backfill(
        shop.clients, shop.deployment, "stats", kind, **({"first": FIRST, "last": LAST, "now": shop.now} | options)
    )


def fill(shop: Shop, kind: Kind) -> list[Filled]:
    of = plan(shop, kind)
    return list(carry_out(shop.clients, shop.deployment, of, clock=shop.clock, sleep=shop.sleep))


def redrive_all(shop: Shop) -> list[Redriven]:
    return list(redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, wait=600))


def wanted(of: BackfillPlan) -> list[tuple[str, int | None]]:
    return [(each.occurrence, each.redrive) for each in of.missing]


def test_each_kind_chooses_by_the_ledger(shop: Shop, handler: FixableHandler) -> None:
    before = [each.before for each in plan(shop, "all").planned]
    assert before == ["succeeded", "dead: RetriesExhausted", "missed: too_late", "skipped: paused", ""]
    assert wanted(plan(shop, "missing")) == [(t(27), 0), (t(28, 2), None), (t(29), None)]
    assert wanted(plan(shop, "failed")) == [(t(26), 1), (t(27), 0)]
    assert wanted(plan(shop, "all")) == [*((t(day, 2), None) for day in range(25, 29)), (t(29), None)]
    left_out = [each.occurrence for each in plan(shop, "failed").planned if not each.aimed]
    assert left_out == [t(25), t(28), t(29)]


def test_missing_runs_what_has_never_started_and_then_nothing(shop: Shop, handler: FixableHandler) -> None:
    filled = fill(shop, "missing")
    assert [(each.ended.status, each.ended.attempt) for each in filled] == [("succeeded", 1)] * 3
    assert [name for name, _, _ in handler.ran] == [t(27), t(28, 2), t(29)]
    assert wanted(plan(shop, "missing")) == []
    assert fill(shop, "missing") == []


def test_a_missed_occurrence_that_a_backfill_has_run_is_not_run_by_its_letter(
    shop: Shop, handler: FixableHandler
) -> None:
    fill(shop, "missing")
    handler.ran.clear()
    results = {result.letter.occurrence: result for result in redrive_all(shop)}
    assert results[t(27)].detail == "nothing to do: it has succeeded already"
    assert [name for name, _, _ in handler.ran] == [t(26)], "the dead one is not missing, so its letter starts it"


def test_a_missed_occurrence_that_its_letter_has_run_is_not_missing(shop: Shop, handler: FixableHandler) -> None:
    of = plan(shop, "missing")  # read before the letter is redriven
    redrive_all(shop)
    handler.ran.clear()
    filled = list(carry_out(shop.clients, shop.deployment, of, clock=shop.clock, sleep=shop.sleep))
    assert [each.ended.status for each in filled] == ["succeeded"] * 3
    assert [each.ended.calls for each in filled] == [0, 1, 1], "no event was sent for the first one"
    assert [name for name, _, _ in handler.ran] == [t(28, 2), t(29)]


def test_the_guard_refuses_a_second_start_of_a_missed_occurrence(shop: Shop, handler: FixableHandler) -> None:
    """Both commands have read the row before either has sent its event."""
    of = plan(shop, "missing")
    for _ in range(2):
        (first, *_) = carry_out(shop.clients, shop.deployment, of, clock=shop.clock, sleep=shop.sleep)
        assert first.ended.status == "succeeded"
    assert [name for name, _, _ in handler.ran].count(t(27)) == 1
    event = next(event for event in shop.functions.invoked if event.get("redrive") == 0)
    shop.invoke(event)
    assert [name for name, _, _ in handler.ran].count(t(27)) == 1


def test_failed_redrives_the_dead_and_the_missed(shop: Shop, handler: FixableHandler) -> None:
    filled = fill(shop, "failed")
    assert [(each.planned.occurrence, each.ended.status, each.ended.attempt) for each in filled] == [
        (t(26), "succeeded", 2),
        (t(27), "succeeded", 1),
    ]
    assert fill(shop, "failed") == []
    assert {result.status for result in redrive_all(shop)} == {"succeeded"}
    assert len(handler.ran) == 2


def test_what_fails_again_is_reported_as_dead(shop: Shop, handler: FixableHandler) -> None:
    handler.fixed = False
    assert [(each.ended.status, each.ended.attempt) for each in fill(shop, "failed")] == [("dead", 2), ("dead", 1)]
    assert wanted(plan(shop, "failed")) == [(t(26), 2), (t(27), 1)]


def test_a_failed_run_keeps_the_input_of_its_event(shop: Shop) -> None:
    handler = FixableHandler()
    shop.deploy(lambda run: handler(run), "cron(0 6 * * ? *)", retries=0, input={"unit": "day"})
    shop.stage.now, handler.fixed = due(26), False
    shop.invoke(scheduled_event(due(26)) | {"input": {"unit": "hour"}})
    shop.stage.now, handler.fixed = to_milliseconds(utc(2026, 1, 1)), True
    fill(shop, "failed")
    assert handler.ran[-1] == (t(26), 2, {"unit": "hour"})


def test_what_is_paused_again_is_missing_again(shop: Shop, handler: FixableHandler) -> None:
    pause(shop, 28, 2)
    assert (t(28, 3), None) in wanted(plan(shop, "missing"))


def test_a_skip_by_overlap_is_neither_missing_nor_failed(shop: Shop, handler: FixableHandler) -> None:
    shop.stage.change(f"run#{t(29)}", status="skipped", reason="overlap", due=due(29), v=1)
    assert t(29) not in dict(wanted(plan(shop, "missing")))
    assert t(29) not in dict(wanted(plan(shop, "failed")))
    assert t(29, 2) in dict(wanted(plan(shop, "all")))


def test_a_run_that_has_not_ended_is_continued_but_has_not_failed(shop: Shop, handler: FixableHandler) -> None:
    shop.stage.change(f"run#{t(29)}", status="retrying", attempt=1, limit=3, due=due(29), v=1)
    assert (t(29), None) in wanted(plan(shop, "missing"))
    assert t(29) not in dict(wanted(plan(shop, "failed")))


def test_all_runs_everything_again(shop: Shop, handler: FixableHandler) -> None:
    assert {each.ended.status for each in fill(shop, "all")} == {"succeeded"}
    assert [name for name, _, _ in handler.ran] == [*(t(day, 2) for day in range(25, 29)), t(29)]


def test_the_lease_of_a_running_occurrence_still_guards(shop: Shop, handler: FixableHandler) -> None:
    """What never started is skipped while another occurrence runs; what a redrive starts waits for the lease."""
    shop.stage.delivery(occurrence()).until("Work")  # its process never answers
    statuses = {each.planned.occurrence: each.ended.status for each in fill(shop, "missing")}
    assert statuses[t(27)] == "succeeded", "a missed occurrence waits for the end of the lease"
    assert set(statuses.values()) == {"succeeded"}
