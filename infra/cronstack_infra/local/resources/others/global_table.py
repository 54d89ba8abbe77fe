"""Tables as ``TableV2`` of the CDK writes them: a global table with one replica, in the stack's own region."""

from __future__ import annotations

from typing import Any

from moto.cloudformation.exceptions import ValidationError

from cronstack_infra.local.resources.ours.stores import Table
from cronstack_infra.local.resources.resource import Properties

_OF_THE_TABLE = (
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "StreamSpecification",
    "TimeToLiveSpecification",
    "WarmThroughput",
)
_OF_THE_REPLICA = (
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "PointInTimeRecoverySpecification",
    "TableClass",
    "Tags",
)
_OF_THE_INDEX = ("IndexName", "KeySchema", "Projection", "WarmThroughput")
_FROM_WRITE, _FROM_READ = ("WriteProvisionedThroughputSettings", "ReadProvisionedThroughputSettings")


class GlobalTable(Table):
    """Carried out as a plain table with the same properties; more replicas are refused."""

    kind = "AWS::DynamoDB::GlobalTable"
    create_only = frozenset({"KeySchema", "LocalSecondaryIndexes", "TableName"})

    def create(self) -> None:
        self._as_table(super().create)

    def update(self, old: Properties) -> None:
        self._as_table(lambda: Table.update(self, _plain(old, self.region, self.kind)))

    def _as_table(self, act: Any) -> None:
        given = self.properties
        self.properties = _plain(given, self.region, self.kind)
        try:
            act()
        finally:
            self.properties = given


def _plain(given: Properties, region: str, kind: str) -> Properties:
    replicas = given["Replicas"]
    regions = [replica["Region"] for replica in replicas]
    if regions != [region]:
        raise ValidationError(
            message=f"{kind}: the local cloud keeps a table in its stack's region only ({region}), not in {regions}"
        )
    [replica] = replicas
    plain = {name: given[name] for name in _OF_THE_TABLE if name in given}
    plain |= {name: replica[name] for name in _OF_THE_REPLICA if name in replica}
    if plain.get("BillingMode", "PROVISIONED") == "PROVISIONED":
        plain["ProvisionedThroughput"] = _throughput(given, replica)
    if "GlobalSecondaryIndexes" in plain:
        of_replica = {one["IndexName"]: one for one in replica.get("GlobalSecondaryIndexes", [])}
        plain["GlobalSecondaryIndexes"] = [
            _index(one, of_replica.get(one["IndexName"], {}), plain.get("BillingMode"))
            for one in plain["GlobalSecondaryIndexes"]
        ]
    if "SSESpecification" in given:
        key = replica.get("SSESpecification", {}).get("KMSMasterKeyId")
        plain["SSESpecification"] = given["SSESpecification"] | ({"KMSMasterKeyId": key} if key else {})
    return plain


def _index(given: Properties, of_replica: Properties, billing: str | None) -> Properties:
    plain = {name: value for name, value in given.items() if name in _OF_THE_INDEX}
    if (billing or "PROVISIONED") == "PROVISIONED":
        plain["ProvisionedThroughput"] = _throughput(given, of_replica)
    return plain


def _throughput(of_table: Properties, of_replica: Properties) -> Properties:
    """What a new table starts with; nothing scales it here."""

    def units(settings: Properties, kind: str) -> int:
        scaling = settings.get(f"{kind}CapacityAutoScalingSettings", {})
        return int(settings.get(f"{kind}CapacityUnits") or scaling.get("SeedCapacity") or scaling.get("MinCapacity", 1))

    return {
        "ReadCapacityUnits": units(of_replica.get(_FROM_READ, {}), "Read"),
        "WriteCapacityUnits": units(of_table.get(_FROM_WRITE, {}), "Write"),
    }
