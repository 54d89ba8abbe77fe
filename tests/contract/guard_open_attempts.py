"""The contract of a store for the guard, second half: the slot of what waits, what an attempt writes while it is open,
and the handler's own writes beside a settlement. See ``guard_store``.
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


def held(store: GuardStore) -> None:
    store.ask(claim_requests.claim(opening(store), None, store.token("c-1")))


def waits(store: GuardStore, number: int = 1, by: int = 0, stale: str | None = None) -> Done | Refused | Fault:
    """An occurrence asks for the slot of the holder it met."""
    of = closing(store, "buffered", number, 1)
    return store.ask(
        run_requests.buffer(of, EVENT, HOLDERS[by], stale, store.token(f"b-{number}-{by}-{(stale or '')[-6:]}"))
    )


# -- the slot ----------------------------------------------------------------------------------------------------------
def one_waits_in_the_slot(store: GuardStore) -> None:
    held(store)
    assert waits(store) == Done({})
    assert store.plain("lease")["buffered"] == due(1).id
    run = store.plain(run_key(1))
    assert (run["status"], run["event"], run["by"], "attempt" in run) == ("buffered", EVENT, HOLDERS[0], False)
    full = waits(store, 2)
    assert full == Refused((Condition(held=False, item=store.item("lease")), HELD))
    assert store.item(run_key(2)) is None


def nobody_waits_for_a_holder_that_has_gone(store: GuardStore) -> None:
    held(store)
    assert isinstance(waits(store, by=2), Refused)
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    assert isinstance(waits(store), Refused)
    assert store.item(run_key(1)) is None


def a_stale_slot_is_taken_by_its_name_only(store: GuardStore) -> None:
    held(store)
    waits(store)
    assert isinstance(waits(store, 2, stale="t-other"), Refused)
    assert waits(store, 2, stale=due(1).id) == Done({})
    assert store.plain("lease")["buffered"] == due(2).id


def what_waits_is_claimed_and_the_slot_is_free(store: GuardStore) -> None:
    held(store)
    waits(store)
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    assert store.plain("lease") == {"fence": 10, "buffered": due(1).id, "v": 1}
    of = opening(store, 1, 1, 11)
    assert store.ask(claim_requests.claim(of, seen(store, 1), store.token("c-2"), slot=due(1).id)) == Done({})
    assert "buffered" not in store.plain("lease")
    run = store.plain(run_key(1))
    assert (run["status"], run["attempt"], "event" in run, "listed" in run) == ("running", 1, True, True)


def a_claim_that_counts_on_the_slot_needs_it(store: GuardStore) -> None:
    held(store)
    waits(store)
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    other = claim_requests.claim(opening(store, 2, 2, 11), None, store.token("c-2"), slot=due(2).id)
    assert store.ask(other) == Refused((Condition(held=False, item=store.item("lease")), HELD))


def no_newcomer_starts_before_what_waits(store: GuardStore) -> None:
    held(store)
    waits(store)
    dead = seen_lease(store)
    heir = claim_requests.take_over(opening(store, 2, 2, 11), None, dead, store.token("c-2"), mark_crashed=True)
    refused = store.ask(heir)
    assert isinstance(refused, Refused)
    assert [one.held for one in refused.conditions] == [False, True, True]
    store.ask(run_requests.settle(closing(store, "succeeded"), store.token("s-1")))
    newcomer = claim_requests.claim(opening(store, 2, 2, 11), None, store.token("c-3"))
    assert store.ask(newcomer) == Refused((Condition(held=False, item=store.item("lease")), HELD))


def what_has_started_does_not_wait_for_the_slot(store: GuardStore) -> None:
    held(store)
    waits(store)
    store.ask(run_requests.settle(closing(store, "retrying"), store.token("s-1")))
    again = claim_requests.claim(opening(store, 0, 2, 11), seen(store, 0), store.token("c-2"))
    assert store.ask(again) == Done({})
    assert store.plain("lease")["buffered"] == due(1).id


def what_waits_takes_over_a_dead_holder(store: GuardStore) -> None:
    held(store)
    waits(store)
    of, lease = opening(store, 1, 1, 11), seen_lease(store)
    call = claim_requests.take_over(of, seen(store, 1), lease, store.token("c-2"), mark_crashed=True, slot=due(1).id)
    assert store.ask(call) == Done({})
    assert (store.plain(run_key(0))["status"], store.plain(run_key(1))["status"]) == ("crashed", "running")
    assert "buffered" not in store.plain("lease")


def what_waited_too_long_is_missed(store: GuardStore) -> None:
    held(store)
    waits(store)
    late = closing(store, "missed", 1, 1, "too_late")._replace(expires=NOON + 5)
    assert store.ask(run_requests.miss_buffered(late, store.token("m-1"), in_slot=True)) == Done({})
    run = store.plain(run_key(1))
    assert (run["status"], run["reason"], "event" in run, "listed" in run) == ("missed", "too_late", True, True)
    assert "buffered" not in store.plain("lease")
    again = store.ask(run_requests.miss_buffered(late, store.token("m-2"), in_slot=True))
    assert isinstance(again, Refused)
    assert [one.held for one in again.conditions] == [False, False]
    assert isinstance(store.ask(run_requests.miss_buffered(late, store.token("m-3"), in_slot=False)), Refused)


def renewal(store: GuardStore, later: int, holder: int = 0) -> run_requests.Renewal:
    of = opening(store, holder=holder)
    return run_requests.Renewal(of.table, of.occurrence, of.holder, NOON + 65_000 + later)


def renew_alone(store: GuardStore, later: int) -> Done | Refused | Fault:
    return store.ask(run_requests.extend(renewal(store, later)._replace(alone=True), ""))


# -- what an open attempt writes ---------------------------------------------------------------------------------------
def a_renewal_lengthens_and_is_counted(store: GuardStore) -> None:
    held(store)
    assert store.ask(run_requests.extend(renewal(store, 20), store.token("s-1"))) == Done({})
    assert store.plain(run_key())["expires"] == NOON + 65_020
    lease = store.plain("lease")
    assert (lease["expires"], lease["beats"], lease["fence"]) == (NOON + 65_020, 1, 10)
    late, others = renewal(store, 15), renewal(store, 30, holder=1)
    assert isinstance(store.ask(run_requests.extend(late, store.token("s-2"))), Refused), "it came late"
    assert isinstance(store.ask(run_requests.extend(others, store.token("s-3"))), Refused), "not the holder's"
    assert store.plain("lease") == lease


def a_renewal_alone_needs_the_open_attempt(store: GuardStore) -> None:
    store.ask(claim_requests.claim_without_lease(opening(store), None, 0))
    assert renew_alone(store, 20) == Done({})
    assert store.plain(run_key())["expires"] == NOON + 65_020
    assert isinstance(renew_alone(store, 15), Refused)
    store.ask(settle_alone(closing(store, "succeeded")))
    assert isinstance(renew_alone(store, 30), Refused)


def the_newest_checkpoint_stays(store: GuardStore) -> None:
    held(store)

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


def a_retry_knows_when_it_may_begin(store: GuardStore) -> None:
    held(store)
    later = closing(store, "retrying")._replace(after=NOON + 60_000)
    store.ask(run_requests.settle(later, store.token("s-1")))
    assert store.plain(run_key())["after"] == NOON + 60_000
    store.ask(claim_requests.claim(opening(store, holder=1, fence=11), seen(store), store.token("c-2")))
    assert "after" not in store.plain(run_key())


# -- the handler's own writes ------------------------------------------------------------------------------------------
def count(store: GuardStore, condition: str = "attribute_not_exists(#done)") -> dict[str, object]:
    """A write of a handler: it counts, once."""
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


def the_handlers_writes_come_with_the_settlement_or_not_at_all(store: GuardStore) -> None:
    held(store)
    commit = closing(store, "succeeded")._replace(writes=(count(store),))
    stranger = commit._replace(holder=HOLDERS[1])
    refused = store.ask(run_requests.settle(stranger, store.token("s-1")))
    assert isinstance(refused, Refused)
    assert [one.held for one in refused.conditions] == [False, False, True]
    assert not counted(store)
    assert store.ask(run_requests.settle(commit, store.token("s-2"))) == Done({})
    assert counted(store)
    assert store.plain(run_key())["status"] == "succeeded"


def a_write_that_is_refused_keeps_the_attempt_open(store: GuardStore) -> None:
    held(store)
    never = closing(store, "succeeded")._replace(writes=(count(store, "attribute_exists(#done)"),))
    assert store.ask(run_requests.settle(never, store.token("s-1"))) == Refused((HELD, HELD, FAILED))
    assert not counted(store)
    assert store.plain(run_key())["status"] == "running"
    assert store.plain("lease")["holder"] == HOLDERS[0]


def they_come_without_a_lease_too(store: GuardStore) -> None:
    store.ask(claim_requests.claim_without_lease(opening(store), None, 0))
    commit = closing(store, "succeeded")._replace(writes=(count(store),))
    assert store.ask(settle_alone(commit, store.token("s-1"))) == Done({})
    assert counted(store)
    assert isinstance(store.ask(settle_alone(commit, store.token("s-2"))), Refused)


CASES: tuple[Callable[[GuardStore], None], ...] = (
    one_waits_in_the_slot,
    nobody_waits_for_a_holder_that_has_gone,
    a_stale_slot_is_taken_by_its_name_only,
    no_newcomer_starts_before_what_waits,
    what_has_started_does_not_wait_for_the_slot,
    what_waits_is_claimed_and_the_slot_is_free,
    a_claim_that_counts_on_the_slot_needs_it,
    what_waits_takes_over_a_dead_holder,
    what_waited_too_long_is_missed,
    a_renewal_lengthens_and_is_counted,
    a_renewal_alone_needs_the_open_attempt,
    the_newest_checkpoint_stays,
    a_retry_knows_when_it_may_begin,
    the_handlers_writes_come_with_the_settlement_or_not_at_all,
    a_write_that_is_refused_keeps_the_attempt_open,
    they_come_without_a_lease_too,
)
