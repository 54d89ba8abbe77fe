"""The requests to the ledger, and the items that are read."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from cronstack.entropy import SYSTEM, ulid
from cronstack.ledger import claim_requests, items, run_requests
from cronstack.ledger.claim_requests import Opening
from cronstack.ledger.rows import STATUSES, LeaseItem, RunItem
from cronstack.ledger.run_requests import Closing, Renewal
from cronstack.steps import Call, Condition, Done, Fault, Refused, read
from tests.cronstack.stage import NOON, occurrence

OPENING = Opening("ledger", occurrence(), "01HOLDER", NOON, NOON, NOON + 65_000, 3, NOON // 1000)
CLOSING = Closing("ledger", occurrence(), "01HOLDER", "dead", NOON, 1, "Permanent", "{}", "{}")
OF_KEY = occurrence()._replace(key="order-1", revision=NOON)
MISSED = CLOSING._replace(status="missed", expires=NOON + 65_000)
MISSED_KEY = MISSED._replace(occurrence=OF_KEY)
ALONE = CLOSING._replace(alone=True)
WRITE = {"Update": run_requests.settle(ALONE, "").parameters}
RENEWAL = Renewal("ledger", occurrence(), "01HOLDER", NOON)
HELD = LeaseItem("01OLD", "t-other", 5, 6, 2)
RUNS = {status: RunItem(status, "t-1", attempt=2, limit=3, holder="01OLD") for status in STATUSES}

REQUESTS: dict[str, Call] = {
    "claim": claim_requests.claim(OPENING, None, "x-c1"),
    **{f"claim {status}": claim_requests.claim(OPENING, run, "x-c1") for status, run in RUNS.items()},
    "take over": claim_requests.take_over(OPENING, RUNS["running"], HELD, "x-c2", mark_crashed=True),
    "claim alone": claim_requests.claim_without_lease(OPENING, None, NOON),
    "claim alone dead": claim_requests.claim_without_lease(OPENING, RUNS["dead"], NOON),
    "claim alone missed": claim_requests.claim_without_lease(OPENING, RUNS["missed"], NOON),
    "claim a missed key": claim_requests.claim_without_lease(OPENING._replace(occurrence=OF_KEY), RUNS["missed"], NOON),
    "settle": run_requests.settle(CLOSING, "x-s1"),
    "settle alone": run_requests.settle(ALONE, "x-s2"),
    "settle without a lease, with writes": run_requests.settle(ALONE._replace(writes=(WRITE,)), "x-s2"),
    "skip": run_requests.skip(CLOSING, "01OLD"),
    "claim from the slot": claim_requests.claim(OPENING, RUNS["buffered"], "x-c3", slot=OPENING.occurrence.id),
    "claim over a stale slot": claim_requests.claim(OPENING, None, "x-c3", slot="t-gone"),
    "take over from the slot": claim_requests.take_over(
        OPENING, RUNS["buffered"], HELD, "x-c4", mark_crashed=True, slot=OPENING.occurrence.id
    ),
    "buffer": run_requests.buffer(CLOSING, "{}", "01OLD", None, "x-c5"),
    "buffer in a stale slot": run_requests.buffer(CLOSING, "{}", "01OLD", "t-gone", "x-c6"),
    "miss": run_requests.miss(MISSED),
    "miss of a key": run_requests.miss_key(MISSED_KEY, "x-c9", plan_ttl=1),
    "miss of a key again": run_requests.miss_key(MISSED_KEY, "x-c9", plan_ttl=1, before=RUNS["missed"]),
    "miss in the slot": run_requests.miss_buffered(CLOSING, "x-c7", in_slot=True),
    "miss without a slot": run_requests.miss_buffered(CLOSING, "x-c8", in_slot=False),
    "extend": run_requests.extend(RENEWAL, "x-s3"),
    "extend alone": run_requests.extend(RENEWAL._replace(alone=True), "x-s4"),
    "checkpoint": run_requests.save("ledger", "stats", "t-1", "01HOLDER", "{}", 1),
    "claim a letter": run_requests.claim_letter("ledger", "stats", RUNS["dead"], "01HOLDER", NOON),
    "reported": run_requests.reported("ledger", "stats", "t-1", "01HOLDER", NOON),
}


def updates(call: Call) -> list[dict[str, object]]:
    if call.operation == "UpdateItem":
        return [dict(call.parameters)]
    return [action["Update"] for action in call.parameters["TransactItems"]]


@pytest.mark.parametrize("call", REQUESTS.values(), ids=REQUESTS)
def test_every_write_is_conditioned_aliased_and_shows_the_old_item(call: Call) -> None:
    assert call.operation in ("UpdateItem", "TransactWriteItems"), "a function's role may do nothing else"
    for update in updates(call):
        change, condition = str(update["UpdateExpression"]), str(update["ConditionExpression"])
        assert condition.endswith(" AND (attribute_not_exists(#v) OR #v <= :v)")
        assert update["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        bare = re.sub(r"[#:]\w+", "", f"{change} {condition}")
        words = set(re.findall(r"[a-z]\w+", bare))
        assert words <= {"attribute_not_exists", "if_not_exists"}, "every attribute goes through an alias"
        assert set(re.findall(r":\w+", f"{change} {condition}")) == set(update["ExpressionAttributeValues"])  # type: ignore[call-overload]
        assert set(re.findall(r"#\w+", f"{change} {condition}")) == set(update["ExpressionAttributeNames"])  # type: ignore[call-overload]
        assert update["Key"]["pk"]["S"] in ("job#stats", "plan#stats#0")  # type: ignore[index]


@pytest.mark.parametrize("call", REQUESTS.values(), ids=REQUESTS)
def test_a_write_of_the_next_attempt_has_the_last_one_in_its_condition(call: Call) -> None:
    for update in updates(call):
        change = str(update["UpdateExpression"])
        condition = str(update["ConditionExpression"])
        never_started = ("attribute_not_exists(#status)", "attribute_not_exists(#attempt)", "#status = :buffered")
        untouched = any(clause in condition for clause in never_started)
        if "#attempt = :attempt" in change and not untouched:
            assert "#attempt = :before" in condition


def test_a_request_built_twice_is_the_same_bytes_and_its_token_fits() -> None:
    name = ulid(NOON, SYSTEM)
    first, second = (claim_requests.claim(OPENING, None, f"{name}-c123456") for _ in range(2))
    assert json.dumps(first.parameters) == json.dumps(second.parameters)
    assert len(first.parameters["ClientRequestToken"]) <= 36


def test_only_the_ledger_modules_contain_attribute_names() -> None:
    from cronstack.guard import claim, decision, delivery, letters, protocol

    for module in (decision, claim, delivery, protocol, letters):
        assert not re.search(r"Expression|attribute_not_exists|\"[#:]\\w", inspect.getsource(module)), module.__name__


def test_items_are_read_as_values() -> None:
    item = {
        "pk": {"S": "job#stats"},
        "sk": {"S": "run#t-1"},
        "status": {"S": "running"},
        "attempt": {"N": "2"},
        "fence": {"N": "1.767268800E12"},
        "v": {"N": "1"},
        "tomorrows": {"SS": ["x"]},
    }
    assert items.read_run(item) == RunItem("running", "t-1", attempt=2, fence=NOON, version=1)
    assert items.read_run(None) is None
    assert items.read_run({"pk": {"S": "x"}}) is None
    assert items.read_lease(None) == LeaseItem()
    assert items.read_lease({"fence": {"N": "5"}, "v": {"N": "3"}}) == LeaseItem(fence=5, version=3)


def cancelled(*codes: str) -> dict[str, object]:
    return {
        "Error": {"Code": "TransactionCanceledException", "Message": "m"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"Attributes": {}}, Done({"Attributes": {}})),
        ({"Error": {"Code": "ConditionalCheckFailedException"}}, Refused((Condition(False),))),
        (cancelled("None", "ConditionalCheckFailed"), Refused((Condition(True), Condition(False)))),
        (cancelled("TransactionConflict", "None"), Fault("TransactionConflict", "m", True)),
        (cancelled("ConditionalCheckFailed", "ThrottlingError"), Fault("ThrottlingError", "m", True)),
        (cancelled("ValidationError", "None"), Fault("ValidationError", "m", False)),
        (cancelled(), Fault("TransactionCanceledException", "m", False)),
        ({"Error": {"Code": "Unknown", "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": 502}}, None),
        ({"Error": {"Code": "IdempotentParameterMismatchException", "Message": "m"}}, None),
    ],
)
def test_answers_are_classified(answer: dict[str, object], expected: object) -> None:
    result = read(answer)
    if expected is None:
        assert isinstance(result, Fault)
        assert result.passing == ("Unknown" in result.code)
    else:
        assert result == expected


def test_ulids_sort_by_time_and_are_unique() -> None:
    made = [ulid(NOON + number // 50, SYSTEM) for number in range(500)]
    assert len(set(made)) == 500
    assert [name[:10] for name in made] == sorted(name[:10] for name in made)
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", name) for name in made)
    assert 0.0 <= SYSTEM.random() < 1.0
