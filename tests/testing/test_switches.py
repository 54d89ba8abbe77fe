"""The marker's ``switches``: for one test, on the stack that all tests of a process share."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from cronstack.errors import CronstackError
from cronstack_infra import names
from cronstack_infra.testing.choice import Choice
from cronstack_infra.testing.cloud import Cloud
from tests.places import ROOT

pytestmark = pytest.mark.cronstack(jobs="examples", only=["checkout", "capture_payment", "remind_by_email"])


def is_refused(cloud: Cloud) -> bool:
    """Return whether an update to an at() in the past is refused."""
    scheduler = cloud.client("scheduler")
    group = names.group_name(cloud.stack.deployment.stack)
    name = scheduler.list_schedules(GroupName=group, MaxResults=1)["Schedules"][0]["Name"]
    found = scheduler.get_schedule(GroupName=group, Name=name)
    keys = ("Name", "GroupName", "Target", "FlexibleTimeWindow")
    update: dict[str, Any] = {key: found[key] for key in keys} | {"ScheduleExpression": "at(2020-01-01T00:00:00)"}
    try:
        scheduler.update_schedule(**update, State="DISABLED")
    except ClientError as refused:
        return bool(refused.response["Error"]["Code"] == "ValidationException")
    return False


@pytest.mark.cronstack(switches={"past-at": "refused"})
def test_the_marker_applies_its_switches(cloud: Cloud) -> None:
    assert is_refused(cloud)


def test_the_next_test_has_the_default_switches(cloud: Cloud) -> None:
    assert not is_refused(cloud)


@pytest.mark.cronstack(switches="harshest", seed=0)
def test_harshest_sets_all(cloud: Cloud) -> None:
    assert is_refused(cloud)


def test_an_unknown_switch_is_reported_with_the_nearest_name() -> None:
    with pytest.raises(CronstackError, match="Did you mean early"):
        Choice.of([pytest.mark.cronstack(switches={"erly": 1}).mark], ROOT / "tests" / "test_readme.py")
