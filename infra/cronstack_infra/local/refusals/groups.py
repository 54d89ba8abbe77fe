"""Scheduler's rules beyond its model and ``schedule_checks``: missing groups, and tags of groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from moto.scheduler.models import scheduler_backends

from cronstack_infra.local.refusals.refusal import ApiCall, ApiError


def _groups(call: ApiCall) -> dict[str, Any]:
    groups: dict[str, Any] = scheduler_backends[call.account][call.region].schedule_groups
    return groups


def _tagged_group(call: ApiCall) -> None:
    name = call["ResourceArn"].rpartition("/")[2]
    if name not in _groups(call):
        raise ApiError("ResourceNotFoundException", f"Schedule group {name} does not exist.", 404)


def _listed_group(call: ApiCall) -> None:
    name = call["GroupName"]
    if name is not None and name not in _groups(call):
        raise ApiError("ResourceNotFoundException", f"Schedule group {name} does not exist.", 404)


def _tags(call: ApiCall) -> None:
    keys = [tag["Key"] for tag in call["Tags"] or ()]
    if len(set(keys)) < len(keys):
        raise ApiError("ValidationException", "Duplicate tag keys are not allowed.")
    if any(key.lower().startswith("aws:") for key in keys):
        raise ApiError("ValidationException", "Tag keys must not start with aws:, which is reserved for system use.")


RULES: Final[dict[str, tuple[Callable[[ApiCall], None], ...]]] = {
    "CreateScheduleGroup": (_tags,),
    "TagResource": (_tagged_group, _tags),
    "UntagResource": (_tagged_group,),
    "ListTagsForResource": (_tagged_group,),
    "ListSchedules": (_listed_group,),
}
