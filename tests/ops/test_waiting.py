"""While a command waits, it reports each attempt's error and when the next attempt comes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronstack.run import Run
from cronstack_infra.cli.output.waiting import AttemptPrinter
from cronstack_infra.ops.backfill import DueOccurrence, carry_out, plan_backfill
from cronstack_infra.ops.dead_letters.redriving import redrive
from cronstack_infra.ops.runs import Report, RunRow, follow
from cronstack_infra.ops.trigger import trigger
from tests.cronstack.stage import occurrence, scheduled_event
from tests.ops.shop import Shop, utc

ID = "t-2026-01-01T12:00:00Z"
ULID = "01KDWABCDEFGHJKMNPQRSTVWXY"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Screen:
    """The lines that a command prints while it waits."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.lines: list[str] = []

    def attempts(self, job: str = "stats", prefix: str = "") -> Report:
        return AttemptPrinter(job, prefix=prefix, write=self.lines.append, now=self.shop.clock)


@pytest.fixture
def screen(shop: Shop) -> Screen:
    return Screen(shop)


def fails_until(attempt: int) -> Any:
    def stats(run: Run) -> None:
        if run.attempt < attempt:
            raise ValueError(f"no {run.attempt}")

    return stats


def wait(shop: Shop, report: Report, name: str = f"m-{ULID}", patience: float = 7200) -> RunRow:
    return follow(
        shop.stage.dynamodb,
        shop.deployment,
        "stats",
        name,
        clock=shop.clock,
        sleep=shop.sleep,
        patience=patience,
        report=report,
    )


def test_a_trigger_that_waits_reports_each_attempt(shop: Shop, screen: Screen) -> None:
    started: list[datetime] = []

    def stats(run: Run) -> None:
        started.append(shop.clock())
        if run.attempt < 4:
            raise ValueError(f"no {run.attempt}")

    shop.deploy(stats, retries=3)
    trigger(shop.clients, shop.deployment, "stats", now=shop.now, ulid=ULID)
    row = wait(shop, screen.attempts())
    assert (row.status, row.attempt, len(screen.lines)) == ("succeeded", 4, 3)
    for number, line in enumerate(screen.lines, 1):
        match = re.fullmatch(
            rf"attempt {number} of 4 failed: ValueError: no {number};"
            rf" attempt {number + 1} comes at (..):(..):(..) UTC, in \d+min( \d+s)?",
            line,
        )
        assert match is not None, line
        printed = started[number].replace(hour=int(match[1]), minute=int(match[2]), second=int(match[3]), microsecond=0)
        assert timedelta(0) <= started[number] - printed < timedelta(minutes=1)


def test_a_backfill_reports_the_attempts_of_each_occurrence(shop: Shop, screen: Screen) -> None:
    shop.deploy(fails_until(2), "cron(0 6 * * ? *)")
    plan = plan_backfill(
        shop.clients, shop.deployment, "stats", first=utc(2025, 12, 25), last=utc(2025, 12, 27), now=shop.now
    )

    def report(planned: DueOccurrence) -> Report:
        return screen.attempts(prefix=f"{planned.occurrence}: ")

    filled = list(carry_out(shop.clients, shop.deployment, plan, clock=shop.clock, sleep=shop.sleep, report=report))
    assert [each.ended.status for each in filled] == ["succeeded", "succeeded"]
    assert [line.partition("; ")[0] for line in screen.lines] == [
        "t-2025-12-25T06:00:00Z: attempt 1 of 3 failed: ValueError: no 1",
        "t-2025-12-26T06:00:00Z: attempt 1 of 3 failed: ValueError: no 1",
    ]


def test_a_redrive_reports_only_its_own_attempts(shop: Shop, screen: Screen) -> None:
    shop.deploy(fails_until(6), retries=2)
    event = json.dumps(scheduled_event())
    shop.functions.invoke(FunctionName="shop-stats", InvocationType="Event", Payload=event.encode())
    shop.sleep(600)
    (result,) = redrive(
        shop.clients,
        shop.deployment,
        clock=shop.clock,
        sleep=shop.sleep,
        wait=3600,
        poll=0,
        report=lambda of: screen.attempts(of.job),
    )
    assert result.status == "succeeded"
    assert [line.partition(";")[0] for line in screen.lines] == [
        "attempt 4 of 6 failed: ValueError: no 4",
        "attempt 5 of 6 failed: ValueError: no 5",
    ]


@pytest.mark.parametrize(("redriven", "status"), [(0, "succeeded"), (None, "missed")])
def test_the_redriven_miss_does_not_end_the_wait(shop: Shop, screen: Screen, redriven: int | None, status: str) -> None:
    shop.stage.change(f"run#{ID}", status="missed", reason="too_late", due=shop.stage.now)

    def start(seconds: float) -> None:
        shop.stage.change(f"run#{ID}", status="succeeded", attempt=1)

    row = follow(
        shop.stage.dynamodb,
        shop.deployment,
        "stats",
        ID,
        clock=shop.clock,
        sleep=start,
        patience=60,
        beyond_attempt=redriven,
        report=screen.attempts(),
    )
    assert (row.status, screen.lines) == (status, [])


def test_a_run_that_has_not_started_is_reported_once_with_commands(shop: Shop, screen: Screen) -> None:
    shop.deploy(lambda run: None)
    report = screen.attempts()
    with pytest.raises(Exception, match="has not started after 200 s"):
        wait(shop, report, patience=200)
    (line,) = screen.lines
    assert line.startswith("has not started after 30 s.")
    assert "cronstack logs stats" in line
    assert "cronstack dead-letters list stats" in line


def test_an_attempt_whose_process_died_is_reported_when_its_lease_has_ended(shop: Shop, screen: Screen) -> None:
    shop.deploy(lambda run: None)
    of = occurrence()
    shop.stage.delivery(of).until("Work")
    report = screen.attempts()
    with pytest.raises(Exception, match="is running, attempt 1 of 3"):
        wait(shop, report, of.id, patience=200)
    assert screen.lines == ["attempt 1 of 3 ended without a result: its process died; attempt 2 takes over"]


def row(**fields: Any) -> RunRow:
    given: dict[str, Any] = {
        "job": "stats",
        "occurrence": "t-2026-01-01T12:00:00Z",
        "status": "retrying",
        "due": NOON,
        "attempt": 1,
        "limit": 4,
        "started": None,
        "ended": None,
        "after": None,
        "reason": "",
        "other_occurrence": "",
        "error": "ValueError: no",
        "result": None,
        "overdue": False,
    }
    return RunRow(**(given | fields))


@pytest.mark.parametrize(
    ("states", "lines"),
    [
        (
            [row(after=NOON + timedelta(seconds=58))],
            ["failed: ValueError: no; attempt 2 comes at 12:00:58 UTC, in 58s"],
        ),
        ([row(after=NOON - timedelta(seconds=1))], ["failed: ValueError: no; attempt 2 comes now"]),
        ([row()], ["failed: ValueError: no; attempt 2 comes soon"]),
        (
            [row(status="running"), row(status="running", attempt=2)],
            ["attempt 1 of 4 failed: ValueError: no; attempt 2 is"],
        ),
        ([row(status="running", attempt=4)], []),
        ([row(status="crashed", error="")], ["ended without a result"]),
        (
            [row(status="buffered", other_occurrence="t-2026-01-01T11:00:00Z")],
            ["waits until t-2026-01-01T11:00:00Z has ended"],
        ),
        ([row(error="E: \x1b[2J\nx")], ["E: \N{REPLACEMENT CHARACTER}[2J x"]),
    ],
    ids=["later", "past", "at once", "between two reads", "joined late", "crashed", "buffered", "cursor"],
)
def test_each_state_is_one_line(states: list[RunRow], lines: list[str]) -> None:
    printed: list[str] = []
    attempts = AttemptPrinter("stats", write=printed.append, now=lambda: NOON)
    for state in states:
        attempts(state)
    assert len(printed) == len(lines)
    assert all(part in line for part, line in zip(lines, printed, strict=True))
