"""Limits of the outputs, and jobs that are not compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from cronstack.deployed.job_metadata import JobMetadata, ScheduleMetadata
from cronstack_infra.changes.as_json import LISTED, as_object
from cronstack_infra.changes.compare import Changes, compare
from cronstack_infra.changes.markdown import LONGEST, as_markdown
from cronstack_infra.changes.sides import JobSide, side_of

NOW = datetime(2027, 2, 10, 12, tzinfo=UTC)


def added(jobs: dict[str, JobSide]) -> Changes:
    return compare("shop", None, jobs, {}, now=NOW, days=30)


def side(name: str, expression: str = "cron(* * * * ? *)", where: str = "") -> JobSide:
    return side_of(JobMetadata(name, (ScheduleMetadata(expression),), where=where))


def test_a_comment_on_github_is_never_too_long() -> None:
    text = as_markdown(added({f"job_{n}": side(f"job_{n}", "cron(0 6 * * ? *)", where="w" * 500) for n in range(200)}))
    assert len(text) <= LONGEST + 200
    assert text.count("<details>") == text.count("</details>") > 30
    assert "more jobs are left out. To see them: `cronstack diff`" in text
    assert text.count("| added |") == 200, "the table has all jobs"


def test_json_lists_a_thousand_occurrences_and_counts_all() -> None:
    (job,) = json.loads(json.dumps(as_object(added({"poll": side("poll")}))))["jobs"]
    assert job["appear"]["count"] == 43_200
    assert len(job["appear"]["occurrences"]) == LISTED


def test_names_and_texts_are_escaped_in_markdown() -> None:
    text = as_markdown(added({"a_b": side("a_b", where="functions/jobs/<b>.py:1")}))
    assert "<b>.py" not in text
    assert "`a_b`" in text
