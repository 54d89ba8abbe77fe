"""Tables and queues: moto has both types and loses properties of them."""

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
from cronstack_infra.local.resources.resource import Properties, Resource, already_exists, number, tags_of, truth

MotoQueue: Any = _Queue  # its classes are abstract by their annotations


class Table(Resource):
    """moto's, and what it ignores: point-in-time recovery, time to live, and every update but of a few properties."""

    kind = "AWS::DynamoDB::Table"
    name_property = "TableName"
    create_only = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})

    @classmethod
    def replaced_by(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> set[str]:
        """An attribute may come or go with an index. Another type for one needs a new table."""
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
        definition = {"Properties": {**copy.deepcopy(self.properties), "Tags": []}}  # they are set below
        MotoTable.create_from_cloudformation_json(self.name, definition, self.account, self.region)
        self._set({})

    def update(self, old: Properties) -> None:
        given = self.properties
        self._backend.update_table(
            name=self.name,
            attr_definitions=given["AttributeDefinitions"],
            global_index=_index_changes(old, given),
            throughput=given.get("ProvisionedThroughput"),
            billing_mode=given.get("BillingMode", "PROVISIONED"),
            stream_spec=_stream_change(old, given),
            deletion_protection_enabled=truth(given.get("DeletionProtectionEnabled", False)),
            warm_throughput=given.get("WarmThroughput"),
        )
        table = self._backend.get_table(self.name)
        table.sse_specification = given.get("SSESpecification")
        self._set(old)

    def remove(self) -> None:
        if self.name in self._backend.tables:
            self._backend.delete_table(self.name)

    def _set(self, old: Properties) -> None:
        given = self.properties
        recovery = given.get("PointInTimeRecoverySpecification", {})
        if recovery != old.get("PointInTimeRecoverySpecification", {}):
            enabled = truth(recovery.get("PointInTimeRecoveryEnabled", False))
            wanted: Properties = {"PointInTimeRecoveryEnabled": enabled}
            if "RecoveryPeriodInDays" in recovery:
                wanted["RecoveryPeriodInDays"] = number(recovery["RecoveryPeriodInDays"])
            self._backend.update_continuous_backups(self.name, wanted)
        live = given.get("TimeToLiveSpecification")
        if live != old.get("TimeToLiveSpecification"):
            before = old.get("TimeToLiveSpecification") or {}
            name = (live or before)["AttributeName"]
            enabled = live is not None and truth(live.get("Enabled", True))
            self._backend.update_time_to_live(self.name, {"Enabled": enabled, "AttributeName": name})
        if tags_of(given) != tags_of(old):
            table = self._backend.get_table(self.name)
            self._backend.untag_resource(table.table_arn, list(tags_of(old)))
            self._backend.tag_resource(table.table_arn, tags_of(given))


def _attribute_types(properties: Mapping[str, Any]) -> dict[str, str]:
    return {one["AttributeName"]: one["AttributeType"] for one in properties.get("AttributeDefinitions", [])}


def _index_changes(old: Properties, new: Properties) -> list[dict[str, Any]]:
    """At most one index may come or go an update, as on AWS."""
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
    """moto's, which updates two of its attributes and knows no Fn::GetAtt QueueUrl."""

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
        """The URL."""
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
        queue.policy = policy  # a QueuePolicy's; moto would drop it
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
"""What moto sets in a new queue and a template may leave out again."""
