"""Look-ups of moto's queues."""

from __future__ import annotations

from typing import Any

from moto.sqs.models import Queue, sqs_backends


def find_queue(arn: str) -> Queue | None:
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        return None
    queue: Queue | None = sqs_backends[parts[4]][parts[3]].queues.get(parts[5])
    return queue


def visibility_of(queue: Any) -> int:
    """Return the seconds for which a received message is hidden."""
    return int(queue.visibility_timeout)
