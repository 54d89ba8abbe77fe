"""Triggers and backfills, through the real guard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cronstack.errors import OperationError, PermanentError
from cronstack.occurrence import to_milliseconds
from cronstack.run import Run
from cronstack_infra.names import schedule_name
from cronstack_infra.ops.backfill import BackfillPlan, Filled, carry_out, plan_backfill, timezone_of
from cronstack_infra.ops.listing import list_runs
from cronstack_infra.ops.runs import find_run, follow
from cronstack_infra.ops.trigger import trigger
from tests.cronstack.stage import by_operator, occurrence
from tests.ops.shop import STACK, Shop, utc

ULID = "01KDWABCDEFGHJKMNPQRSTVWXY"
SIX = to_milliseconds(utc(2025, 12, 26, 6))


def plan(shop: Shop, **options: Any) -> BackfillPlan:
    given = {"first": utc(2025, 12, 25), "last": utc(2025, 12, 30), "now": shop.now} | options
    return plan_backfill(shop.clients, shop.deployment, "stats", **given)


def fill(shop: Shop, of: BackfillPlan) -> list[Filled]:
    return list(carry_out(shop.clients, shop.deployment, of, clock=shop.clock, sleep=shop.sleep))


def ids(of: BackfillPlan) -> list[str]:
    return [planned.occurrence for planned in of.missing]


def test_missing_occurrences_run_in_order_with_the_schedules_input(shop: Shop) -> None:
    ran: list[tuple[str, object]] = []
    shop.deploy(lambda run: ran.append((run.occurrence, run.input)), "cron(0 6 * * ? *)", input={"unit": "day"})
    filled = fill(shop, plan(shop))
    assert ran == [(f"t-2025-12-{day}T06:00:00Z", {"unit": "day"}) for day in range(25, 30)]
    assert {each.ended.status for each in filled} == {"succeeded"}
    again = plan(shop, last=utc(2025, 12, 31))
    assert [each.earlier_result for each in again.planned] == ["succeeded"] * 5 + [""]
    assert ids(again) == ["t-2025-12-30T06:00:00Z"]


def test_dates_are_in_the_jobs_zone_and_common_times_of_schedules_run_once(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)", "cron(0 6,7 * * ? *)", timezone="America/New_York")
    assert timezone_of(shop.clients, shop.deployment, "stats") == "America/New_York"
    assert ids(plan(shop, last=utc(2025, 12, 26))) == ["t-2025-12-25T11:00:00Z", "t-2025-12-25T12:00:00Z"]


def test_the_end_is_not_included_and_the_future_is_not_due(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 12 * * ? *)")
    assert ids(plan(shop, first=utc(2025, 12, 31, 12), last=utc(2026, 1, 5))) == ["t-2025-12-31T12:00:00Z"]
    with pytest.raises(OperationError, match="ends before it begins"):
        plan(shop, first=utc(2025, 12, 31), last=utc(2025, 12, 31))


def test_too_many_are_refused_unless_allowed(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(*/10 * * * ? *)")
    with pytest.raises(OperationError, match=r"720 occurrences of stats would run(.|\n)*--max 720"):
        plan(shop)
    assert len(plan(shop, most=720).missing) == 720


def test_occurrences_older_than_the_ledger_run_only_as_a_new_generation(shop: Shop) -> None:
    ran: list[str] = []
    shop.deploy(lambda run: ran.append(run.occurrence), "cron(0 6 * * ? *)")
    january = {"first": utc(2013, 1, 1), "last": utc(2013, 1, 4)}
    with pytest.raises(
        OperationError, match=r"3 occurrences of stats, from 2013-01-01T06:00:00Z on(.|\n)*backfill stats all"
    ):
        plan(shop, **january)
    with pytest.raises(OperationError, match=r"^1 occurrence of stats, from 2013-01-01T06:00:00Z on, is older than"):
        plan(shop, first=utc(2013, 1, 1), last=utc(2013, 1, 2))
    filled = fill(shop, plan(shop, **january, kind="all"))
    assert [each.ended.status for each in filled] == ["succeeded"] * 3
    assert ran == [f"t-2013-01-0{day}T06:00:00Z~2" for day in (1, 2, 3)]
    assert ids(plan(shop, **january, kind="all")) == [f"t-2013-01-0{day}T06:00:00Z~3" for day in (1, 2, 3)]


def reschedule(shop: Shop, expression: str) -> None:
    """Deploy another time for the first schedule of the job."""
    name = {"Name": schedule_name(STACK, "stats", 1), "GroupName": STACK}
    deployed = shop.scheduler.get_schedule(**name)
    kept = {key: deployed[key] for key in ("FlexibleTimeWindow", "Target", "ScheduleExpressionTimezone")}
    shop.scheduler.update_schedule(**name, **kept, ScheduleExpression=expression)


@pytest.mark.parametrize(
    ("before", "after", "example"),
    [
        ("cron(0 6 * * ? *)", "cron(0 7 * * ? *)", "t-2025-12-25T06:00:00Z (succeeded)"),
        ("cron(0 6 * * ? *)", "cron(0 23 * * ? *)", "t-2025-12-25T06:00:00Z (succeeded)"),
        ("cron(0 23 * * ? *)", "cron(0 6 * * ? *)", "t-2025-12-25T23:00:00Z (succeeded)"),
        ("cron(0 */4 * * ? *)", "cron(30 */4 * * ? *)", "t-2025-12-25T00:00:00Z (succeeded)"),
    ],
)
def test_days_that_ran_under_another_schedule_run_again_only_on_request(
    shop: Shop, before: str, after: str, example: str
) -> None:
    ran: list[str] = []
    shop.deploy(lambda run: ran.append(run.occurrence), before)
    fill(shop, plan(shop, last=utc(2025, 12, 28)))
    reschedule(shop, after)
    ran.clear()
    with pytest.raises(OperationError) as refused:
        plan(shop, last=utc(2025, 12, 28))
    assert "may repeat work" in str(refused.value)
    assert f"such as {example}" in str(refused.value)
    assert "backfill stats all" in refused.value.remedy
    assert ran == []
    again = plan(shop, last=utc(2025, 12, 28), kind="all")
    assert [each.ended.status for each in fill(shop, again)] == ["succeeded"] * len(again.planned)
    assert ran == [each.occurrence for each in again.planned]
    assert ids(plan(shop, last=utc(2025, 12, 28))) == []


def test_a_span_between_two_runs_of_another_schedule_repeats_their_day(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)")
    fill(shop, plan(shop, last=utc(2025, 12, 28)))
    reschedule(shop, "cron(0 7 * * ? *)")
    with pytest.raises(OperationError, match=r"1 of 1 missing .* such as t-2025-12-26T06:00:00Z"):
        plan(shop, first=utc(2025, 12, 26, 6, 30), last=utc(2025, 12, 26, 7, 30))


def test_days_after_the_change_of_a_schedule_are_backfilled_as_usual(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)")
    fill(shop, plan(shop, last=utc(2025, 12, 27)))
    reschedule(shop, "cron(0 7 * * ? *)")
    with pytest.raises(OperationError, match=r"2 of 4 missing .* such as t-2025-12-25T06"):
        plan(shop, last=utc(2025, 12, 29))
    assert ids(plan(shop, first=utc(2025, 12, 28), last=utc(2025, 12, 29))) == ["t-2025-12-28T07:00:00Z"]


@pytest.mark.parametrize(
    "outcome", [{"status": "skipped", "reason": "overlap"}, {"status": "missed"}, {"status": "dead"}]
)
def test_a_run_of_another_schedule_that_did_no_work_stops_no_backfill(shop: Shop, outcome: dict[str, str]) -> None:
    shop.deploy(lambda run: None, "cron(0 7 * * ? *)")
    shop.stage.change("run#t-2025-12-26T06:00:00Z", **outcome, attempt=3, limit=3, due=SIX)
    assert len(plan(shop, last=utc(2025, 12, 28)).missing) == 3


def test_a_run_of_another_schedule_that_has_not_ended_stops_a_backfill(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 7 * * ? *)")
    shop.stage.change("run#t-2025-12-26T06:00:00Z", status="retrying", attempt=1, limit=3, due=SIX)
    with pytest.raises(OperationError, match=r"such as t-2025-12-26T06:00:00Z \(retrying\)"):
        plan(shop, last=utc(2025, 12, 28))


def test_again_repeats_ended_runs_and_continues_open_runs(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)")
    fill(shop, plan(shop, last=utc(2025, 12, 27)))
    shop.stage.change("run#t-2025-12-26T06:00:00Z~2", status="retrying", attempt=1, limit=3, due=0)
    assert ids(plan(shop, last=utc(2025, 12, 28), kind="all")) == [
        "t-2025-12-25T06:00:00Z~2",
        "t-2025-12-26T06:00:00Z~2",
        "t-2025-12-27T06:00:00Z",
    ]


def test_the_next_occurrences_run_after_all_attempts_of_a_failing_one(shop: Shop) -> None:
    def stats(run: Run) -> None:
        if run.scheduled.day == 26:
            raise ValueError("no such day")
        if run.scheduled.day == 27 and run.attempt == 1:
            raise ConnectionError("for once")

    shop.deploy(stats, "cron(0 6 * * ? *)")
    filled = fill(shop, plan(shop, last=utc(2025, 12, 28)))
    outcomes = [(each.ended.status, each.ended.attempt, each.ended.calls) for each in filled]
    assert outcomes == [("succeeded", 1, 1), ("dead", 3, 1), ("succeeded", 2, 1)]
    assert len(shop.stage.letters()) == 1
    statuses = [each.earlier_result for each in plan(shop, last=utc(2025, 12, 28)).planned]
    assert statuses == ["succeeded", "dead: RetriesExhausted", "succeeded"]


def test_an_occurrence_that_does_not_end_is_left_to_its_carriers(shop: Shop) -> None:
    def stats(run: Run) -> None:
        if run.scheduled.day == 25:
            raise ValueError("no such day")

    shop.deploy(stats, "cron(0 6 * * ? *)", retries=20)
    of = plan(shop, last=utc(2025, 12, 27))
    first, second = carry_out(shop.clients, shop.deployment, of, clock=shop.clock, sleep=shop.sleep, patience=90)
    assert (first.ended.status, second.ended.status) == ("retrying", "succeeded")
    assert "is retrying, attempt 2 of 21 after 90 s" in first.ended.detail
    (row,) = list_runs(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=1, status="retrying")
    assert row.after is not None
    assert row.after > shop.now
    assert row.as_json()["after"].startswith("2026-01-01T12:0")


def test_a_killed_attempt_is_waited_out_and_taken_over(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)")
    (each,) = plan(shop, last=utc(2025, 12, 26)).missing
    shop.stage.delivery(by_operator(int(each.due.timestamp() * 1000), "backfill")).until(
        "Work"
    )  # its process never answers
    (filled,) = fill(shop, plan(shop, last=utc(2025, 12, 26)))
    assert (filled.ended.status, filled.ended.attempt) == ("succeeded", 2)
    assert filled.ended.calls == 1, "it was deferred, and its carrier came after the lease"


@pytest.mark.parametrize(
    ("schedules", "message"),
    [((), "has no schedule"), (("rate(5 minutes)",), "only Scheduler can compute when it was due")],
    ids=["none", "rate"],
)
def test_a_job_without_computable_due_times_is_refused(shop: Shop, schedules: tuple[str, ...], message: str) -> None:
    shop.deploy(lambda run: None, *schedules)
    with pytest.raises(OperationError, match=message):
        plan(shop)


def test_the_error_for_an_unknown_job_lists_the_deployed_jobs(shop: Shop) -> None:
    shop.deploy(lambda run: None, name="daily_stats")
    shop.deploy(lambda run: None, name="heartbeat")
    with pytest.raises(OperationError, match=r"(?s)Did you mean daily_stats\? Deployed jobs: daily_stats, heartbeat\."):
        trigger(shop.clients, shop.deployment, "daily_stat", now=shop.now, ulid=ULID)


def test_a_trigger_has_its_own_id(shop: Shop) -> None:
    shop.deploy(lambda run: run.input, "cron(0 6 * * ? *)", input={"unit": "day"})
    triggered = trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID)
    assert triggered.occurrence == f"m-{ULID}"
    row = follow(
        shop.stage.dynamodb,
        shop.deployment,
        "stats",
        triggered.occurrence,
        clock=shop.clock,
        sleep=shop.stage.sleep,
        patience=1,
    )
    assert (row.status, row.due, row.result) == ("succeeded", shop.now, {"unit": "day"})
    other = trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID[:-1] + "Z", input={"x": 1})
    row = find_run(shop.stage.dynamodb, shop.deployment, "stats", other.occurrence, shop.now)
    assert row is not None
    assert row.result == {"x": 1}


def test_a_trigger_for_a_time_is_the_schedules_own_occurrence(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)")
    at = utc(2025, 12, 30, 6)

    def again() -> None:
        trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID, at=at)

    again()
    assert [each.earlier_result for each in plan(shop, first=utc(2025, 12, 30), last=utc(2025, 12, 31)).planned] == [
        "succeeded"
    ]
    with pytest.raises(OperationError, match="t-2025-12-30T06:00:00Z of stats has succeeded already"):
        again()
    for wrong, why in ((shop.now + timedelta(hours=1), "is in the future"), (utc(2013, 1, 1), "older than 16 days")):
        with pytest.raises(OperationError, match=why):
            trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID, at=wrong)
    assert len(shop.functions.invoked) == 1


def test_the_error_for_a_trigger_of_a_missed_time_has_the_redrive_command(shop: Shop) -> None:
    shop.deploy(lambda run: None, "cron(0 6 * * ? *)")
    shop.stage.change("run#t-2025-12-30T06:00:00Z", status="missed", reason="too_late", due=SIX, ended=shop.stage.now)
    with pytest.raises(OperationError, match=r"t-2025-12-30T06:00:00Z of stats was missed \(too_late\)") as refused:
        trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID, at=utc(2025, 12, 30, 6))
    assert refused.value.remedy.endswith("To run it: cronstack dead-letters redrive stats --origin missed")
    (each,) = plan(shop, first=utc(2025, 12, 30), last=utc(2025, 12, 31)).missing
    assert (each.before, each.redrive) == ("missed: too_late", 0)


def test_runs_are_listed_newest_first_over_jobs_and_kinds(shop: Shop) -> None:
    def stats(run: Run) -> str:
        raise PermanentError("no\x1b[31m")

    shop.deploy(lambda run: "x" * 1500, "cron(0 6 * * ? *)")
    shop.deploy(stats, "cron(30 6 * * ? *)", name="broken")
    fill(shop, plan(shop))
    broken = plan_backfill(
        shop.clients, shop.deployment, "broken", first=utc(2025, 12, 25), last=utc(2025, 12, 28), now=shop.now
    )
    fill(shop, broken)
    trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID)

    def listed(**options: Any) -> list[str]:
        rows = list_runs(
            shop.stage.dynamodb, shop.deployment, ["stats", "broken"], **({"now": shop.now, "most": 100} | options)
        )
        return [f"{row.job} {row.occurrence[2:13]}" for row in rows]

    assert listed(most=4) == [
        f"stats {ULID[:11]}",
        "stats 2025-12-29T",
        "stats 2025-12-28T",
        "broken 2025-12-27T",
    ]
    assert len(listed()) == 9
    assert listed(status="dead", since=utc(2025, 12, 26)) == ["broken 2025-12-27T", "broken 2025-12-26T"]
    (row,) = list_runs(shop.stage.dynamodb, shop.deployment, ["broken"], now=shop.now, most=1, since=utc(2025, 12, 27))
    assert (row.error, row.reason, row.attempt, row.took) == ("PermanentError: no\x1b[31m", "Permanent", 1, 0.0)


def test_a_run_with_an_ended_lease_is_overdue(shop: Shop) -> None:
    shop.deploy(lambda run: None)
    shop.stage.delivery(occurrence()).until("Work")
    shop.stage.now += 70_000
    (row,) = list_runs(shop.stage.dynamodb, shop.deployment, ["stats"], now=shop.now, most=5)
    assert row.overdue
    with pytest.raises(OperationError, match="is running, attempt 1 of 3 after 5 s"):
        follow(
            shop.stage.dynamodb,
            shop.deployment,
            "stats",
            row.occurrence,
            clock=shop.clock,
            sleep=shop.stage.sleep,
            patience=5,
        )
