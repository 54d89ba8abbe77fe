"""Write units of each partition of the ledger while plans are created and run, to find hot partitions.

    python -m tests.bench.partitions [PLANS]

The shipped planner schedules each plan (5,000 by default) and the shipped runtime runs it, on a ledger in memory. The
units are those of ``local.dynamodb.capacity``. A test compares them with the counts of the local cloud's DynamoDB at
``/_cronstack/units``. The result is the load of one second in which all of this happens.

Default quotas of AWS in one Region:

    a partition      1,000 write units a second      DynamoDB developer guide, bp-partition-key-design
    a new table      4,000 write units at once, as   developer guide, warm-throughput-scenarios; an index has a warm
                     has each of its indexes         throughput of its own. Set it ahead, or let it grow.
    a table          40,000 write units a second     developer guide, ServiceQuotas (on demand; adjustable)
    CreateSchedule   5,000 a second                  Scheduler user guide, scheduler-quotas (large Regions; adjustable)
    invocations      1,000 a second                  the same page (large Regions; adjustable to tens of thousands)

The count is by partition key. DynamoDB may store several keys in one partition until it has split a hot one, which
takes minutes. A warm throughput set ahead makes that less likely.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from cronstack.declaration import Job, job
from cronstack.event import planned_event
from cronstack.ledger.partitions import DUE, INDEX, PK, SK
from cronstack.onetime.once import Once
from cronstack.onetime.schedules import Wiring
from cronstack.run import Run
from cronstack.runtime import Invocation, Shell
from cronstack.settings import PLANS, Settings
from cronstack.transport import Transport
from cronstack_infra.local.dynamodb.capacity import PARTITION_WRITES, index_write_units, row_write_units
from cronstack_infra.play.answer_dates import dated
from cronstack_infra.play.store.store import Store

COUNT: Final = 5000
NOON: Final = 1_767_268_800_000
JOB: Final = "remind"
TABLE: Final = "ledger"
WARM: Final = 4000
TABLE_QUOTA: Final = 40_000
CREATES: Final = 5000
INVOCATIONS: Final = 1000
FUNCTION: Final = f"arn:aws:lambda:us-east-1:123456789012:function:shop-remind:{PLANS}"
ROLE: Final = "arn:aws:iam::123456789012:role/shop"
QUEUE: Final = "arn:aws:sqs:us-east-1:123456789012:shop"
_ENTRY: Final = (PK, SK, INDEX, DUE)
UNITS_BEFORE: Final = 4
"""Units of a plan in the format before this one, all in the one partition of its job."""


class Context:
    """Lambda's context."""

    invoked_function_arn = FUNCTION
    aws_request_id = "6f0e2f3c-0000-4000-8000-000000000001"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Partition(NamedTuple):
    """One partition of the table, or of its index, and the units that were written there."""

    index: str
    name: str
    written: float

    @property
    def kind(self) -> str:
        """Return the kind of its rows: "plan", "run", or "plan in the index"."""
        return self.name.partition("#")[0] + (" in the index" if self.index else "")


def reminded(run: Run) -> None:
    """The handler."""


class Counting:
    """A transport to a ledger in memory that counts DynamoDB's units of each change, by index and partition."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.store = Store(TABLE, now)
        self.units: Counter[tuple[str, str]] = Counter()

    def __call__(self, operation: str, parameters: Mapping[str, Any], timeout: float) -> Mapping[str, Any]:
        answer = self.store(operation, parameters)
        assert operation != "TransactWriteItems", "its units count twice"
        for change in self.store.changes:
            self.units["", change.key[0]] += row_write_units(change.before, change.after)
            before, after = (_entry(item) for item in (change.before, change.after))
            if units := index_write_units(before, after, _ENTRY):
                listed = after or before or {}
                self.units[INDEX, listed[INDEX]["S"]] += units
        return answer


def _entry(item: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return an item's entry in the index, or None if the item is not in the index."""
    if item is None or INDEX not in item:
        return None
    return {name: item[name] for name in _ENTRY}


def play(count: int, transport_at: Callable[[Callable[[], int]], Transport]) -> None:
    """Schedule and run ``count`` plans. ``transport_at``: factory of the transport to the ledger, by the clock."""
    now = [NOON]
    transport = _without_scheduler(transport_at(lambda: now[0]), lambda: now[0])

    def monotonic() -> float:
        return now[0] / 1000

    wiring = Wiring(JOB, TABLE, "shop-once", ROLE, FUNCTION, QUEUE)
    once = Once(wiring=lambda name: wiring, transport=transport, now=lambda: now[0], monotonic=monotonic)
    settings = Settings(TABLE, QUEUE, "shop", "shop-carriers", ROLE, QUEUE)
    shell = Shell(settings, transport, now=lambda: now[0], monotonic=monotonic, write=lambda line: None)
    of: Job = job(name=JOB)(reminded)
    for number in range(count):
        now[0] = NOON
        plan = once.schedule(JOB, key=f"order-{number}", after=60, input={"order": number})
        now[0] = plan.due
        event = planned_event(JOB, plan.key, plan.revision, due=plan.due, input={"order": number})
        answer = Invocation(of, json.loads(event), Context(), shell).work()
        assert answer["cronstack"] == "succeeded", answer


def _without_scheduler(ledger: Transport, now: Callable[[], int]) -> Transport:
    """A transport on which Scheduler accepts every request, and whose answers have the date of the clock."""
    return lambda operation, *given: dated({} if "Schedule" in operation else ledger(operation, *given), now())


def counted(count: int) -> list[Partition]:
    """Schedule and run ``count`` plans in memory. Return the written partitions."""
    transports: list[Counting] = []

    def transport_at(now: Callable[[], int]) -> Counting:
        transports.append(Counting(now))
        return transports[0]

    play(count, transport_at)
    return [Partition(of_index, name, units) for (of_index, name), units in sorted(transports[0].units.items())]


def of_each_kind(partitions: list[Partition]) -> dict[str, list[float]]:
    """Return the units of the partitions of each kind, the most first."""
    by_kind = defaultdict(list)
    for partition in partitions:
        by_kind[partition.kind].append(partition.written)
    return {kind: sorted(units, reverse=True) for kind, units in by_kind.items()}


def lines(count: int, partitions: list[Partition]) -> Iterator[str]:
    """Return the table, and the limits for plans that are created and started in one second."""
    table = sum(partition.written for partition in partitions if not partition.index)
    of_index = sum(partition.written for partition in partitions if partition.index)
    hottest = max(partitions, key=lambda partition: partition.written)
    yield f"{count} plans, each scheduled, started, claimed and settled; write units if all of it falls into one second"
    yield ""
    yield f"{'partitions of':22}{'number':>8}{'mean':>9}{'hottest':>9}{'of 1,000 a second':>20}"
    for kind, units in of_each_kind(partitions).items():
        mean = sum(units) / len(units)
        yield f"{kind:22}{len(units):>8}{mean:>9.0f}{units[0]:>9.0f}{units[0] / PARTITION_WRITES:>20.0%}"
    yield ""
    verdict = "no hot partition" if hottest.written <= PARTITION_WRITES else "HOT"
    yield f"hottest: {hottest.name} with {hottest.written:.0f}: {verdict}"
    yield f"units of one plan: {table / count:g} of the table and {of_index / count:g} of the index"
    yield f"warm throughput needed: {table:,.0f} of the table and {of_index:,.0f} of the index; a new one has {WARM:,}"
    yield f"quotas by default: {TABLE_QUOTA:,} write units a second for a table, {CREATES:,} CreateSchedule a second,"
    yield f"    {INVOCATIONS:,} invocations of Scheduler a second: to start more in one second, have this one raised"
    old = PARTITION_WRITES / UNITS_BEFORE
    yield f"before: {UNITS_BEFORE} units of each plan in the one partition of its job, so {old:.0f} plans a second"


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    partitions = counted(count)
    print(*lines(count, partitions), sep="\n")
    return int(max(partition.written for partition in partitions) > PARTITION_WRITES)


if __name__ == "__main__":
    sys.exit(main())
