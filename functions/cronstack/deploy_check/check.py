"""The deploy check: a custom resource of each stack, which refuses an update or a deletion that would lose something.

    Create                                  accepted without a check
    Update that removes a job, or its       refused while runs or plans of the job wait
    once(), or the roles of a removed job
    Delete                                  refused while anything waits: plans, carriers, unfinished runs, dead letters
    in a rollback, or in a cleanup          accepted: only UPDATE_IN_PROGRESS and DELETE_IN_PROGRESS are refused

In an update, CloudFormation calls the check after it has created and changed resources, and before it deletes any. In a
deletion, it calls the check first. The check always answers within the ServiceTimeout, also after an exception.

The index of the ledger is a moment behind the table, so a check that finds nothing is repeated once. It does not find
plans that code makes afterwards: ``cronstack strays`` lists these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from cronstack import clock
from cronstack.deploy_check.answer import send
from cronstack.deploy_check.names import (
    ALL,
    BY_CODE,
    DELETE_UNTIL,
    JOBS,
    KEPT,
    RETAINED_ONCE,
    listed,
    regardless,
)
from cronstack.deploy_check.waiting import TooLittleTime, client, find_in_stack, find_of_jobs

TIMEOUT: Final = 55
"""Timeout of the function in seconds. CloudFormation waits for 60."""
PAUSE: Final = 2.0
"""Seconds between the two checks."""
REFUSABLE: Final = {"Update": "UPDATE_IN_PROGRESS", "Delete": "DELETE_IN_PROGRESS"}


def handler(event: dict[str, Any], context: Any) -> None:
    """Handle a request of CloudFormation: send the answer. Raise only if the answer cannot be sent."""
    try:
        reason = judge(event, context)
    except Exception as fault:  # without an answer, CloudFormation waits for a minute and reports a timeout
        reason = _unless_rolled_back(event, f"The check failed: {type(fault).__name__}: {fault}")
    print(f"{event.get('RequestType')}: {f'refused. {reason}' if reason else 'accepted'}")
    send(event, reason)


def judge(event: Mapping[str, Any], context: Any) -> str:
    """Return why the request is refused; "" if it is accepted."""
    kind, properties = event["RequestType"], event.get("ResourceProperties") or {}
    jobs: list[str] = []
    if kind == "Update":
        jobs = _removed(event.get("OldResourceProperties") or {}, properties)
        if not jobs:
            return ""
    elif kind != "Delete" or ALL in regardless(properties) or _may_be_deleted():
        return ""

    def find() -> str:
        return find_of_jobs(jobs, context) if jobs else find_in_stack(properties, context)

    try:
        waiting = find()
        if not waiting:
            clock.sleep(PAUSE)
            waiting = find()
    except TooLittleTime:
        waiting = "The check did not finish within a minute, because too much waits"
    return _unless_rolled_back(event, f"{waiting}. {_remedy(jobs, properties)}") if waiting else ""


def _may_be_deleted() -> bool:
    return float(os.environ.get(DELETE_UNTIL) or 0) > clock.now_ms() / 1000


def _removed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the jobs that the update may not remove, but does: the jobs, their ``once()`` or their roles."""
    gone = set(listed(old, JOBS)) - set(listed(new, JOBS))
    gone |= set(listed(old, KEPT)) - set(listed(new, JOBS)) - set(listed(new, KEPT))
    gone |= set(listed(old, BY_CODE)) - set(listed(new, BY_CODE))
    gone |= set(listed(old, RETAINED_ONCE)) - set(listed(new, BY_CODE)) - set(listed(new, RETAINED_ONCE))
    allowed = regardless(new)
    return [] if ALL in allowed else sorted(gone - allowed)


def _remedy(jobs: list[str], properties: Mapping[str, Any]) -> str:
    """Return the remedy for the user who deploys. ``jobs`` is empty for a deletion."""
    if not jobs:
        return "After a deletion these never run. To delete the stack anyway: cronstack cdk --even-if-waiting destroy"
    kept = {*listed(properties, JOBS), *listed(properties, KEPT)}
    result = "each then runs or ends as a dead letter" if kept.issuperset(jobs) else "they are lost then"
    removed = "these jobs" if len(jobs) > 1 else "the job"
    return (
        f"This update removes {removed}, or the once(). Declare {removed} until these have run (a renamed function "
        f"keeps its job by @job(name=...)); or deploy with -c cronstack:even-if-waiting={','.join(jobs)}: {result}"
    )


def _unless_rolled_back(event: Mapping[str, Any], reason: str) -> str:
    """Return the reason, or "" where a refusal would leave a rollback or a cleanup unfinished.

    If the status cannot be read, an update is accepted, because it may be a rollback, and a deletion is refused.
    """
    kind = str(event.get("RequestType"))
    for _ in range(3):
        try:
            stack = client("cloudformation").describe_stacks(StackName=event["StackId"])["Stacks"][0]
            return reason if stack["StackStatus"] == REFUSABLE.get(kind) else ""
        except Exception as fault:  # any fault of the request: CloudFormation must still get an answer
            print(json.dumps({"fault": f"DescribeStacks: {fault}"}))
            clock.sleep(0.5)
    return reason if kind == "Delete" else ""
