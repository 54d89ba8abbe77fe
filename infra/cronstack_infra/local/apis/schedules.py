"""Scheduler's API in front of the engine: moto's backend with AWS's checks. Each change goes to the engine.

The patches replace methods of moto's classes, so they apply to the API and to CloudFormation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from moto.core.exceptions import InvalidToken
from moto.scheduler.models import Schedule, ScheduleGroup

from cronstack_infra.local.apis.schedule_checks import (
    ScheduleRequest,
    SchedulerError,
    check,
    check_name,
    conflict,
    instant,
    invalid,
    not_found,
)
from cronstack_infra.local.apis.schedule_switches import is_shown, note_creation, refuse_by_chance
from cronstack_infra.local.engine.values import ScheduleConfig, Target
from cronstack_infra.local.lookups.groups import Deleting
from cronstack_infra.local.moto.patch import Patch, replaced_by, replaced_with_port, wrapped_by, wrapped_with_port

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort


def _create_schedule(
    port: EnginePort,
    self: Any,
    *,
    name: str,
    group_name: str | None,
    client_token: str | None = None,
    requested: bool = False,
    **given: Any,
) -> Schedule:
    """Create a schedule. ``requested``: whether the API called, not CloudFormation."""
    group = _group(self, group_name)
    check_name(name, "name")
    fields = _members(given)
    _check(self, fields, group, port, requested=requested)
    if requested:
        refuse_by_chance(self, name, port.switches)
    request = (client_token, fields)
    existing = group.schedules.get(name)
    if existing is not None:
        if client_token and vars(existing).get("create_request") == request:
            return existing
        raise conflict("Schedule", name)
    schedule = _new_schedule(self, group, name, fields)
    vars(schedule)["create_request"] = request
    note_creation(schedule, port.now())
    port.put_schedule(config_of(schedule))
    group.add_schedule(schedule)
    return schedule


def _update_schedule(
    port: EnginePort, self: Any, *, name: str, group_name: str | None, requested: bool = False, **given: Any
) -> Schedule:
    group = _group(self, group_name)
    schedule = _schedule(group, name)
    fields = _members(given)
    _check(self, fields, group, port, requested=requested)
    changed = _new_schedule(self, group, name, fields)
    changed.creation_date = schedule.creation_date
    port.put_schedule(config_of(changed))
    vars(schedule).update(vars(changed), create_request=None)
    return schedule


def _new_schedule(backend: Any, group: ScheduleGroup, name: str, fields: dict[str, Any]) -> Schedule:
    """Return a new schedule. moto refuses some past StartDates, so StartDate is set afterwards."""
    arguments = {**_arguments(fields), "start_date": None}
    schedule = Schedule(backend.region_name, backend.account_id, group.name, name, **arguments)
    schedule.start_date = fields["StartDate"]
    return schedule


def _get_schedule(port: EnginePort, self: Any, group_name: str | None, name: str) -> Schedule:
    schedule = _schedule(_group(self, group_name), name)
    if not is_shown(schedule, port.switches, port.now()):
        raise not_found("Schedule", name)
    return schedule


def _delete_schedule(port: EnginePort, self: Any, group_name: str | None, name: str) -> None:
    schedule = _schedule(_group(self, group_name), name)
    port.delete_schedule(schedule.arn)
    del self.schedule_groups[schedule.group_name].schedules[name]


def _delete_group(port: EnginePort, self: Any, name: str | None) -> None:
    """Delete a group and its schedules, also from the engine: at once, or later by a switch."""
    if name == "default":
        raise invalid("The default schedule group cannot be deleted.")
    group = _group(self, name)
    if isinstance(group, Deleting):
        return
    if port.delete_group(group.arn):
        group.__class__ = Deleting
        return
    for schedule in group.schedules.values():
        port.delete_schedule(schedule.arn)
    del self.schedule_groups[group.name]


def _create_new_group(create: Any, self: Any, name: str, tags: list[dict[str, str]] | None) -> ScheduleGroup:
    check_name(name, "name")
    if name in self.schedule_groups:
        raise conflict("Schedule group", name)
    group: ScheduleGroup = create(self, name, tags or [])
    return group


def _paged(list_page: Callable[..., Any], self: Any, *args: Any, **given: Any) -> Any:
    try:
        return list_page(self, *args, **given)
    except InvalidToken:
        raise invalid("Invalid NextToken.") from None


def _listed(list_page: Callable[..., Any], port: EnginePort, self: Any, *args: Any, **given: Any) -> Any:
    page, token = _paged(list_page, self, *args, **given)
    return [schedule for schedule in page if is_shown(schedule, port.switches, port.now())], token


def config_of(schedule: Schedule) -> ScheduleConfig:
    """Return the engine's configuration of a schedule."""
    target = schedule.target
    window = schedule.flexible_time_window
    rest = ("Arn", "RoleArn", "Input", "RetryPolicy", "DeadLetterConfig")
    return ScheduleConfig(
        arn=schedule.arn,
        expression=schedule.schedule_expression,
        timezone=schedule.schedule_expression_timezone,
        start=instant(schedule.start_date),
        end=instant(schedule.end_date),
        enabled=schedule.state == "ENABLED",
        window=int(window.get("MaximumWindowInMinutes") or 0) if window["Mode"] == "FLEXIBLE" else 0,
        delete_when_done=schedule.action_after_completion == "DELETE",
        targets=(
            Target(
                arn=target["Arn"],
                role_arn=target["RoleArn"],
                input=target.get("Input"),
                dead_letters=(target.get("DeadLetterConfig") or {}).get("Arn"),
                max_age=target["RetryPolicy"]["MaximumEventAgeInSeconds"],
                max_retries=target["RetryPolicy"]["MaximumRetryAttempts"],
                parameters={name: value for name, value in target.items() if name not in rest},
            ),
        ),
    )


# Members of the API by moto's Python argument.
ARGUMENTS = {
    "description": "Description",
    "schedule_expression": "ScheduleExpression",
    "schedule_expression_timezone": "ScheduleExpressionTimezone",
    "flexible_time_window": "FlexibleTimeWindow",
    "target": "Target",
    "state": "State",
    "kms_key_arn": "KmsKeyArn",
    "start_date": "StartDate",
    "end_date": "EndDate",
    "action_after_completion": "ActionAfterCompletion",
}


def _members(given: dict[str, Any]) -> dict[str, Any]:
    """Return the API's members. Omitted members get AWS's default, on Create and on Update."""
    fields = {member: given.get(argument) for argument, member in ARGUMENTS.items()}
    fields["State"] = fields["State"] or "ENABLED"
    fields["ActionAfterCompletion"] = fields["ActionAfterCompletion"] or "NONE"
    fields["ScheduleExpressionTimezone"] = fields["ScheduleExpressionTimezone"] or "UTC"
    for date in ("StartDate", "EndDate"):
        parsed = instant(fields[date])
        fields[date] = None if parsed is None else parsed.timestamp()
    if isinstance(fields["Target"], dict):
        policy = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
        fields["Target"] = fields["Target"] | {"RetryPolicy": policy | (fields["Target"].get("RetryPolicy") or {})}
    return fields


def _arguments(fields: dict[str, Any]) -> dict[str, Any]:
    return {argument: fields[member] for argument, member in ARGUMENTS.items()}


def _check(backend: Any, fields: dict[str, Any], group: ScheduleGroup, port: EnginePort, *, requested: bool) -> None:
    check(ScheduleRequest(fields, group.arn, backend.account_id, port.now(), port.switches, requested))
    if isinstance(group, Deleting):
        raise SchedulerError("ConflictException", f"Schedule group {group.name} is being deleted.", 409)


def _group(backend: Any, name: str | None) -> ScheduleGroup:
    group: ScheduleGroup | None = backend.schedule_groups.get(name or "default")
    if group is None:
        raise not_found("Schedule group", name or "default")
    return group


def _schedule(group: ScheduleGroup, name: str) -> Schedule:
    if name not in group.schedules:
        raise not_found("Schedule", name)
    return group.schedules[name]


# Requests. moto keeps names percent-encoded, and ignores ActionAfterCompletion of an update.


def _name(request: Any) -> str:
    return unquote(urlsplit(request.uri).path.rsplit("/", 1)[-1])


def _body(request: Any) -> dict[str, Any]:
    try:
        body = json.loads(request.body or "{}")
    except ValueError:
        raise invalid("Unable to parse the request body as JSON.") from None
    if not isinstance(body, dict):
        raise invalid("The request body is not a JSON object.")
    return body


def _answer_create(self: Any) -> str:
    return _put(self, self.scheduler_backend.create_schedule, client_token=_body(self).get("ClientToken"))


def _answer_update(self: Any) -> str:
    return _put(self, self.scheduler_backend.update_schedule)


def _put(request: Any, put: Any, **more: Any) -> str:
    body = _body(request)
    given = {argument: body.get(member) for argument, member in ARGUMENTS.items()} | more
    schedule = put(name=_name(request), group_name=body.get("GroupName"), requested=True, **given)
    return json.dumps({"ScheduleArn": schedule.arn})


_BACKEND: Final = "moto.scheduler.models:EventBridgeSchedulerBackend"
_RESPONSE: Final = "moto.scheduler.responses:EventBridgeSchedulerResponse"
_FIELDS: Final = (
    "(self, description, end_date, flexible_time_window, group_name, kms_key_arn, name, schedule_expression,"
    " schedule_expression_timezone, start_date, state, target"
)

PATCHES: Final = (
    Patch(
        _BACKEND,
        "create_schedule",
        f"{_FIELDS}, action_after_completion)",
        "A schedule never fires; any expression is accepted, and a missing group is a server error.",
        (
            "a_due_schedule_sends_nothing",
            "any_expression_is_accepted",
            "a_schedule_in_a_missing_group_is_a_server_error",
        ),
        replaced_with_port(_create_schedule),
    ),
    Patch(
        _BACKEND,
        "update_schedule",
        f"{_FIELDS})",
        "An updated schedule never fires, and an update keeps what it omits.",
        ("an_updated_schedule_sends_nothing", "an_update_keeps_what_was_omitted"),
        replaced_with_port(_update_schedule),
    ),
    Patch(
        _BACKEND,
        "get_schedule",
        "(self, group_name, name)",
        'An error has a member "message"; that of Scheduler\'s API is "Message".',
        "an_error_of_a_schedule_lacks_the_member_message",
        replaced_with_port(_get_schedule),
    ),
    Patch(
        _BACKEND,
        "get_schedule_group",
        "(self, group_name)",
        'An error has a member "message"; that of Scheduler\'s API is "Message".',
        "an_error_of_a_group_lacks_the_member_message",
        replaced_by(_group),
    ),
    Patch(
        _BACKEND,
        "delete_schedule",
        "(self, group_name, name)",
        "A schedule never fires, so a delete has nothing to stop.",
        "a_due_schedule_sends_nothing",
        replaced_with_port(_delete_schedule),
    ),
    Patch(
        _RESPONSE,
        "create_schedule",
        "(self)",
        "ClientToken is ignored: a repeated request fails.",
        "a_client_token_is_ignored",
        replaced_by(_answer_create),
    ),
    Patch(
        _RESPONSE,
        "update_schedule",
        "(self)",
        "An update does not change ActionAfterCompletion.",
        "an_update_ignores_the_action_after_completion",
        replaced_by(_answer_update),
    ),
    Patch(
        _BACKEND,
        "list_schedules",
        "(self, group_names, state, name_prefix=None)",
        "A wrong page token gets a code that Scheduler does not have.",
        "an_invalid_page_token_gets_an_unknown_code",
        wrapped_with_port(_listed),
    ),
    Patch(
        _BACKEND,
        "list_schedule_groups",
        "(self, name_prefix=None)",
        "A wrong page token gets a code that Scheduler does not have.",
        "an_invalid_page_token_of_groups_gets_an_unknown_code",
        wrapped_by(_paged),
    ),
    Patch(
        _BACKEND,
        "delete_schedule_group",
        "(self, name)",
        "The default group can be deleted, and deleting a missing group is a server error.",
        ("the_default_group_can_be_deleted", "deleting_a_missing_group_is_a_server_error"),
        replaced_with_port(_delete_group),
    ),
    Patch(
        _BACKEND,
        "create_schedule_group",
        "(self, name, tags)",
        "An existing group is replaced, and its schedules are deleted.",
        "a_group_that_exists_is_replaced",
        wrapped_by(_create_new_group),
    ),
)
