"""The price of a month: against the table worked by hand, and its parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack.errors import OperationError
from cronstack.ledger.rows import RunItem
from cronstack_infra.ops.cost import assumptions
from cronstack_infra.ops.cost.bill import STACK, Bill, Deployed, Line, bill
from cronstack_infra.ops.cost.gather import deployed_form, facts_of, with_watchdog
from cronstack_infra.ops.cost.measured import Measured, of_runs
from cronstack_infra.ops.cost.month import month_of, next_days, starts_of
from cronstack_infra.ops.cost.prices import FREE, PRICES
from tests.cronstack.ledger.test_costs import COSTS
from tests.ops.cost import by_hand

APRIL = month_of("2027-04")


def jobs_of(count: int) -> dict[str, JobMetadata]:
    kinds = [by_hand.KINDS[number % len(by_hand.KINDS)] for number in range(count)]
    return {
        f"job-{number}": JobMetadata(
            f"job-{number}",
            (ScheduleMetadata(kind.expression),),
            overlap=kind.overlap,  # type: ignore[arg-type]
            memory=kind.memory,
            timeout=900,
        )
        for number, kind in enumerate(kinds)
    }


def seconds_of(count: int) -> dict[str, float]:
    return {f"job-{number}": by_hand.KINDS[number % len(by_hand.KINDS)].seconds for number in range(count)}


def bill_of(count: int, region: str = "us-east-1", *, free_tier: bool = False) -> Bill:
    facts = facts_of(with_watchdog(jobs_of(count)), APRIL, seconds=seconds_of(count))
    return bill(facts, APRIL, region, free_tier=free_tier)


def line_of(result: Bill, name: str) -> Line:
    (line,) = [line for line in result.lines if line.name == name]
    return line


@pytest.mark.parametrize("count", [1, 10, 73])
def test_the_bill_is_within_one_percent_of_the_table_worked_by_hand(count: int) -> None:
    result = bill_of(count)
    assert result.total == pytest.approx(by_hand.total(count), rel=0.01)
    dollars = {line.name: line.total for line in result.lines}
    kinds = [by_hand.KINDS[number % len(by_hand.KINDS)] for number in range(count)]
    for number, kind in enumerate(kinds):
        assert dollars[f"job-{number}"] == pytest.approx(by_hand.of_job(kind), rel=0.01)
    occurrences = sum(kind.runs for kind in kinds)
    assert dollars["watchdog"] == pytest.approx(by_hand.of_watchdog(count, occurrences), rel=0.01)
    assert dollars[STACK] == pytest.approx(by_hand.of_stack(by_hand.HOURS), rel=0.01)


def test_the_default_cost_of_a_month() -> None:
    """What alarms, metrics and the watchdog cost in a new stack. Change these numbers only on purpose."""
    result = bill_of(1)
    dollars = {line.name: round(line.total, 2) for line in result.lines}
    assert dollars == {STACK: 1.80, "watchdog": 0.43, "job-0": 0.35}
    assert round(result.total, 2) == round(by_hand.total(1), 2) == by_hand.DEFAULT_OF_THIS_KIT


def test_what_is_added_for_many_jobs() -> None:
    watchdogs = {count: round(line_of(bill_of(count), "watchdog").total, 2) for count in (1, 10, 73)}
    assert watchdogs == {1: 0.43, 10: 0.47, 73: 0.75}


@pytest.mark.parametrize(
    ("jobs", "keyed", "due", "read", "written"),
    [(10, 1, 2, 35, 2), (73, 2, 8, 154.5, 13)],
)
def test_a_quiet_pass_of_the_watchdog(jobs: int, keyed: int, due: int, read: float, written: int) -> None:
    """The numbers are those that ``tests/cronstack/watchdog/test_costs.py`` measures. ``due``: rows of occurrences."""
    reads = assumptions.watchdog_read_units(jobs, keyed) + due * assumptions.OCCURRENCE_READ_UNITS
    assert (reads, assumptions.snapshot_kilobytes(jobs)) == (read, written)


def test_the_write_units_are_those_of_the_ledgers_page() -> None:
    assert {
        name: cost.units for key, cost in COSTS.items() if (name := key.replace("_", " ")) in assumptions.WRITE_UNITS
    } == assumptions.WRITE_UNITS


def test_frankfurt_costs_more_than_virginia_and_an_unknown_region_is_noted() -> None:
    assert bill_of(10, "eu-central-1").total > bill_of(10).total
    unknown = bill_of(10, "eu-west-9")
    assert (unknown.region, unknown.total) == ("us-east-1", bill_of(10).total)
    (note,) = unknown.notes
    assert note.startswith("the prices of eu-west-9 are not known: those of us-east-1 are used")
    assert set(PRICES) == {"us-east-1", "eu-central-1"}


def test_the_free_tier_is_subtracted_once_for_the_stack() -> None:
    free = bill_of(10, free_tier=True)
    lines = {line.name: line for line in free.lines}
    assert lines[STACK].total == 0, "9 alarm metrics and 4 custom metrics are free"
    assert lines["job-0"].dollars["scheduler"] == 0
    assert lines["job-2"].dollars["lambda"] == 0
    many, all_billed = line_of(bill_of(73, free_tier=True), "job-2"), line_of(bill_of(73), "job-2")
    assert 0 < many.dollars["lambda"] < all_billed.dollars["lambda"], "beyond the free tier, each job pays its share"
    assert lines["job-0"].dollars["ledger"] > 0, "write units are not free"


def test_retries_dead_runs_and_skips_by_their_measured_shares() -> None:
    job = JobMetadata("stats", (ScheduleMetadata("cron(0 * * * ? *)"),))
    clean = facts_of({"stats": job}, APRIL)[0]
    failing = replace(clean, measured=Measured(100, 1.0, retries=0.5, retried=0.25, dead=0.05, skipped=0.1))
    line = line_of(bill([failing], APRIL, "us-east-1"), "stats")
    # 720 occurrences: 65 % clean, 20 % succeed at last, 5 % are dead, 10 % skipped; half a further attempt each
    units = 720 * (0.65 * 8 + 0.20 * 13 + 0.05 * 10 + 0.10 * 5 + 0.5 * 9)
    assert line.used["write_units"] == pytest.approx(units)
    assert line.used["schedules_fired"] == 720 * 1.5
    assert line.used["queue_requests"] == pytest.approx(720 * 0.05)


def test_plans_count_when_they_are_given() -> None:
    job = JobMetadata("remind", by_code=True)
    facts = facts_of({"remind": job}, APRIL, plans={"remind": 1_000_000}, seconds={"remind": 0.1})
    line = line_of(bill(facts, APRIL, "us-east-1"), "remind")
    assert line.used["write_units"] == 5_000_000
    page = 3.13 + 1.00 + 0.20  # functions/ONCE.md: a million plans
    assert line.used["write_units"] * 0.625e-6 + line.dollars["scheduler"] + 0.20 == pytest.approx(page, abs=0.01)


def test_measurements_of_runs() -> None:
    runs = [
        RunItem("succeeded", attempt=1, started=1_000, ended=3_000),
        RunItem("succeeded", attempt=3, started=1_000, ended=5_000),
        RunItem("dead", attempt=2, started=1_000, ended=1_000),
        RunItem("skipped"),
    ]
    assert of_runs(runs) == Measured(4, 2.0, retries=0.75, retried=0.5, dead=0.25, skipped=0.25)
    assert of_runs([]) == Measured()


def test_two_schedules_at_one_instant_are_one_occurrence_and_a_disabled_job_has_none() -> None:
    both = (ScheduleMetadata("cron(0 6 * * ? *)"), ScheduleMetadata("cron(0 * * * ? *)"))
    assert starts_of(JobMetadata("stats", both), APRIL).count == 720
    assert starts_of(JobMetadata("stats", both, enabled=False), APRIL).count == 0


def test_a_month_by_its_name_and_the_next_days() -> None:
    february = month_of("2027-02")
    assert (february.days, month_of("2028-02").days) == (28, 29)
    assert month_of("2026-12").last == datetime(2027, 1, 1, tzinfo=UTC)
    assert next_days(datetime(2027, 2, 3, 4, 5, tzinfo=UTC)).first == datetime(2027, 2, 3, 5, tzinfo=UTC)
    for text in ("2027", "2027-13", "2027-2", "soon", "0000-05", "9999-01", "9999-12"):
        with pytest.raises(OperationError, match="is not a month"):
            month_of(text)


def test_a_clock_change_is_in_the_count() -> None:
    """On 28 March 2027 Berlin has no 02:30. In October the second 02:30 does not count."""
    nightly = JobMetadata("nightly", (ScheduleMetadata("cron(30 2 * * ? *)", "Europe/Berlin"),))
    assert starts_of(nightly, month_of("2027-03")).count == 30
    assert starts_of(nightly, month_of("2027-10")).count == 31


def test_what_a_template_deploys() -> None:
    metric = {"MetricStat": {}}
    template = {
        "Resources": {
            "One": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
            "Two": {
                "Type": "AWS::CloudWatch::Alarm",
                "Properties": {"Metrics": [{"Expression": "a+b"}, metric, metric]},
            },
            "Job": {
                "Type": "AWS::Lambda::Function",
                "Properties": {"Handler": "jobs.a.a", "Architectures": ["arm64"]},
            },
        }
    }
    assert deployed_form(template) == Deployed(watchdog=False, alarm_metrics=3, metrics=False)
    template["Resources"]["Watchdog"] = {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Handler": "cronstack.watchdog.handler.watchdog", "Architectures": ["arm64"]},
    }
    assert deployed_form(template) == Deployed(alarm_metrics=3)


def test_the_processor_is_that_of_functions_of_cronstack() -> None:
    def function(architecture: str, **fields: object) -> dict[str, object]:
        return {"Type": "AWS::Lambda::Function", "Properties": {"Architectures": [architecture]}, **fields}

    job = {"Metadata": {"Cronstack": {"job": "stats"}}}
    assert not deployed_form({"Resources": {"Job": function("arm64", **job), "Other": function("x86_64")}}).x86
    assert deployed_form({"Resources": {"Job": function("x86_64", **job), "Other": function("arm64")}}).x86


def test_both_processors_have_the_same_free_seconds() -> None:
    assert (FREE["gigabyte_seconds"], FREE["gigabyte_seconds_x86"]) == (400_000, 400_000)
