"""Queues, tables, log groups and alarms, compared with the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cronstack_infra.ops.doctor.drift.compare import Kind, Meaning, State, command, with_json
from cronstack_infra.ops.doctor.requests import Requests
from cronstack_infra.ops.doctor.stack import Resource

_ATTRIBUTES: Final = {
    "MessageRetentionPeriod": ("MessageRetentionPeriod", 345600),
    "VisibilityTimeout": ("VisibilityTimeout", 30),
    "DelaySeconds": ("DelaySeconds", 0),
    "RedrivePolicy": ("RedrivePolicy", None),
}
"""Attributes of a queue: the name in the template, and SQS's default."""


def _queue(resource: Resource) -> State:
    return {name: resource.properties.get(given, usual) for name, (given, usual) in _ATTRIBUTES.items()}


def _stored_queue(requests: Requests, resource: Resource) -> State | None:
    got = requests.ask("sqs", "get_queue_attributes", QueueUrl=resource.id, AttributeNames=["All"])
    if got is None:
        return None
    stored = got.get("Attributes", {})
    return {name: stored.get(name, usual) for name, (_, usual) in _ATTRIBUTES.items()}


def _restore_queue(resource: Resource, property: str) -> str:
    value = _queue(resource)[property]
    if not isinstance(value, int | str):
        return ""
    return command(
        "aws", "sqs", "set-queue-attributes", "--queue-url", resource.id, "--attributes", f"{property}={value}"
    )


QUEUE: Final = Kind(
    noun="queue",
    service="sqs",
    wanted=_queue,
    stored=_stored_queue,
    meanings={
        "MessageRetentionPeriod": Meaning("SQS deletes a letter after this time, read or not.", "error"),
        "VisibilityTimeout": Meaning("Another reader may receive a letter while one works on it."),
        "DelaySeconds": Meaning("A letter is not visible at once."),
        "RedrivePolicy": Meaning("SQS moves letters that are read often to another queue.", "error"),
    },
    deleted="Dead letters are lost: neither Scheduler nor Lambda can send them.",
    restore=_restore_queue,
    name=lambda resource: resource.id.rpartition("/")[2],
)


def _replica(resource: Resource) -> Mapping[str, Any]:
    """Return the settings of the table in its Region: a global table has them in its replica."""
    replicas = resource.properties.get("Replicas")
    return {**resource.properties, **replicas[0]} if replicas else resource.properties


def _table(resource: Resource) -> State:
    properties = _replica(resource)
    ttl, backup = properties.get("TimeToLiveSpecification"), properties.get("PointInTimeRecoverySpecification") or {}
    return {
        "DeletionProtection": bool(properties.get("DeletionProtectionEnabled")),
        "TimeToLive": (ttl or {}).get("AttributeName") if (ttl or {}).get("Enabled") else None,
        "PointInTimeRecovery": bool(backup.get("PointInTimeRecoveryEnabled")),
    }


def _stored_table(requests: Requests, resource: Resource) -> State | None:
    table = {"TableName": resource.id}
    described = requests.ask("dynamodb", "describe_table", **table)
    if described is None:
        return None
    ttl = (requests.ask("dynamodb", "describe_time_to_live", **table) or {}).get("TimeToLiveDescription", {})
    answer = requests.ask("dynamodb", "describe_continuous_backups", **table) or {}
    backup = answer.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    enabled = ttl.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    return {
        "DeletionProtection": bool(described["Table"].get("DeletionProtectionEnabled")),
        "TimeToLive": ttl.get("AttributeName") if enabled else None,
        "PointInTimeRecovery": backup.get("PointInTimeRecoveryStatus") == "ENABLED",
    }


def _restore_table(resource: Resource, property: str) -> str:
    table, wanted = ("--table-name", resource.id), _table(resource)[property]
    if property == "DeletionProtection":
        flag = "--deletion-protection-enabled" if wanted else "--no-deletion-protection-enabled"
        return command("aws", "dynamodb", "update-table", *table, flag)
    if property == "PointInTimeRecovery":
        setting = f"PointInTimeRecoveryEnabled={str(wanted).lower()}"
        words = ("update-continuous-backups", *table, "--point-in-time-recovery-specification", setting)
        return command("aws", "dynamodb", *words)
    if wanted is None:
        return ""
    setting = f"Enabled=true,AttributeName={wanted}"
    return command("aws", "dynamodb", "update-time-to-live", *table, "--time-to-live-specification", setting)


TABLE: Final = Kind(
    noun="table",
    service="dynamodb",
    wanted=_table,
    stored=_stored_table,
    meanings={
        "DeletionProtection": Meaning("One request can delete the ledger and with it what has run."),
        "TimeToLive": Meaning("Rows of past runs are never deleted, and their storage is billed."),
        "PointInTimeRecovery": Meaning("Rows that are lost or changed by mistake cannot be restored."),
    },
    deleted="No job can run: the guard has no ledger.",
    restore=_restore_table,
)


def _stored_log(requests: Requests, resource: Resource) -> State | None:
    groups = requests.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=resource.id)
    for group in groups:
        if group["logGroupName"] == resource.id:
            return {"RetentionInDays": group.get("retentionInDays")}
    return None


def _restore_log(resource: Resource, _: str) -> str:
    days = resource.properties.get("RetentionInDays")
    if days is None:
        return command("aws", "logs", "delete-retention-policy", "--log-group-name", resource.id)
    words = ("put-retention-policy", "--log-group-name", resource.id, "--retention-in-days", str(days))
    return command("aws", "logs", *words)


LOG_GROUP: Final = Kind(
    noun="log group",
    service="logs",
    wanted=lambda resource: {"RetentionInDays": resource.properties.get("RetentionInDays")},
    stored=_stored_log,
    meanings={"RetentionInDays": Meaning("Logs are deleted at another time, or never, and are billed.")},
    deleted="The log of past runs is lost. Lambda drops new lines: the role may not create the group.",
    restore=_restore_log,
    create=lambda resource: command("aws", "logs", "create-log-group", "--log-group-name", resource.id),
)

_OF_ALARM: Final = (
    "MetricName",
    "Namespace",
    "Threshold",
    "Period",
    "EvaluationPeriods",
    "ComparisonOperator",
    "TreatMissingData",
    "AlarmActions",
)


def _alarm(fields: Mapping[str, Any]) -> State:
    return {name: fields.get(name) for name in _OF_ALARM} | {
        "TreatMissingData": fields.get("TreatMissingData") or "missing"
    }


def _stored_alarm(requests: Requests, resource: Resource) -> State | None:
    got = requests.ask("cloudwatch", "describe_alarms", AlarmNames=[resource.id]) or {}
    alarms = got.get("MetricAlarms", [])
    return _alarm(alarms[0]) if alarms else None


ALARM: Final = Kind(
    noun="alarm",
    service="cloudwatch",
    wanted=lambda resource: _alarm(resource.properties),
    stored=_stored_alarm,
    meanings={name: Meaning("The alarm starts at another time, or notifies another topic.") for name in _OF_ALARM},
    deleted="Nothing reports what this alarm watches.",
    restore=lambda resource, property: "",
    create=lambda resource: with_json(
        ("cloudwatch", "put-metric-alarm"),
        {"AlarmName": resource.id, **{k: v for k, v in resource.properties.items() if k not in ("Tags", "AlarmName")}},
    ),
)
