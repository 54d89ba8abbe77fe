"""The rows of a table in the order of its key, and of each of its indexes: what Query reads, without the rest.

moto keeps a dictionary and sorts all of it for each Query. Here, an ``Order`` holds the rows of one partition sorted by
their sort key. A table has one ``Order``, and so has each index; ``TableRows`` keeps them all right with every write.

They are kept beside the table, not in it. A table that is copied, restored or unpickled has none at first: they are
made from its items when a request first needs them.
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
    """Greater than all values of keys."""

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
        """Return what is left of the range behind a place, in the direction of reading."""
        if forward:
            return self if start < self.low else self._replace(low=start, with_low=False)
        return self if start > self.high else self._replace(high=start, with_high=False)

    def contains(self, place: Place) -> bool:
        above = self.low <= place if self.with_low else self.low < place
        return above and (place <= self.high if self.with_high else place < self.high)


class Order:
    """Rows by partition, each partition sorted."""

    def __init__(
        self, name: str, hashes: Sequence[str], ranges: Sequence[str], tails: Sequence[str], types: Mapping[str, str]
    ) -> None:
        self.name = name
        self.hashes, self.ranges, self.tails = tuple(hashes), tuple(ranges), tuple(tails)
        """Attributes that make the partition, that sort it, and that tell rows of equal keys apart."""
        self._kinds = {one: types[one] for one in (*hashes, *ranges, *tails)}
        self._partitions: dict[Place, Any] = {}
        self._places: dict[Place, tuple[Place, Place]] = {}

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of all key attributes: those of the index, then those of the table."""
        return tuple(dict.fromkeys((*self.hashes, *self.ranges, *self.tails)))

    def value(self, name: str, value: Any) -> Any:
        """Return the value of a key attribute as it compares; None if its type is not the declared one."""
        return comparable_key(value, self._kinds[name])

    def place(self, attributes: Mapping[str, Any]) -> tuple[Place, Place] | None:
        """Return the partition of a row and its place there; None for a row that lacks a key attribute."""
        found = []
        for name in (*self.hashes, *self.ranges, *self.tails):
            value = attributes.get(name)
            compared = None if value is None else comparable_key(value, self._kinds[name])
            if compared is None:
                return None
            found.append(compared)
        cut = len(self.hashes)
        return tuple(found[:cut]), tuple(found[cut:])

    def put(self, identity: Place, item: Any) -> None:
        """Note a row that is new, or that may have changed."""
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
        """Yield the rows of a partition within bounds. It costs what is taken from it."""
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
        self._orders: dict[str, Order] = {}
        self._fill(table)

    def order(self, table: Any, index: str = TABLE) -> Order:
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
        """Return what tells a row from all others of the table; None if it lacks a key attribute."""
        found = self._orders[TABLE].place(attributes)
        return None if found is None else found[0] + found[1]

    def _check(self, table: Any) -> None:
        """Make everything anew for a table that was given other items or other indexes."""
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
    found = _ROWS.get(table)
    if found is None:
        found = _ROWS[table] = TableRows(table)
    return found


def stored(table: Any) -> Iterator[Any]:
    """Yield the items of a table, in no particular order."""
    for shelf in table.items.values():
        if table.range_key_attr:
            yield from shelf.values()
        else:
            yield shelf


def comparable_key(value: Any, kind: str) -> Any:
    """Return the value of a key attribute as DynamoDB compares it; None if it is not of this type."""
    if isinstance(value, Mapping):
        ((found, content),) = value.items()
    else:
        found, content = value.type, value.value
    if found != kind:
        return None
    if kind == "N":
        return Decimal(content)
    if kind == "B" and not isinstance(content, bytes):
        return base64.b64decode(content)
    return content  # code points are in the order of their UTF-8 bytes


def _declared(table: Any) -> list[tuple[str, Any]]:
    return [(one.name, one.schema) for one in (*table.global_indexes, *table.indexes)]


def _orders(table: Any) -> Iterator[Order]:
    types = defaultdict(lambda: "S", {one["AttributeName"]: one["AttributeType"] for one in table.attr})
    types[table.hash_key_attr] = table.hash_key_type  # moto's UpdateTable forgets what it does not name
    if table.range_key_attr:
        types[table.range_key_attr] = table.range_key_type
    ranges = [table.range_key_attr] if table.range_key_attr else []
    yield Order(TABLE, [table.hash_key_attr], ranges, (), types)
    for index in (*table.global_indexes, *table.indexes):
        named = {
            kind: [one["AttributeName"] for one in index.schema if one["KeyType"] == kind] for kind in ("HASH", "RANGE")
        }
        yield Order(index.name, named["HASH"], named["RANGE"], [table.hash_key_attr, *ranges], types)
