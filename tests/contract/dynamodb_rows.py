"""A simple model of a DynamoDB table with indexes, which computes the expected results of Query.

``Rows`` stores the rows in a dictionary. ``Asked`` is a query. ``Rows.answer`` filters and sorts all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

Item = dict[str, dict[str, Any]]

HASH, RANGE, BY, RANK = "pk", "sk", "by", "rank"
GLOBAL, LOCAL, HASHED = "global-by-rank", "local-by-rank", "global-by"

KEYS: Final[Mapping[str, tuple[str, str | None]]] = {
    "": (HASH, RANGE),
    GLOBAL: (BY, RANK),
    LOCAL: (HASH, RANK),
    HASHED: (BY, None),
}
"""Partition key and sort key of the table ("") and of its indexes."""


def order(value: Mapping[str, Any]) -> Any:
    """Return what DynamoDB compares: bytes of UTF-8, bytes, or a number."""
    ((kind, content),) = value.items()
    return {"S": lambda: content.encode(), "N": lambda: Decimal(content), "B": lambda: content}[kind]()


def starts(value: Mapping[str, Any], prefix: Mapping[str, Any]) -> bool:
    return bool(order(value).startswith(order(prefix)))


CONDITIONS: Final[Mapping[str, Callable[..., bool]]] = {
    "#s = :a": lambda value, low, high: order(value) == order(low),
    "#s < :a": lambda value, low, high: order(value) < order(low),
    "#s <= :a": lambda value, low, high: order(value) <= order(low),
    "#s > :a": lambda value, low, high: order(value) > order(low),
    "#s >= :a": lambda value, low, high: order(value) >= order(low),
    "#s BETWEEN :a AND :b": lambda value, low, high: order(low) <= order(value) <= order(high),
    "begins_with(#s, :a)": lambda value, low, high: starts(value, low),
}
"""Conditions of a sort key, and their meaning."""


class Asked(NamedTuple):
    """A query, in all its pages."""

    index: str
    partition: str
    condition: str = ""
    low: Mapping[str, Any] | None = None
    high: Mapping[str, Any] | None = None
    forward: bool = True
    limit: int | None = None
    filtered: bool = False

    def parameters(self, table: str) -> dict[str, Any]:
        """Return the parameters of the first page."""
        of_hash, of_range = KEYS[self.index]
        names, values = {"#h": of_hash}, {":h": {"S": self.partition}}
        condition = "#h = :h"
        if self.condition:
            condition += f" AND {self.condition}"
            names |= {"#s": str(of_range)}
            values |= {":a": dict(self.low or {})} | ({":b": dict(self.high or {})} if ":b" in self.condition else {})
        parameters: dict[str, Any] = {"TableName": table, "ScanIndexForward": self.forward}
        parameters |= {"IndexName": self.index} if self.index else {}
        parameters |= {"Limit": self.limit} if self.limit else {}
        if self.filtered:
            parameters["FilterExpression"] = "#f >= :f"
            names, values = names | {"#f": RANGE}, values | {":f": dict(self.low or {})}
        return parameters | {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
        }


class Rows:
    """The rows of a table and its indexes. ``held``: projected attributes by index; None: all attributes."""

    def __init__(self, held: Mapping[str, frozenset[str] | None]) -> None:
        self.rows: dict[Any, Item] = {}
        self._held = held

    def put(self, item: Item) -> None:
        self.rows[_identity(item)] = item

    def delete(self, key: Item) -> None:
        self.rows.pop(_identity(key), None)

    def row(self, key: Item) -> Item:
        """Return the row with this key, or {}."""
        return self.rows.get(_identity(key), {})

    def answer(self, query: Asked) -> list[list[Item]]:
        """Return the pages. After a page that reaches the limit comes another, even if it is empty."""
        names = [name for name in KEYS[query.index] if name]
        rows = [row for row in self.rows.values() if all(name in row for name in names) and self._matches(row, query)]
        tail = [*names[1:], HASH, RANGE]
        rows.sort(key=lambda row: [order(row[name]) for name in tail], reverse=not query.forward)
        size = query.limit or len(rows) + 1
        pages = [rows[at : at + size] for at in range(0, len(rows) + 1, size)]
        held = self._held.get(query.index)
        return [
            [
                {name: value for name, value in row.items() if held is None or name in held}
                for row in page
                if not query.filtered or order(row[RANGE]) >= order(query.low or {})
            ]
            for page in pages
        ]

    def _matches(self, row: Item, query: Asked) -> bool:
        of_hash, of_range = KEYS[query.index]
        if row[of_hash] != {"S": query.partition}:
            return False
        if not query.condition:
            return True
        return CONDITIONS[query.condition](row[str(of_range)], query.low, query.high)


def _identity(key: Item) -> Any:
    return order(key[HASH]), order(key[RANGE])
