"""Requests and write units of operations, counted on moto with DynamoDB's own rules (see ``capacity``)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from moto import mock_aws

from cronstack.onetime.once import Once
from cronstack_infra.local.dynamodb import conditions, consumption, numbers, queries, transactions, writes
from cronstack_infra.local.moto.patch import apply, unpatch
from cronstack_infra.local.moto.surroundings import PatchParameters
from tests.cronstack.ledger.operations import GROUP, Operation
from tests.cronstack.stage import Stage

PATCHES = tuple(
    patch for module in (conditions, transactions, numbers, writes, queries, consumption) for patch in module.PATCHES
)


class Cost(NamedTuple):
    """The cost of one operation."""

    requests: int
    """The requests to all services."""
    ledger: int
    """The requests to the ledger."""
    units: int
    """The write units of the ledger, including its index."""


def counted(operation: Operation, code: Callable[[Stage], Once]) -> Cost:
    """Return the cost of an operation in a new environment. ``code``: returns the planner's ``once``."""
    clock = datetime(2026, 3, 1, tzinfo=UTC)
    apply(PATCHES, PatchParameters(now=lambda: clock))
    try:
        with mock_aws():
            stage = Stage()
            stage.scheduler.create_schedule_group(Name=GROUP)
            steps = operation(stage, code(stage))
            next(steps)
            stage.asked()
            consumption.reset_counts()
            with suppress(StopIteration):
                next(steps)
            asked = stage.asked()
            units = sum(float(row["write"]) for row in consumption.counts())
    finally:
        unpatch()
    ledger = [name for name in asked if name.endswith(("Item", "Items", "Query"))]
    return Cost(len(asked), len(ledger), round(units))
