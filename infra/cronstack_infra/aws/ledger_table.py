"""The ledger's table: created by the stack, or adopted from elsewhere.

``TableV2`` (CloudFormation's AWS::DynamoDB::GlobalTable) without replicas, and not ``Table``:

  - It costs and behaves as a plain table, and replicas, also each with a key of its own, can be added later in place.
    Another resource type would be a replacement: a new, empty ledger, or an import by hand in each account.
  - A replica serves reads and disaster recovery. Jobs must run in one Region: replication is asynchronous and the last
    writer wins, so two Regions could both claim an occurrence. Global tables with strong consistency are no way out:
    they have neither transactions nor a time to live, and the ledger needs both.

What the stack keeps, it keeps twice: CloudFormation's DeletionPolicy "Retain" keeps the table when the stack goes, and
DynamoDB's deletion protection refuses DeleteTable by anybody. The policy "RetainExceptOnCreate" would remove the table
of a failed first deployment, but the protection refuses that, too: the rollback would end as ROLLBACK_FAILED. So such a
deployment leaves an empty table, whose generated name is in nobody's way.
"""

from __future__ import annotations

import re
from typing import Final

from aws_cdk import ArnFormat, RemovalPolicy, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from cronstack.errors import DeclarationError
from cronstack.ledger import partitions

TABLE_CONTEXT: Final = "cronstack:ledger-table"
WARM_CONTEXT: Final = "cronstack:warm-writes"
LEAST_WARM: Final = 4_000
"""Write units a second that each new on-demand table takes at once; less cannot be asked for."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def create(scope: Construct, *, removal: RemovalPolicy, warm_writes: int | None) -> dynamodb.TableV2:
    """Create the table and its index. ``warm_writes``: write units a second that both take from the start."""
    # Encrypted with a key of DynamoDB's own, which is its default and costs nothing.
    warm = None if warm_writes is None else dynamodb.WarmThroughput(write_units_per_second=warm_writes)
    return dynamodb.TableV2(
        scope,
        "Ledger",
        partition_key=dynamodb.Attribute(name=partitions.PK, type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name=partitions.SK, type=dynamodb.AttributeType.STRING),
        time_to_live_attribute=partitions.TTL,
        billing=dynamodb.Billing.on_demand(),
        global_secondary_indexes=[
            dynamodb.GlobalSecondaryIndexPropsV2(
                index_name=partitions.INDEX,
                partition_key=dynamodb.Attribute(name=partitions.INDEX, type=dynamodb.AttributeType.STRING),
                sort_key=dynamodb.Attribute(name=partitions.DUE, type=dynamodb.AttributeType.NUMBER),
                projection_type=dynamodb.ProjectionType.KEYS_ONLY,
                warm_throughput=warm,
            )
        ],
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        warm_throughput=warm,
        deletion_protection=removal == RemovalPolicy.RETAIN,
        removal_policy=removal,
    )


def adopt(scope: Construct, given: str) -> dynamodb.ITable:
    """Return an existing table, its index included, by its name or ARN. CloudFormation does not touch it.

    Raises DeclarationError for what is neither, and for an ARN of another Region or account.
    """
    stack = Stack.of(scope)
    if _NAME.fullmatch(given):
        return dynamodb.TableV2.from_table_attributes(
            scope, "Ledger", table_name=given, global_indexes=[partitions.INDEX]
        )
    if not re.fullmatch(rf"arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{{12}}:table/{_NAME.pattern}", given):
        raise _wrong(f"{given!r} is neither the name nor the ARN of a DynamoDB table", "Give its name, as in my-table.")
    parts = stack.split_arn(given, ArnFormat.SLASH_RESOURCE_NAME)
    for what, theirs, ours in (("Region", parts.region, stack.region), ("account", parts.account, stack.account)):
        if not Token.is_unresolved(ours) and theirs != ours:
            raise _wrong(f"{given} is in the {what} {theirs}, and the stack in {ours}", f"Take a table of this {what}.")
    return dynamodb.TableV2.from_table_attributes(scope, "Ledger", table_arn=given, global_indexes=[partitions.INDEX])


def warm_writes(given: object) -> int | None:
    """Read the context value. Raises DeclarationError for what is no number of write units."""
    if given is None:
        return None
    if not re.fullmatch(r"\d{1,9}", str(given)) or int(str(given)) < LEAST_WARM:
        raise DeclarationError(
            f'context "{WARM_CONTEXT}" is {given!r}',
            where="cdk.json",
            remedy=f"Give write units a second, at least {LEAST_WARM}: each new table takes so many by itself.",
        )
    return int(str(given))


def _wrong(what: str, remedy: str) -> DeclarationError:
    return DeclarationError(f'context "{TABLE_CONTEXT}": {what}', where="cdk.json", remedy=remedy)
