"""The contract of a store for the guard: the results of the ledger's requests.

The fast store of the proof, moto in process, the local cloud over HTTP and, on request, DynamoDB Local pass it.
A store is a transport (``cronstack.transport``) and an empty table. Texts of errors are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from cronstack.ledger import claim_requests, items, run_requests
from cronstack.ledger.claim_requests import Opening
from cronstack.ledger.rows import LeaseItem, RunItem
from cronstack.ledger.run_requests import Closing
from cronstack.occurrence import Occurrence, scheduled_id
from cronstack.steps import Call, Condition, Done, Fault, Refused, read

HELD, FAILED = Condition(held=True), Condition(held=False)
NOON = 1_767_268_800_000
TTL = NOON // 1000
HOLDERS = ("01KDWPV9MYS1NA50M44WT3XQZA", "01KDWPV9MYS1NA50M44WT3XQZB", "01KDWPV9MYS1NA50M44WT3XQZC")


class GuardStore(NamedTuple):
    """A table and its transport."""

    table: str
    transport: Callable[[str, Mapping[str, Any]], Mapping[str, Any]]

    def ask(self, call: Call) -> Done | Refused | Fault:
        answer = read(self.transport(call.operation, call.parameters))
        return Done({k: v for k, v in answer.fields.items() if k in SHOWN}) if isinstance(answer, Done) else answer

    def item(self, key: str) -> dict[str, Any] | None:
        answer = self.ask(_read(self.table, key))
        assert isinstance(answer, Done)
        return answer.fields.get("Item")

    def plain(self, key: str) -> dict[str, Any]:
        """Return the item's values, without its keys."""
        item = self.item(key) or {}
        return {name: items.decode(value) for name, value in item.items() if name not in ("pk", "sk")}

    def token(self, name: str) -> str:
        """Return a token that is unique in the account: tables share tokens."""
        return f"{self.table}-{name}"


SHOWN = ("Item", "Attributes")


def over(client_of: Callable[[str], Any]) -> Callable[[str, Mapping[str, Any]], Mapping[str, Any]]:
    """Return a transport over boto3 clients."""
    clients: dict[str, Any] = {}

    def call(operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        service = "sqs" if operation == "SendMessage" else "dynamodb"
        if service not in clients:
            clients[service] = client_of(service)
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in operation).lstrip("_")
        try:
            answer: Mapping[str, Any] = getattr(clients[service], name)(**parameters)
        except ClientError as error:
            return error.response
        return answer

    return call


def due(number: int) -> Occurrence:
    at = NOON + number * 60_000
    return Occurrence("stats", scheduled_id(at), at, {}, f"hash {number}")


def opening(store: GuardStore, number: int = 0, holder: int = 0, fence: int = 10, limit: int = 3) -> Opening:
    return Opening(store.table, due(number), HOLDERS[holder], fence, NOON + fence, NOON + fence + 65_000, limit, TTL)


def closing(store: GuardStore, status: str, number: int = 0, holder: int = 0, reason: str = "") -> Closing:
    error = "" if status == "succeeded" else '{"type":"ValueError"}'
    result = "{}" if status == "succeeded" else ""
    return Closing(store.table, due(number), HOLDERS[holder], status, NOON + 99, TTL, reason, error, result)


def settle_alone(closing: Closing, token: str = "") -> Call:
    """Return the settlement of an attempt without a lease."""
    return run_requests.settle(closing._replace(alone=True), token)


def run_key(number: int = 0) -> str:
    return f"run#{due(number).id}"


def _read(table: str, key: str) -> Call:
    if key == "lease":
        return run_requests.get_lease(table, "stats")
    return run_requests.get_run(table, "stats", key.removeprefix("run#"))


def seen(store: GuardStore, number: int = 0) -> RunItem | None:
    return items.read_run(store.item(run_key(number)))


def seen_lease(store: GuardStore) -> LeaseItem:
    return items.read_lease(store.item("lease"))


# -- the cases ---------------------------------------------------------------------------------------------------------
def a_claim_and_its_settlement(store: GuardStore) -> None:
    assert store.ask(claim_requests.claim(opening(store), None, store.token("c-1"))) == Done({})
    assert store.plain("lease") == {
        "holder": HOLDERS[0],
        "occurrence": due(0).id,
        "expires": NOON + 65_010,
        "fence": 10,
        "beats": 0,
        "v": 1,
    }
    assert store.plain(run_key())["status"] == "running"
    assert store.plain(run_key())["attempt"] == 1
    assert store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1"))) == Done({})
    assert store.plain("lease") == {"fence": 10, "v": 1}
    run = store.plain(run_key())
    assert (run["status"], run["result"], run["ttl"]) == ("succeeded", "{}", NOON // 1000)
    assert "expires" not in run


def a_refusal_shows_the_old_items(store: GuardStore) -> None:
    store.ask(claim_requests.claim(opening(store), None, store.token("c-1")))
    lease, run = store.item("lease"), store.item(run_key())
    again = claim_requests.claim(opening(store, holder=1, fence=11), None, store.token("c-2"))
    assert store.ask(again) == Refused((Condition(held=False, item=lease), Condition(held=False, item=run)))
    other = claim_requests.claim(opening(store, number=1, holder=1, fence=11), None, store.token("c-3"))
    assert store.ask(other) == Refused((Condition(held=False, item=lease), HELD))
    assert store.item(run_key(1)) is None
    assert (store.item("lease"), store.item(run_key())) == (lease, run)


def a_refusal_on_missing_items_shows_none(store: GuardStore) -> None:
    assert store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1"))) == Refused((FAILED, FAILED))
    assert store.ask(settle_alone(closing(store, "succeeded"))) == Refused((FAILED,))
    assert (store.item("lease"), store.item(run_key())) == (None, None)


def the_fence_must_grow(store: GuardStore) -> None:
    store.ask(claim_requests.claim(opening(store, fence=10), None, store.token("c-1")))
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    for fence, granted in ((9, False), (10, False), (11, True)):
        answer = store.ask(
            claim_requests.claim(opening(store, number=1, holder=1, fence=fence), None, store.token(f"f-{fence}"))
        )
        assert isinstance(answer, Done) == granted


def numbers_are_compared_as_numbers(store: GuardStore) -> None:
    """Rule: 9 is less than 10, although "9" > "10"."""
    store.ask(claim_requests.claim_without_lease(opening(store, fence=9), None, 0))
    store.ask(settle_alone(closing(store, "retrying")))
    assert isinstance(store.ask(claim_requests.claim_without_lease(opening(store, holder=1, fence=10), None, 0)), Done)


def a_takeover_marks_the_crashed_run(store: GuardStore) -> None:
    store.ask(claim_requests.claim(opening(store), None, store.token("c-1")))
    heir = opening(store, number=1, holder=1, fence=11)
    lease = seen_lease(store)
    stale = lease._replace(beats=lease.beats + 1)
    refused = store.ask(claim_requests.take_over(heir, None, stale, store.token("c-2"), mark_crashed=True))
    assert refused == Refused((Condition(held=False, item=store.item("lease")), HELD, HELD))
    assert store.ask(claim_requests.take_over(heir, None, lease, store.token("c-3"), mark_crashed=True)) == Done({})
    crashed = store.plain(run_key())
    assert crashed["status"] == "crashed"
    assert "expires" not in crashed
    assert store.plain("lease")["occurrence"] == due(1).id


def each_status_is_claimed_by_its_own_condition(store: GuardStore) -> None:
    store.ask(claim_requests.claim(opening(store), None, store.token("c-1")))
    store.ask(run_requests.settle(closing(store, "retrying"), store.token("s-1")))
    retrying = seen(store)
    stale = retrying._replace(attempt=7) if retrying is not None else None
    assert isinstance(
        store.ask(claim_requests.claim(opening(store, holder=1, fence=11), stale, store.token("c-2"))), Refused
    )
    assert store.ask(claim_requests.claim(opening(store, holder=1, fence=11), retrying, store.token("c-3"))) == Done({})
    assert store.plain(run_key())["attempt"] == 2
    store.ask(run_requests.settle(closing(store, "dead", holder=1, reason="Permanent"), store.token("s-2")))
    dead = store.plain(run_key())
    assert (dead["status"], dead["reason"], "expires" in dead) == ("dead", "Permanent", True)
    assert isinstance(
        store.ask(claim_requests.claim(opening(store, holder=2, fence=12), retrying, store.token("c-4"))), Refused
    )
    assert store.ask(claim_requests.claim(opening(store, holder=2, fence=12), seen(store), store.token("c-5"))) == Done(
        {}
    )
    run = store.plain(run_key())
    assert (run["attempt"], run["limit"], "ttl" in run, "reason" in run) == (3, 5, True, False)


def the_letter_has_one_sender(store: GuardStore) -> None:
    store.ask(claim_requests.claim_without_lease(opening(store, limit=1), None, 0))
    store.ask(settle_alone(closing(store, "dead", reason="RetriesExhausted")))
    dead = seen(store)
    assert dead is not None
    claims = [run_requests.claim_letter(store.table, "stats", dead, HOLDERS[n], NOON + 5) for n in (1, 2)]
    assert store.ask(claims[0]) == Done({})
    assert store.ask(claims[1]) == Refused((Condition(held=False, item=store.item(run_key())),))
    noted = [run_requests.reported(store.table, "stats", due(0).id, HOLDERS[n], NOON + 6) for n in (0, 1)]
    assert isinstance(store.ask(noted[0]), Refused)
    assert store.ask(noted[1]) == Done({})
    assert isinstance(store.ask(noted[1]), Refused)
    assert store.plain(run_key())["reported"] == NOON + 6


def a_late_claim_of_the_letter_is_refused_after_a_newer_claim(store: GuardStore) -> None:
    store.ask(claim_requests.claim_without_lease(opening(store, limit=1), None, 0))
    store.ask(settle_alone(closing(store, "dead", reason="RetriesExhausted")))

    def claim(number: int, expires: int) -> Call:
        dead = seen(store)
        assert dead is not None
        return run_requests.claim_letter(store.table, "stats", dead, HOLDERS[number], expires)

    assert store.ask(claim(1, NOON + 5)) == Done({})
    late = claim(2, NOON + 10)
    assert store.ask(late) == Done({})
    assert store.ask(claim(1, NOON + 15)) == Done({})
    assert isinstance(store.ask(late), Refused)


def a_skip_is_recorded_once(store: GuardStore) -> None:
    skip = run_requests.skip(closing(store, "skipped", reason="overlap"), by=HOLDERS[2])
    assert store.ask(skip) == Done({})
    assert store.plain(run_key())["by"] == HOLDERS[2]
    assert store.ask(skip) == Refused((Condition(held=False, item=store.item(run_key())),))


def a_claim_without_a_lease_returns_the_old_item(store: GuardStore) -> None:
    assert store.ask(claim_requests.claim_without_lease(opening(store), None, 0)) == Done({})
    before = store.item(run_key())
    refused = store.ask(claim_requests.claim_without_lease(opening(store, holder=1, fence=11), None, NOON + 65_010))
    assert refused == Refused((Condition(held=False, item=store.item(run_key())),))
    taken = store.ask(claim_requests.claim_without_lease(opening(store, holder=1, fence=11), None, NOON + 65_011))
    assert taken == Done({"Attributes": before})
    assert store.plain(run_key())["attempt"] == 2


def another_input_is_refused_without_a_lease(store: GuardStore) -> None:
    store.ask(claim_requests.claim_without_lease(opening(store), None, 0))
    store.ask(settle_alone(closing(store, "retrying")))
    other = opening(store, holder=1, fence=11)
    other = other._replace(occurrence=other.occurrence._replace(payload="other"))
    assert isinstance(store.ask(claim_requests.claim_without_lease(other, None, 0)), Refused)


def a_token_makes_a_claim_happen_once(store: GuardStore) -> None:
    claim = claim_requests.claim(opening(store), None, store.token("c-1"))
    assert store.ask(claim) == Done({})
    assert store.ask(claim) == Done({})
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    assert store.ask(claim) == Done({}), "although the lease is free"
    assert store.plain("lease") == {"fence": 10, "v": 1}
    another = claim_requests.claim(opening(store, number=1), None, store.token("c-1"))
    answer = store.ask(another)
    assert isinstance(answer, Fault)
    assert (answer.code, answer.passing) == ("IdempotentParameterMismatchException", False)


def a_refused_request_leaves_its_token_free(store: GuardStore) -> None:
    store.ask(claim_requests.claim(opening(store), None, store.token("c-1")))
    other = claim_requests.claim(opening(store, number=1, holder=1, fence=11), None, store.token("c-2"))
    assert isinstance(store.ask(other), Refused)
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    assert store.ask(other) == Done({})


def a_row_of_a_newer_version_is_not_changed(store: GuardStore) -> None:
    call = run_requests.skip(closing(store, "skipped"), by="x")
    newer = dict(call.parameters["ExpressionAttributeValues"]) | {":v": {"N": "2"}}
    store.ask(Call(call.operation, {**call.parameters, "ExpressionAttributeValues": newer}))
    assert store.plain(run_key())["v"] == 2
    assert isinstance(store.ask(settle_alone(closing(store, "succeeded"))), Refused)


def a_missing_table_is_reported(store: GuardStore) -> None:
    elsewhere = store._replace(table="no-such-table")
    for call in (
        claim_requests.claim(opening(elsewhere), None, store.token("c-9")),
        run_requests.skip(closing(elsewhere, "skipped"), by="x"),
        run_requests.get_lease("no-such-table", "stats"),
    ):
        answer = store.ask(call)
        assert isinstance(answer, Fault)
        assert (answer.code, answer.passing) == ("ResourceNotFoundException", False)


CASES: tuple[Callable[[GuardStore], None], ...] = (
    a_claim_and_its_settlement,
    a_refusal_shows_the_old_items,
    a_refusal_on_missing_items_shows_none,
    the_fence_must_grow,
    numbers_are_compared_as_numbers,
    a_takeover_marks_the_crashed_run,
    each_status_is_claimed_by_its_own_condition,
    the_letter_has_one_sender,
    a_late_claim_of_the_letter_is_refused_after_a_newer_claim,
    a_skip_is_recorded_once,
    a_claim_without_a_lease_returns_the_old_item,
    another_input_is_refused_without_a_lease,
    a_token_makes_a_claim_happen_once,
    a_refused_request_leaves_its_token_free,
    a_row_of_a_newer_version_is_not_changed,
    a_missing_table_is_reported,
)
