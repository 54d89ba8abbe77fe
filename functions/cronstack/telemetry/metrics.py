"""Metrics of an invocation, inside its log line: CloudWatch's embedded metric format (EMF). Pure.

CloudWatch Logs reads the member ``_aws`` of a line and stores the values that it names as metrics, so no request is
needed. A custom metric costs for each hour with data. So a line has only the metrics that have a value in this
invocation: without failures, ``Failures`` does not exist.

Specification:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

NAMESPACE: Final = "Cronstack"
STACK: Final = "Stack"
"""Dimension: the name of the stack."""
JOB: Final = "Job"
"""Dimension: the name of the job, next to ``STACK``. Only if metrics of each job are requested."""

RUNS: Final = "Runs"
FAILURES: Final = "Failures"
DEAD: Final = "Dead"
MISSED: Final = "Missed"
SKIPPED: Final = "Skipped"
START_LAG: Final = "StartLag"
WAITED: Final = "Waited"
DURATION: Final = "Duration"
NEAR_TIMEOUT: Final = "NearTimeout"

NEAR: Final = 0.1
"""Part of the timeout: an attempt that ends with less time left is near its timeout."""

_MILLISECONDS: Final = frozenset({START_LAG, WAITED, DURATION})
_COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "succeeded": (RUNS,),
    "dead": (RUNS, FAILURES, DEAD),
    "retrying": (FAILURES,),
    "missed": (MISSED,),
    "skipped": (SKIPPED,),
}
"""The metrics that an outcome counts, by its status."""


class Handled(NamedTuple):
    """The handler's part of an invocation. Times are milliseconds."""

    lag: int | None
    """From the due time to the handler's start. None for a further attempt, and for an operator's event."""
    by_carrier: bool
    """Whether a carrier brought the first attempt: it waited for another run."""
    duration: int
    left: int
    """Until the deadline, when the handler ended."""
    timeout: int


def values_of(status: str, handled: Handled | None) -> dict[str, int]:
    """Return the metrics of an invocation with a value. ``handled``: None if the handler did not run."""
    values = dict.fromkeys(_COUNTED.get(status, ()), 1)
    if handled is None:
        return values
    values[DURATION] = handled.duration
    if handled.lag is not None:
        values[START_LAG] = handled.lag
        if handled.by_carrier:
            values[WAITED] = handled.lag
    if handled.left < NEAR * handled.timeout:
        values[NEAR_TIMEOUT] = 1
    return values


def embedded(stack: str, values: Mapping[str, float], *, now: int, job: str = "") -> dict[str, Any]:
    """Return the members of a log line that make CloudWatch store the values as metrics; none without values.

    now: epoch milliseconds. job: with it, each value is also stored for this job, which doubles the number of metrics.
    """
    if not values:
        return {}
    dimensions = {STACK: stack, JOB: job} if job else {STACK: stack}
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[STACK], [STACK, JOB]] if job else [[STACK]],
        "Metrics": [_definition(name) for name in values],
    }
    return {**dimensions, **values, "_aws": {"Timestamp": now, "CloudWatchMetrics": [directive]}}


def _definition(name: str) -> dict[str, str]:
    # A count has no unit: CloudWatch's default is None, and each member costs bytes in every line.
    return {"Name": name, "Unit": "Milliseconds"} if name in _MILLISECONDS else {"Name": name}
