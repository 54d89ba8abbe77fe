"""Lambda's API for event sources in front of the engine, which polls SQS queues.

A mapping of another source is stored but not polled; the user gets a note about it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from moto.awslambda.exceptions import InvalidParameterValueException, LambdaClientError
from moto.awslambda.models import EventSourceMapping
from moto.core.exceptions import JsonRESTError

from cronstack_infra.local.engine.sources import SourceConfig
from cronstack_infra.local.lookups import permissions
from cronstack_infra.local.lookups.functions import LATEST, plain_arn
from cronstack_infra.local.lookups.queues import find_queue, visibility_of
from cronstack_infra.local.moto import privates
from cronstack_infra.local.moto.patch import Patch, replaced_by, wrapped_by, wrapped_with_port

if TYPE_CHECKING:
    from cronstack_infra.local.engine.port import EnginePort

NOT_CARRIED_OUT: Final = {
    "FilterCriteria": "filter criteria; have the function ignore unneeded messages",
    "ProvisionedPollerConfig": "provisioned pollers",
    "DestinationConfig": "destinations of event sources; an SQS queue has its redrive policy",
}
_RECEIVING: Final = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


_Mapping: Any = EventSourceMapping
"""Typed as Any, because moto's class is abstract by its annotations only."""


class NoSuchMapping(LambdaClientError):
    code = 404

    def __init__(self) -> None:
        super().__init__("ResourceNotFoundException", "The resource you requested does not exist.")


class AlreadyMapped(LambdaClientError):
    code = 409

    def __init__(self, uuid: str) -> None:
        text = f"An event source mapping of this queue and this function already exists, with UUID {uuid}"
        super().__init__("ResourceConflictException", text)


def _create(create: Any, port: EnginePort, self: Any, spec: dict[str, Any]) -> Any:
    arn = spec.get("EventSourceArn") or ""
    if arn.split(":")[2:3] != ["sqs"]:
        port.note(f"event source mapping of {arn} to {spec.get('FunctionName')}: kept, but nothing polls it here")
        try:
            return create(self, spec)
        except JsonRESTError:
            raise InvalidParameterValueException(f"Stream not found: {arn}") from None
    function = _function(self, spec.get("FunctionName") or "")
    mapping = _Mapping({**spec, "RegionName": self.region_name, "AccountId": self.account_id, "FunctionArn": function})
    _check(self, mapping, spec)
    for other in privates.event_source_mappings(self).values():
        if (other.event_source_arn, other.function_arn) == (arn, function):
            raise AlreadyMapped(other.uuid)
    privates.event_source_mappings(self)[mapping.uuid] = mapping
    port.put_source(config_of(mapping))
    return mapping


def _update(update: Any, port: EnginePort, self: Any, uuid: str, spec: dict[str, Any]) -> EventSourceMapping | None:
    mapping: EventSourceMapping | None = self.get_event_source_mapping(uuid)
    if mapping is None or not _polled(mapping):
        unpolled: EventSourceMapping | None = update(self, uuid, spec)
        return unpolled
    if "FunctionName" in spec:
        spec = {**spec, "FunctionName": _function(self, spec["FunctionName"])}
    _check(self, mapping, spec)
    function = spec.get("FunctionName") or mapping.function_arn
    update(self, uuid, {name: value for name, value in spec.items() if value is not None})
    mapping.function_arn = mapping.function_name = function
    port.put_source(config_of(mapping))
    return mapping


def _delete(delete: Any, port: EnginePort, self: Any, uuid: str) -> Any:
    port.delete_source(uuid)
    return delete(self, uuid)


def _add_message(add: Any, port: EnginePort, self: Any, message: Any) -> None:
    add(self, message)
    port.queue_changed(self.queue_arn)


def _delete_message(delete: Any, port: EnginePort, self: Any, receipt_handle: str) -> None:
    delete(self, receipt_handle)
    if self.fifo_queue:
        port.queue_changed(self.queue_arn)  # the message's group has waited for the delete


def _hide(hide: Any, port: EnginePort, self: Any, queue_name: str, *args: Any, **given: Any) -> None:
    hide(self, queue_name, *args, **given)
    port.queue_changed(self.get_queue(queue_name).queue_arn)


def config_of(mapping: EventSourceMapping) -> SourceConfig:
    """Return the engine's configuration of a mapping."""
    return SourceConfig(
        uuid=mapping.uuid,
        queue_arn=mapping.event_source_arn,
        function_arn=mapping.function_arn,
        batch_size=int(mapping.batch_size),
        window=int(mapping.max_batch_window or 0),
        concurrency=(mapping.scaling_config or {}).get("MaximumConcurrency"),
        reports_failures="ReportBatchItemFailures" in (mapping.function_response_types or []),
        enabled=bool(mapping.enabled),
    )


def _polled(mapping: EventSourceMapping) -> bool:
    return ":sqs:" in mapping.event_source_arn


def _function(backend: Any, named: str) -> str:
    """Return the ARN that a mapping invokes; with a qualifier only if ``named`` has one."""
    function = privates.functions_of(backend).get_function_by_name_or_arn_with_qualifier(named)
    plain = plain_arn(function.function_arn)
    last = named.split(":function:")[-1]
    qualifier = last.partition(":")[2] if ":" in last else ""
    return f"{plain}:{qualifier}" if qualifier and qualifier != LATEST else plain


def _check(backend: Any, mapping: EventSourceMapping, spec: dict[str, Any]) -> None:
    """Raise AWS's error for an invalid queue, batch or role, of an API call or a template."""
    for member, feature in NOT_CARRIED_OUT.items():
        if any((spec.get(member) or {}).values()):
            raise InvalidParameterValueException(f"The local cloud does not carry out {feature}")
    queue = find_queue(mapping.event_source_arn)
    if queue is None:
        raise InvalidParameterValueException(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist."
        )
    size = spec.get("BatchSize") or mapping.batch_size
    window = spec.get("MaximumBatchingWindowInSeconds", mapping.max_batch_window) or 0
    if queue.fifo_queue and (size > 10 or window):
        raise InvalidParameterValueException("A FIFO queue has batches of 10 at most, and no batching window")
    if size > 10 and not window:
        raise InvalidParameterValueException(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    named = spec.get("FunctionName") or mapping.function_arn
    function = privates.functions_of(backend).get_function_by_name_or_arn_with_qualifier(named)
    if visibility_of(queue) < int(function.timeout):
        raise InvalidParameterValueException(
            f"Invalid request provided: Queue visibility timeout: {visibility_of(queue)} seconds is less than "
            f"Function timeout: {function.timeout} seconds"
        )
    role = permissions.find_role(function.role)
    for action in _RECEIVING:
        if role is None or not permissions.may(role, action, queue.queue_arn).allowed:
            raise InvalidParameterValueException(
                f"The provided execution role does not have permissions to call {action.partition(':')[2]} on SQS"
            )


def _list(self: Any, event_source_arn: str | None, function_name: str | None) -> list[EventSourceMapping]:
    def matches(mapping: EventSourceMapping) -> bool:
        if event_source_arn and mapping.event_source_arn != event_source_arn:
            return False
        last = mapping.function_arn.split(":function:")[-1]
        return not function_name or function_name.split(":function:")[-1] in (last, last.partition(":")[0])

    return [mapping for mapping in privates.event_source_mappings(self).values() if matches(mapping)]


def _shown(show: Any, self: Any) -> dict[str, Any]:
    shown: dict[str, Any] = show(self)
    if not _polled(self):
        return shown
    for name in ("LastProcessingResult", "StartingPosition", "ParallelizationFactor", "Tags"):
        shown.pop(name, None)
    shown["MaximumBatchingWindowInSeconds"] = int(self.max_batch_window or 0)
    shown["StateTransitionReason"] = "USER_INITIATED"
    shown["FunctionResponseTypes"] = list(self.function_response_types or [])
    if not shown.get("ScalingConfig"):
        shown.pop("ScalingConfig", None)
    return shown


def _in_state(mapping: EventSourceMapping, state: str) -> tuple[int, dict[str, Any], str]:
    shown = mapping.get_configuration()
    if _polled(mapping):
        shown["State"] = state
    return 202, {"status": 202}, json.dumps(shown)


def _uuid(request: Any) -> str:
    return unquote(request.path.rstrip("/").rsplit("/", 1)[-1])


def _answer_create(self: Any) -> tuple[int, dict[str, Any], str]:
    return _in_state(self.backend.create_event_source_mapping(self.json_body), "Creating")


def _answer_update(self: Any) -> tuple[int, dict[str, Any], str]:
    mapping = self.backend.update_event_source_mapping(_uuid(self), self.json_body)
    if mapping is None:
        raise NoSuchMapping
    return _in_state(mapping, "Updating")


def _answer_delete(self: Any) -> tuple[int, dict[str, Any], str]:
    mapping = self.backend.delete_event_source_mapping(_uuid(self))
    if mapping is None:
        raise NoSuchMapping
    return _in_state(mapping, "Deleting")


_BACKEND: Final = "moto.awslambda.models:LambdaBackend"
_RESPONSE: Final = "moto.awslambda.responses:LambdaResponse"

PATCHES: Final = (
    Patch(
        _BACKEND,
        "create_event_source_mapping",
        "(self, spec)",
        "A queue is mapped twice to one function, and the function runs inside SendMessage.",
        ("one_queue_is_mapped_twice_to_one_function", "send_message_invokes"),
        wrapped_with_port(_create),
    ),
    Patch(
        _BACKEND,
        "update_event_source_mapping",
        "(self, uuid, spec)",
        "An update to a large batch without a window is accepted.",
        "an_update_accepts_a_large_batch_without_a_window",
        wrapped_with_port(_update),
    ),
    Patch(
        _BACKEND,
        "delete_event_source_mapping",
        "(self, uuid)",
        "A deleted mapping still invokes its function.",
        "a_deleted_mapping_still_invokes",
        wrapped_with_port(_delete),
    ),
    Patch(
        _BACKEND,
        "list_event_source_mappings",
        "(self, event_source_arn, function_name)",
        "A mapping is found only by the exact function name with which it was created.",
        "a_mapping_is_listed_only_by_its_original_function_name",
        replaced_by(_list),
    ),
    Patch(
        "moto.awslambda.models:EventSourceMapping",
        "get_configuration",
        "(self)",
        "A mapping of a queue does not show the default window.",
        "a_mapping_does_not_show_the_default_window",
        wrapped_by(_shown),
    ),
    Patch(
        _RESPONSE,
        "create_event_source_mapping",
        "(self)",
        "A new mapping is never in the state Creating.",
        "a_new_mapping_is_enabled_at_once",
        replaced_by(_answer_create),
    ),
    Patch(
        _RESPONSE,
        "update_event_source_mapping",
        "(self)",
        "An updated mapping is never in the state Updating.",
        "an_updated_mapping_is_never_updating",
        replaced_by(_answer_update),
    ),
    Patch(
        _RESPONSE,
        "delete_event_source_mapping",
        "(self)",
        "Deleting a mapping that does not exist gets a code that Lambda does not have.",
        "deleting_a_missing_mapping_has_an_unknown_code",
        replaced_by(_answer_delete),
    ),
    Patch(
        "moto.sqs.models:Queue",
        "add_message",
        "(self, message)",
        "A queue invokes mapped functions inside SendMessage.",
        "send_message_invokes",
        wrapped_with_port(_add_message),
    ),
    Patch(
        "moto.sqs.models:Queue",
        "delete_message",
        "(self, receipt_handle)",
        "The next message of a FIFO group, which a delete makes available, is offered to no mapped function.",
        "the_next_message_of_a_group_invokes_nothing",
        wrapped_with_port(_delete_message),
    ),
    Patch(
        "moto.sqs.models:SQSBackend",
        "change_message_visibility",
        "(self, queue_name, receipt_handle, visibility_timeout)",
        "A message that becomes visible again is offered to no mapped function.",
        "a_returned_message_invokes_nothing",
        wrapped_with_port(_hide),
        over=True,
    ),
)
