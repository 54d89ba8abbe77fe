"""The reports that retention deletes, and those that it keeps."""

from __future__ import annotations

import pytest

from examples.retention import delete, retention
from tests.examples.conftest import Stores
from tests.examples.samples import run_of

KEPT = ["consistency/2013-04-03.json", "nights/2012-01-01.json", "weekly/2013-04-08.html"]
OLD = ["consistency/2012-12-31.json", "consistency/2013-04-02.json", "weekly/2013-04-01.html"]
MORNING = "2013-07-02T08:15:00+00:00"


def test_reports_older_than_ninety_days_are_deleted(stores: Stores) -> None:
    stores.put_reports(*KEPT, *OLD)
    answer = retention.function(run_of("retention", MORNING, input=retention.input))
    assert answer == {"before": "2013-04-03", "reports": 3}
    assert sorted(stores.reports()) == KEPT
    again = retention.function(run_of("retention", MORNING, input=retention.input, attempt=2))
    assert again == {"before": "2013-04-03", "reports": 0}


def test_days_are_counted_in_new_york_and_set_by_the_input(stores: Stores) -> None:
    stores.put_reports("weekly/2013-06-30.html", "weekly/2013-07-01.html")
    late_evening = "2013-07-03T03:00:00+00:00"  # 2 July in New York
    retention.function(run_of("retention", late_evening, input={"days": 1}))
    assert list(stores.reports()) == ["weekly/2013-07-01.html"]


def test_a_dry_run_counts_and_deletes_nothing(stores: Stores) -> None:
    stores.put_reports(*KEPT, *OLD)
    answer = retention.function(run_of("retention", MORNING, input={"days": 90, "dry": True}))
    assert answer["reports"] == 3
    assert len(stores.reports()) == 6


def test_deletion_in_several_batches(stores: Stores) -> None:
    stores.put_reports(*OLD, *KEPT)
    delete("reports-of-the-test", OLD, at_a_time=2)
    assert sorted(stores.reports()) == KEPT


def test_a_key_without_a_date_is_an_error_and_nothing_is_deleted(stores: Stores) -> None:
    stores.put_reports(OLD[0], "weekly/0-letter.html")
    with pytest.raises(ValueError, match="0-letter"):
        retention.function(run_of("retention", MORNING, input=retention.input))
    assert len(stores.reports()) == 2
