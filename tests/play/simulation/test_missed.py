"""A plan that waits until its start deadline has passed: it is reported, and can be repaired in three ways."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cronstack.onetime.once import Once
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.redriving import Redriven
from cronstack_infra.ops.deployment import Deployment, find_deployment
from cronstack_infra.ops.onetime import once_of
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from cronstack_infra.testing.operations import Operations

HOUR = timedelta(hours=1)
SECONDS = 890
"""Duration of each run. In one sandbox at most five start within the start deadline of an hour."""
PLANS = 6


class Scene:
    """Six plans due in one minute, and one sandbox. Not all of them can start in time."""

    def __init__(self, cloud: VirtualCloud) -> None:
        self.cloud = cloud
        self.deployment: Deployment = find_deployment(cloud.client("cloudformation"), "small")
        self.once: Once = once_of(cloud.client, self.deployment)
        self.operations = Operations(cloud, self.deployment, seed=1, story=lambda: "")
        cloud.client("lambda").put_function_concurrency(FunctionName="small-slow", ReservedConcurrentExecutions=1)
        for number in range(PLANS):
            self.once.schedule("slow", key=f"order-{number}", after=HOUR, input={"seconds": SECONDS})
        cloud.advance(4 * HOUR)

    def attempts(self, key: str) -> list[tuple[str, Any]]:
        """Return the outcome of each delivery of a key, with its due time."""
        attempts = (event for event in self.cloud.events if event["event"] == "attempt" and event.get("key") == key)
        return [(event["outcome"], event["due"]) for event in attempts]

    def missed(self) -> str:
        """Return a key that was missed. Each of these has one letter."""
        keys = sorted(plan.key for plan in self.once.list("slow", status="missed"))
        assert keys == sorted(letter.key for letter in self.operations.letters("slow"))
        return keys[0]

    def letters(self, key: str) -> list[DeadLetter]:
        return [letter for letter in self.operations.letters("slow") if letter.key == key]

    def redrive(self, key: str) -> Redriven:
        (result,) = self.operations.redrive("slow", [letter.id for letter in self.letters(key)])
        return result


@pytest.fixture
def scene(cloud: VirtualCloud) -> Scene:
    return Scene(cloud)


def test_a5_a_plan_past_its_start_deadline_is_reported_and_redriven_once(scene: Scene) -> None:
    """Rule: a missed plan becomes a dead letter in the queue with the alarm. Its redrive runs it once."""
    key = scene.missed()
    (letter,) = scene.letters(key)
    assert (letter.contents.origin, letter.key, letter.reason) == ("missed", key, "Missed")
    assert letter.queue == scene.deployment.handler_dead_letters, "the queue with the alarm"
    assert [outcome for outcome, _ in scene.attempts(key)] == ["missed"]
    redriven = scene.redrive(key)
    assert (redriven.accepted, redriven.status) == (True, "succeeded")
    assert [outcome for outcome, _ in scene.attempts(key)] == ["missed", "succeeded"]
    assert (scene.letters(key), scene.once.get("slow", key).status) == ([], "begun")


@pytest.mark.parametrize("way", ["replace", "move"])
def test_a5_a_missed_key_that_is_planned_again_runs_once_at_its_new_time(scene: Scene, way: str) -> None:
    """Rule: ``replace`` and ``move`` accept a missed key. The letter of the miss then starts nothing."""
    key = scene.missed()
    if way == "move":
        plan = scene.once.move("slow", key, after=HOUR)
    else:
        plan = scene.once.schedule("slow", key=key, after=HOUR, input={"seconds": 1}, replace=True)
    assert plan.status == "planned"
    redriven = scene.redrive(key)
    assert redriven.accepted
    assert redriven.detail.startswith("nothing to do: after it was missed it was planned again, and is planned for")
    assert scene.cloud.now < plan.at, "the redrive does not wait"
    scene.cloud.advance(2 * HOUR)
    due = plan.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert scene.attempts(key)[1:] == [("succeeded", due)]
    assert (scene.letters(key), scene.once.get("slow", key).status) == ([], "begun")
