"""The dashboard of a stack: the metrics of Cronstack, of Scheduler and of Lambda. Off by default: 3 dollars a month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from cronstack.telemetry import metrics
from cronstack_infra import names
from cronstack_infra.aws import logical_ids
from cronstack_infra.aws.alarms import PASSES, Alarms

WIDTH: Final = 12
"""Columns of a graph. A dashboard has 24."""
HEIGHT: Final = 6
PERIOD: Final = 300
"""Seconds."""
MOST_JOBS: Final = 73
"""Jobs with a line in a graph. CloudWatch allows 500 metrics in one."""

Line = list[Any]


def create(stack: Stack, alarms: Alarms, jobs: Sequence[str]) -> cloudwatch.CfnDashboard:
    """Create the dashboard, with the name of the stack."""
    dashboard = cloudwatch.CfnDashboard(
        stack, "Dashboard", dashboard_name=stack.stack_name, dashboard_body=stack.to_json_string(body(stack, jobs))
    )
    logical_ids.fix(dashboard, logical_ids.of_stack("Dashboard"))
    dashboard.node.add_dependency(alarms)
    return dashboard


def body(stack: Stack, jobs: Sequence[str]) -> dict[str, Any]:
    """Return the dashboard as CloudWatch reads it. Names may be tokens of the CDK."""
    name = stack.stack_name

    def own(metric: str, statistic: str = "Sum") -> Line:
        return [metrics.NAMESPACE, metric, metrics.STACK, name, {"stat": statistic}]

    groups = (names.group_name(name), names.carriers_group(name), names.once_group(name))
    functions = [names.function_name(name, job) for job in jobs[:MOST_JOBS]]
    graphs: list[tuple[str, list[Line]]] = [
        ("Runs", [own(metric) for metric in (metrics.RUNS, metrics.DEAD, metrics.MISSED, metrics.SKIPPED)]),
        ("Failed attempts, and attempts near their timeout", [own(metrics.FAILURES), own(metrics.NEAR_TIMEOUT)]),
        ("Start lag and waiting, milliseconds", [own(of, "p99") for of in (metrics.START_LAG, metrics.WAITED)]),
        ("Duration, milliseconds", [own(metrics.DURATION, "p50"), own(metrics.DURATION, "p99")]),
        ("Watchdog", [own(PASSES), own("Incidents", "Maximum")]),
        (
            "Scheduler: dropped and throttled",
            [
                ["AWS/Scheduler", metric, "ScheduleGroup", group, {"stat": "Sum"}]
                for metric in ("InvocationDroppedCount", "TargetErrorThrottledCount")
                for group in groups
            ],
        ),
        (
            "Lambda: throttles",
            [["AWS/Lambda", "Throttles", "FunctionName", function, {"stat": "Sum"}] for function in functions],
        ),
        (
            "Lambda: age of events, milliseconds",
            [["AWS/Lambda", "AsyncEventAge", "FunctionName", of, {"stat": "Maximum"}] for of in functions],
        ),
    ]
    drawn = [(title, lines) for title, lines in graphs if lines]
    return {"widgets": [_graph(stack, number, title, lines) for number, (title, lines) in enumerate(drawn)]}


def _graph(stack: Stack, number: int, title: str, lines: list[Line]) -> dict[str, Any]:
    return {
        "type": "metric",
        "x": WIDTH * (number % 2),
        "y": HEIGHT * (number // 2),
        "width": WIDTH,
        "height": HEIGHT,
        "properties": {
            "title": title,
            "region": stack.region,
            "view": "timeSeries",
            "period": PERIOD,
            "metrics": lines,
        },
    }
