"""Schedules whose role, function or queue is missing (documented, so not a switch), or whose role is too new."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.switches.conftest import Place, bodies, delete_role, new_name, new_queue, new_role, of_virtual, schedule

DONE = {"ActionAfterCompletion": "DELETE"}


@pytest.fixture
def place(virtual: VirtualCloud) -> Place:
    return of_virtual(virtual)


def soon(virtual: VirtualCloud, seconds: float = 60) -> str:
    return f"at({virtual.now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def dropped(virtual: VirtualCloud) -> list[dict[str, Any]]:
    return [event for event in virtual.events if event["event"] == "dropped"]


def left(place: Place, group: str = "default") -> int:
    return len(place.client("scheduler").list_schedules(GroupName=group)["Schedules"])


def test_a1_without_its_role_a_schedule_leaves_no_letter_and_deletes_itself(
    place: Place, virtual: VirtualCloud
) -> None:
    """Scheduler writes the letter as the schedule's role (configuring-schedule-dlq)."""
    role, (_, target), (letters, letters_arn) = new_role(place), new_queue(place), new_queue(place)
    place.client("scheduler").create_schedule(**schedule(role, target, soon(virtual), letters=letters_arn, **DONE))
    delete_role(place, role)
    virtual.advance(timedelta(minutes=2))
    assert bodies(place, letters) == []
    assert len(dropped(virtual)) == 1
    assert left(place) == 0


def test_a1_a_role_that_is_created_again_under_its_name_works_again(place: Place, virtual: VirtualCloud) -> None:
    role, (queue, target) = new_role(place), new_queue(place)
    place.client("scheduler").create_schedule(**schedule(role, target, soon(virtual), **DONE))
    delete_role(place, role)
    assert new_role(place, role.rpartition("/")[2]) == role
    virtual.advance(timedelta(minutes=2))
    assert bodies(place, queue) == ['"hello"']
    assert left(place) == 0


def test_a1_without_its_target_a_schedule_leaves_a_letter_and_deletes_itself(
    place: Place, virtual: VirtualCloud
) -> None:
    role, (url, target), (letters, letters_arn) = new_role(place), new_queue(place), new_queue(place)
    place.client("scheduler").create_schedule(**schedule(role, target, soon(virtual), letters=letters_arn, **DONE))
    place.client("sqs").delete_queue(QueueUrl=url)
    virtual.advance(timedelta(minutes=2))
    assert len(bodies(place, letters)) == 1
    assert left(place) == 0


def test_a1_without_its_queue_a_letter_is_lost_and_the_schedule_deletes_itself(
    place: Place, virtual: VirtualCloud
) -> None:
    role, (url, target), (letters, letters_arn) = new_role(place), new_queue(place), new_queue(place)
    place.client("scheduler").create_schedule(**schedule(role, target, soon(virtual), letters=letters_arn, **DONE))
    for queue in (url, letters):
        place.client("sqs").delete_queue(QueueUrl=queue)
    virtual.advance(timedelta(minutes=2))
    assert len(dropped(virtual)) == 1
    assert left(place) == 0


def test_a_delivery_with_a_role_that_is_too_new_fails_and_so_does_its_letter(
    place: Place, virtual: VirtualCloud
) -> None:
    role, (queue, target), (letters, letters_arn) = new_role(place), new_queue(place), new_queue(place)
    scheduler = place.client("scheduler")
    scheduler.create_schedule(**schedule(role, target, soon(virtual, 30), letters=letters_arn))
    scheduler.create_schedule(**schedule(role, target, soon(virtual, 90), letters=letters_arn))
    with place.switched("role-delay=60"):
        virtual.advance(timedelta(minutes=2))
    assert len(dropped(virtual)) == 1
    assert (bodies(place, letters), bodies(place, queue)) == ([], ['"hello"'])


def test_schedules_of_a_deleted_group_fire_until_they_are_deleted(place: Place, virtual: VirtualCloud) -> None:
    role, (queue, target) = new_role(place), new_queue(place)
    scheduler, group = place.client("scheduler"), new_name("group")
    scheduler.create_schedule_group(Name=group)
    for seconds in (60, 600):
        scheduler.create_schedule(**schedule(role, target, soon(virtual, seconds), GroupName=group))
    with place.switched("group-deletion=300"):
        scheduler.delete_schedule_group(Name=group)
        virtual.advance(timedelta(minutes=2))
        assert bodies(place, queue) == ['"hello"']
        virtual.advance(timedelta(minutes=10))
    assert [event["event"] for event in virtual.events].count("fired") == 1
    assert group not in [shown["Name"] for shown in scheduler.list_schedule_groups()["ScheduleGroups"]]
