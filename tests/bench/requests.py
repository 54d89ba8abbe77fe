"""Requests and units of a run, counted at the wire: Cronstack's guard compared with Powertools' ``@idempotent``.

    python -m tests.bench.requests

Both use the same local cloud through the same proxy (see ``wire``), in the same situations. Powertools has keys, but
no jobs. The last column describes what it does in situations that need jobs.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from cronstack_infra.local.client import LocalCloud
from cronstack_infra.local.environment import pointed_at
from tests.bench import of_powertools, of_the_guard
from tests.bench.wire import Exchange, Wire


class Cost(NamedTuple):
    """The counts of one situation."""

    requests: Counter[str]
    """Number of requests by operation."""
    written: int
    """Write units."""
    read: float
    """Read units."""

    @classmethod
    def of(cls, exchanges: list[Exchange]) -> Cost:
        return cls(
            Counter(exchange.operation for exchange in exchanges),
            sum(exchange.written for exchange in exchanges),
            sum(exchange.read for exchange in exchanges),
        )

    def __str__(self) -> str:
        operations = ", ".join(f"{name} {count}" if count > 1 else name for name, count in self.requests.items())
        read = f" + {self.read:g} read" if self.read else ""
        return f"{self.requests.total()} | {self.written}{read} | {operations}"


def counted(wire: Wire, situation: Callable[[Any], Iterator[None]], scene: object) -> Cost:
    """Return the cost of a situation after its preparation."""
    steps = situation(scene)
    next(steps)
    with wire.counted() as exchanges, suppress(StopIteration):
        next(steps)
    return Cost.of(exchanges)


def wire_to(cloud: LocalCloud) -> Wire:
    dynamodb = cloud.client("dynamodb")
    return Wire(cloud.endpoint, lambda table: dynamodb.scan(TableName=table, ConsistentRead=True)["Items"])


def main() -> None:
    print("| | requests | write units | | Powertools: requests | write units | | |\n|---|---|---|---|---|---|---|---|")
    with LocalCloud.start() as cloud, wire_to(cloud).serving() as wire:
        of_the_guard.prepare(cloud)
        os.environ.update(pointed_at(wire.endpoint, os.environ))
        for situation in of_the_guard.SITUATIONS:
            ours = counted(wire, situation, of_the_guard.Scene(cloud))
            theirs, instead = "| |", "has no equivalent"
            if situation.__name__ in of_powertools.INSTEAD:
                equivalent, instead = of_powertools.INSTEAD[situation.__name__]
                theirs = str(counted(wire, equivalent, of_powertools.Scene(cloud)))
            print(f"| {situation.__name__.replace('_', ' ')} | {ours} | {theirs} | {instead} |")


if __name__ == "__main__":
    main()
