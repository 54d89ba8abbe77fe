"""DynamoDB: the store of ``play``, with rows found by partition, reads that lag, small pages and unprocessed keys."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from cronstack.ledger.partitions import INDEX
from cronstack_infra.play.store.queries import query
from cronstack_infra.play.store.store import Item, ItemChange, Key, Store
from tests.cronstack.watchdog_simulation.cloud.clients import Answer, Pages, ServiceError
from tests.cronstack.watchdog_simulation.cloud.virtual_time import VirtualTime

TABLE: Final = "ledger"
LONGEST_LAG: Final = 3_000
"""Most milliseconds by which the index, or a read that is not consistent, lags behind the table."""
_LAGS: Final = (0, 0, 0, 0, 0, 0, 700, LONGEST_LAG)
_IGNORED: Final = ("ReturnConsumedCapacity", "Select", "ReturnItemCollectionMetrics")
_QUERY: Final = frozenset(
    {
        "TableName",
        "IndexName",
        "KeyConditionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ScanIndexForward",
        "Limit",
        "ExclusiveStartKey",
        "ConsistentRead",
        *_IGNORED,
    }
)


class LedgerStore(Store):
    """The table. It finds the rows of a partition, and of a list of the index, without reading all rows."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__(TABLE, lambda: time.now)
        self._time = time
        self.partitions: dict[str, dict[Key, Item]] = {}
        self.lists: dict[str, dict[Key, Item]] = {}
        self.recent: deque[tuple[int, ItemChange]] = deque()
        """The changes of the last seconds, the oldest first."""

    def _write(self, action: Mapping[str, Any], key: Key) -> None:
        super()._write(action, key)
        self._index(self.changes[-1])

    def delete(self, key: Key) -> None:
        before = self.items.get(key)
        super().delete(key)
        if before is not None:
            self._index(ItemChange(key, before, None))

    def _index(self, change: ItemChange) -> None:
        key, before, after = change
        if before is not None and INDEX in before:
            self.lists[before[INDEX]["S"]].pop(key, None)
        if after is None:
            self.partitions[key[0]].pop(key, None)
        else:
            self.partitions.setdefault(key[0], {})[key] = after
            if INDEX in after:
                self.lists.setdefault(after[INDEX]["S"], {})[key] = after
        recent = self.recent
        recent.append((self._time.now, change))
        while recent[0][0] < self._time.now - LONGEST_LAG:
            recent.popleft()

    def query(self, parameters: Mapping[str, Any], lag: int) -> Answer:
        """Answer a Query by the rows of ``lag`` milliseconds ago."""
        (value,) = [
            entry["S"]
            for name, entry in parameters["ExpressionAttributeValues"].items()
            if f"= {name}" in parameters["KeyConditionExpression"].partition(" AND ")[0]
        ]
        indexed = "IndexName" in parameters
        rows = (self.lists if indexed else self.partitions).get(value, {})
        if not rows and not lag:
            return {"Items": [], "Count": 0, "ScannedCount": 0}
        if lag and self.recent:
            rows = dict(rows)
            for at, (key, before, _) in reversed(self.recent):
                if at <= self._time.now - lag:
                    break
                rows.pop(key, None)
                if before is not None and (before.get(INDEX, {}).get("S") if indexed else key[0]) == value:
                    rows[key] = before
        return query(rows, parameters)


class LedgerService:
    """The operations that the watchdog may use, with its rights."""

    def __init__(self, store: LedgerStore, chance: random.Random) -> None:
        self.store, self._chance = store, chance
        self._pages = Pages(chance)

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        match operation:
            case "Query":
                unknown = set(parameters) - _QUERY
                assert not unknown, f"the simulation does not know {unknown} of Query"
                lag = 0 if parameters.get("ConsistentRead") else self._chance.choice(_LAGS)
                assert not (parameters.get("ConsistentRead") and "IndexName" in parameters), (
                    "an index has no consistent reads"
                )
                page = self._pages.size(parameters.get("Limit") or 1000)
                return self.store.query({**parameters, "Limit": page}, lag)
            case "GetItem":
                return dict(_raise_error(self.store(operation, parameters)))
            case "BatchGetItem":
                return self._batch(parameters)
            case "UpdateItem":
                partition = parameters["Key"]["pk"]["S"]
                if partition != "watch":
                    raise ServiceError("AccessDeniedException", f"the watchdog may not write {partition}")
                return dict(_raise_error(self.store(operation, parameters)))
        raise AssertionError(f"the watchdog has no right to dynamodb:{operation}")

    def _batch(self, parameters: Mapping[str, Any]) -> Answer:
        """Answer BatchGetItem, sometimes for a part of the keys only."""
        ((table, request),) = parameters["RequestItems"].items()
        keys = list(request["Keys"])
        left: list[Any] = []
        if len(keys) > 1 and self._chance.random() < 0.05:
            cut = self._chance.randrange(1, len(keys))
            keys, left = keys[:cut], keys[cut:]
        shown = _raise_error(self.store("BatchGetItem", {"RequestItems": {table: {**request, "Keys": keys}}}))
        unprocessed = {table: {**request, "Keys": left}} if left else {}
        return {"Responses": shown["Responses"], "UnprocessedKeys": unprocessed}


def _raise_error(answer: Answer) -> Answer:
    """Return an answer of the store. Raise ServiceError for an error, as boto3's client does."""
    if "Error" not in answer:
        return answer
    error = answer["Error"]
    raise ServiceError(error["Code"], error["Message"], **({"Item": answer["Item"]} if "Item" in answer else {}))
