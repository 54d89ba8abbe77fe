"""The queries of the page METRICS.md name only fields that log lines have."""

from __future__ import annotations

import re
from typing import Any, Final

import pytest

from cronstack.run import Run
from cronstack.runtime import Invocation
from tests.cronstack.stage import NOON, Context, Stage, error, job, occurrence, scheduled_event
from tests.places import ROOT

PAGE: Final = ROOT / "infra" / "cronstack_infra" / "aws" / "METRICS.md"
OF_INSIGHTS: Final = {"@timestamp", "@message"}
"""Fields that CloudWatch Logs adds to each line."""
WORDS: Final = {
    "fields",
    "filter",
    "sort",
    "stats",
    "limit",
    "in",
    "desc",
    "asc",
    "count",
    "latest",
    "pct",
    "ispresent",
    "bin",
    "as",
    "by",
}


def queries() -> list[str]:
    return re.findall(r"^```text\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def fields_of(query: str) -> set[str]:
    """Return the names of fields in a query, without the names that it gives itself by "as"."""
    text = re.sub(r'"[^"]*"', "", query)
    named = set(re.findall(r"\bas (\w+)", text))
    words = set(re.findall(r"@?\b[A-Za-z_]\w*", re.sub(r"bin\(\w+\)", "", text)))
    return words - WORDS - named


@pytest.fixture
def lines(stage: Stage) -> list[dict[str, Any]]:
    """Return real log lines: of success, failure, near the timeout, skipped, missed, and a fault."""

    def invoke(of: Any, due: int, seconds: float = 60) -> None:
        shell = stage.shell()
        shell = shell._replace(settings=shell.settings._replace(metrics="stack"))
        Invocation(of, scheduled_event(due=due), Context(stage, seconds), shell).work()

    def slow(run: Run) -> None:
        run.log.info("begins")
        stage.now += 55_000

    def broken(run: Run) -> None:
        raise ValueError("no price")

    invoke(job(slow), stage.now)
    stage.now += 60_000
    invoke(job(broken), stage.now)
    stage.now += 60_000
    invoke(job(broken, retries=0), stage.now)
    stage.now = NOON + 600_000
    stage.delivery(occurrence(due=stage.now)).until("Work")
    invoke(job(slow), stage.now - 60_000)
    stage.now += 4_000_000
    invoke(job(slow), NOON + 900_000)
    stage.fail("TransactWriteItems", *[error("AccessDeniedException")] * 9)
    with pytest.raises(Exception, match="AccessDenied"):
        invoke(job(slow), stage.now)
    return stage.lines


def test_the_lines_cover_the_outcomes_that_the_queries_select(lines: list[dict[str, Any]]) -> None:
    assert {"succeeded", "retrying", "dead", "skipped", "missed", "fault"} <= {line.get("cronstack") for line in lines}


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.splitlines()[0])
def test_a_query_names_only_fields_of_real_lines(lines: list[dict[str, Any]], query: str) -> None:
    known = OF_INSIGHTS | {field for line in lines for field in line}
    assert fields_of(query) <= known


def test_there_are_queries_and_a_wrong_field_is_found() -> None:
    assert len(queries()) == 8
    assert fields_of('filter cronstack = "dead" | stats count(*) as runs by job, colour') == {
        "cronstack",
        "job",
        "colour",
    }
