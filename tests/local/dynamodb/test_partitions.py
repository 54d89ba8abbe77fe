"""The cost of a plan by partition, in write units. The bench's own count must equal the local cloud's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cronstack.ledger.partitions import DUE, INDEX, PK, SK
from cronstack.occurrence import to_datetime
from cronstack.transport import Botocore
from cronstack_infra.local.dynamodb import consumption
from tests.bench.partitions import NOON, TABLE, Partition, counted, lines, of_each_kind, play
from tests.local.dynamodb.patched import create_table, index, patched

COUNT = 1000


def test_a_plan_costs_five_units_spread_over_all_partitions() -> None:
    partitions = counted(COUNT)
    by_kind = of_each_kind(partitions)
    assert {kind: sum(units) / COUNT for kind, units in by_kind.items()} == {
        "plan": 2,
        "run": 2,
        "plan in the index": 1,
    }
    assert {kind: len(units) for kind, units in by_kind.items()} == {"plan": 16, "run": 16, "plan in the index": 16}
    mean = 2 * COUNT / 16
    assert max(units[0] for units in by_kind.values()) < 1.5 * mean, (
        "the hash of the key spreads the units about evenly"
    )
    assert any("no hot partition" in line for line in lines(COUNT, partitions))


def test_the_local_cloud_counts_the_same() -> None:
    with patched(lambda: to_datetime(NOON)) as make_client:
        client = make_client()
        listed = index(INDEX, {"HASH": INDEX, "RANGE": DUE})
        types = {PK: "S", SK: "S", INDEX: "S", DUE: "N"}
        create_table(client, TABLE, {"HASH": PK, "RANGE": SK}, types, global_indexes=[listed])
        play(12, transport_to(client))
        actual = [Partition(row["index"], row["partition"], row["write"]) for row in consumption.counts()]
    assert sorted(partition for partition in actual if partition.written) == counted(12)


def transport_to(client: Any) -> Callable[[Callable[[], int]], Botocore]:
    return lambda now: Botocore(lambda service: client)
