"""RestoreTableToPointInTime: a new table with the data and the indexes of another.

The local cloud stores no earlier states: it restores the current state and refuses any other time. As on AWS, a
restored table has the keys, the indexes and the billing mode, but no time to live, point-in-time recovery, tags or
deletion protection.
"""

from __future__ import annotations

from typing import Any, Final

from moto.dynamodb.exceptions import DynamodbException, MockValidationException, SourceTableNotFoundException

from cronstack_infra.local.moto.patch import Patch, wrapped_by


class _Refused(DynamodbException):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"com.amazonaws.dynamodb.v20120810#{code}", message=message)


def _restore(restore: Any, request: Any) -> Any:
    body = request.body
    overrides = sorted(name for name in body if name.endswith("Override"))
    if overrides:
        raise MockValidationException(f"The local cloud does not support {', '.join(overrides)}: remove it")
    source = body.setdefault("SourceTableName", str(body.get("SourceTableArn", "")).rpartition("/")[2])
    tables = request.dynamodb_backend.tables
    if source not in tables:
        raise SourceTableNotFoundException(source)
    table = tables[source]
    recovery = table.continuous_backups["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        text = f"Point in time recovery is not enabled for table '{source}'"
        raise _Refused("PointInTimeRecoveryUnavailableException", text)
    if not body.get("UseLatestRestorableTime"):
        text = "The local cloud stores no earlier states: restore the current one with UseLatestRestorableTime"
        raise _Refused("InvalidRestoreTimeException", text)
    answer = restore(request)
    tables[body["TargetTableName"]].billing_mode = table.billing_mode
    return answer


PATCHES: Final = (
    Patch(
        "moto.dynamodb.responses:DynamoHandler",
        "restore_table_to_point_in_time",
        "(self)",
        "A restore ignores the requested time, needs no point-in-time recovery, and creates a provisioned table.",
        ("a_restore_ignores_its_time", "a_restore_needs_no_recovery", "a_restored_table_is_not_on_demand"),
        wrapped_by(_restore),
    ),
)
