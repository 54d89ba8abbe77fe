"""Finds what waits in a stack, for some jobs or for all. Reads the index, the rows, the groups and the queues."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cronstack import clock
from cronstack.deploy_check.names import BY_CODE, CARRIERS, JOBS, KEPT, LEDGER, PLANS_GROUP, QUEUES, listed

if TYPE_CHECKING:
    from cronstack.steps import Call

RESERVE: Final = 12_000
"""Milliseconds before the function's end at which the check stops and answers."""
MOST: Final = 100
"""The most that is counted of each kind. The message is then "at least 100"."""
BEHIND: Final = 2 * 86_400_000
"""Milliseconds before now from which plans are read. Scheduler retries a delivery for a day at most."""
_UNFINISHED: Final = ("retrying", "crashed", "buffered")


class TooLittleTime(Exception):
    """Too little time is left to continue the check."""


def find_of_jobs(jobs: list[str], context: Any) -> str:
    """Return what waits for the jobs, as words; "" if nothing waits."""
    from cronstack.guard import carrier
    from cronstack.onetime import schedules

    found = []
    for job in jobs:
        _check(context)
        plans, runs = _planned(job, context), _unfinished(job, by_code=True)
        if not plans:  # a schedule without a row, or the row is not in the index yet
            plans = _schedules(PLANS_GROUP, schedules.prefix(job))
        if not runs:
            runs = _schedules(CARRIERS, carrier.prefix(job))
        if plans or runs:
            found.append(f"{job}: {_counted(plans, runs)}")
    return "; ".join(found)


def find_in_stack(properties: Mapping[str, Any], context: Any) -> str:
    """Return what waits in the stack, as words; "" if nothing waits."""
    plans, runs, by_code = _schedules(PLANS_GROUP), 0, listed(properties, BY_CODE)
    for job in (*listed(properties, JOBS), *listed(properties, KEPT)):
        _check(context)
        runs += 0 if runs >= MOST else _unfinished(job, by_code=job in by_code)
    letters = sum(_letters(url) for url in os.environ[QUEUES].split())
    return _counted(plans, runs or _schedules(CARRIERS), letters)


def _planned(job: str, context: Any) -> int:
    """Count the plans of a job with the status "planned"."""
    from cronstack.ledger.items import read_plan
    from cronstack.ledger.partitions import plan_partitions

    found = 0
    for partition in plan_partitions(job):
        _check(context)
        for items in _rows(partition, partition, clock.now_ms() - BEHIND):
            plans = (read_plan(item) for item in items)
            found += sum(plan is not None and plan.status == "planned" for plan in plans)
            if found >= MOST:
                return MOST
    return found


def _unfinished(job: str, *, by_code: bool) -> int:
    """Count the runs of a job that wait for an attempt."""
    from cronstack.ledger.items import read_run
    from cronstack.ledger.partitions import open_lists

    found = 0
    for name in open_lists(job, by_code=by_code):
        for items in _rows(name, name.removeprefix("open#"), 0):
            runs = (read_run(item) for item in items)
            found += sum(run is not None and run.status in _UNFINISHED for run in runs)
            if found >= MOST:
                return MOST
    return found


def _rows(name: str, partition: str, first: int) -> Iterator[list[Any]]:
    """Yield the rows of a list of the index, in pages. Skip entries of another partition: they are forged."""
    from cronstack.ledger.listings import MOST_ROWS, batch_get, query_due
    from cronstack.ledger.partitions import PK, SK

    table, start = os.environ[LEDGER], None
    while True:
        answer = _ledger(query_due(table, name, first=first, newest_first=True, start=start, limit=MOST_ROWS))
        keys = [{PK: entry[PK], SK: entry[SK]} for entry in answer["Items"] if entry[PK]["S"] == partition]
        while keys:
            got = _ledger(batch_get(table, keys))
            yield got["Responses"].get(table, [])
            keys = got.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def _ledger(call: Call) -> Any:
    dynamodb = client("dynamodb")
    return (
        dynamodb.query(**call.parameters) if call.operation == "Query" else dynamodb.batch_get_item(**call.parameters)
    )


def _schedules(group: str, prefix: str = "") -> int:
    """Count the schedules of a group whose names begin with ``prefix``. ``group``: the variable with its name."""
    named = {"NamePrefix": prefix} if prefix else {}
    try:
        answer = client("scheduler").list_schedules(GroupName=os.environ[group], MaxResults=MOST, **named)
    except Exception as fault:  # the client makes its exception classes at run time; others are re-raised
        if "ResourceNotFound" in type(fault).__name__:
            return 0
        raise
    return len(answer["Schedules"])


def _letters(url: str) -> int:
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    try:
        counts = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
    except Exception as fault:  # the client makes its exception classes at run time; others are re-raised
        if "NonExistentQueue" in str(fault) or "QueueDoesNotExist" in type(fault).__name__:
            return 0
        raise
    return sum(int(counts.get(name, 0)) for name in names)


def _counted(plans: int, runs: int, letters: int = 0) -> str:
    kinds = ((plans, "planned occurrence"), (runs, "unfinished run"), (letters, "dead letter"))
    words = [
        f"{'at least ' if count >= MOST else ''}{count} {what}{'' if count == 1 else 's'}"
        for count, what in kinds
        if count
    ]
    return f"{' and '.join(words)} {'waits' if plans + runs + letters == 1 else 'wait'}" if words else ""


def _check(context: Any) -> None:
    if context.get_remaining_time_in_millis() < RESERVE:
        raise TooLittleTime


_clients: dict[str, Any] = {}


def client(service: str) -> Any:
    if service not in _clients:
        from botocore.config import Config
        from botocore.session import get_session

        config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 5})
        _clients[service] = get_session().create_client(service, config=config)
    return _clients[service]
