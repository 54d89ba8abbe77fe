"""Sizes of items, and the capacity units that a request consumes. Pure.

The rules are those of the Amazon DynamoDB Developer Guide:

    size of an item       CapacityUnitCalculations: "DynamoDB item sizes and formats"
    reads and writes      read-write-operations: a read unit is 4 KB, half of it when read eventually consistently; a
                          write unit is 1 KB; a transaction takes twice as much
    update, put, delete   read-write-operations: the larger of the sizes before and after; a failed condition consumes
                          by the item that exists, and at least 1
    index                 GSI, "Write capacity units": 1 write for an entry that is new, deleted or changed; 2 for one
                          whose key changes; none for a write that does not change the entry

Measured by others on AWS, because the guide does not state it: the factor of a transaction applies to the table only,
not to its indexes, and a condition check costs as much as a write.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

KB: Final = 1024
READ_UNIT: Final = 4 * KB
WRITE_UNIT: Final = KB
TRANSACTIONAL: Final = 2
"""Factor of a read or write in a transaction."""
PARTITION_WRITES: Final = 1000
"""Write units that one partition takes in a second (developer guide, bp-partition-key-design)."""
LARGEST_PAGE: Final = 1024 * KB
"""Bytes that one Query reads at most."""

_CONTAINER: Final = 3
_ELEMENT: Final = 1

Item = Mapping[str, Any]
"""Attributes by name, each as moto's DynamoType or as in a request."""


def item_size(item: Item) -> int:
    """Return the size of an item in bytes."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def read_units(size: int, *, consistent: bool) -> float:
    """Return the units of one read of ``size`` bytes. All items of a Query count as one read."""
    units = max(1, -(-size // READ_UNIT))
    return float(units) if consistent else units / 2


def write_units(*sizes: int) -> int:
    """Return the units of one write, given the sizes of the item before and after it."""
    return max(1, -(-max(sizes, default=0) // WRITE_UNIT))


def row_write_units(before: Item | None, after: Item | None) -> int:
    """Return the units of a write, given the item before and after it; None: the item does not exist."""
    return write_units(*(item_size(item) for item in (before, after) if item is not None))


def index_write_units(before: Item | None, after: Item | None, keys: Iterable[str]) -> int:
    """Return the units of an index, given its entry before and after; None: no entry. ``keys``: of the index."""
    if before is None or after is None:
        return 0 if before is after else row_write_units(before, after)
    if any(not _same(before[name], after[name]) for name in keys):
        return row_write_units(before, None) + row_write_units(None, after)
    if before.keys() == after.keys() and all(_same(before[name], after[name]) for name in after):
        return 0
    return row_write_units(before, after)


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(one == other)


def _value_size(value: Any) -> int:
    if isinstance(value, Mapping):
        ((kind, content),) = value.items()
    else:
        kind, content = value.type, value.value
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return _number_size(content)
    if kind == "B":
        return _binary_size(content)
    if kind in ("SS", "NS", "BS"):
        return sum(_value_size({kind[0]: element}) for element in content)
    if kind == "L":
        return _CONTAINER + sum(_ELEMENT + _value_size(element) for element in content)
    if kind == "M":
        return _CONTAINER + sum(
            _ELEMENT + len(name.encode()) + _value_size(element) for name, element in content.items()
        )
    return 1  # BOOL and NULL


def _number_size(text: str) -> int:
    digits = text.lstrip("-").replace(".", "").strip("0")
    return (len(digits) + 1) // 2 + 1


def _binary_size(content: bytes | str) -> int:
    return len(content if isinstance(content, bytes) else base64.b64decode(content))
