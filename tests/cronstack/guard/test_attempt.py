"""The methods of a run: commit, checkpoint, extend, retry. Each is fenced, and repeated after faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cronstack.declaration import Job
from cronstack.driver import drive
from cronstack.errors import CommitRefused, LeaseLost, MisuseError, Unavailable
from cronstack.guard.attempt import LARGEST_CHECKPOINT
from cronstack.run import Run
from cronstack.runtime import Invocation
from tests.cronstack.stage import NOON, TABLE, Context, Stage, error, job, lost_answer, occurrence, scheduled_event

DUE = occurrence()
ORDERS = "orders"


def invoke(stage: Stage, of: Job, event: object = None, *, seconds: float = 60) -> dict[str, Any]:
    return Invocation(of, scheduled_event() if event is None else event, Context(stage, seconds), stage.shell()).work()


def order(number: int, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": ORDERS, "Item": {"pk": {"S": f"order {number}"}, "sk": {"S": "-"}}, **more}}


@pytest.fixture
def orders(stage: Stage) -> Callable[[], list[str]]:
    """Create a table of the project. Return a function that lists its items."""
    stage.dynamodb.create_table(
        TableName=ORDERS,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
    return lambda: sorted(item["pk"]["S"] for item in stage.dynamodb.scan(TableName=ORDERS)["Items"])


# -- commit ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_commit_settles_and_writes_in_one_request(
    stage: Stage, orders: Callable[[], list[str]], overlap: Any
) -> None:
    def stats(run: Run) -> str:
        run.commit(order(1), order(2), result={"orders": 2})
        return "not this"

    assert invoke(stage, job(stats, overlap=overlap))["cronstack"] == "succeeded"
    assert orders() == ["order 1", "order 2"]
    assert stage.run(DUE)["result"] == '{"orders":2}'
    assert len(stage.asked("GetItem")) == 2, "besides the read of the pause, for a job without a lease"
    assert "holder" not in stage.lease()


def test_a_commit_whose_answer_was_lost_is_recognised(stage: Stage, orders: Callable[[], list[str]]) -> None:
    def stats(run: Run) -> None:
        stage.fail("TransactWriteItems", lost_answer)
        run.commit(order(1, ConditionExpression="attribute_not_exists(pk)"))

    assert invoke(stage, job(stats))["cronstack"] == "succeeded"
    assert orders() == ["order 1"]


def test_a_condition_that_does_not_hold_writes_nothing_and_names_the_write(
    stage: Stage, orders: Callable[[], list[str]]
) -> None:
    refused: list[CommitRefused] = []
    stage.dynamodb.put_item(TableName=ORDERS, Item=order(2)["Put"]["Item"])
    condition = {"ConditionExpression": "attribute_not_exists(pk)", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}

    def stats(run: Run) -> None:
        try:
            run.commit(order(1), order(2, **condition))
        except CommitRefused as fault:
            refused.append(fault)
            raise

    assert invoke(stage, job(stats))["cronstack"] == "retrying"
    assert (refused[0].index, refused[0].item) == (1, order(2)["Put"]["Item"])
    assert orders() == ["order 2"]
    assert json.loads(stage.run(DUE)["error"])["type"] == "CommitRefused"


def test_a_handler_may_commit_other_writes_after_a_refusal(stage: Stage, orders: Callable[[], list[str]]) -> None:
    stage.dynamodb.put_item(TableName=ORDERS, Item=order(1)["Put"]["Item"])

    def stats(run: Run) -> None:
        with pytest.raises(CommitRefused):
            run.commit(order(1, ConditionExpression="attribute_not_exists(pk)"))
        run.commit(order(7))

    assert invoke(stage, job(stats))["cronstack"] == "succeeded"
    assert orders() == ["order 1", "order 7"]


def test_an_attempt_without_the_lease_commits_nothing(stage: Stage, orders: Callable[[], list[str]]) -> None:
    def stats(run: Run) -> None:
        stage.now += 70_000
        assert invoke(stage, job(lambda run: None))["attempt"] == 2
        run.commit(order(1))

    answer = invoke(stage, job(stats))
    assert (answer["cronstack"], orders()) == ("duplicate", [])
    assert stage.lines[-1]["error"].startswith("LeaseLost")


def test_a_run_in_doubt_is_not_settled_whatever_the_handler_does(stage: Stage, orders: Callable[[], list[str]]) -> None:
    """It is unknown whether the commit was carried out. A success without its writes, or a retry, could be wrong."""

    def stats(run: Run) -> None:
        stage.fail("TransactWriteItems", *[error("InternalServerError", 500)] * 1000)
        with pytest.raises(Unavailable):
            run.commit(order(1))
        stage.faults.clear()
        with pytest.raises(Unavailable):
            run.commit(order(1))

    with pytest.raises(Unavailable):
        invoke(stage, job(stats))
    assert stage.run(DUE)["status"] == "running"
    assert orders() == []


def test_a_commit_that_was_not_carried_out_leaves_no_doubt(stage: Stage, orders: Callable[[], list[str]]) -> None:
    def stats(run: Run) -> None:
        run.commit({"Put": {"TableName": "missing", "Item": {"pk": {"S": "x"}}}})

    assert invoke(stage, job(stats))["cronstack"] == "retrying"
    assert "ResourceNotFoundException" in stage.run(DUE)["error"]


def test_a_failure_after_the_commit_changes_nothing(stage: Stage, orders: Callable[[], list[str]]) -> None:
    def stats(run: Run) -> None:
        run.commit(order(1))
        raise ValueError("too late")

    answer = invoke(stage, job(stats))
    assert (answer["cronstack"], answer["note"]) == ("succeeded", "the handler failed after its commit")
    assert stage.lines[-1]["error"] == "ValueError: too late"


@pytest.mark.parametrize(
    ("writes", "why"),
    [
        ([order(number) for number in range(99)], "99 writes; the limit of a transaction is 98"),
        ([{"Put": {}, "Delete": {}}], r"run\.commit: write 0 is not a valid write"),
        ([order(1), {"Get": {"TableName": ORDERS}}], r"run\.commit: write 1 is not a valid write"),
        ([{"Put": {"TableName": TABLE, "Item": {}}}], "for the ledger"),
        ([{"Put": {"TableName": ORDERS, "Item": {"x": {"S": "x" * 5_000_000}}}}], "the limit is 4177920"),
    ],
)
def test_misuse_is_raised_before_any_request(stage: Stage, writes: list[Any], why: str) -> None:
    def stats(run: Run) -> None:
        sent = len(stage.calls)
        with pytest.raises(MisuseError, match=why):
            run.commit(*writes)
        assert len(stage.calls) == sent

    assert invoke(stage, job(stats))["cronstack"] == "succeeded"


def test_a_second_commit_is_misuse(stage: Stage, orders: Callable[[], list[str]]) -> None:
    def stats(run: Run) -> None:
        run.commit(order(1))
        with pytest.raises(MisuseError, match="called twice"):
            run.commit(order(2))

    assert invoke(stage, job(stats))["cronstack"] == "succeeded"
    assert orders() == ["order 1"]


# -- checkpoint --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_later_attempt_resumes_from_the_last_checkpoint(stage: Stage, overlap: Any) -> None:
    seen = []

    def stats(run: Run) -> None:
        seen.append(run.resume)
        if run.attempt == 1:
            run.checkpoint({"page": 1})
            stage.fail("UpdateItem", lost_answer)
            run.checkpoint({"page": 2})
            raise ValueError
        if run.attempt == 2:
            run.checkpoint({"page": 3})
            raise SystemExit

    of = job(stats, overlap=overlap, retries=3)
    invoke(stage, of)
    for _ in range(2):
        (carrier,) = stage.carriers()
        stage.now += carrier.after
        answer = invoke(stage, of, carrier.event)
    assert answer["cronstack"] == "succeeded"
    assert seen == [None, {"page": 2}, {"page": 3}]
    assert not {"checkpoint", "saves"} & set(stage.run(DUE)), "a finished run has a checkpoint"


def test_a_killed_attempt_leaves_its_checkpoint(stage: Stage) -> None:
    dying = stage.delivery(DUE).until("Work")
    assert dying.turn is not None
    steps = dying.turn.request.open.checkpoint("[1,2]")  # type: ignore[union-attr]
    drive(steps, stage.transport, left=lambda: 60.0, sleep=stage.sleep)
    stage.now += 70_000
    seen = []
    assert invoke(stage, job(lambda run: seen.append(run.resume)))["attempt"] == 2
    assert seen == [[1, 2]]


def test_an_earlier_checkpoint_that_arrives_late_is_ignored(stage: Stage) -> None:
    late: list[Callable[[], Any]] = []

    def delayed(call: Any, carry_out: Callable[[], Any]) -> Any:
        late.append(carry_out)
        return {"Error": {"Code": "ConnectionError", "Message": "no answer"}}

    def stats(run: Run) -> None:
        stage.fail("UpdateItem", delayed)
        run.checkpoint("first")
        run.checkpoint("second")
        late[0]()
        raise ValueError

    invoke(stage, job(stats))
    assert stage.run(DUE)["checkpoint"] == '"second"'


def test_a_checkpoint_stored_after_the_next_attempt_has_read_the_run_is_not_lost(stage: Stage) -> None:
    """The holder still runs after its lease. A checkpoint that it has stored must reach the next attempt."""
    seen: list[Any] = []

    def stats(run: Run) -> None:
        run.checkpoint("one")
        stage.now += 70_000
        successor = stage.delivery(DUE)
        successor.step()  # it has read "one"
        run.checkpoint("two")
        work = successor.until("Work").turn
        assert work is not None
        seen.append(work.request.resume)  # type: ignore[union-attr]
        with pytest.raises(LeaseLost):
            run.checkpoint("three")
        raise ValueError

    with pytest.raises(LeaseLost):
        invoke(stage, job(stats))
    assert seen == ['"two"']


def test_an_overtaken_attempt_stores_no_checkpoint(stage: Stage) -> None:
    def stats(run: Run) -> None:
        stage.now += 70_000
        stage.delivery(DUE).until("Work")
        run.checkpoint("mine")

    with pytest.raises(LeaseLost):
        invoke(stage, job(stats))
    assert "checkpoint" not in stage.run(DUE)


def test_a_checkpoint_that_is_too_large_or_not_json_is_misuse(stage: Stage) -> None:
    def stats(run: Run) -> None:
        with pytest.raises(MisuseError, match="the limit is 65536"):
            run.checkpoint("x" * LARGEST_CHECKPOINT)
        with pytest.raises(MisuseError, match="cannot be written as JSON"):
            run.checkpoint({1, 2})

    assert invoke(stage, job(stats))["cronstack"] == "succeeded"


# -- extend ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("overlap", ["skip", "allow"])
def test_a_short_lease_is_renewed(stage: Stage, overlap: Any) -> None:
    def expires() -> int:
        return int((stage.run(DUE) if overlap == "allow" else stage.lease())["expires"])

    def stats(run: Run) -> None:
        # Without a lease, the read of the pause comes first: its answer has shown the latest time that it can be.
        assert expires() == NOON + (37_000 if overlap == "allow" else 35_000)
        stage.now += 20_000
        stage.fail("UpdateItem" if overlap == "allow" else "TransactWriteItems", lost_answer)
        run.extend()
        assert not stage.faults
        assert expires() == stage.run(DUE)["expires"] == NOON + 57_000, "by the latest time that it can be"
        raise KeyboardInterrupt

    of = job(stats, overlap=overlap, timeout=900, lease=30)
    with pytest.raises(KeyboardInterrupt):
        invoke(stage, of, seconds=900)


def test_an_attempt_without_the_lease_cannot_renew_it(stage: Stage) -> None:
    def stats(run: Run) -> None:
        stage.now += 40_000
        stage.delivery(DUE).until("Work")
        run.extend()

    with pytest.raises(LeaseLost):
        invoke(stage, job(stats, timeout=900, lease=30), seconds=900)


def test_an_earlier_renewal_that_arrives_late_does_not_shorten_the_lease(stage: Stage) -> None:
    late: list[Callable[[], Any]] = []

    def delayed(call: Any, carry_out: Callable[[], Any]) -> Any:
        late.append(carry_out)
        return carry_out()

    def stats(run: Run) -> None:
        stage.fail("TransactWriteItems", delayed)
        run.extend()
        stage.now += 20_000
        run.extend()
        late[0]()
        assert stage.lease()["expires"] == NOON + 57_000, "by the latest time that it can be"

    assert invoke(stage, job(stats, timeout=900, lease=30), seconds=900)["cronstack"] == "succeeded"


# -- retry -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("after", [300, timedelta(minutes=5)])
def test_the_next_attempt_starts_when_the_handler_requested(stage: Stage, after: Any) -> None:
    answer = invoke(stage, job(lambda run: run.retry(after=after, why="the file does not exist yet")))
    assert answer["cronstack"] == "retrying"
    (carrier,) = stage.carriers()
    assert carrier.after == 300_000
    assert json.loads(stage.run(DUE)["error"])["message"] == "the file does not exist yet"


@pytest.mark.parametrize("after", [0, 0.5, 8 * 86_400, -1, float("nan")])
def test_an_invalid_span_is_misuse(stage: Stage, after: float) -> None:
    def stats(run: Run) -> None:
        with pytest.raises(MisuseError, match="1 second to 7 days"):
            run.retry(after=after)

    assert invoke(stage, job(stats))["cronstack"] == "succeeded"


def test_pauses_double_up_to_an_hour_and_twenty_retries_are_possible(stage: Stage) -> None:
    def stats(run: Run) -> None:
        raise ValueError

    of, event, pauses = job(stats, retries=20), scheduled_event(), []
    while invoke(stage, of, event)["cronstack"] == "retrying":
        (carrier,) = stage.carriers()
        stage.now += carrier.after
        event = carrier.event
        pauses.append(carrier.after / 1000)
    assert len(pauses) == 20
    for number, pause in enumerate(pauses):
        expected = min(3600, 60 * 2**number)
        assert expected <= pause <= expected * 1.1 + 1
    assert stage.run(DUE)["attempt"] == 21
    assert len(stage.letters()) == 1


def test_an_open_run_is_retried_after_the_horizon(stage: Stage) -> None:
    """Its item is open. Only a run without an item may have expired."""
    first = job(lambda run: run.retry(after=7 * 86_400), retries=3)
    event: Any = scheduled_event()
    answers = []
    for _ in range(4):
        answers.append(invoke(stage, first, event)["cronstack"])
        for carrier in stage.carriers():
            stage.now, event = stage.now + carrier.after, carrier.event
    assert stage.now - NOON > 20 * 86_400_000
    assert answers == ["retrying", "retrying", "retrying", "dead"]


def test_a_transport_that_breaks_in_a_commit_leaves_a_doubt(stage: Stage, orders: Callable[[], list[str]]) -> None:
    def broken(call: Any, carry_out: Callable[[], Any]) -> Any:
        carry_out()
        raise RuntimeError("the answer cannot be read")

    def stats(run: Run) -> None:
        stage.fail("TransactWriteItems", broken)
        with pytest.raises(RuntimeError):
            run.commit(order(1))

    with pytest.raises(Unavailable, match="RuntimeError"):
        invoke(stage, job(stats))
    assert (stage.run(DUE)["status"], orders()) == ("succeeded", ["order 1"])


def test_a_run_without_a_guard_raises_misuse(stage: Stage) -> None:
    run = Run("stats", "t-1", DUE.scheduled, 1, 1, {}, None, lambda: 1.0)  # type: ignore[arg-type]
    with pytest.raises(MisuseError, match=r"run\.commit needs the guard"):
        run.commit()


def test_misuse_that_the_handler_does_not_catch_is_permanent(stage: Stage) -> None:
    answer = invoke(stage, job(lambda run: run.retry(after=0)))
    assert (answer["cronstack"], answer["reason"]) == ("dead", "Permanent")
