"""Dashboards of CloudWatch. They are stored, and shown by GetDashboard."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch import models

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists

_moto: Any = models  # Any: its annotations are narrower than the values that it accepts


class Dashboard(Resource):
    """A dashboard. Ref returns its name."""

    kind = "AWS::CloudWatch::Dashboard"
    name_property = "DashboardName"
    create_only = frozenset({"DashboardName"})

    @property
    def _backend(self) -> Any:
        return _moto.cloudwatch_backends[self.account][self.region]

    def create(self) -> None:
        if self.name in self._backend.dashboards:
            raise already_exists(self.kind, self.name)
        self._backend.put_dashboard(self.name, self.properties["DashboardBody"])

    def update(self, old: Properties) -> None:
        self._backend.put_dashboard(self.name, self.properties["DashboardBody"])

    def remove(self) -> None:
        if self.name in self._backend.dashboards:
            self._backend.delete_dashboards([self.name])
