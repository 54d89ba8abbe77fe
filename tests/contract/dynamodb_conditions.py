"""The contract of conditions: each is checked on one item in a transaction and in a single update.

Expected answers are DynamoDB's: a comparison of different types, or with a missing attribute, is false ("<>" is true).
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from tests.contract.dynamodb_transactions import N, S, Store, check, code, codes, put, transact, update

ITEM = {
    "n": {"N": "5"},
    "s": {"S": "five"},
    "b": {"B": b"five"},
    "t": {"BOOL": True},
    "nil": {"NULL": True},
    "l": {"L": [{"N": "1"}, {"S": "one"}]},
    "m": {"M": {"deep": {"N": "7"}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
}
"""The item on which the conditions are checked."""

CONDITIONS: list[tuple[str, dict[str, Any], bool]] = [
    ("attribute_exists(n)", {}, True),
    ("attribute_exists(no_such)", {}, False),
    ("attribute_not_exists(no_such)", {}, True),
    ("attribute_not_exists(n)", {}, False),
    ("attribute_exists(m.deep)", {}, True),
    ("attribute_exists(m.shallow)", {}, False),
    ("attribute_exists(l[1])", {}, True),
    ("attribute_exists(l[2])", {}, False),
    ("attribute_type(n, :x)", {"x": S("N")}, True),
    ("attribute_type(n, :x)", {"x": S("S")}, False),
    ("n = :x", {"x": N("5")}, True),
    ("n = :x", {"x": N("5.00")}, True),
    ("n = :x", {"x": N("5e0")}, True),
    ("n = :x", {"x": N("6")}, False),
    ("n = :x", {"x": S("5")}, False),
    ("n <> :x", {"x": N("6")}, True),
    ("n <> :x", {"x": N("5")}, False),
    ("n <> :x", {"x": S("5")}, True),
    ("no_such = :x", {"x": N("5")}, False),
    ("no_such <> :x", {"x": N("5")}, True),
    ("no_such = absent", {}, False),
    ("n < :x", {"x": N("6")}, True),
    ("n < :x", {"x": N("5")}, False),
    ("n <= :x", {"x": N("5")}, True),
    ("n > :x", {"x": N("4.9")}, True),
    ("n >= :x", {"x": N("5.1")}, False),
    ("n > :x", {"x": N("-5")}, True),
    ("n < :x", {"x": N("10")}, True),
    ("n < :x", {"x": S("6")}, False),
    ("n >= :x", {"x": S("4")}, False),
    ("s < :x", {"x": N("6")}, False),
    ("s < :x", {"x": S("six")}, True),
    ("s > :x", {"x": S("Five")}, True),
    ("no_such < :x", {"x": N("6")}, False),
    ("no_such >= :x", {"x": N("6")}, False),
    ("m < :x", {"x": N("6")}, False),
    ("t = :x", {"x": {"BOOL": True}}, True),
    ("t = :x", {"x": {"BOOL": False}}, False),
    ("t = :x", {"x": N("1")}, False),
    ("nil = :x", {"x": {"NULL": True}}, True),
    ("b = :x", {"x": {"B": b"five"}}, True),
    ("b = :x", {"x": S("Zml2ZQ==")}, False),
    ("b < :x", {"x": {"B": b"six"}}, True),
    ("ss = :x", {"x": {"SS": ["b", "a"]}}, True),
    ("l = :x", {"x": {"L": [{"N": "1.0"}, {"S": "one"}]}}, True),
    ("m = :x", {"x": {"M": {"deep": {"N": "7"}}}}, True),
    ("m = :x", {"x": {"M": {"deep": {"S": "7"}}}}, False),
    ("n BETWEEN :x AND :y", {"x": N("1"), "y": N("5")}, True),
    ("n BETWEEN :x AND :y", {"x": N("6"), "y": N("9")}, False),
    ("n BETWEEN :x AND :y", {"x": S("1"), "y": S("9")}, False),
    ("no_such BETWEEN :x AND :y", {"x": N("1"), "y": N("9")}, False),
    ("s IN (:x, :y)", {"x": S("four"), "y": S("five")}, True),
    ("s IN (:x, :y)", {"x": S("four"), "y": S("six")}, False),
    ("n IN (:x, :y)", {"x": S("5"), "y": N("5.0")}, True),
    ("no_such IN (:x)", {"x": S("5")}, False),
    ("contains(s, :x)", {"x": S("iv")}, True),
    ("contains(s, :x)", {"x": S("x")}, False),
    ("contains(s, :x)", {"x": N("5")}, False),
    ("contains(ss, :x)", {"x": S("a")}, True),
    ("contains(ss, :x)", {"x": S("c")}, False),
    ("contains(ns, :x)", {"x": N("2.0")}, True),
    ("contains(ns, :x)", {"x": S("2")}, False),
    ("contains(l, :x)", {"x": S("one")}, True),
    ("contains(no_such, :x)", {"x": S("one")}, False),
    ("begins_with(s, :x)", {"x": S("fi")}, True),
    ("begins_with(s, :x)", {"x": S("ve")}, False),
    ("begins_with(no_such, :x)", {"x": S("ve")}, False),
    ("size(s) = :x", {"x": N("4")}, True),
    ("size(ss) > :x", {"x": N("2")}, False),
    ("size(no_such) = :x", {"x": N("0")}, False),
    ("n = :x AND s = :y", {"x": N("5"), "y": S("five")}, True),
    ("n = :x AND s = :y", {"x": N("5"), "y": S("six")}, False),
    ("n = :x OR s = :y", {"x": N("6"), "y": S("five")}, True),
    ("n = :x OR s = :y", {"x": N("6"), "y": S("six")}, False),
    ("NOT n = :x", {"x": N("6")}, True),
    ("NOT (n = :x OR s = :y)", {"x": N("6"), "y": S("five")}, False),
    ("attribute_not_exists(run) AND (attribute_not_exists(fence) OR fence < :f)", {"f": N("9")}, True),
    ("no_such = :x OR n = :y AND s = :z", {"x": N("1"), "y": N("5"), "z": S("five")}, True),
]
"""A condition, its values, and whether it holds for ITEM."""


def condition_is_judged(store: Store, condition: str, values: dict[str, Any], holds: bool) -> None:
    """Check a condition in a transaction, and in a single update."""
    put(store, "judged", **ITEM)
    error = transact(store, check(store, "judged", condition, **values))
    assert (error is None) == holds
    if not holds:
        assert codes(error) == ["ConditionalCheckFailed"]
    single = update(store, "judged", "SET touched = :touched", condition, touched=N("1"), **values)["Update"]
    assert refusal(store, single) == ("" if holds else "ConditionalCheckFailedException")


def refusal(store: Store, fields: dict[str, Any]) -> str:
    """Send a single update. Return the error code, or an empty string."""
    try:
        store.client.update_item(**fields)
    except ClientError as error:
        return code(error)
    return ""
