"""A ledger and its queues in memory: only the operations that the guard uses, with DynamoDB's responses.

It answers a hundred thousand requests a second from one thread. Items are never changed in place, so a response stays
as it was. It passes the same contract tests as moto and the local cloud, and random requests compare it with moto.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from cronstack.ledger.listings import MOST_ROWS
from cronstack_infra.play.store import expressions
from cronstack_infra.play.store.queries import query

Item = dict[str, dict[str, Any]]
Key = tuple[str, str]
Answer = dict[str, Any]

TOKEN_LIFE: Final = 10 * 60_000
"""Milliseconds for which a request's token is stored."""
_NAMES: Final[Mapping[str, str]] = {}
_REFUSED: Final = "The conditional request failed"


class ItemChange(NamedTuple):
    """One item before and after a write; None if it did not exist."""

    key: Key
    before: Item | None
    after: Item | None


class Store:
    """The ledger, a handler's own table, queues and carriers. ``changes`` has the changes of the last call."""

    def __init__(self, table: str, now: Callable[[], int], *, effects: str = "") -> None:
        self.items: dict[Key, Item] = {}
        self.queues: dict[str, list[str]] = {}
        self.schedules: dict[str, Mapping[str, Any]] = {}
        """Carriers that have not fired yet, by name."""
        self.changes: list[ItemChange] = []
        self.keeps_tokens = True
        """Whether tokens are stored. DynamoDB stores them, the installed moto does not: the guard must not need it."""
        self._table, self._effects, self._now = table, effects, now
        self._tokens: dict[str, tuple[Mapping[str, Any], int]] = {}

    def __call__(self, operation: str, parameters: Mapping[str, Any], timeout: float = 0.0) -> Answer:
        """Implement the runtime's transport (``cronstack.transport``). A call takes no time."""
        self.changes = []
        match operation:
            case "TransactWriteItems":
                return self._transact(parameters)
            case "UpdateItem":
                return self._update(parameters)
            case "GetItem":
                return self._get(parameters)
            case "Query":
                return query(self.items, parameters)
            case "BatchGetItem":
                return self._get_batch(parameters)
            case "SendMessage":
                return self._send(parameters)
            case "CreateSchedule":
                return self._create_schedule(parameters)
            case "GetSchedule" | "DeleteSchedule":
                return self._find_schedule(parameters, delete=operation == "DeleteSchedule")
        raise NotImplementedError(f"the guard does not use {operation}")

    def fork(self, now: Callable[[], int]) -> Store:
        """Return a copy of this store."""
        new = Store(self._table, now, effects=self._effects)
        new.schedules = dict(self.schedules)
        new.items, new._tokens = dict(self.items), dict(self._tokens)
        new.queues = {url: list(sent) for url, sent in self.queues.items()}
        new.keeps_tokens = self.keeps_tokens
        return new

    def state(self) -> dict[str, Any]:
        """Return the items and the stored tokens, not copies of them."""
        return {"items": self.items, "tokens": self._tokens}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what ``state`` has returned, or a copy of it."""
        self.items, self._tokens = state["items"], state["tokens"]

    def undo(self, before: Mapping[Key, Item], token: str | None) -> None:
        """Undo a transaction: restore the items before it and delete its token."""
        self.items.clear()
        self.items.update(before)
        self._tokens.pop(token or "", None)

    def delete(self, key: Key) -> None:
        """Delete an item, like an operator by hand."""
        self.items.pop(key, None)

    def expire(self, seconds: int) -> list[Key]:
        """Delete items that have expired at an epoch second. Return their keys. DynamoDB deletes them later."""
        expired = [key for key, item in self.items.items() if float(item.get("ttl", {}).get("N", seconds)) < seconds]
        for key in expired:
            del self.items[key]
        return expired

    # -- operations ----------------------------------------------------------------------------------------------------
    def _transact(self, parameters: Mapping[str, Any]) -> Answer:
        token = parameters.get("ClientRequestToken")
        if token is not None:
            if len(token) > 36:
                return _error("ValidationException", "clientRequestToken has more than 36 characters")
            known = self._tokens.get(token)
            if known is not None and self._now() < known[1] and self.keeps_tokens:
                if known[0] == parameters:
                    return {}
                return _error("IdempotentParameterMismatchException", "the token belongs to a different request")
        actions = [next(iter(action.values())) for action in parameters["TransactItems"]]
        if any("Update" not in action for action in parameters["TransactItems"]):
            raise NotImplementedError("the guard writes by updates only")
        keys = [_key(action) for action in actions]
        if len(set(keys)) < len(keys):
            return _error("ValidationException", "Transaction request cannot include multiple operations on one item")
        if (missing := self._missing(*actions)) is not None:
            return missing
        reasons = [self._refusal(action, key) for action, key in zip(actions, keys, strict=True)]
        if any(reason is not None for reason in reasons):
            codes = ", ".join("None" if reason is None else str(reason["Code"]) for reason in reasons)
            text = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
            all_reasons = [{"Code": "None"} if reason is None else reason for reason in reasons]
            return _error("TransactionCanceledException", text) | {"CancellationReasons": all_reasons}
        for action, key in zip(actions, keys, strict=True):
            self._write(action, key)
        if token is not None:
            self._tokens[token] = (parameters, self._now() + TOKEN_LIFE)
        return {}

    def _update(self, action: Mapping[str, Any]) -> Answer:
        if (missing := self._missing(action)) is not None:
            return missing
        key = _key(action)
        refused = self._refusal(action, key)
        if refused is not None:
            shown = {"Item": refused["Item"]} if "Item" in refused else {}
            return _error("ConditionalCheckFailedException", _REFUSED) | shown
        old = self.items.get(key)
        self._write(action, key)
        shows = {"ALL_OLD": old, "ALL_NEW": self.items[key]}.get(action.get("ReturnValues", "NONE"))
        return {} if shows is None else {"Attributes": shows}

    def _get(self, parameters: Mapping[str, Any]) -> Answer:
        if (missing := self._missing(parameters)) is not None:
            return missing
        item = self.items.get(_key(parameters))
        return {} if item is None else {"Item": item}

    def _get_batch(self, parameters: Mapping[str, Any]) -> Answer:
        ((table, request),) = parameters["RequestItems"].items()
        if (missing := self._missing({"TableName": table})) is not None:
            return missing
        keys = [_key({"Key": key}) for key in request["Keys"]]
        if len(keys) > MOST_ROWS:
            return _error("ValidationException", "Too many items requested for the BatchGetItem call")
        if len(set(keys)) < len(keys):
            return _error("ValidationException", "Provided list of item keys contains duplicates")
        return {"Responses": {table: [self.items[key] for key in keys if key in self.items]}, "UnprocessedKeys": {}}

    def _send(self, parameters: Mapping[str, Any]) -> Answer:
        sent = self.queues.setdefault(parameters["QueueUrl"], [])
        sent.append(parameters["MessageBody"])
        return {"MessageId": str(len(sent))}

    def _create_schedule(self, parameters: Mapping[str, Any]) -> Answer:
        name = parameters["Name"]
        if name in self.schedules:
            return _error("ConflictException", f"Schedule {name} already exists.", 409)
        self.schedules[name] = parameters
        return {"ScheduleArn": f"arn:aws:scheduler:us-east-1:123456789012:schedule/{parameters['GroupName']}/{name}"}

    def _find_schedule(self, parameters: Mapping[str, Any], *, delete: bool) -> Answer:
        name = parameters["Name"]
        if name not in self.schedules:
            return _error("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
        return {} if delete and self.schedules.pop(name) else dict(self.schedules[name])

    # -- parts of operations -------------------------------------------------------------------------------------------
    def _missing(self, *actions: Mapping[str, Any]) -> Answer | None:
        if all(action["TableName"] in (self._table, self._effects) for action in actions):
            return None
        return _error("ResourceNotFoundException", "Requested resource not found")

    def _refusal(self, action: Mapping[str, Any], key: Key) -> Answer | None:
        text = action.get("ConditionExpression")
        if text is None:
            return None
        old = self.items.get(key)
        holds = expressions.condition(text, tuple(action.get("ExpressionAttributeNames", _NAMES).items()))
        if holds(old or {}, action.get("ExpressionAttributeValues", _NAMES)):
            return None
        refused: Answer = {"Code": "ConditionalCheckFailed", "Message": _REFUSED}
        if old is not None and action.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD":
            refused["Item"] = old
        return refused

    def _write(self, action: Mapping[str, Any], key: Key) -> None:
        old = self.items.get(key)
        names = tuple(action.get("ExpressionAttributeNames", _NAMES).items())
        update = expressions.update(action["UpdateExpression"], names)
        base: Mapping[str, Any] = action["Key"] if old is None else old
        self.items[key] = new = update.apply(base, action.get("ExpressionAttributeValues", _NAMES))
        self.changes.append(ItemChange(key, old, new))


def _key(action: Mapping[str, Any]) -> Key:
    key = action["Key"]
    return key["pk"]["S"], key["sk"]["S"]


def _error(code: str, text: str, status: int = 400) -> Answer:
    return {"Error": {"Code": code, "Message": text}, "ResponseMetadata": {"HTTPStatusCode": status}}
