"""RestoreTableToPointInTime: a new table with the data and the indexes of another.

The local cloud keeps no past: it restores the present, and refuses every other time. A restored table has what AWS
gives it: the keys, the indexes, the billing mode. It has neither time to live nor point-in-time recovery, tags or
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
        raise MockValidationException(f"The local cloud restores a table as it was, without {', '.join(overrides)}")
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
        text = "The local cloud keeps no past: restore a table as it is now, with UseLatestRestorableTime"
        raise _Refused("InvalidRestoreTimeException", text)
    answer = restore(request)
    tables[body["TargetTableName"]].billing_mode = table.billing_mode
    return answer


PATCHES: Final = (
    Patch(
        "moto.dynamodb.responses:DynamoHandler",
        "restore_table_to_point_in_time",
        "(self)",
        "A restore ignores the time that it is asked for, needs no recovery, and makes a provisioned table.",
        ("a_restore_ignores_its_time", "a_restore_needs_no_recovery", "a_restored_table_is_not_on_demand"),
        wrapped_by(_restore),
    ),
)
