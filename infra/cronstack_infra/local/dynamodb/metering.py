"""Consumption of one request, and of each partition of each table since the start.

A ``Meter`` is open during an action of DynamoDB. The patches of ``writes`` and ``queries`` report their writes and
reads to it, and ``consumption`` returns its sums. Without an open meter, nothing is counted: a row that DynamoDB
deletes by its time to live costs nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

from cronstack_infra.local.dynamodb import capacity
from cronstack_infra.local.dynamodb.order import Place, SortedRows, rows_of

Attributes = Mapping[str, Any]


@dataclass
class Units:
    """Units that one table or index consumed in one request."""

    read: float = 0.0
    write: float = 0.0

    @property
    def all(self) -> float:
        return self.read + self.write


@dataclass
class Count:
    """Consumption of one partition."""

    read: float = 0.0
    write: float = 0.0
    second: int = 0
    """The epoch second of the last write."""
    in_second: float = 0.0
    busiest: float = 0.0
    """Write units of the busiest second."""

    def write_in(self, second: int, units: float) -> None:
        self.write += units
        if second != self.second:
            self.second, self.in_second = second, 0.0
        self.in_second += units
        self.busiest = max(self.busiest, self.in_second)


Counts = defaultdict[tuple[str, Place], Count]
"""Counts by index ("": the table itself) and partition."""

_COUNTS: Final[WeakKeyDictionary[Any, Counts]] = WeakKeyDictionary()


@dataclass
class Meter:
    """Consumption of one request so far."""

    second: int
    factor: int = 1
    """2 in a transaction. It applies to tables, not to their indexes."""
    tables: dict[Any, defaultdict[str, Units]] = field(default_factory=dict)
    """Units by moto's table and the name of the index."""

    def read(self, table: Any, index: str, partition: Place, size: int, *, consistent: bool) -> None:
        units = self.factor * capacity.read_units(size, consistent=consistent or self.factor > 1)
        self._units(table, index).read += units
        counts_of(table)[index, partition].read += units

    def add_write(self, table: Any, before: Attributes | None, after: Attributes | None) -> None:
        """Count a write to the table, and the resulting writes to its indexes."""
        rows = rows_of(table)
        own = rows.order(table)
        self._write(table, own, before or after, self.factor * capacity.row_write_units(before, after))
        if before is None and after is None:
            return
        for index in (*table.global_indexes, *table.indexes):
            order = rows.order(table, index.name)
            old, new = (entry(index, order, item) for item in (before, after))
            moved = old is not None and new is not None and any(old[key] != new[key] for key in order.keys)
            for removed, added in ((old, None), (None, new)) if moved else ((old, new),):
                if units := capacity.index_write_units(removed, added, order.keys):
                    self._write(table, order, added or removed, units)

    def add_check(self, table: Any, key: Attributes, item: Attributes | None) -> None:
        """Count a write without effect: its condition does not hold, or it is only a condition check."""
        units = self.factor * capacity.row_write_units(item, None)
        self._write(table, rows_of(table).order(table), item or key, units)

    def _write(self, table: Any, order: SortedRows, attributes: Attributes | None, units: float) -> None:
        self._units(table, order.name).write += units
        place = None if attributes is None else order.place(attributes)
        counts_of(table)[order.name, place[0] if place else ()].write_in(self.second, units)

    def _units(self, table: Any, index: str) -> Units:
        if table not in self.tables:
            self.tables[table] = defaultdict(Units)
        return self.tables[table][index]


_OPEN: Final[ContextVar[Meter | None]] = ContextVar("_OPEN", default=None)


@contextmanager
def metered(second: int, factor: int = 1) -> Iterator[Meter]:
    """Open a meter for one request."""
    meter = Meter(second, factor)
    token = _OPEN.set(meter)
    try:
        yield meter
    finally:
        _OPEN.reset(token)


@contextmanager
def unmetered() -> Iterator[None]:
    """Close the meter for the block: its writes are parts of a write that is counted as a whole."""
    token = _OPEN.set(None)
    try:
        yield
    finally:
        _OPEN.reset(token)


def meter() -> Meter | None:
    """Return the open meter; None without one."""
    return _OPEN.get()


def counts_of(table: Any) -> Counts:
    counts = _COUNTS.get(table)
    if counts is None:
        counts = _COUNTS[table] = defaultdict(Count)
    return counts


def entry(index: Any, order: SortedRows, attributes: Attributes | None) -> Attributes | None:
    """Return the entry of an item in an index; None if the item is not in the index."""
    if attributes is None or order.place(attributes) is None:
        return None
    names = projected(index, order)
    return attributes if names is None else {name: value for name, value in attributes.items() if name in names}


def projected(index: Any, order: SortedRows) -> frozenset[str] | None:
    """Return the attributes that an index contains; None: all."""
    kind = (index.projection or {}).get("ProjectionType")
    if kind not in ("KEYS_ONLY", "INCLUDE"):
        return None
    more = index.projection.get("NonKeyAttributes") or () if kind == "INCLUDE" else ()
    return frozenset((*order.keys, *more))


def describe(tables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the counts of tables as rows for display, those with the most writes first."""
    rows = [
        {
            "table": name,
            "index": index,
            "partition": ", ".join(_text(value) for value in partition),
            "read": count.read,
            "write": count.write,
            "busiest_second": count.busiest,
        }
        for name, table in tables.items()
        for (index, partition), count in counts_of(table).items()
    ]
    return sorted(rows, key=lambda row: (-row["write"], row["table"], row["index"], row["partition"]))


def reset(tables: Mapping[str, Any]) -> None:
    for table in tables.values():
        counts_of(table).clear()


def _text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
