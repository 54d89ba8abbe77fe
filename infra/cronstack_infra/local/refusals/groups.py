"""What Scheduler refuses beyond its model and ``schedule_checks``: groups that are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from moto.scheduler.models import scheduler_backends

from cronstack_infra.local.refusals.refusal import Call, Refusal


def _groups(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = scheduler_backends[call.account][call.region].schedule_groups
    return found


def _tagged(call: Call) -> None:
    name = call["ResourceArn"].rpartition("/")[2]
    if name not in _groups(call):
        raise Refusal("ResourceNotFoundException", f"Schedule group {name} does not exist.", 404)


def _listed(call: Call) -> None:
    name = call["GroupName"]
    if name is not None and name not in _groups(call):
        raise Refusal("ResourceNotFoundException", f"Schedule group {name} does not exist.", 404)


def _tags(call: Call) -> None:
    keys = [tag["Key"] for tag in call["Tags"] or ()]
    if len(set(keys)) < len(keys):
        raise Refusal("ValidationException", "Duplicate tag keys are not allowed.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise Refusal("ValidationException", "Tag keys must not start with aws:, which is reserved for system use.")


RULES: Final[dict[str, tuple[Callable[[Call], None], ...]]] = {
    "CreateScheduleGroup": (_tags,),
    "TagResource": (_tagged, _tags),
    "UntagResource": (_tagged,),
    "ListTagsForResource": (_tagged,),
    "ListSchedules": (_listed,),
}
