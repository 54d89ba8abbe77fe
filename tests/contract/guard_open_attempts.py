"""The contract of a store for the guard, second half: the slot of a buffered occurrence, the writes of an open attempt,
and the handler's own writes together with a settlement. See ``guard_store``.
"""

from __future__ import annotations

from collections.abc import Callable

from cronstack.ledger import claim_requests, run_requests
from cronstack.steps import Condition, Done, Fault, Refused
from tests.contract.guard_store import (
    FAILED,
    HELD,
    HOLDERS,
    NOON,
    GuardStore,
    closing,
    due,
    opening,
    run_key,
    seen,
    seen_lease,
    settle_alone,
)

EVENT = '{"cronstack": 1}'


def claim_first(store: GuardStore) -> None:
    store.ask(claim_requests.claim(opening(store), None, store.token("c-1")))


def buffer(store: GuardStore, number: int = 1, by: int = 0, stale: str | None = None) -> Done | Refused | Fault:
    """Request the slot of a holder for an occurrence."""
    of = closing(store, "buffered", number, 1)
    return store.ask(
        run_requests.buffer(of, EVENT, HOLDERS[by], stale, store.token(f"b-{number}-{by}-{(stale or '')[-6:]}"))
    )


# -- the slot ----------------------------------------------------------------------------------------------------------
def one_occurrence_waits_in_the_slot(store: GuardStore) -> None:
    claim_first(store)
    assert buffer(store) == Done({})
    assert store.plain("lease")["buffered"] == due(1).id
    run = store.plain(run_key(1))
    assert (run["status"], run["event"], run["by"], "attempt" in run) == ("buffered", EVENT, HOLDERS[0], False)
    full = buffer(store, 2)
    assert full == Refused((Condition(held=False, item=store.item("lease")), HELD))
    assert store.item(run_key(2)) is None


def a_slot_of_a_former_holder_is_refused(store: GuardStore) -> None:
    claim_first(store)
    assert isinstance(buffer(store, by=2), Refused)
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    assert isinstance(buffer(store), Refused)
    assert store.item(run_key(1)) is None


def a_stale_slot_is_replaced_by_its_occurrence_id_only(store: GuardStore) -> None:
    claim_first(store)
    buffer(store)
    assert isinstance(buffer(store, 2, stale="t-other"), Refused)
    assert buffer(store, 2, stale=due(1).id) == Done({})
    assert store.plain("lease")["buffered"] == due(2).id


def a_claim_of_the_buffered_occurrence_frees_the_slot(store: GuardStore) -> None:
    claim_first(store)
    buffer(store)
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    assert store.plain("lease") == {"fence": 10, "buffered": due(1).id, "v": 1}
    of = opening(store, 1, 1, 11)
    assert store.ask(claim_requests.claim(of, seen(store, 1), store.token("c-2"), slot=due(1).id)) == Done({})
    assert "buffered" not in store.plain("lease")
    run = store.plain(run_key(1))
    assert (run["status"], run["attempt"], "event" in run, "listed" in run) == ("running", 1, True, True)


def a_claim_by_the_slot_needs_the_slot(store: GuardStore) -> None:
    claim_first(store)
    buffer(store)
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    other = claim_requests.claim(opening(store, 2, 2, 11), None, store.token("c-2"), slot=due(2).id)
    assert store.ask(other) == Refused((Condition(held=False, item=store.item("lease")), HELD))


def a_new_occurrence_does_not_start_before_the_buffered_one(store: GuardStore) -> None:
    claim_first(store)
    buffer(store)
    dead = seen_lease(store)
    heir = claim_requests.take_over(opening(store, 2, 2, 11), None, dead, store.token("c-2"), mark_crashed=True)
    refused = store.ask(heir)
    assert isinstance(refused, Refused)
    assert [condition.held for condition in refused.conditions] == [False, True, True]
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    newcomer = claim_requests.claim(opening(store, 2, 2, 11), None, store.token("c-3"))
    assert store.ask(newcomer) == Refused((Condition(held=False, item=store.item("lease")), HELD))


def a_retry_ignores_the_slot(store: GuardStore) -> None:
    claim_first(store)
    buffer(store)
    store.ask(run_requests.settle(closing(store, "retrying"), store.token("s-1")))
    again = claim_requests.claim(opening(store, 0, 2, 11), seen(store, 0), store.token("c-2"))
    assert store.ask(again) == Done({})
    assert store.plain("lease")["buffered"] == due(1).id


def the_buffered_occurrence_takes_over_a_dead_holder(store: GuardStore) -> None:
    claim_first(store)
    buffer(store)
    of, lease = opening(store, 1, 1, 11), seen_lease(store)
    call = claim_requests.take_over(of, seen(store, 1), lease, store.token("c-2"), mark_crashed=True, slot=due(1).id)
    assert store.ask(call) == Done({})
    assert (store.plain(run_key(0))["status"], store.plain(run_key(1))["status"]) == ("crashed", "running")
    assert "buffered" not in store.plain("lease")


def a_buffered_occurrence_that_is_too_late_is_missed(store: GuardStore) -> None:
    claim_first(store)
    buffer(store)
    late = closing(store, "missed", 1, 1, "too_late")._replace(expires=NOON + 5)
    assert store.ask(run_requests.miss_buffered(late, store.token("m-1"), in_slot=True)) == Done({})
    run = store.plain(run_key(1))
    assert (run["status"], run["reason"], "event" in run, "listed" in run) == ("missed", "too_late", True, True)
    assert "buffered" not in store.plain("lease")
    again = store.ask(run_requests.miss_buffered(late, store.token("m-2"), in_slot=True))
    assert isinstance(again, Refused)
    assert [condition.held for condition in again.conditions] == [False, False]
    assert isinstance(store.ask(run_requests.miss_buffered(late, store.token("m-3"), in_slot=False)), Refused)


def renewal(store: GuardStore, later: int, holder: int = 0) -> run_requests.Renewal:
    of = opening(store, holder=holder)
    return run_requests.Renewal(of.table, of.occurrence, of.holder, NOON + 65_000 + later)


def renew_alone(store: GuardStore, later: int) -> Done | Refused | Fault:
    return store.ask(run_requests.extend(renewal(store, later)._replace(alone=True), ""))


# -- writes of an open attempt -----------------------------------------------------------------------------------------
def a_renewal_extends_the_lease_and_is_counted(store: GuardStore) -> None:
    claim_first(store)
    assert store.ask(run_requests.extend(renewal(store, 20), store.token("s-1"))) == Done({})
    assert store.plain(run_key())["expires"] == NOON + 65_020
    lease = store.plain("lease")
    assert (lease["expires"], lease["beats"], lease["fence"]) == (NOON + 65_020, 1, 10)
    late, others = renewal(store, 15), renewal(store, 30, holder=1)
    assert isinstance(store.ask(run_requests.extend(late, store.token("s-2"))), Refused), (
        "it expires earlier than the stored lease"
    )
    assert isinstance(store.ask(run_requests.extend(others, store.token("s-3"))), Refused), "another holder's renewal"
    assert store.plain("lease") == lease


def a_renewal_alone_needs_the_open_attempt(store: GuardStore) -> None:
    store.ask(claim_requests.claim_without_lease(opening(store), None, 0))
    assert renew_alone(store, 20) == Done({})
    assert store.plain(run_key())["expires"] == NOON + 65_020
    assert isinstance(renew_alone(store, 15), Refused)
    store.ask(settle_alone(closing(store, "succeeded")))
    assert isinstance(renew_alone(store, 30), Refused)


def the_newest_checkpoint_is_kept(store: GuardStore) -> None:
    claim_first(store)

    def save(number: int, holder: int = 0) -> Done | Refused | Fault:
        return store.ask(run_requests.save(store.table, "stats", due(0).id, HOLDERS[holder], f'"{number}"', number))

    assert save(2) == save(3) == Done({})
    assert isinstance(save(2), Refused)
    assert isinstance(save(9, holder=1), Refused)
    assert store.plain(run_key())["checkpoint"] == '"3"'
    store.ask(run_requests.settle(closing(store, "retrying"), store.token("s-1")))
    assert isinstance(save(4), Refused), "the attempt is closed"
    store.ask(claim_requests.claim(opening(store, holder=1, fence=11), seen(store), store.token("c-2")))
    assert save(4, holder=1) == Done({})
    store.ask(run_requests.settle(closing(store, "succeeded", holder=1), store.token("s-2")))
    assert {"checkpoint", "saves"}.isdisjoint(store.plain(run_key()))


def a_retry_stores_its_earliest_start(store: GuardStore) -> None:
    claim_first(store)
    later = closing(store, "retrying")._replace(after=NOON + 60_000)
    store.ask(run_requests.settle(later, store.token("s-1")))
    assert store.plain(run_key())["after"] == NOON + 60_000
    store.ask(claim_requests.claim(opening(store, holder=1, fence=11), seen(store), store.token("c-2")))
    assert "after" not in store.plain(run_key())


# -- the handler's own writes ------------------------------------------------------------------------------------------
def count(store: GuardStore, condition: str = "attribute_not_exists(#done)") -> dict[str, object]:
    """Return a handler's write, which succeeds once."""
    return {
        "Update": {
            "TableName": store.table,
            "Key": {"pk": {"S": "mine"}, "sk": {"S": "count"}},
            "UpdateExpression": "SET #done = :one",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#done": "done"},
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }


def counted(store: GuardStore) -> bool:
    key = {"pk": {"S": "mine"}, "sk": {"S": "count"}}
    answer = store.transport("GetItem", {"TableName": store.table, "Key": key, "ConsistentRead": True})
    return "Item" in answer


def the_handlers_writes_are_atomic_with_the_settlement(store: GuardStore) -> None:
    claim_first(store)
    commit = closing(store, "succeeded")._replace(writes=(count(store),))
    other_holder = commit._replace(holder=HOLDERS[1])
    refused = store.ask(run_requests.settle(other_holder, store.token("s-1")))
    assert isinstance(refused, Refused)
    assert [condition.held for condition in refused.conditions] == [False, False, True]
    assert not counted(store)
    assert store.ask(run_requests.settle(commit, store.token("s-2"))) == Done({})
    assert counted(store)
    assert store.plain(run_key())["status"] == "succeeded"


def a_refused_write_keeps_the_attempt_open(store: GuardStore) -> None:
    claim_first(store)
    never = closing(store, "succeeded")._replace(writes=(count(store, "attribute_exists(#done)"),))
    assert store.ask(run_requests.settle(never, store.token("s-1"))) == Refused((HELD, HELD, FAILED))
    assert not counted(store)
    assert store.plain(run_key())["status"] == "running"
    assert store.plain("lease")["holder"] == HOLDERS[0]


def the_handlers_writes_work_without_a_lease(store: GuardStore) -> None:
    store.ask(claim_requests.claim_without_lease(opening(store), None, 0))
    commit = closing(store, "succeeded")._replace(writes=(count(store),))
    assert store.ask(settle_alone(commit, store.token("s-1"))) == Done({})
    assert counted(store)
    assert isinstance(store.ask(settle_alone(commit, store.token("s-2"))), Refused)


CASES: tuple[Callable[[GuardStore], None], ...] = (
    one_occurrence_waits_in_the_slot,
    a_slot_of_a_former_holder_is_refused,
    a_stale_slot_is_replaced_by_its_occurrence_id_only,
    a_new_occurrence_does_not_start_before_the_buffered_one,
    a_retry_ignores_the_slot,
    a_claim_of_the_buffered_occurrence_frees_the_slot,
    a_claim_by_the_slot_needs_the_slot,
    the_buffered_occurrence_takes_over_a_dead_holder,
    a_buffered_occurrence_that_is_too_late_is_missed,
    a_renewal_extends_the_lease_and_is_counted,
    a_renewal_alone_needs_the_open_attempt,
    the_newest_checkpoint_is_kept,
    a_retry_stores_its_earliest_start,
    the_handlers_writes_are_atomic_with_the_settlement,
    a_refused_write_keeps_the_attempt_open,
    the_handlers_writes_work_without_a_lease,
)
