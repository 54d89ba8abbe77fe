"""The contract of a DynamoDB store for the guard's requests: transactions, conditions, tokens, numbers.

A store passes when each function below passes on a client and a new table of it. ``tests/local`` runs them against
moto in process and against the local cloud over HTTP. Another store must pass them too.
Expected answers are DynamoDB's, from its API reference and from DynamoDB Local 1.25.1.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

Item = dict[str, dict[str, Any]]


class Store(NamedTuple):
    """A table with keys pk and sk (both S), and its clients."""

    table: str
    client: Any
    another_client: Callable[[], Any]
    """Factory of a client for another thread."""


def key(name: str) -> Item:
    return {"pk": {"S": "job#stats"}, "sk": {"S": name}}


def N(text: str) -> dict[str, Any]:
    """Return a number."""
    return {"N": text}


def S(text: str) -> dict[str, Any]:
    """Return a string."""
    return {"S": text}


def put(store: Store, name: str, **attributes: dict[str, Any]) -> None:
    store.client.put_item(TableName=store.table, Item=key(name) | attributes)


def read(store: Store, name: str) -> Item | None:
    """Return the item without its keys, or None if it is missing."""
    item = store.client.get_item(TableName=store.table, Key=key(name), ConsistentRead=True).get("Item")
    return None if item is None else {field: value for field, value in item.items() if field not in ("pk", "sk")}


def update(store: Store, name: str, expression: str, condition: str | None = None, **values: Any) -> dict[str, Any]:
    """Return an Update action that requests the old item. Names of values are without the colon."""
    action: dict[str, Any] = {
        "TableName": store.table,
        "Key": key(name),
        "UpdateExpression": expression,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return {"Update": action | _condition(condition, values)}


def check(store: Store, name: str, condition: str, **values: Any) -> dict[str, Any]:
    action = {"TableName": store.table, "Key": key(name), "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return {"ConditionCheck": action | _condition(condition, values)}


def _condition(condition: str | None, values: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {} if condition is None else {"ConditionExpression": condition}
    if values:
        fields["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return fields


def transact(
    store: Store, *actions: dict[str, Any], token: str | None = None, client: Any = None
) -> ClientError | None:
    """Send a transaction. Return its error, or None."""
    fields = {} if token is None else {"ClientRequestToken": token}
    try:
        (client or store.client).transact_write_items(TransactItems=list(actions), **fields)
    except ClientError as error:
        return error
    return None


def codes(error: ClientError | None) -> list[str]:
    """Return the reasons of a refused transaction, in order."""
    assert error is not None, "the transaction was not refused"
    assert error.response["Error"]["Code"] == "TransactionCanceledException", error
    return [reason["Code"] for reason in error.response["CancellationReasons"]]


def code(error: ClientError | None) -> str:
    assert error is not None, "the request was not refused"
    error_code: str = error.response["Error"]["Code"]
    return error_code


def all_or_nothing(store: Store) -> None:
    put(store, "a", n=N("1"))
    put(store, "b", n=N("1"))
    error = transact(
        store,
        update(store, "a", "SET n = :new", new=N("2")),
        {"Put": {"TableName": store.table, "Item": key("made")}},
        {"Delete": {"TableName": store.table, "Key": key("b")}},
        check(store, "b", "n = :x", x=N("1")),
    )
    assert code(error) == "ValidationException", "two actions on one item"
    error = transact(
        store,
        update(store, "a", "SET n = :new", new=N("2")),
        {"Put": {"TableName": store.table, "Item": key("made")}},
        {"Delete": {"TableName": store.table, "Key": key("b")}},
        check(store, "c", "attribute_exists(pk)"),
    )
    assert codes(error) == ["None", "None", "None", "ConditionalCheckFailed"]
    assert (read(store, "a"), read(store, "b"), read(store, "made")) == ({"n": N("1")}, {"n": N("1")}, None)
    error = transact(
        store,
        update(store, "a", "SET n = :new", new=N("2")),
        {"Put": {"TableName": store.table, "Item": key("made")}},
        {"Delete": {"TableName": store.table, "Key": key("b")}},
        check(store, "c", "attribute_not_exists(pk)"),
    )
    assert error is None
    assert (read(store, "a"), read(store, "b"), read(store, "made")) == ({"n": N("2")}, None, {})


def conditions_see_the_state_before(store: Store) -> None:
    """Rule: conditions do not see the writes of earlier actions of the same transaction."""
    put(store, "a", n=N("1"))
    put(store, "b", n=N("1"))
    error = transact(
        store,
        update(store, "a", "SET n = :two", "n = :one", one=N("1"), two=N("2")),
        update(store, "b", "SET n = :two", "n = :one", one=N("1"), two=N("2")),
    )
    assert error is None
    error = transact(store, update(store, "a", "ADD n :one", one=N("1")), check(store, "b", "n = :x", x=N("3")))
    assert codes(error) == ["None", "ConditionalCheckFailed"]
    assert read(store, "a") == {"n": N("2")}


def a_fault_in_an_update_reverts_all_writes(store: Store) -> None:
    put(store, "a", n=N("1"))
    put(store, "text", n=S("not a number"))
    error = transact(
        store,
        update(store, "a", "ADD n :one", one=N("1")),
        update(store, "new", "SET n = :one", one=N("1")),
        update(store, "text", "ADD n :one", one=N("1")),
    )
    assert code(error) in ("ValidationException", "TransactionCanceledException")
    assert (read(store, "a"), read(store, "new")) == ({"n": N("1")}, None)


def reasons_come_in_order_with_the_old_items(store: Store) -> None:
    put(store, "held", run=S("other"), fence=N("7"))
    wanted = "attribute_not_exists(run)"
    silent = check(store, "held2", "attribute_exists(pk)")
    silent["ConditionCheck"]["ReturnValuesOnConditionCheckFailure"] = "NONE"
    put(store, "plain", n=N("1"))
    quiet = check(store, "plain", "n = :x", x=N("2"))
    quiet["ConditionCheck"]["ReturnValuesOnConditionCheckFailure"] = "NONE"
    error = transact(
        store,
        update(store, "free", "SET run = :me", wanted, me=S("me")),
        update(store, "held", "SET run = :me", wanted, me=S("me")),
        silent,
        check(store, "absent", "attribute_exists(pk)"),
        quiet,
    )
    assert codes(error) == ["None", *["ConditionalCheckFailed"] * 4]
    assert error is not None
    reasons = error.response["CancellationReasons"]
    assert reasons[1]["Item"] == key("held") | {"run": S("other"), "fence": N("7")}
    assert reasons[1]["Message"]
    assert ["Item" in reason for reason in reasons] == [False, True, False, False, False]
    assert error.response["Error"]["Message"].endswith(
        "[None, ConditionalCheckFailed, ConditionalCheckFailed, ConditionalCheckFailed, ConditionalCheckFailed]"
    )


def a_token_makes_a_request_happen_once(store: Store) -> None:
    put(store, "counter", n=N("0"))
    add = update(store, "counter", "ADD n :one", one=N("1"))
    assert transact(store, add, token="t-1") is None
    assert transact(store, add, token="t-1") is None
    assert read(store, "counter") == {"n": N("1")}
    other = update(store, "counter", "ADD n :one", one=N("2"))
    assert code(transact(store, other, token="t-1")) == "IdempotentParameterMismatchException"
    assert transact(store, add, token="t-2") is None
    assert read(store, "counter") == {"n": N("2")}


def a_refused_request_leaves_its_token_free(store: Store) -> None:
    put(store, "gate", open=S("no"))
    ask = update(store, "gate", "SET passed = :yes", "#open = :yes", yes=S("yes"))
    ask["Update"]["ExpressionAttributeNames"] = {"#open": "open"}
    assert codes(transact(store, ask, token="gate")) == ["ConditionalCheckFailed"]
    put(store, "gate", open=S("yes"))
    assert transact(store, ask, token="gate") is None
    assert read(store, "gate") == {"open": S("yes"), "passed": S("yes")}


def malformed_requests_are_refused(store: Store) -> None:
    put(store, "a", n=N("1"))
    once = update(store, "a", "SET n = :x", x=N("2"))
    many = [update(store, f"many-{number}", "SET n = :x", x=N("1")) for number in range(101)]
    bad_return = update(store, "a", "SET n = :x", x=N("2"))
    bad_return["Update"]["ReturnValuesOnConditionCheckFailure"] = "ALL_NEW"
    no_sort_key = {"Delete": {"TableName": store.table, "Key": {"pk": {"S": "x"}}}}
    wrong_type = {"Delete": {"TableName": store.table, "Key": {"pk": {"S": "x"}, "sk": {"N": "1"}}}}
    reserved = update(store, "a", "SET n = :x", "at < :x", x=N("2"))
    for actions in ([once, once], many, [bad_return], [no_sort_key], [wrong_type], [reserved]):
        assert code(transact(store, *actions)) == "ValidationException"
    assert code(transact(store, once, token="x" * 37)) == "ValidationException"
    missing = {"Delete": {"TableName": "no-such-table", "Key": key("a")}}
    assert code(transact(store, missing)) == "ResourceNotFoundException"
    assert read(store, "a") == {"n": N("1")}


def a_hundred_actions_are_allowed(store: Store) -> None:
    assert transact(store, *(update(store, f"n-{n}", "SET n = :x", x=N("1")) for n in range(100))) is None
    assert read(store, "n-99") == {"n": N("1")}


def numbers_keep_their_digits(store: Store) -> None:
    milliseconds, digits = "1795467717322.156", "12345678901234567890123456789012345678"
    put(store, "a", ms=N(milliseconds), big=N(digits), n=N("1"))
    assert transact(store, update(store, "a", "ADD big :one SET n = n - :one", one=N("1"))) is None
    item = read(store, "a")
    assert item is not None
    assert item["ms"] == N(milliseconds)
    assert item["big"] == N("12345678901234567890123456789012345679")
    assert item["n"] == N("0")
    assert transact(store, update(store, "a", "SET n = :third", third=N("0.1"))) is None
    assert transact(store, update(store, "a", "ADD n :fifth", fifth=N("0.2"))) is None
    assert (read(store, "a") or {})["n"] == N("0.3")


def expired_items_stay(store: Store) -> None:
    """Rule: a store for tests deletes no expired item."""
    store.client.update_time_to_live(
        TableName=store.table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    assert transact(store, update(store, "old", "SET ttl = :past", past=N("1"))) is not None, "a reserved word"
    aliased = update(store, "old", "SET #ttl = :past", past=N("1"))
    aliased["Update"]["ExpressionAttributeNames"] = {"#ttl": "ttl"}
    assert transact(store, aliased) is None
    assert read(store, "old") == {"ttl": N("1")}


def one_of_many_wins(store: Store, *, threads: int, rounds: int) -> None:
    """Rule: when all threads claim a lease at once, exactly one gets it, and no write is lost."""
    clients = [store.another_client() for _ in range(threads)]

    def claim(number: int, turn: int) -> bool:
        me = S(f"{number}")
        error = transact(
            store,
            update(store, f"lease-{turn}", "SET run = :me", "attribute_not_exists(run)", me=me),
            update(store, f"run-{turn}-{number}", "SET run = :me", "attribute_not_exists(run)", me=me),
            client=clients[number],
        )
        clients[number].update_item(
            TableName=store.table,
            Key=key(f"asked-{turn}"),
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": N("1")},
        )
        return error is None

    with ThreadPoolExecutor(threads) as pool:
        for turn in range(rounds):
            winners = list(pool.map(claim, range(threads), [turn] * threads))
            assert winners.count(True) == 1, f"round {turn}: {winners}"
            assert read(store, f"lease-{turn}") == {"run": S(str(winners.index(True)))}
            assert read(store, f"asked-{turn}") == {"n": N(str(threads))}
            written = [read(store, f"run-{turn}-{number}") is not None for number in range(threads)]
            assert written == winners


CASES: tuple[Callable[[Store], None], ...] = (
    all_or_nothing,
    conditions_see_the_state_before,
    a_fault_in_an_update_reverts_all_writes,
    reasons_come_in_order_with_the_old_items,
    a_token_makes_a_request_happen_once,
    a_refused_request_leaves_its_token_free,
    malformed_requests_are_refused,
    a_hundred_actions_are_allowed,
    numbers_keep_their_digits,
    expired_items_stay,
)
"""All cases except ``CONDITIONS`` and ``one_of_many_wins``, which take arguments."""
