"""The rows of a table, sorted by the key of the table and of each index, so that Query reads only its result.

moto keeps a dictionary and sorts all of it for each Query. ``SortedRows`` keeps the rows of each partition sorted by
their sort key. A table has one ``SortedRows``, and one for each index. ``TableRows`` updates them with every write.
They are stored outside the table. A copied, restored or unpickled table has none until a request needs them; then they
are built from its items.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from sortedcontainers import SortedDict

Place = tuple[Any, ...]
"""Values of key attributes, as DynamoDB compares them."""
TABLE: Final = ""
"""Name of the table's own order. The others have the names of their indexes."""


class _Last:
    """A value greater than all values of keys."""

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return self is not other

    def __le__(self, other: object) -> bool:
        return self is other

    def __ge__(self, other: object) -> bool:
        return True


LAST: Final = _Last()


class Bounds(NamedTuple):
    """A range of places in one partition."""

    low: Place
    high: Place
    with_low: bool = True
    with_high: bool = True

    def after(self, start: Place, *, forward: bool) -> Bounds:
        """Return the rest of the range after a place, in the direction of reading."""
        if forward:
            return self if start < self.low else self._replace(low=start, with_low=False)
        return self if start > self.high else self._replace(high=start, with_high=False)

    def contains(self, place: Place) -> bool:
        above = self.low <= place if self.with_low else self.low < place
        return above and (place <= self.high if self.with_high else place < self.high)


class SortedRows:
    """Rows by partition, each partition sorted."""

    def __init__(
        self, name: str, hashes: Sequence[str], ranges: Sequence[str], tails: Sequence[str], types: Mapping[str, str]
    ) -> None:
        self.name = name
        self.hashes, self.ranges, self.tails = tuple(hashes), tuple(ranges), tuple(tails)
        """Attributes of the partition key, of the sort key, and those that distinguish rows with equal keys."""
        self._kinds = {name: types[name] for name in (*hashes, *ranges, *tails)}
        self._partitions: dict[Place, Any] = {}
        self._places: dict[Place, tuple[Place, Place]] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of all key attributes: those of the index, then those of the table."""
        return tuple(dict.fromkeys((*self.hashes, *self.ranges, *self.tails)))

    def value(self, name: str, value: Any) -> Any:
        """Return the comparable value of a key attribute; None if its type is not the declared one."""
        return comparable_key(value, self._kinds[name])

    def place(self, attributes: Mapping[str, Any]) -> tuple[Place, Place] | None:
        """Return the partition of a row and its place there; None for a row that lacks a key attribute."""
        values = []
        for name in (*self.hashes, *self.ranges, *self.tails):
            value = attributes.get(name)
            compared = None if value is None else comparable_key(value, self._kinds[name])
            if compared is None:
                return None
            values.append(compared)
        cut = len(self.hashes)
        return tuple(values[:cut]), tuple(values[cut:])

    def put(self, identity: Place, item: Any) -> None:
        """Insert a row, or move it if its keys have changed."""
        place = self.place(item.attrs)
        if (before := self._places.get(identity)) is not None and before != place:
            self.remove(identity)
        if place is not None:
            self._places[identity] = place
            partition = self._partitions.get(place[0])
            if partition is None:
                partition = self._partitions[place[0]] = SortedDict()
            partition[place[1]] = item

    def remove(self, identity: Place) -> None:
        place = self._places.pop(identity, None)
        if place is None:
            return
        partition = self._partitions[place[0]]
        del partition[place[1]]
        if not partition:
            del self._partitions[place[0]]

    def rows(self, partition: Place, bounds: Bounds, *, forward: bool) -> Iterator[Any]:
        """Yield the rows of a partition within bounds. The cost depends only on the rows taken."""
        rows = self._partitions.get(partition)
        if rows is None or bounds.low > bounds.high:
            return
        inclusive = bounds.with_low, bounds.with_high
        for place in rows.irange(bounds.low, bounds.high, inclusive, reverse=not forward):
            yield rows[place]


class TableRows:
    """The orders of one table."""

    def __init__(self, table: Any) -> None:
        self._items: Any = None
        self._declared: Any = None
        self._orders: dict[str, SortedRows] = {}
        self._fill(table)

    def order(self, table: Any, index: str = TABLE) -> SortedRows:
        """Return the order of the table, or of an index that exists."""
        self._check(table)
        return self._orders[index]

    def put(self, table: Any, item: Any) -> None:
        self._check(table)
        identity = self.identity(item.attrs)
        assert identity is not None, "moto stores no item without its keys"
        for order in self._orders.values():
            order.put(identity, item)

    def remove(self, table: Any, attributes: Mapping[str, Any]) -> None:
        self._check(table)
        identity = self.identity(attributes)
        if identity is not None:
            for order in self._orders.values():
                order.remove(identity)

    def identity(self, attributes: Mapping[str, Any]) -> Place | None:
        """Return the full key of a row, unique in the table; None if it lacks a key attribute."""
        place = self._orders[TABLE].place(attributes)
        return None if place is None else place[0] + place[1]

    def _check(self, table: Any) -> None:
        """Rebuild all orders if the table has another dictionary of items or other indexes."""
        if table.items is not self._items or _declared(table) != self._declared:
            self._fill(table)

    def _fill(self, table: Any) -> None:
        self._items, self._declared = table.items, _declared(table)
        self._orders = {order.name: order for order in _orders(table)}
        for item in stored(table):
            identity = self.identity(item.attrs)
            if identity is not None:
                for order in self._orders.values():
                    order.put(identity, item)


_ROWS: Final[WeakKeyDictionary[Any, TableRows]] = WeakKeyDictionary()


def rows_of(table: Any) -> TableRows:
    """Return the orders of one of moto's tables."""
    rows = _ROWS.get(table)
    if rows is None:
        rows = _ROWS[table] = TableRows(table)
    return rows


def stored(table: Any) -> Iterator[Any]:
    """Yield the items of a table, in no particular order."""
    for partition in table.items.values():
        if table.range_key_attr:
            yield from partition.values()
        else:
            yield partition


def comparable_key(value: Any, kind: str) -> Any:
    """Return the value of a key attribute as DynamoDB compares it; None if it is not of this type."""
    if isinstance(value, Mapping):
        ((actual, content),) = value.items()
    else:
        actual, content = value.type, value.value
    if actual != kind:
        return None
    if kind == "N":
        return Decimal(content)
    if kind == "B" and not isinstance(content, bytes):
        return base64.b64decode(content)
    return content  # code points sort like their UTF-8 bytes


def _declared(table: Any) -> list[tuple[str, Any]]:
    return [(index.name, index.schema) for index in (*table.global_indexes, *table.indexes)]


def _orders(table: Any) -> Iterator[SortedRows]:
    types = defaultdict(
        lambda: "S", {attribute["AttributeName"]: attribute["AttributeType"] for attribute in table.attr}
    )
    types[table.hash_key_attr] = table.hash_key_type  # moto's UpdateTable drops attributes that it does not name
    if table.range_key_attr:
        types[table.range_key_attr] = table.range_key_type
    ranges = [table.range_key_attr] if table.range_key_attr else []
    yield SortedRows(TABLE, [table.hash_key_attr], ranges, (), types)
    for index in (*table.global_indexes, *table.indexes):
        named = {
            kind: [key["AttributeName"] for key in index.schema if key["KeyType"] == kind] for kind in ("HASH", "RANGE")
        }
        yield SortedRows(index.name, named["HASH"], named["RANGE"], [table.hash_key_attr, *ranges], types)
