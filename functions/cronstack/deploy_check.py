"""The deploy check: a custom resource of each stack, which refuses an update or a deletion that would lose something.

    Create                                  accepted, without a look
    Update that removes a job, or its       refused while runs or plans of the job wait
    once(), or the roles of a removed one
    Delete                                  refused while anything waits: plans, carriers, unfinished runs, dead letters
    in a rollback, or in a cleanup          accepted: only UPDATE_IN_PROGRESS and DELETE_IN_PROGRESS are refused

CloudFormation asks it after all that the update creates and changes, and before it deletes anything; at a deletion
first of all. It always answers, and within the ServiceTimeout: an exception is an answer, too.

The index of the ledger is a moment behind the table, so where nothing is found it looks a second time. Plans that code
makes after the look are not found: ``cronstack once strays`` lists these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from cronstack import clock

if TYPE_CHECKING:
    from cronstack.steps import Call

JOBS: Final = "Jobs"
"""Property: names of the declared jobs."""
BY_CODE: Final = "ByCode"
"""Property: those of them that are declared by ``once()``."""
KEPT: Final = "Kept"
"""Property: names of jobs that are not declared, and whose roles the stack keeps."""
KEPT_ONCE: Final = "KeptOnce"
"""Property: names of jobs without ``once()`` whose plans still run."""
REGARDLESS: Final = "EvenIfWaiting"
"""Property: names of jobs that may be removed although something waits, or ALL."""
ALL: Final = "all"

LEDGER: Final = "CRONSTACK_LEDGER"
CARRIERS: Final = "CRONSTACK_CARRIERS"
PLANS_GROUP: Final = "CRONSTACK_PLANS_GROUP"
QUEUES: Final = "CRONSTACK_QUEUES"
"""Variable: URLs of the two queues of dead letters, with a space between them."""
DELETE_UNTIL: Final = "CRONSTACK_DELETE_UNTIL"
"""Variable: epoch seconds until which a deletion is accepted, whatever waits. ``cronstack cdk`` sets it."""

TIMEOUT: Final = 55
"""Seconds of the function. CloudFormation waits for 60."""
RESERVE: Final = 12_000
"""Milliseconds before the function's end at which it stops to look, and answers."""
PAUSE: Final = 2.0
"""Seconds between the two looks."""
MOST: Final = 100
"""Of each kind, for which the message says "at least 100"."""
LONGEST_REASON: Final = 700
"""Characters of a reason. CloudFormation cuts what is much longer."""
BEHIND: Final = 2 * 86_400_000
"""Milliseconds. How far back plans are read: Scheduler tries for a day at most."""
REFUSABLE: Final = {"Update": "UPDATE_IN_PROGRESS", "Delete": "DELETE_IN_PROGRESS"}
_UNFINISHED: Final = ("retrying", "crashed", "buffered")


class Hurry(Exception):
    """There is too little time left to look on."""


def handler(event: dict[str, Any], context: Any) -> None:
    """Lambda's entry. Answers CloudFormation, and raises only if the answer cannot be sent."""
    try:
        reason = judge(event, context)
    except Exception as fault:  # without an answer, CloudFormation waits for a minute and reports only that
        reason = _unless_rolled_back(event, f"The look failed: {type(fault).__name__}: {fault}")
    print(json.dumps({"request": event.get("RequestType"), "refused": reason}))
    send(event, reason)


def judge(event: Mapping[str, Any], context: Any) -> str:
    """Return why the request is refused; "" if it is accepted."""
    kind, properties = event["RequestType"], event.get("ResourceProperties") or {}
    jobs: list[str] = []
    if kind == "Update":
        jobs = _removed(event.get("OldResourceProperties") or {}, properties)
        if not jobs:
            return ""
    elif kind != "Delete" or ALL in _regardless(properties) or _may_be_deleted():
        return ""

    def look() -> str:
        return _look_at_jobs(jobs, context) if jobs else _look_at_all(properties, context)

    try:
        waiting = look()
        if not waiting:
            clock.sleep(PAUSE)
            waiting = look()
    except Hurry:
        waiting = "There is more to look through than a minute allows"
    return _unless_rolled_back(event, f"{waiting}. {_remedy(jobs, properties)}") if waiting else ""


def _may_be_deleted() -> bool:
    return float(os.environ.get(DELETE_UNTIL) or 0) > clock.now_ms() / 1000


def _removed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the jobs that the update removes, or whose ``once()`` or roles, without those that may be."""
    gone = set(_list(old, JOBS)) - set(_list(new, JOBS))
    gone |= set(_list(old, KEPT)) - set(_list(new, JOBS)) - set(_list(new, KEPT))
    gone |= set(_list(old, BY_CODE)) - set(_list(new, BY_CODE))
    gone |= set(_list(old, KEPT_ONCE)) - set(_list(new, BY_CODE)) - set(_list(new, KEPT_ONCE))
    may = _regardless(new)
    return [] if ALL in may else sorted(gone - may)


def _look_at_jobs(jobs: list[str], context: Any) -> str:
    """Return what waits for the jobs, as words; "" for nothing."""
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


def _look_at_all(properties: Mapping[str, Any], context: Any) -> str:
    """Return what waits in the stack, as words; "" for nothing."""
    plans, runs, by_code = _schedules(PLANS_GROUP), 0, _list(properties, BY_CODE)
    for job in (*_list(properties, JOBS), *_list(properties, KEPT)):
        _check(context)
        runs += 0 if runs >= MOST else _unfinished(job, by_code=job in by_code)
    letters = sum(_letters(url) for url in os.environ[QUEUES].split())
    return _counted(plans, runs or _schedules(CARRIERS), letters)


def _remedy(jobs: list[str], properties: Mapping[str, Any]) -> str:
    """Return what the person who deploys can do. ``jobs`` is empty for a deletion."""
    if not jobs:
        return "Nothing would ever run these. Delete the stack all the same: cronstack cdk --even-if-waiting destroy"
    kept = {*_list(properties, JOBS), *_list(properties, KEPT)}
    fate = "each then runs or ends as a dead letter" if kept.issuperset(jobs) else "they are lost then"
    return f"Declare the job until these have run; or deploy with -c cronstack:even-if-waiting={','.join(jobs)}: {fate}"


def _unless_rolled_back(event: Mapping[str, Any], reason: str) -> str:
    """Return the reason, or "" where a refusal would leave a rollback or a cleanup unfinished.

    If the status cannot be asked, an update is accepted, because it may be a rollback, and a deletion is not.
    """
    kind = str(event.get("RequestType"))
    for _ in range(3):
        try:
            found = _client("cloudformation").describe_stacks(StackName=event["StackId"])["Stacks"][0]
            return reason if found["StackStatus"] == REFUSABLE.get(kind) else ""
        except Exception as fault:  # whatever it is, there must be an answer
            print(json.dumps({"fault": f"DescribeStacks: {fault}"}))
            clock.sleep(0.5)
    return reason if kind == "Delete" else ""


# -- what waits --------------------------------------------------------------------------------------------------------


def _planned(job: str, context: Any) -> int:
    """Count the plans of a job whose row says that they are to come."""
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
    """Count the runs of a job that are to come back."""
    from cronstack.ledger.items import read_run
    from cronstack.ledger.partitions import open_lists

    found = 0
    for listed in open_lists(job, by_code=by_code):
        for items in _rows(listed, listed.removeprefix("open#"), 0):
            runs = (read_run(item) for item in items)
            found += sum(run is not None and run.status in _UNFINISHED for run in runs)
            if found >= MOST:
                return MOST
    return found


def _rows(listed: str, partition: str, first: int) -> Iterator[list[Any]]:
    """Yield the rows of a list of the index, in pages. Entries of another partition are not believed."""
    from cronstack.ledger.listings import MOST_ROWS, batch_get, query_due
    from cronstack.ledger.partitions import PK, SK

    table, start = os.environ[LEDGER], None
    while True:
        answer = _ledger(query_due(table, listed, first=first, newest_first=True, start=start, limit=MOST_ROWS))
        keys = [{PK: one[PK], SK: one[SK]} for one in answer["Items"] if one[PK]["S"] == partition]
        while keys:
            got = _ledger(batch_get(table, keys))
            yield got["Responses"].get(table, [])
            keys = got.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        start = answer.get("LastEvaluatedKey")
        if not start:
            return


def _ledger(call: Call) -> Any:
    client = _client("dynamodb")
    return client.query(**call.parameters) if call.operation == "Query" else client.batch_get_item(**call.parameters)


def _schedules(group: str, prefix: str = "") -> int:
    """Count the schedules of a group, named by its variable, whose names begin so."""
    named = {"NamePrefix": prefix} if prefix else {}
    try:
        answer = _client("scheduler").list_schedules(GroupName=os.environ[group], MaxResults=MOST, **named)
    except Exception as fault:
        if "ResourceNotFound" in type(fault).__name__:
            return 0
        raise
    return len(answer["Schedules"])


def _letters(url: str) -> int:
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    try:
        counts = _client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(names))["Attributes"]
    except Exception as fault:
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
        raise Hurry


def _list(properties: Mapping[str, Any], name: str) -> list[str]:
    found = properties.get(name)
    return [str(one) for one in found] if isinstance(found, list) else []


def _regardless(properties: Mapping[str, Any]) -> set[str]:
    return {name.strip() for name in str(properties.get(REGARDLESS) or "").split(",")} - {""}


_clients: dict[str, Any] = {}


def _client(service: str) -> Any:
    if service not in _clients:
        from botocore.config import Config
        from botocore.session import get_session

        config = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 5})
        _clients[service] = get_session().create_client(service, config=config)
    return _clients[service]


# -- the answer --------------------------------------------------------------------------------------------------------


def send(event: Mapping[str, Any], reason: str) -> None:
    """PUT the answer to the URL that CloudFormation gave. Tries three times."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    answer = {
        "Status": "FAILED" if reason else "SUCCESS",
        "Reason": _cut(reason),
        # Always the same: another one would be a replacement, and the old one would be deleted in the cleanup.
        "PhysicalResourceId": event.get("PhysicalResourceId") or "cronstack-deploy-check",
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    url = urlsplit(event["ResponseURL"])
    where = f"{url.path}?{url.query}" if url.query else url.path
    for left in (2, 1, 0):
        connection = (HTTPSConnection if url.scheme == "https" else HTTPConnection)(url.netloc, timeout=3)
        try:
            # S3 has signed the URL for an empty type.
            connection.request("PUT", where, json.dumps(answer).encode(), {"Content-Type": ""})
            response = connection.getresponse()
            response.read()
            if response.status < 300:
                return
            print(json.dumps({"fault": f"the answer was refused: HTTP {response.status}"}))
        except (OSError, HTTPException) as fault:
            if not left:
                raise
            print(json.dumps({"fault": f"the answer was not sent: {fault}"}))
        finally:
            connection.close()
        clock.sleep(0.5)


def _cut(reason: str) -> str:
    """Cut the reason in its middle: what waits comes first, the remedy last."""
    reason = reason.encode("ascii", "replace").decode()  # in JSON, any other character takes six bytes
    if len(reason) <= LONGEST_REASON:
        return reason
    half = LONGEST_REASON // 2 - 3
    return f"{reason[:half]} ... {reason[-half:]}"
