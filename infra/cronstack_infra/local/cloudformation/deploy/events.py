"""Events of a stack, in order: each is at least a millisecond later than the one before it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from moto.cloudformation.models import Event

from cronstack_infra.local.moto import privates


def set_status(stack: Any, status: str, reason: str | None = None) -> None:
    """Set the status of a stack, and add an event."""
    stack.status = status
    stack.stack_status_reason = reason
    privates.add_stack_event(stack, status, reason)
    _in_order(stack)


def report(stack: Any, name: str, physical: str, kind: str, status: str, reason: str | None) -> None:
    """Add an event for a step of one resource."""
    stack.events.append(
        Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=name,
            physical_resource_id=physical,
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
    )
    _in_order(stack)


def _in_order(stack: Any) -> None:
    """Make the last event later than the one before: the cdk CLI sorts events by time."""
    if len(stack.events) > 1:
        before, last = stack.events[-2:]
        last.timestamp = max(last.timestamp, before.timestamp + timedelta(milliseconds=1))
