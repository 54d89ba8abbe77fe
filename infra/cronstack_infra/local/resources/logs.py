"""Log groups: moto 5.2.5 cannot update one, and a replaced one has lost its lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.logs.models import logs_backends

from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of


class LogGroup(Resource):
    """A log group with its retention."""

    kind = "AWS::Logs::LogGroup"
    name_property = "LogGroupName"
    create_only = frozenset({"LogGroupName"})

    @property
    def _backend(self) -> Any:
        return logs_backends[self.account][self.region]

    def attributes(self) -> Mapping[str, str]:
        return {"Arn": f"{self._backend.groups[self.name].arn}:*"}

    def create(self) -> None:
        if self.name in self._backend.groups:
            raise already_exists(self.kind, self.name)
        self._backend.create_log_group(self.name, tags_of(self.properties), kmsKeyId=self.properties.get("KmsKeyId"))
        self._retain()

    def update(self, old: Properties) -> None:
        group = self._backend.groups[self.name]
        group.kms_key_id = self.properties.get("KmsKeyId")
        self._backend.untag_log_group(self.name, list(tags_of(old)))
        self._backend.tag_log_group(self.name, tags_of(self.properties))
        self._retain()

    def remove(self) -> None:
        if self.name in self._backend.groups:
            self._backend.delete_log_group(self.name)

    def _retain(self) -> None:
        days = self.properties.get("RetentionInDays")
        if days is None:
            self._backend.delete_retention_policy(self.name)
        else:
            self._backend.put_retention_policy(self.name, number(days))
