"""The metadata of a job survives its way through a template; unknown and missing fields do no harm."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from cronstack.deployed.job_metadata import FUNCTION, METADATA, JobMetadata, ScheduleMetadata, jobs_of_template

SCHEDULES = st.builds(
    ScheduleMetadata,
    expression=st.sampled_from(["cron(0 6 * * ? *)", "rate(5 minutes)", "at(2026-12-24T18:00:00)"]),
    timezone=st.sampled_from(["UTC", "Europe/Berlin"]),
    start=st.none() | st.just("2026-01-01T00:00:00+00:00"),
    window=st.integers(0, 1440),
)
JOBS = st.builds(
    JobMetadata,
    job=st.from_regex(r"[a-z]{1,9}", fullmatch=True),
    schedules=st.lists(SCHEDULES, max_size=3).map(tuple),
    enabled=st.booleans(),
    overlap=st.sampled_from(["skip", "buffer_one", "allow"]),
    on_missed=st.sampled_from(["report", "run"]),
    overrun_after=st.none() | st.integers(1, 86400),
)


def _template(*fields: dict[str, object]) -> dict[str, object]:
    functions = {f"F{n}": {"Type": FUNCTION, "Metadata": {METADATA: of_job}} for n, of_job in enumerate(fields)}
    others = {"Other": {"Type": FUNCTION}, "Queue": {"Type": "AWS::SQS::Queue", "Metadata": {METADATA: {"job": "no"}}}}
    parsed: dict[str, object] = json.loads(json.dumps({"Resources": functions | others}))
    return parsed


@given(JOBS)
def test_a_job_is_read_as_it_was_written(job: JobMetadata) -> None:
    assert jobs_of_template(_template(job.to_json())) == {job.job: job}


def test_fields_of_other_versions() -> None:
    later = {"job": "stats", "schedules": [{"expression": "rate(1 day)", "later": 1}], "later": [1]}
    assert jobs_of_template(_template(later)) == {"stats": JobMetadata("stats", (ScheduleMetadata("rate(1 day)"),))}
