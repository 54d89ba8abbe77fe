"""The deploy check: a custom resource of each stack, which refuses an update or a deletion that would lose something.

    Create                                  accepted, without a look
    Update that removes a job, or its       refused while runs or plans of the job wait
    once(), or the roles of a removed one
    Delete                                  refused while anything waits: plans, carriers, unfinished runs, dead letters
    in a rollback, or in a cleanup          accepted: only UPDATE_IN_PROGRESS and DELETE_IN_PROGRESS are refused

CloudFormation asks it after all that the update creates and changes, and before it deletes anything; at a deletion
first of all. It always answers, and within the ServiceTimeout: an exception is an answer, too.

The index of the ledger is a moment behind the table, so where nothing is found it looks a second time. Plans that code
makes after the look are not found: ``cronstack strays`` lists these.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from cronstack import clock
from cronstack.deploy_check.answer import send
from cronstack.deploy_check.looks import Hurry, client, look_at_all, look_at_jobs
from cronstack.deploy_check.names import (
    ALL,
    BY_CODE,
    DELETE_UNTIL,
    JOBS,
    KEPT,
    KEPT_ONCE,
    listed,
    regardless,
)

TIMEOUT: Final = 55
"""Seconds of the function. CloudFormation waits for 60."""
PAUSE: Final = 2.0
"""Seconds between the two looks."""
REFUSABLE: Final = {"Update": "UPDATE_IN_PROGRESS", "Delete": "DELETE_IN_PROGRESS"}


def handler(event: dict[str, Any], context: Any) -> None:
    """Lambda's entry. Answers CloudFormation, and raises only if the answer cannot be sent."""
    try:
        reason = judge(event, context)
    except Exception as fault:  # without an answer, CloudFormation waits for a minute and reports only a timeout
        reason = _unless_rolled_back(event, f"The look failed: {type(fault).__name__}: {fault}")
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

    def look() -> str:
        return look_at_jobs(jobs, context) if jobs else look_at_all(properties, context)

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
    gone = set(listed(old, JOBS)) - set(listed(new, JOBS))
    gone |= set(listed(old, KEPT)) - set(listed(new, JOBS)) - set(listed(new, KEPT))
    gone |= set(listed(old, BY_CODE)) - set(listed(new, BY_CODE))
    gone |= set(listed(old, KEPT_ONCE)) - set(listed(new, BY_CODE)) - set(listed(new, KEPT_ONCE))
    may = regardless(new)
    return [] if ALL in may else sorted(gone - may)


def _remedy(jobs: list[str], properties: Mapping[str, Any]) -> str:
    """Return what the person who deploys can do. ``jobs`` is empty for a deletion."""
    if not jobs:
        return "Nothing would ever run these. Delete the stack all the same: cronstack cdk --even-if-waiting destroy"
    kept = {*listed(properties, JOBS), *listed(properties, KEPT)}
    fate = "each then runs or ends as a dead letter" if kept.issuperset(jobs) else "they are lost then"
    them = "these jobs" if len(jobs) > 1 else "the job"
    return (
        f"This update removes {them}, or the once(). Declare {them} until these have run (a function that was renamed "
        f"keeps its job by @job(name=...)); or deploy with -c cronstack:even-if-waiting={','.join(jobs)}: {fate}"
    )


def _unless_rolled_back(event: Mapping[str, Any], reason: str) -> str:
    """Return the reason, or "" where a refusal would leave a rollback or a cleanup unfinished.

    If the status cannot be asked, an update is accepted, because it may be a rollback, and a deletion is not.
    """
    kind = str(event.get("RequestType"))
    for _ in range(3):
        try:
            found = client("cloudformation").describe_stacks(StackName=event["StackId"])["Stacks"][0]
            return reason if found["StackStatus"] == REFUSABLE.get(kind) else ""
        except Exception as fault:  # CloudFormation must get an answer after any fault
            print(json.dumps({"fault": f"DescribeStacks: {fault}"}))
            clock.sleep(0.5)
    return reason if kind == "Delete" else ""
