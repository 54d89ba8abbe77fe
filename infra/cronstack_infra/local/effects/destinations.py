"""Records of ended events, sent to a dead-letter queue or a destination."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cronstack_infra.local.effects import rule_targets, targets
from cronstack_infra.local.engine.port import Drive
from cronstack_infra.local.engine.values import SendRecord, is_rule
from cronstack_infra.local.lookups.functions import find_function


def send(record: SendRecord, drive: Drive, note: Callable[[str], None], new_since: datetime | None = None) -> None:
    """Send a record; report it as dropped when its destination refuses it.

    new_since: roles that were created later cannot be assumed. Defaults to None: all can.
    """
    fields = _describe(record)
    try:
        if record.schedule_arn and is_rule(record.schedule_arn):
            rule_targets.send_letter(record, note)
        else:
            function = find_function(record.function_arn) if record.function_arn else None
            targets.send_record(record, function.role if function is not None else None, new_since)
    except Exception as fault:  # AWS reports any failure by a metric only
        drive.report("dropped", **fields | {"error": str(fault)})
    else:
        if record.origin != "success":
            drive.report("dead_letter", **fields)


def _describe(record: SendRecord) -> dict[str, str]:
    fields = {"origin": record.origin, "queue": record.destination, "reason": record.reason}
    if record.function_arn:
        fields["function"] = record.function_arn.split(":")[6]
    if record.schedule_arn:
        fields["schedule"] = record.schedule_arn
    if "ERROR_MESSAGE" in record.attributes:
        fields["error"] = record.attributes["ERROR_MESSAGE"][1]
    if record.role_arn:
        fields["role"] = record.role_arn
    return fields
