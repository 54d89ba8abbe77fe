"""Count the requests of boto3 clients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Clients = Callable[[str], Any]


@contextmanager
def counted_requests(clients: Clients, *services: str) -> Iterator[Counter[str]]:
    """Yield the number of requests by operation, of clients that the functions under test receive."""
    counts: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        counts[model.name] += 1

    made = [clients(service) for service in services]
    for client in made:
        client.meta.events.register("before-call", count, unique_id="counted")
    try:
        yield counts
    finally:
        for client in made:
            client.meta.events.unregister("before-call", unique_id="counted")
