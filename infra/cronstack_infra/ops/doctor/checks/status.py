"""The status of the stack itself."""

from __future__ import annotations

from collections.abc import Iterator

from cronstack_infra.ops.doctor.drift.compare import command
from cronstack_infra.ops.doctor.finding import Finding
from cronstack_infra.ops.doctor.scene import Scene


def check(scene: Scene) -> Iterator[Finding]:
    """Yield a finding if the stack is not in a state from which it can be deployed."""
    return judge(scene.stack.name, scene.stack.status)


def judge(stack: str, status: str) -> Iterator[Finding]:
    where, events = f"stack {stack}", command("aws", "cloudformation", "describe-stack-events", "--stack-name", stack)
    if status.endswith("_IN_PROGRESS"):
        why = "A deployment is under way, so the other findings may be about its middle."
        yield Finding("warning", where, f"its status is {status}", why, "Run cronstack doctor again when it has ended.")
    elif status == "UPDATE_ROLLBACK_FAILED":
        remedy = command("aws", "cloudformation", "continue-update-rollback", "--stack-name", stack)
        yield Finding("error", where, f"its status is {status}", "It cannot be deployed until it is repaired.", remedy)
    elif status.endswith("_FAILED") or status == "ROLLBACK_COMPLETE":
        yield Finding("error", where, f"its status is {status}", "Parts of it may be missing.", events)
    elif status == "UPDATE_ROLLBACK_COMPLETE":
        why = "The last deployment failed: the older code still runs."
        yield Finding("warning", where, f"its status is {status}", why, events)
