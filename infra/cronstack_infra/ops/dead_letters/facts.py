"""Rows of the ledger and deployed schedules of an occurrence that a dead letter names."""

from __future__ import annotations

from typing import Any

from cronstack.errors import OperationError
from cronstack.ledger import plan_requests, run_requests
from cronstack.ledger.items import VERSION, read_plan, read_run, version_of
from cronstack.ledger.rows import PlanItem, RunItem
from cronstack_infra.ops.deployment import Clients, Deployment
from cronstack_infra.ops.schedules import DeployedSchedule, schedules_of


class Facts:
    """Rows of the ledger, read again each time, and the deployed schedules of a job, read once."""

    def __init__(self, clients: Clients, deployment: Deployment) -> None:
        self._clients, self._deployment = clients, deployment
        self._schedules: dict[str, tuple[DeployedSchedule, ...]] = {}

    def run(self, job: str, occurrence: str) -> RunItem | None:
        return read_run(self._item(run_requests.get_run(self._deployment.ledger, job, occurrence).parameters))

    def plan(self, job: str, key: str) -> PlanItem | None:
        return read_plan(self._item(plan_requests.get(self._deployment.ledger, job, key).parameters))

    def schedules(self, job: str) -> tuple[DeployedSchedule, ...]:
        if job not in self._schedules:
            self._schedules[job] = schedules_of(self._clients("scheduler"), self._deployment, job)
        return self._schedules[job]

    def _item(self, parameters: Any) -> Any:
        """Read a row. Raise OperationError for a row of a newer version, because its other attributes may differ."""
        item = self._clients("dynamodb").get_item(**parameters).get("Item")
        if (version := version_of(item)) > VERSION:
            raise OperationError(
                f"its row was written by version {version} of the ledger's format; this code reads up to {VERSION}",
                remedy="Redrive it with the version of Cronstack that is deployed.",
            )
        return item
