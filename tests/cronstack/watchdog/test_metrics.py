"""Values of a metric are added over the pages of an answer, and a fault is not a value."""

from __future__ import annotations

from typing import Any

import pytest

from cronstack.watchdog import reading
from cronstack.watchdog.scene import HOUR

NOW = 1_800_000_000_000
QUERIES = [reading.Query("AWS/Lambda", "Throttles", "Sum"), reading.Query("AWS/Lambda", "AsyncEventAge", "Maximum")]


class Pages:
    """A CloudWatch that answers with these results, page by page."""

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages = [*pages]

    def get_metric_data(self, **_: Any) -> dict[str, Any]:
        page = {"MetricDataResults": self.pages.pop(0)}
        return page | ({"NextToken": "more"} if self.pages else {})


def _read(cloudwatch: Pages) -> list[float | None]:
    scene: Any = None
    return reading.Reading(lambda _: cloudwatch, scene, None).metrics(QUERIES, NOW - HOUR, NOW)


def _result(number: int, status: str, *values: float) -> dict[str, Any]:
    ident = reading._query(number, QUERIES[number])["Id"]
    return {"Id": ident, "StatusCode": status, "Values": [*values]}


def test_values_of_two_pages() -> None:
    first = [_result(0, "PartialData", 60, 1), _result(1, "PartialData", 9)]
    assert _read(Pages(first, [_result(0, "Complete", 50), _result(1, "Complete", 7)])) == [111, 9]


def test_a_fault_is_not_a_value() -> None:
    with pytest.raises(Exception, match="InternalError"):
        _read(Pages([_result(0, "InternalError"), _result(1, "Complete")]))
