"""DynamoDB's Query, as far as ledgers are asked: one partition, by a range of sort keys, page by page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_KEYS: Final = re.compile(
    r"\(?\s*(?P<pk>[#\w]+)\s*=\s*(?P<hash>:\w+)\s*\)?(?:\s+AND\s+\(?\s*(?:"
    r"(?P<between>[#\w]+)\s+BETWEEN\s+(?P<low>:\w+)\s+AND\s+(?P<high>:\w+)"
    r"|begins_with\s*\(\s*(?P<prefixed>[#\w]+)\s*,\s*(?P<prefix>:\w+)\s*\)"
    r"|(?P<compared>[#\w]+)\s*(?P<how><=|>=|=|<|>)\s*(?P<with>:\w+))\s*\)?)?\s*"
)
_PAGE: Final = 1000


def query(items: Mapping[tuple[str, str], Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, as DynamoDB gives it."""
    found = _KEYS.fullmatch(asked["KeyConditionExpression"])
    if found is None or "IndexName" in asked or "FilterExpression" in asked:
        raise NotImplementedError(f"the ledger is not queried so: {asked['KeyConditionExpression']}")
    values: Mapping[str, Any] = asked.get("ExpressionAttributeValues", {})
    holds = _range(found, values)
    partition = values[found["hash"]]["S"]
    keys = sorted(key for key in items if key[0] == partition and holds(key[1]))
    if not asked.get("ScanIndexForward", True):
        keys.reverse()
    if (start := asked.get("ExclusiveStartKey")) is not None:
        at = (start["pk"]["S"], start["sk"]["S"])
        keys = [key for key in keys if (key > at) == asked.get("ScanIndexForward", True) and key != at]
    most = min(int(asked.get("Limit") or _PAGE), _PAGE)
    page = keys[:most]
    answer: dict[str, Any] = {"Items": [items[key] for key in page]}
    answer |= {"Count": len(page), "ScannedCount": len(page)}
    if len(keys) > most:
        answer["LastEvaluatedKey"] = {"pk": {"S": page[-1][0]}, "sk": {"S": page[-1][1]}}
    return answer


def _range(found: re.Match[str], values: Mapping[str, Any]) -> Callable[[str], bool]:
    if found["between"]:
        low, high = values[found["low"]]["S"], values[found["high"]]["S"]
        return lambda key: bool(low <= key <= high)
    if found["prefixed"]:
        prefix = values[found["prefix"]]["S"]
        return lambda key: key.startswith(prefix)
    if found["compared"]:
        other, how = values[found["with"]]["S"], found["how"]
        return lambda key: bool(
            {"=": key == other, "<": key < other, "<=": key <= other, ">": key > other, ">=": key >= other}[how]
        )
    return lambda key: True
