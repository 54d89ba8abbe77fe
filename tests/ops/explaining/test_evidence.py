"""Each kind of evidence decides: without it, ``explain`` names another cause. And every cause is planted."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from cronstack_infra.ops.explaining.deciding import explain
from cronstack_infra.ops.explaining.facts import Logged
from cronstack_infra.ops.explaining.verdict import CLASS_OF, Cause
from cronstack_infra.ops.explaining.wording import SENTENCES
from tests.ops.explaining import of_open_runs, of_plans, of_runs, of_times
from tests.ops.explaining.planted import History
from tests.ops.explaining.world import World
from tests.ops.viewing.requests import counted_requests


@pytest.fixture(autouse=True)
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


@pytest.mark.parametrize(
    ("history", "blank", "then"),
    [
        (of_times.undelivered, {"letters": ()}, Cause.NEVER_ARRIVED),
        (of_open_runs.retrying, {"carriers": ()}, Cause.RETRYING),
        (of_open_runs.deferred, {"carriers": ()}, Cause.DUE_NOW),
        (of_plans.planned, {"carriers": ()}, Cause.STRAY),
        (of_runs.ran_after_crash, {"logged": Logged()}, Cause.RAN_AFTER_ATTEMPTS),
        (of_runs.backfilled, {"actions": ()}, Cause.RAN_BY_OPERATOR),
        (of_times.ahead_but_paused, {"pause": None}, Cause.FUTURE),
        (of_times.never_arrived, {"schedules": ()}, Cause.NO_SCHEDULE),
        (of_plans.moved, {"plan": None}, Cause.NO_ROW),
        (of_times.started_by_the_watchdog, {"declared": None}, Cause.RAN_BY_OPERATOR),
        (of_open_runs.skipped_for_overlap, {"run": None}, Cause.NEVER_ARRIVED),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_without_its_evidence_the_cause_is_another(history: History, blank: dict[str, Any], then: Cause) -> None:
    world = World(3)
    planted = history(world)
    facts = world.facts(planted.ask, planted.key)
    assert explain(facts).cause == planted.cause
    assert explain(replace(facts, **blank)).cause == then


def test_every_cause_is_planted_worded_and_classified() -> None:
    histories = "".join(map(inspect.getsource, (of_open_runs, of_plans, of_runs, of_times)))
    planted = {cause for cause in Cause if f"Cause.{cause.name}," in histories}
    assert set(Cause) - planted == {Cause.SKIPPED}  # of a version that is not written yet
    assert set(SENTENCES) == set(Cause) == set(CLASS_OF)


def test_reading_deletes_and_changes_nothing() -> None:
    """Ask twice, and compare all rows, letters and schedules."""
    world = World(4)
    planted = of_open_runs.dead(world)
    before = _stored(world)
    first = world.facts(planted.ask)
    assert first.letters
    assert [letter.id for letter in world.facts(planted.ask).letters] == [letter.id for letter in first.letters]
    assert _stored(world) == before


def _stored(world: World) -> tuple[Any, ...]:
    rows = world.stage.dynamodb.scan(TableName=world.shop.deployment.ledger)["Items"]
    count = world.stage.sqs.get_queue_attributes(
        QueueUrl=world.stage.queue, AttributeNames=["ApproximateNumberOfMessages"]
    )
    schedules = [schedule["Name"] for schedule in world.stage.scheduler.list_schedules()["Schedules"]]
    return sorted(rows, key=str), count["Attributes"], schedules


@pytest.mark.parametrize(
    ("history", "requests"),
    [
        # DescribeStacks, GetTemplate, ListSchedules, GetSchedule; runs, the lease, incidents, two lists of actions
        (of_runs.ran, {"Query": 4, "GetItem": 1, "ListSchedules": 1, "GetSchedule": 1}),
        (of_times.ahead, {"Query": 4, "GetItem": 1, "ListSchedules": 1, "GetSchedule": 1}),
        # and the carriers of the job; the holder of the lease
        (of_open_runs.waits_in_the_slot, {"Query": 4, "GetItem": 2, "ListSchedules": 2, "GetSchedule": 2}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_the_number_of_requests(history: History, requests: dict[str, int]) -> None:
    world = World(3)
    planted = history(world)
    made = {service: world.clients(service) for service in ("cloudformation", "dynamodb", "scheduler", "sqs")}
    world.clients = lambda service: made.get(service) or world.shop.clients(service)  # type: ignore[method-assign]
    with counted_requests(world.clients, *made) as sent:
        world.facts(planted.ask)
    assert sent == {"DescribeStacks": 1, "GetTemplate": 1, **requests}
