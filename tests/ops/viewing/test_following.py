"""``follow_runs`` yields each change of a run once, with few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from cronstack.occurrence import to_milliseconds
from cronstack_infra.ops.runs import RunRow
from cronstack_infra.ops.viewing.following import Follower
from tests.cronstack.stage import scheduled_event
from tests.ops.explaining import of_open_runs, of_plans, of_runs
from tests.ops.explaining.of_runs import fail
from tests.ops.explaining.world import World, occurrence
from tests.ops.viewing.requests import counted_requests

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    from moto import mock_aws

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield World(6)


def _follower(world: World, *jobs: str, since: Any = None) -> Callable[[], list[tuple[str, str]]]:
    follower = Follower(world.stage.dynamodb, world.shop.deployment, jobs or ("stats",), since)

    def poll() -> list[tuple[str, str]]:
        rows: list[RunRow] = follower.poll(world.now)
        return [(row.occurrence, row.status) for row in rows]

    return poll


def test_each_change_of_a_run_is_yielded_once(world: World) -> None:
    world.deploy()
    world.earlier_days()
    world.set(world.due() - MINUTE)
    poll, name = _follower(world), occurrence(world.due())
    assert poll() == []
    running = world.start(world.due())
    assert poll() == [(name, "running")]
    assert poll() == []
    running.finish()
    assert poll() == [(name, "succeeded")]
    assert poll() == []


def test_a_run_that_ends_between_two_polls_is_yielded(world: World) -> None:
    world.deploy()
    world.set(world.due() - timedelta(seconds=2))
    poll = _follower(world)
    assert poll() == []
    world.fire(world.due(), after=timedelta(seconds=1))
    assert poll() == [(occurrence(world.due()), "succeeded")]


def test_a_retry_and_its_success(world: World) -> None:
    world.deploy()
    world.set(world.due() - MINUTE)
    poll, name = _follower(world), occurrence(world.due())
    poll()
    world.work = [fail]
    world.fire(world.due())
    assert poll() == [(name, "retrying")]
    world.sleep(10 * MINUTE)
    assert poll() == [(name, "succeeded")]


def test_a_skip_is_found_by_a_sweep(world: World) -> None:
    world.deploy(timeout=900)
    first = world.due() - timedelta(minutes=5)
    world.set(first - MINUTE)
    poll = _follower(world)
    poll()
    world.start(first, event=scheduled_event(to_milliseconds(first)))
    assert poll() == [(occurrence(first), "running")]
    world.fire(world.due())
    world.sleep(timedelta(seconds=12))
    assert poll() == [(occurrence(world.due()), "skipped")]


def test_a_process_that_died_is_yielded_as_overdue(world: World) -> None:
    world.deploy()
    world.set(world.due() - MINUTE)
    follower = Follower(world.stage.dynamodb, world.shop.deployment, ["stats"], None)
    follower.poll(world.now)
    world.start(world.due())
    assert [row.overdue for row in follower.poll(world.now)] == [False]
    world.set(world.now + timedelta(seconds=80))
    assert [row.overdue for row in follower.poll(world.now)] == [True]


def test_the_first_poll_yields_open_runs_and_with_since_all(world: World) -> None:
    of_open_runs.skipped_for_overlap(world)
    world.work = [fail]
    world.fire(world.due(2))
    assert _follower(world)() == [(occurrence(world.due(2)), "retrying")]
    since = _follower(world, since=world.due() - timedelta(hours=1))()
    assert [status for _, status in since] == ["succeeded", "skipped", "succeeded", "retrying"]


def test_a_key_is_found(world: World) -> None:
    of_plans.planned(world)
    poll = _follower(world)
    assert poll() == []
    world.set(world.now + timedelta(hours=3, seconds=5))
    world.shop.invoke(of_plans.event_of(world))
    assert [status for _, status in poll()] == ["succeeded"]


def test_an_old_backfill_is_found_while_it_runs(world: World) -> None:
    world.deploy()
    world.set(world.due(9))
    poll = _follower(world)
    poll()
    world.work = [lambda run: found.extend(poll())]
    found: list[tuple[str, str]] = []
    world.by_operator("backfill", world.due())
    assert found == [(occurrence(world.due()), "running")]
    assert poll() == [(occurrence(world.due()), "succeeded")]


@pytest.mark.parametrize("jobs", [1, 10, 73])
def test_the_number_of_requests(world: World, jobs: int) -> None:
    of_runs.ran(world)
    follower = Follower(
        world.stage.dynamodb, world.shop.deployment, ["stats", *(f"j{number}" for number in range(jobs - 1))], None
    )
    follower.poll(world.now)
    world.set(world.now + timedelta(seconds=1))
    clients = lambda service: world.stage.dynamodb  # noqa: E731
    with counted_requests(clients, "dynamodb") as quiet:
        for _ in range(4):
            world.set(world.now + timedelta(seconds=2))
            follower.poll(world.now)
    assert quiet == {"BatchGetItem": 4}
    with counted_requests(clients, "dynamodb") as swept:
        world.set(world.now + timedelta(seconds=2))
        follower.poll(world.now)
    assert swept == {"BatchGetItem": 1, "Query": 3 * jobs}


def test_an_unavailable_ledger_is_raised(world: World) -> None:
    """The command reports it: nothing is silently missing from its output."""
    world.deploy()
    poll = _follower(world)
    world.stage.dynamodb.delete_table(TableName=world.shop.deployment.ledger)
    with pytest.raises(world.stage.dynamodb.exceptions.ResourceNotFoundException):
        poll()
