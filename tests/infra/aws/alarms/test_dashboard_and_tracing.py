"""The options that are off by default: the dashboard, X-Ray, and metrics of each job."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.aws.alarms.documented_metrics import is_documented
from tests.infra.conftest import Synthesize
from tests.tools.iam import Question, judge
from tests.tools.template import of_type, policies_of, properties, resolved

ONE_JOB = "@job(schedule=rate('1 hour'))\ndef nightly(run): ..."


def variables_of(template: dict[str, Any], job: str = "nightly") -> dict[str, str]:
    functions = [properties(template, key) for key in of_type(template, "AWS::Lambda::Function")]
    [found] = [function for function in functions if function.get("FunctionName") == f"shop-{job}"]
    variables: dict[str, str] = found["Environment"]["Variables"]
    return variables


def test_the_dashboard_shows_documented_metrics(synthesize: Synthesize) -> None:
    template = synthesize(ONE_JOB, cronstack__dashboard="true")
    [dashboard] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    assert dashboard["Properties"]["DashboardName"] == "shop"
    widgets = json.loads(resolved(template, dashboard["Properties"]["DashboardBody"]))["widgets"]
    lines = [line for widget in widgets for line in widget["properties"]["metrics"]]
    assert len(lines) > 15
    for namespace, metric, dimension, value, _ in lines:
        assert is_documented(namespace, metric, frozenset({dimension})), (namespace, metric, dimension)
        assert value.startswith("shop")
    places = [(widget["x"], widget["y"]) for widget in widgets]
    assert len(set(places)) == len(places), "two graphs at one place"


def test_tracing_is_on_for_each_job_with_the_rights_for_it(synthesize: Synthesize) -> None:
    template = synthesize(ONE_JOB, cronstack__tracing="true")
    [function] = [key for key in of_type(template, "AWS::Lambda::Function") if key.startswith("JobsnightlyFunction")]
    assert properties(template, function)["TracingConfig"] == {"Mode": "Active"}
    [role] = [key for key in of_type(template, "AWS::IAM::Role") if key.startswith("JobsnightlyRole")]
    asked = [Question(f"xray:{action}", "*") for action in ("PutTraceSegments", "PutTelemetryRecords", "GetTraceGraph")]
    assert judge(policies_of(template, role), asked) == [True, True, False]
    assert not of_type(template, "AWS::IAM::Policy"), "a policy for each job would need 73 more resources"


def test_both_are_off_by_default(synthesize: Synthesize) -> None:
    template = synthesize(ONE_JOB)
    assert not of_type(template, "AWS::CloudWatch::Dashboard")
    assert "xray" not in json.dumps(template)
    assert "TracingConfig" not in json.dumps(template)


@pytest.mark.parametrize(("value", "variable"), [("stack", "stack"), ("job", "job"), ("none", None)])
def test_the_functions_get_the_option_for_metrics(synthesize: Synthesize, value: str, variable: str | None) -> None:
    assert variables_of(synthesize(ONE_JOB, cronstack__metrics=value)).get("CRONSTACK_METRICS") == variable


def test_metrics_of_the_stack_are_the_default(synthesize: Synthesize) -> None:
    assert variables_of(synthesize(ONE_JOB))["CRONSTACK_METRICS"] == "stack"
