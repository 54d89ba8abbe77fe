"""DynamoDB's Query, as far as ledgers are queried: one partition of the table, or one list of its index. Pure.

Both return a range of sort keys, page by page. The index is always up to date; DynamoDB's may lag behind the table.
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


def query(items: Mapping[Key, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return DynamoDB's response."""
    match = _KEYS.fullmatch(request["KeyConditionExpression"])
    if match is None or request.get("IndexName", INDEX) != INDEX or "FilterExpression" in request:
        raise NotImplementedError(f"the ledger does not use this query: {request['KeyConditionExpression']}")
    values: Mapping[str, Any] = request.get("ExpressionAttributeValues", {})
    indexed = "IndexName" in request
    sorts = _entries(items, values[match["hash"]]) if indexed else _rows(items, values[match["hash"]]["S"])
    holds = _range(match, values)
    order = sorted((sort, key) for sort, key in sorts if holds(sort))
    forward = request.get("ScanIndexForward", True)
    if not forward:
        order.reverse()
    if (start := request.get("ExclusiveStartKey")) is not None:
        key = (start[PK]["S"], start[SK]["S"])
        at = (_plain(start[DUE]) if indexed else key[1], key)
        order = [entry for entry in order if (entry > at) == forward and entry != at]
    most = min(int(request.get("Limit") or _PAGE), _PAGE)
    page = [items[key] for _, key in order[:most]]
    names = (PK, SK, INDEX, DUE) if indexed else (PK, SK)
    shown = [{name: item[name] for name in names} for item in page] if indexed else page
    answer: dict[str, Any] = {"Items": shown, "Count": len(page), "ScannedCount": len(page)}
    if len(order) > most:
        answer["LastEvaluatedKey"] = {name: page[-1][name] for name in names}
    return answer


def _rows(items: Mapping[Key, Any], partition: str) -> Iterator[tuple[Any, Key]]:
    """Return the sort key and the key of each row of a partition."""
    return ((key[1], key) for key in items if key[0] == partition)


def _entries(items: Mapping[Key, Any], listed: Mapping[str, Any]) -> Iterator[tuple[Any, Key]]:
    """Return the due time and the key of each row of one list of the index."""
    return ((_plain(item[DUE]), key) for key, item in items.items() if item.get(INDEX) == listed and DUE in item)


def _plain(value: Mapping[str, Any]) -> Any:
    return int(value["N"]) if "N" in value else value["S"]


def _range(match: re.Match[str], values: Mapping[str, Any]) -> Callable[[Any], bool]:
    if match["between"]:
        low, high = _plain(values[match["low"]]), _plain(values[match["high"]])
        return lambda key: bool(low <= key <= high)
    if match["prefixed"]:
        prefix = values[match["prefix"]]["S"]
        return lambda key: key.startswith(prefix)
    if match["compared"]:
        other, how = _plain(values[match["with"]]), match["how"]
        return lambda key: bool(
            {"=": key == other, "<": key < other, "<=": key <= other, ">": key > other, ">=": key >= other}[how]
        )
    return lambda key: True
