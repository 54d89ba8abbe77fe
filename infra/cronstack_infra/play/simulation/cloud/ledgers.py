"""The ledger's tables in the fast store, for calls of the runtime and of boto3, with expiry.

``play.store`` stores the items; contract tests compare its responses with DynamoDB's. A transaction may also write to
other tables (a handler's own, by ``run.commit``). Then the fast store carries out its part first, moto the other part,
and a refusal by moto undoes the first. Nothing else runs in between. moto has all other tables.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

from cronstack_infra.play.store.store import Store

Answer = Mapping[str, Any]
OtherTables = Callable[[str, Mapping[str, Any]], Answer]
"""Function that carries out an operation on moto's tables."""

_DAY: Final = 86_400


class Ledger:
    """One ledger table."""

    def __init__(self, table: str, now_ms: Callable[[], int]) -> None:
        self.table = table
        self.store = Store(table, now_ms)
        self._leaving: dict[int, list[tuple[str, str]]] = defaultdict(list)
        """Keys by the day on which their time to live ends."""

    def call(self, operation: str, parameters: Mapping[str, Any]) -> Answer:
        """Carry out a call of a transport. Return DynamoDB's response."""
        if operation == "Scan":
            items = [self.store.items[key] for key in sorted(self.store.items)]
            return {"Items": items, "Count": len(items), "ScannedCount": len(items)}
        answer = self.store(operation, parameters)
        for change in self.store.changes:
            if change.after is not None and (ttl := change.after.get("ttl")) is not None:
                self._leaving[int(ttl["N"]) // _DAY].append(change.key)
        return answer

    def expire(self, seconds: int) -> int:
        """Delete items that have expired at an epoch second. Return their number."""
        gone = 0
        for day in [day for day in self._leaving if (day + 1) * _DAY < seconds]:
            for key in self._leaving.pop(day):
                item = self.store.items.get(key)
                ttl = item.get("ttl") if item is not None else None
                if ttl is not None and int(ttl["N"]) < seconds:
                    self.store.delete(key)
                    gone += 1
        return gone

    def state(self) -> dict[str, Any]:
        return {"store": self.store.state(), "leaving": dict(self._leaving)}

    def restore(self, state: dict[str, Any]) -> None:
        self.store.restore(state["store"])
        self._leaving = defaultdict(list, state["leaving"])


class Ledgers:
    """All ledgers of a cloud, by table."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.by_table: dict[str, Ledger] = {}
        self._now_ms = now_ms

    def add(self, table: str) -> None:
        self.by_table.setdefault(table, Ledger(table, self._now_ms))

    def state(self) -> dict[str, dict[str, Any]]:
        return {table: ledger.state() for table, ledger in self.by_table.items()}

    def restore(self, states: Mapping[str, dict[str, Any]]) -> None:
        self.by_table = {table: Ledger(table, self._now_ms) for table in states}
        for table, state in states.items():
            self.by_table[table].restore(state)

    def involves_ledger(self, operation: str, parameters: Mapping[str, Any]) -> bool:
        """Return whether a request to DynamoDB is, at least in part, for a ledger."""
        if operation == "TransactWriteItems":
            return not self.by_table.keys().isdisjoint(_tables(parameters))
        if operation == "BatchGetItem":
            return not self.by_table.keys().isdisjoint(parameters.get("RequestItems", ()))
        return parameters.get("TableName") in self.by_table and not operation.startswith(_TABLE_OPERATIONS)

    def call(self, operation: str, parameters: Mapping[str, Any], other_tables: OtherTables) -> Answer:
        if operation == "BatchGetItem":
            if len(parameters["RequestItems"]) > 1:
                raise NotImplementedError("a batch of reads from a ledger and another table")
            (table,) = parameters["RequestItems"]
            return self.by_table[table].call(operation, parameters)
        if operation != "TransactWriteItems":
            return self.by_table[parameters["TableName"]].call(operation, parameters)
        tables = _tables(parameters)
        if len(tables) == 1:
            return self.by_table[tables.pop()].call(operation, parameters)
        mine = tables & self.by_table.keys()
        if len(mine) > 1:
            raise NotImplementedError("a transaction over two ledgers")
        return _transact_in_both(self.by_table[mine.pop()], parameters, other_tables)


def _tables(parameters: Mapping[str, Any]) -> set[str]:
    """Return the tables of a transaction's actions."""
    return {write["TableName"] for action in parameters.get("TransactItems", ()) for write in action.values()}


def _transact_in_both(ledger: Ledger, parameters: Mapping[str, Any], other_tables: OtherTables) -> Answer:
    actions = parameters["TransactItems"]
    inside = [next(iter(action.values()))["TableName"] == ledger.table for action in actions]
    token = parameters.get("ClientRequestToken")
    own = {"TransactItems": [a for a, mine in zip(actions, inside, strict=True) if mine]}
    if token is not None:
        own["ClientRequestToken"] = token
    theirs = {"TransactItems": [a for a, mine in zip(actions, inside, strict=True) if not mine]}
    before = dict(ledger.store.items)
    answer = ledger.call("TransactWriteItems", own)
    if "Error" not in answer and not ledger.store.changes:
        return answer  # the token is known: the whole transaction was carried out before
    if "Error" not in answer:
        try:
            answer = other_tables("TransactWriteItems", theirs)
        except Exception:  # botocore does not send it, so nothing may be written
            ledger.store.undo(before, token)
            raise
        if "Error" in answer:
            ledger.store.undo(before, token)
            return _with_all_reasons(answer, [not mine for mine in inside])
        return answer
    return _with_all_reasons(answer, inside)


def _with_all_reasons(answer: Answer, is_in_part: list[bool]) -> Answer:
    """Return the cancellation reasons of a part at their places in the whole transaction."""
    if "CancellationReasons" not in answer:
        return answer
    reasons = iter(answer["CancellationReasons"])
    return {
        **answer,
        "CancellationReasons": [next(reasons) if included else {"Code": "None"} for included in is_in_part],
    }


_TABLE_OPERATIONS: Final = ("Describe", "List", "Create", "UpdateTable", "UpdateTimeToLive", "UpdateContinuous", "Tag")


def over_http(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of a response of DynamoDB."""
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    error = answer.get("Error")
    if error is None:
        return 200, headers, json.dumps(dict(answer)).encode()
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{error['Code']}", "message": error["Message"]}
    body |= {name: answer[name] for name in ("Item", "CancellationReasons") if name in answer}
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)), headers, json.dumps(body).encode()
