"""Lists of schedules and groups, with their filters, pages and tags, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.local.quick_cloud import Cloud, quick_cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with quick_cloud() as cloud:
        yield cloud


def test_schedules_are_listed_by_group_prefix_and_state_page_by_page(cloud: Cloud) -> None:
    scheduler = cloud.client("scheduler")
    _, queue = cloud.queue("listed")
    scheduler.create_schedule_group(Name="shop", Tags=[{"Key": "team", "Value": "sales"}])
    for group in ("default", "shop"):
        for number in range(4):
            scheduler.create_schedule(
                Name=f"{'even' if number % 2 == 0 else 'odd'}{number}",
                GroupName=group,
                ScheduleExpression="at(2190-01-01T00:00:00)",
                State="DISABLED" if number == 3 else "ENABLED",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": queue, "RoleArn": cloud.scheduler_role, "Input": "x"},
            )

    def names(**filters: str) -> list[str]:
        pages = scheduler.get_paginator("list_schedules").paginate(**filters, PaginationConfig={"PageSize": 1})
        schedules = [schedule for page in pages for schedule in page["Schedules"]]
        return sorted(f"{schedule['GroupName']}/{schedule['Name']}" for schedule in schedules)

    assert len(names()) == 8
    assert names(GroupName="shop") == ["shop/even0", "shop/even2", "shop/odd1", "shop/odd3"]
    assert names(GroupName="shop", NamePrefix="odd") == ["shop/odd1", "shop/odd3"]
    assert names(State="DISABLED") == ["default/odd3", "shop/odd3"]
    (shown,) = scheduler.list_schedules(GroupName="shop", State="DISABLED")["Schedules"]
    assert shown["Target"] == {"Arn": queue}
    assert "ScheduleExpression" not in shown
    (group,) = scheduler.list_schedule_groups(NamePrefix="sh")["ScheduleGroups"]
    assert (group["Name"], group["State"]) == ("shop", "ACTIVE")
    scheduler.tag_resource(ResourceArn=group["Arn"], Tags=[{"Key": "stage", "Value": "dev"}])
    scheduler.untag_resource(ResourceArn=group["Arn"], TagKeys=["team"])
    assert scheduler.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"] == [{"Key": "stage", "Value": "dev"}]
    scheduler.delete_schedule_group(Name="shop")
    assert len(names()) == 4
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scheduler.get_schedule_group(Name="shop")
