"""A run always deletes its resources, and continues after a failed question."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from cronstack_infra.ask.firings import same_at
from cronstack_infra.ask.question import Observation, Question
from cronstack_infra.ask.requests import past_start
from cronstack_infra.ask.run import Asked, ask
from cronstack_infra.ask.temporary_resources import PREFIX, TemporaryResources, sweep
from cronstack_infra.ask.transcript import as_json, as_text
from cronstack_infra.play.simulation.cloud.virtual_cloud import VirtualCloud
from tests.ask.conftest import clients


def everything(resources: TemporaryResources) -> Observation:
    """Create one resource of each kind."""
    _, arn = resources.queue()
    resources.schedule("cron(0 6 * * ? 2199)", arn)
    resources.function("def handler(event, context): return None")
    assert {line.split()[0] for line in left()} == {"schedule", "group", "function", "log", "queue", "role"}
    return Observation("all exist", "past-at=fires", {"arn": arn, "sender": "AROA1234567890ABCDEFG:session"})


def left() -> list[str]:
    """Return the existing resources, as the deletion lists them."""
    from cronstack_infra.ask.temporary_resources import _resources

    return [name for name, _ in _resources(clients, PREFIX)]


def run(
    virtual: VirtualCloud,
    *asks: Callable[[TemporaryResources], Observation],
    name: str = "one",
    clients: Callable[[str], Any] = clients,
) -> list[Asked]:
    questions = [Question(f"q{number}", "Is it?", 1, 0.1, each) for number, each in enumerate(asks)]
    progress: list[str] = []
    sleep = lambda seconds: virtual.advance(timedelta(seconds=seconds))  # noqa: E731
    return list(ask(clients, questions, run=name, now=lambda: virtual.now, sleep=sleep, progress=progress.append))


def test_nothing_is_left_after_a_run(virtual: VirtualCloud) -> None:
    (one,) = run(virtual, everything)
    assert one.answer is not None, one.fault
    assert left() == []


def test_nothing_is_left_after_a_question_that_fails_and_after_an_interrupt(virtual: VirtualCloud) -> None:
    def fails(resources: TemporaryResources) -> Observation:
        everything(resources)
        raise ValueError("no")

    def is_interrupted(resources: TemporaryResources) -> Observation:
        everything(resources)
        raise KeyboardInterrupt

    first, second = run(virtual, fails, lambda resources: Observation("yes"))
    assert (first.answer, first.fault) == (None, "ValueError: no")
    assert second.answer == Observation("yes")
    assert left() == []
    with pytest.raises(KeyboardInterrupt):
        run(virtual, is_interrupted)
    assert left() == []


@pytest.mark.parametrize("question", [same_at, past_start])
def test_a_lost_connection_is_not_a_refusal(
    virtual: VirtualCloud, question: Callable[[TemporaryResources], Observation]
) -> None:
    def lose(request: Any, **_: Any) -> None:
        raise EndpointConnectionError(endpoint_url=request.url)

    def losing(service: str) -> Any:
        client = clients(service)
        client.meta.events.register("before-send.scheduler.UpdateSchedule", lose)
        return client

    (one,) = run(virtual, question, clients=losing)
    assert one.answer is None
    assert one.fault.startswith("EndpointConnectionError")


def test_the_next_run_deletes_the_resources_of_a_killed_run(virtual: VirtualCloud) -> None:
    sleep = lambda seconds: virtual.advance(timedelta(seconds=seconds))  # noqa: E731
    everything(TemporaryResources(clients, "killed", now=lambda: virtual.now, sleep=sleep))
    assert left()
    run(virtual, lambda resources: Observation("yes"), name="two")
    assert left() == []


def test_resources_of_others_are_not_deleted(virtual: VirtualCloud) -> None:
    clients("sqs").create_queue(QueueName="orders")
    run(virtual, everything)
    assert sweep(clients, PREFIX) == []
    assert [url.rpartition("/")[2] for url in clients("sqs").list_queues()["QueueUrls"]] == ["orders"]


def test_the_transcript_hides_the_account_and_ids(virtual: VirtualCloud) -> None:
    asked = run(virtual, everything)
    text, transcript = as_text(asked, region="us-east-1", day="2027-03-01"), as_json(asked, region="us-east-1", day="-")
    for shown in (text, str(transcript)):
        assert "123456789012" not in shown
        assert "AROA1234567890ABCDEFG" not in shown
        assert "111122223333" in shown
    assert "all exist" in text
    assert "as --switch past-at=fires" in text
    (answer,) = transcript["answers"]
    assert (answer["id"], answer["setting"]) == ("q0", "past-at=fires")
    assert "duplicates" in transcript["unasked"]
