"""DynamoDB's Query, as far as ledgers are asked: one partition of the table, or one list of its index. Pure.

Both by a range of sort keys, page by page. The index is as new as the table; DynamoDB's may be a moment behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from cronstack.ledger.partitions import DUE, INDEX, PK, SK

Key = tuple[str, str]

_KEYS: Final = re.compile(
    r"\(?\s*(?P<pk>[#\w]+)\s*=\s*(?P<hash>:\w+)\s*\)?(?:\s+AND\s+\(?\s*(?:"
    r"(?P<between>[#\w]+)\s+BETWEEN\s+(?P<low>:\w+)\s+AND\s+(?P<high>:\w+)"
    r"|begins_with\s*\(\s*(?P<prefixed>[#\w]+)\s*,\s*(?P<prefix>:\w+)\s*\)"
    r"|(?P<compared>[#\w]+)\s*(?P<how><=|>=|=|<|>)\s*(?P<with>:\w+))\s*\)?)?\s*"
)
_PAGE: Final = 1000


def query(items: Mapping[Key, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer, as DynamoDB gives it."""
    found = _KEYS.fullmatch(asked["KeyConditionExpression"])
    if found is None or asked.get("IndexName", INDEX) != INDEX or "FilterExpression" in asked:
        raise NotImplementedError(f"the ledger is not queried so: {asked['KeyConditionExpression']}")
    values: Mapping[str, Any] = asked.get("ExpressionAttributeValues", {})
    indexed = "IndexName" in asked
    sorts = _entries(items, values[found["hash"]]) if indexed else _rows(items, values[found["hash"]]["S"])
    holds = _range(found, values)
    order = sorted((sort, key) for sort, key in sorts if holds(sort))
    forward = asked.get("ScanIndexForward", True)
    if not forward:
        order.reverse()
    if (start := asked.get("ExclusiveStartKey")) is not None:
        key = (start[PK]["S"], start[SK]["S"])
        at = (_plain(start[DUE]) if indexed else key[1], key)
        order = [one for one in order if (one > at) == forward and one != at]
    most = min(int(asked.get("Limit") or _PAGE), _PAGE)
    page = [items[key] for _, key in order[:most]]
    names = (PK, SK, INDEX, DUE) if indexed else (PK, SK)
    shown = [{name: item[name] for name in names} for item in page] if indexed else page
    answer: dict[str, Any] = {"Items": shown, "Count": len(page), "ScannedCount": len(page)}
    if len(order) > most:
        answer["LastEvaluatedKey"] = {name: page[-1][name] for name in names}
    return answer


def _rows(items: Mapping[Key, Any], partition: str) -> Iterator[tuple[Any, Key]]:
    """The sort key and the key of each row of a partition."""
    return ((key[1], key) for key in items if key[0] == partition)


def _entries(items: Mapping[Key, Any], listed: Mapping[str, Any]) -> Iterator[tuple[Any, Key]]:
    """The due time and the key of each row of one list of the index."""
    return ((_plain(item[DUE]), key) for key, item in items.items() if item.get(INDEX) == listed and DUE in item)


def _plain(value: Mapping[str, Any]) -> Any:
    return int(value["N"]) if "N" in value else value["S"]


def _range(found: re.Match[str], values: Mapping[str, Any]) -> Callable[[Any], bool]:
    if found["between"]:
        low, high = _plain(values[found["low"]]), _plain(values[found["high"]])
        return lambda key: bool(low <= key <= high)
    if found["prefixed"]:
        prefix = values[found["prefix"]]["S"]
        return lambda key: key.startswith(prefix)
    if found["compared"]:
        other, how = _plain(values[found["with"]]), found["how"]
        return lambda key: bool(
            {"=": key == other, "<": key < other, "<=": key <= other, ">": key > other, ">=": key >= other}[how]
        )
    return lambda key: True
