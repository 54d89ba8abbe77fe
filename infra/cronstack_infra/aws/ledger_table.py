"""The ledger's table: created by the stack, or adopted from elsewhere.

``TableV2`` (CloudFormation's AWS::DynamoDB::GlobalTable) without replicas, and not ``Table``:

  - It costs the same and behaves like a plain table. Replicas, each with its own key, can be added later in place. A
    change of the resource type would be a replacement: a new, empty ledger, or an import by hand in each account.
  - A replica serves reads and disaster recovery. Jobs must run in one Region: replication is asynchronous and the last
    writer wins, so two Regions could both claim an occurrence. Global tables with strong consistency do not help:
    they have neither transactions nor a time to live, and the ledger needs both.

A kept table is protected twice: CloudFormation's DeletionPolicy "Retain" keeps it when the stack is deleted, and
DynamoDB's deletion protection refuses every DeleteTable. The policy "RetainExceptOnCreate" would delete the table of a
failed first deployment, but the protection refuses that too: the rollback would end as ROLLBACK_FAILED. So such a
deployment leaves an empty table, whose generated name blocks nothing.
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
"""Write units a second that each new on-demand table accepts at once. A lower value is not allowed."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")


def create(scope: Construct, *, removal: RemovalPolicy, warm_writes: int | None) -> dynamodb.TableV2:
    """Create the table and its index. ``warm_writes``: write units a second that both accept from the start."""
    # Encrypted with a key that DynamoDB owns, which is its default and costs nothing.
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
    """Return an existing table, its index included, by its name or ARN. CloudFormation does not change it.

    Raise DeclarationError if ``given`` is neither, or is an ARN of another Region or account.
    """
    stack = Stack.of(scope)
    if _NAME.fullmatch(given):
        return dynamodb.TableV2.from_table_attributes(
            scope, "Ledger", table_name=given, global_indexes=[partitions.INDEX]
        )
    if not re.fullmatch(rf"arn:[a-z-]+:dynamodb:[a-z0-9-]+:\d{{12}}:table/{_NAME.pattern}", given):
        raise _error(f"{given!r} is neither the name nor the ARN of a DynamoDB table", "Give its name, as in my-table.")
    parts = stack.split_arn(given, ArnFormat.SLASH_RESOURCE_NAME)
    for what, actual, expected in (("Region", parts.region, stack.region), ("account", parts.account, stack.account)):
        if not Token.is_unresolved(expected) and actual != expected:
            problem = f"{given} is in the {what} {actual}, and the stack in {expected}"
            raise _error(problem, f"Use a table of this {what}.")
    return dynamodb.TableV2.from_table_attributes(scope, "Ledger", table_arn=given, global_indexes=[partitions.INDEX])


def warm_writes(given: object) -> int | None:
    """Return the context value. Raise DeclarationError if it is not a valid number of write units."""
    if given is None:
        return None
    if not re.fullmatch(r"\d{1,9}", str(given)) or int(str(given)) < LEAST_WARM:
        raise DeclarationError(
            f'context "{WARM_CONTEXT}" is {given!r}',
            where="cdk.json",
            remedy=f"Give write units a second, at least {LEAST_WARM}: each new table accepts so many anyway.",
        )
    return int(str(given))


def _error(what: str, remedy: str) -> DeclarationError:
    return DeclarationError(f'context "{TABLE_CONTEXT}": {what}', where="cdk.json", remedy=remedy)
