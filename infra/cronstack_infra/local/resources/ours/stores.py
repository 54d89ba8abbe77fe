"""Tables and queues. moto has both types and loses some of their properties."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table as MotoTable
from moto.sqs.models import Queue as _Queue
from moto.sqs.models import SQSBackend, sqs_backends
from moto.utilities.utils import get_partition

from cronstack_infra.local.moto import privates
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, boolean, number, tags_of

MotoQueue: Any = _Queue  # Any: by its annotations the class is abstract


class Table(Resource):
    """moto's table, with what moto ignores: point-in-time recovery, time to live, and most updates."""

    kind = "AWS::DynamoDB::Table"
    name_property = "TableName"
    create_only = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})

    @classmethod
    def replaced_by(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
        """Return AttributeDefinitions if the type of an attribute changes. Other attributes may be added or removed."""
        before, after = _attribute_types(old), _attribute_types(new)
        retyped = any(before[name] != after[name] for name in before.keys() & after.keys())
        return {"AttributeDefinitions"} if retyped else set()

    @property
    def _backend(self) -> Any:
        return dynamodb_backends[self.account][self.region]

    def get_cfn_attribute(self, attribute: str) -> str:
        value: str = self._backend.get_table(self.name).get_cfn_attribute(attribute)
        return value

    def create(self) -> None:
        if self.name in self._backend.tables:
            raise already_exists(self.kind, self.name)
        definition = {"Properties": {**copy.deepcopy(self.properties), "Tags": []}}  # tags are set below
        MotoTable.create_from_cloudformation_json(self.name, definition, self.account, self.region)
        self._set({})

    def update(self, old: Properties) -> None:
        properties = self.properties
        self._backend.update_table(
            name=self.name,
            attr_definitions=properties["AttributeDefinitions"],
            global_index=_index_changes(old, properties),
            throughput=properties.get("ProvisionedThroughput"),
            billing_mode=properties.get("BillingMode", "PROVISIONED"),
            stream_spec=_stream_change(old, properties),
            deletion_protection_enabled=boolean(properties.get("DeletionProtectionEnabled", False)),
            warm_throughput=properties.get("WarmThroughput"),
        )
        table = self._backend.get_table(self.name)
        table.sse_specification = properties.get("SSESpecification")
        self._set(old)

    def remove(self) -> None:
        if self.name in self._backend.tables:
            self._backend.delete_table(self.name)

    def _set(self, old: Properties) -> None:
        properties = self.properties
        recovery = properties.get("PointInTimeRecoverySpecification", {})
        if recovery != old.get("PointInTimeRecoverySpecification", {}):
            enabled = boolean(recovery.get("PointInTimeRecoveryEnabled", False))
            settings: Properties = {"PointInTimeRecoveryEnabled": enabled}
            if "RecoveryPeriodInDays" in recovery:
                settings["RecoveryPeriodInDays"] = number(recovery["RecoveryPeriodInDays"])
            self._backend.update_continuous_backups(self.name, settings)
        live = properties.get("TimeToLiveSpecification")
        if live != old.get("TimeToLiveSpecification"):
            before = old.get("TimeToLiveSpecification") or {}
            name = (live or before)["AttributeName"]
            enabled = live is not None and boolean(live.get("Enabled", True))
            self._backend.update_time_to_live(self.name, {"Enabled": enabled, "AttributeName": name})
        if tags_of(properties) != tags_of(old):
            table = self._backend.get_table(self.name)
            self._backend.untag_resource(table.table_arn, list(tags_of(old)))
            self._backend.tag_resource(table.table_arn, tags_of(properties))


def _attribute_types(properties: Mapping[str, Any]) -> dict[str, str]:
    definitions = properties.get("AttributeDefinitions", [])
    return {definition["AttributeName"]: definition["AttributeType"] for definition in definitions}


def _index_changes(old: Properties, new: Properties) -> list[dict[str, Any]]:
    """Return the creation or deletion of an index. As on AWS, an update may have only one."""
    before = {index["IndexName"]: index for index in old.get("GlobalSecondaryIndexes", [])}
    after = {index["IndexName"]: index for index in new.get("GlobalSecondaryIndexes", [])}
    changes = [{"Create": index} for name, index in after.items() if name not in before]
    changes += [{"Delete": {"IndexName": name}} for name in before if name not in after]
    if len(changes) > 1:
        raise ValidationError(message="Cannot perform more than one GSI creation or deletion in a single update")
    if any(before[name] != index for name, index in after.items() if name in before):
        raise ValidationError(message="GSI's key schema and projection cannot be updated")
    return changes


def _stream_change(old: Properties, new: Properties) -> dict[str, Any] | None:
    if old.get("StreamSpecification") == new.get("StreamSpecification"):
        return None
    return {"StreamEnabled": "StreamSpecification" in new, **new.get("StreamSpecification", {})}


class Queue(Resource):
    """moto's queue, with updates of all attributes and with Fn::GetAtt QueueUrl, which moto lacks."""

    kind = "AWS::SQS::Queue"
    name_property = "QueueName"
    create_only = frozenset({"QueueName", "FifoQueue"})
    longest_name = 80
    fifo_property = "FifoQueue"

    @property
    def _backend(self) -> SQSBackend:
        return sqs_backends[self.account][self.region]

    @property
    def physical_resource_id(self) -> str:
        """Return the queue's URL."""
        url: str = MotoQueue(self.name, self.region, self.account).physical_resource_id
        return url

    def attributes(self) -> Mapping[str, str]:
        arn = f"arn:{get_partition(self.region)}:sqs:{self.region}:{self.account}:{self.name}"
        return {"Arn": arn, "QueueName": self.name, "QueueUrl": self.physical_resource_id}

    def create(self) -> None:
        if self.name in self._backend.queues:
            raise already_exists(self.kind, self.name)
        definition = {"Properties": copy.deepcopy(self.properties)}
        MotoQueue.create_from_cloudformation_json(self.name, definition, self.account, self.region)

    def update(self, old: Properties) -> None:
        queue = self._backend.get_queue(self.name)
        fresh = MotoQueue(self.name, self.region, self.account)
        policy = queue.policy
        defaults = {key: getattr(fresh, key) for key in vars(fresh) if key in _QUEUE_FIELDS}
        vars(queue).update(defaults)
        privates.set_attributes(
            queue, {key: value for key, value in self.properties.items() if key not in ("QueueName", "Tags")}
        )
        queue.policy = policy  # from a QueuePolicy; moto would remove it
        queue.tags = tags_of(self.properties)

    def remove(self) -> None:
        if self.name in self._backend.queues:
            self._backend.delete_queue(self.name)


_QUEUE_FIELDS = frozenset(
    {
        "content_based_deduplication",
        "deduplication_scope",
        "delay_seconds",
        "fifo_throughput_limit",
        "kms_data_key_reuse_period_seconds",
        "kms_master_key_id",
        "maximum_message_size",
        "message_retention_period",
        "receive_message_wait_time_seconds",
        "redrive_allow_policy",
        "redrive_policy",
        "dead_letter_queue",
        "visibility_timeout",
    }
)
"""Fields of a queue that get their defaults when a template omits them again."""
