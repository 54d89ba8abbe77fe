"""Letters in replaced queues are read, redriven and dropped like those in the current queues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from cronstack.errors import OperationError
from cronstack.run import Run
from cronstack_infra.names import QUEUE_IDS
from cronstack_infra.ops.dead_letters.dropping import drop
from cronstack_infra.ops.dead_letters.letters import DeadLetter
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.dead_letters.redriving import redrive
from tests.cronstack.stage import occurrence, scheduled_event
from tests.ops.shop import STACK, Shop, failure

REPLACED = f"{STACK}-{QUEUE_IDS['delivery']}-1A2B3C4D5E6F"


@pytest.fixture
def replaced(shop: Shop) -> str:
    """Return the URL of a replaced queue of the stack, with a letter. Create queues of other stacks too."""
    request = {"FunctionName": "shop-stats", "InvocationType": "Event", "Payload": json.dumps(scheduled_event())}
    urls = []
    for name in (REPLACED, "shopping-cart", f"{STACK}-orders", f"{STACK}-2-{QUEUE_IDS['delivery']}-1A2B3C4D5E6F"):
        urls.append(shop.stage.sqs.create_queue(QueueName=name)["QueueUrl"])
        shop.stage.sqs.send_message(QueueUrl=urls[-1], MessageBody=json.dumps(request))
    return urls[0]


def letters(shop: Shop, **options: Any) -> list[DeadLetter]:
    return list_letters(shop.stage.sqs, shop.deployment, poll=0, **options)


def test_a1_letters_in_a_replaced_queue_are_read_and_redriven(shop: Shop, replaced: str) -> None:
    """Schedules that were made before the replacement keep sending their letters to the old queue."""
    ran: list[str] = []

    def stats(run: Run) -> None:
        ran.append(run.occurrence)

    shop.deploy(stats, "cron(0 * * * ? *)")
    (letter,) = letters(shop)
    assert (letter.queue, letter.contents.origin, letter.job) == (replaced, "delivery", "stats")
    (result,) = redrive(shop.clients, shop.deployment, clock=shop.clock, sleep=shop.sleep, poll=0, any_sender=True)
    assert (result.accepted, ran) == (True, [occurrence().id]), result.detail
    assert letters(shop) == []


def test_without_the_right_to_list_queues_the_current_queues_are_read(shop: Shop, replaced: str) -> None:
    class Denied:
        def __getattr__(self, name: str) -> Any:
            return getattr(shop.stage.sqs, name)

        def list_queues(self, **_: Any) -> Any:
            raise failure("AccessDenied", "ListQueues")

    warnings: list[str] = []
    assert list_letters(Denied(), shop.deployment, poll=0, warn=warnings.append) == []
    assert warnings == ["replaced queues were not read: your credentials may not call sqs:ListQueues"]


def test_letters_are_dropped_by_their_ids(shop: Shop, replaced: str) -> None:
    shop.stage.sqs.send_message(QueueUrl=shop.delivery, MessageBody="whatever")
    first, second = letters(shop)
    with pytest.raises(OperationError, match="no dead letter nothing"):
        drop(shop.stage.sqs, shop.deployment, ["nothing"], poll=0)
    assert len(letters(shop)) == 2
    seen: list[str] = []

    def show(found: Sequence[DeadLetter]) -> None:
        seen.extend(letter.id for letter in found)
        assert len(letters(shop)) == 0, "the letters are held, and not deleted yet"

    dropped = drop(shop.stage.sqs, shop.deployment, [first.id, "nothing", first.id], poll=0, before=show)
    assert ([letter.id for letter in dropped.letters], dropped.absent) == ([first.id], ("nothing",))
    assert seen == [first.id]
    assert [letter.id for letter in letters(shop)] == [second.id]
