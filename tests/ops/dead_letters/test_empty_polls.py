"""The reader of dead letters against the local cloud, in which short polls are empty by mistake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.http.switching import switches
from cronstack_infra.ops.dead_letters.reading import list_letters
from cronstack_infra.ops.deployment import Deployment


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud.start() as cloud:
        yield cloud


def test_a10_all_letters_are_read_although_each_short_poll_is_empty(cloud: LocalCloud) -> None:
    """An empty short poll proves nothing (switch empty-polls), so each receive is a long poll."""
    sqs = cloud.client("sqs")
    delivery, handler = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("delivery", "handler"))
    for number in range(25):
        sqs.send_message(QueueUrl=delivery if number % 2 else handler, MessageBody=str(number))
    deployment = Deployment("shop", "ledger", delivery, handler, "shop")
    with switches(cloud.endpoint, "empty-polls=1"):
        assert "Messages" not in sqs.receive_message(QueueUrl=delivery)
        for _ in range(2):
            unread: list[str] = []
            letters = list_letters(sqs, deployment, unread=unread.append)
            assert sorted(int(letter.body) for letter in letters) == list(range(25))
            assert unread == []
