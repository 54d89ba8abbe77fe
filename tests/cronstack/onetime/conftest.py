"""``once`` on the stage's services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cronstack.event import parse_event
from cronstack.guard.delivery import Outcome
from cronstack.occurrence import Occurrence
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from tests.cronstack.stage import FUNCTION, TABLE, WAY, Stage

GROUP = "shop-once"
WIRING = Wiring("stats", TABLE, GROUP, "arn:aws:iam::123456789012:role/once", FUNCTION, WAY.dead_letters)


@pytest.fixture
def once(stage: Stage) -> Once:
    stage.scheduler.create_schedule_group(Name=GROUP)
    return Once(
        wiring=lambda job: WIRING._replace(job=job),
        transport=stage.transport,
        now=lambda: stage.now,
        monotonic=lambda: stage.now / 1000,
        sleep=stage.sleep,
        randomness=stage.randomness,
    )


def schedules_of(stage: Stage) -> list[dict[str, Any]]:
    listed = stage.scheduler.list_schedules(GroupName=GROUP)["Schedules"]
    schedules = [stage.scheduler.get_schedule(GroupName=GROUP, Name=summary["Name"]) for summary in listed]
    return [{name: value for name, value in of.items() if name != "ResponseMetadata"} for of in schedules]


def event(stage: Stage, number: int = 0) -> Occurrence:
    """Return the occurrence in the schedule's event."""
    return parse_event(json.loads(schedules_of(stage)[number]["Target"]["Input"]), "stats")


def deliver_when_due(stage: Stage, of: Occurrence, **terms: Any) -> Outcome:
    """Set the clock to the due time, if that is later. Deliver the event."""
    stage.now = max(stage.now, of.due)
    return stage.deliver(of, **terms)
