"""The metrics in the runtime's log line: in AWS's format, only those with a value, for the stack or for the job too."""

from __future__ import annotations

import json
from typing import Any, Final

import jsonschema
import pytest

from cronstack.declaration import Job
from cronstack.run import Run
from cronstack.runtime import Invocation
from cronstack.settings import METRICS, MetricsOf, Settings
from cronstack.telemetry.metrics import NAMESPACE, embedded
from tests.cronstack.stage import NOON, Context, Stage, by_operator, event_of, job, occurrence, scheduled_event

EMF: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer"},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                        "Unit": {"enum": ["Milliseconds", "Seconds", "Count", "None"]},
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}
"""Typed from AWS's "Specification: Embedded metric format" (CloudWatch User Guide, read on 30 November 2026). Only four
of its units are listed."""

LONGEST_DIMENSION: Final = 1024
"""Most characters of a dimension's value, by the same page."""


def judge(line: dict[str, Any]) -> dict[str, float]:
    """Check a line by the specification, with the references that a JSON schema cannot express. Return its metrics."""
    jsonschema.validate(line, EMF)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    values = {}
    for name in (metric["Name"] for metric in directive["Metrics"]):
        assert isinstance(line[name], int | float), f"the target member {name} must be a number"
        values[name] = line[name]
    for dimension in {name for names in directive["Dimensions"] for name in names}:
        assert isinstance(line[dimension], str), f"the target member {dimension} must be text"
        assert 0 < len(line[dimension]) <= LONGEST_DIMENSION
    return values


def line_of(
    stage: Stage, of: Job, event: object = None, *, metrics: MetricsOf = "stack", seconds: float = 60
) -> dict[str, Any]:
    """Return the log line of one invocation, as the function prints it."""
    shell = stage.shell()
    shell = shell._replace(settings=shell.settings._replace(metrics=metrics))
    Invocation(of, scheduled_event() if event is None else event, Context(stage, seconds), shell).work()
    return stage.lines[-1]


def lasting(stage: Stage, seconds: int, raises: Exception | None = None) -> Any:
    def stats(run: Run) -> None:
        stage.now += 1000 * seconds
        if raises is not None:
            raise raises

    return stats


def test_a_clean_run_costs_three_metrics(stage: Stage) -> None:
    stage.now += 1_500
    line = line_of(stage, job(lasting(stage, 4)))
    assert judge(line) == {"Runs": 1, "Duration": 4000, "StartLag": 1500}
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert directive["Dimensions"] == [["Stack"]]
    assert (line["Stack"], line["_aws"]["Timestamp"]) == ("shop", stage.now)


def test_a_failed_attempt_is_no_run_yet_and_a_further_attempt_has_no_start_lag(stage: Stage) -> None:
    broken = job(lasting(stage, 2, ValueError("no")), retries=1)
    assert judge(line_of(stage, broken)) == {"Failures": 1, "Duration": 2000, "StartLag": 0}
    (carrier,) = stage.carriers()
    stage.fire(carrier)
    assert judge(line_of(stage, broken, carrier.event)) == {"Runs": 1, "Failures": 1, "Dead": 1, "Duration": 2000}


def test_the_time_that_an_occurrence_waits_for_another_run_is_a_metric(stage: Stage) -> None:
    buffered = job(lasting(stage, 1), overlap="buffer_one")
    first = stage.delivery(occurrence(due=NOON - 60_000), overlap="buffer_one")
    first.until("Work")
    waiting = line_of(stage, buffered)
    assert waiting["cronstack"] == "buffered"
    assert "_aws" not in waiting
    first.finish()
    (carrier,) = stage.carriers()
    stage.fire(carrier)
    values = judge(line_of(stage, buffered, carrier.event))
    assert values["Waited"] == values["StartLag"] >= 10_000


def test_a_run_that_another_one_blocks_is_skipped(stage: Stage) -> None:
    stage.delivery(occurrence(due=NOON - 60_000)).until("Work")
    assert judge(line_of(stage, job(lasting(stage, 1)))) == {"Skipped": 1}


def test_a_run_that_comes_too_late_is_missed(stage: Stage) -> None:
    stage.now += 3_601_000
    assert judge(line_of(stage, job(lasting(stage, 1)))) == {"Missed": 1}


def test_an_attempt_that_nearly_reaches_its_timeout_is_counted(stage: Stage) -> None:
    assert "NearTimeout" not in judge(line_of(stage, job(lasting(stage, 53), timeout=60)))
    stage.now = NOON + 600_000
    late = line_of(stage, job(lasting(stage, 55), timeout=60), scheduled_event(due=stage.now))
    assert judge(late)["NearTimeout"] == 1


def test_an_operators_event_has_no_start_lag(stage: Stage) -> None:
    stage.now += 1000 * 86_400
    event = event_of(by_operator(kind="backfill", requested=stage.now))
    assert judge(line_of(stage, job(lasting(stage, 1)), event)) == {"Runs": 1, "Duration": 1000}


def test_a_duplicate_has_no_metric(stage: Stage) -> None:
    of = job(lasting(stage, 1))
    line_of(stage, of)
    assert "_aws" not in line_of(stage, of)


def test_metrics_of_each_job_on_request(stage: Stage) -> None:
    line = line_of(stage, job(lasting(stage, 1)), metrics="job")
    assert judge(line) == {"Runs": 1, "Duration": 1000, "StartLag": 0}
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Stack"], ["Stack", "Job"]]
    assert (line["Stack"], line["Job"]) == ("shop", "stats")


def test_no_metrics_on_request(stage: Stage) -> None:
    assert "_aws" not in line_of(stage, job(lasting(stage, 1)), metrics="none")


def test_the_line_grows_by_the_bytes_that_the_cost_table_counts(stage: Stage) -> None:
    """The bytes of the page METRICS.md: a clean run, without and with metrics of the job."""
    sizes = {}
    for number, of in enumerate(("none", "stack", "job")):
        due = NOON + 60_000 * number
        stage.now = due
        line = line_of(stage, job(lasting(stage, 1)), scheduled_event(due=due), metrics=of)  # type: ignore[arg-type]
        sizes[of] = len(json.dumps(line))
    assert 250 < sizes["stack"] - sizes["none"] <= 310
    assert 0 < sizes["job"] - sizes["stack"] <= 50


def test_values_of_zero_metrics_add_nothing() -> None:
    assert embedded("shop", {}, now=NOON) == {}


def test_the_setting_is_a_variable_of_the_function_unless_it_is_off() -> None:
    settings = Settings("ledger", "https://queue", "shop", "shop-carriers", "arn:role", "arn:queue")
    assert METRICS not in settings.environment()
    for of in ("stack", "job"):
        changed = settings._replace(metrics=of)  # type: ignore[arg-type]
        assert Settings.read(changed.environment()) == changed
    with pytest.raises(Exception, match="CRONSTACK_METRICS is 'all'"):
        Settings.read(settings.environment() | {METRICS: "all"})
