"""Tables of the CDK's ``TableV2``: a global table with one replica, in the stack's own region."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.ours.stores import Table
from cronstack_infra.local.resources.resource import Properties

_TABLE_MEMBERS = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "StreamSpecification",
    "TimeToLiveSpecification",
    "WarmThroughput",
)
_REPLICA_MEMBERS = (
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "TableClass",
    "Tags",
)
_INDEX_MEMBERS = ("IndexName", "KeySchema", "Projection", "WarmThroughput")
_FROM_WRITE, _FROM_READ = ("WriteProvisionedThroughputSettings", "ReadProvisionedThroughputSettings")


class GlobalTable(Table):
    """A global table, created as a plain table with the same properties. More replicas are refused."""

    kind = "AWS::DynamoDB::GlobalTable"
    create_only = frozenset({"KeySchema", "LocalSecondaryIndexes", "TableName"})

    def create(self) -> None:
        self._as_table(super().create)

    def update(self, old: Properties) -> None:
        self._as_table(lambda: Table.update(self, _plain(old, self.region, self.kind)))

    def _as_table(self, act: Any) -> None:
        properties = self.properties
        self.properties = _plain(properties, self.region, self.kind)
        try:
            act()
        finally:
            self.properties = properties


def _plain(properties: Properties, region: str, kind: str) -> Properties:
    replicas = properties["Replicas"]
    regions = [replica["Region"] for replica in replicas]
    if regions != [region]:
        raise ValidationError(
            message=f"{kind}: the local cloud creates a table in its stack's region only ({region}), not in {regions}"
        )
    [replica] = replicas
    plain = {name: properties[name] for name in _TABLE_MEMBERS if name in properties}
    plain |= {name: replica[name] for name in _REPLICA_MEMBERS if name in replica}
    if plain.get("BillingMode", "PROVISIONED") == "PROVISIONED":
        plain["ProvisionedThroughput"] = _throughput(properties, replica)
    if "GlobalSecondaryIndexes" in plain:
        of_replica = {index["IndexName"]: index for index in replica.get("GlobalSecondaryIndexes", [])}
        plain["GlobalSecondaryIndexes"] = [
            _index(index, of_replica.get(index["IndexName"], {}), plain.get("BillingMode"))
            for index in plain["GlobalSecondaryIndexes"]
        ]
    if "SSESpecification" in properties:
        key = replica.get("SSESpecification", {}).get("KMSMasterKeyId")
        plain["SSESpecification"] = properties["SSESpecification"] | ({"KMSMasterKeyId": key} if key else {})
    return plain


def _index(properties: Properties, of_replica: Properties, billing: str | None) -> Properties:
    plain = {name: value for name, value in properties.items() if name in _INDEX_MEMBERS}
    if (billing or "PROVISIONED") == "PROVISIONED":
        plain["ProvisionedThroughput"] = _throughput(properties, of_replica)
    return plain


def _throughput(of_table: Properties, of_replica: Properties) -> Properties:
    """Return the initial throughput of a table. The local cloud does not scale it."""

    def units(settings: Properties, kind: str) -> int:
        scaling = settings.get(f"{kind}CapacityAutoScalingSettings", {})
        return int(settings.get(f"{kind}CapacityUnits") or scaling.get("SeedCapacity") or scaling.get("MinCapacity", 1))

    return {
        "ReadCapacityUnits": units(of_replica.get(_FROM_READ, {}), "Read"),
        "WriteCapacityUnits": units(of_table.get(_FROM_WRITE, {}), "Write"),
    }
