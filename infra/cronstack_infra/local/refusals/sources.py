"""Lambda's rules beyond its model for event invoke configurations and event source mappings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from moto.awslambda.models import lambda_backends
from moto.sqs.models import sqs_backends

from cronstack_infra.local.moto import privates
from cronstack_infra.local.refusals.names import arn_of, find_function, invalid
from cronstack_infra.local.refusals.refusal import ApiCall, ApiError

_MOST_WITHOUT_WINDOW: Final = 10
_SOURCES: Final = ("sqs", "kinesis", "dynamodb", "kafka", "mq", "rds")
_STREAM_MEMBERS: Final = (
    "AmazonManagedKafkaEventSourceConfig",
    "BisectBatchOnFunctionError",
    "DocumentDBEventSourceConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "Queues",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "Topics",
    "TumblingWindowInSeconds",
)
_DESTINATIONS: Final = re.compile(
    r"arn:aws[a-z-]*:(sqs|sns|lambda|events|s3):[a-z0-9-]*:(\d{12})?:[A-Za-z0-9_:/$.-]+(?<!\.fifo)"
)


# events


def _any_setting(call: ApiCall) -> None:
    if all(call[name] is None for name in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")):
        raise invalid("You must specify at least one of error handling or destination setting.")


def _function_exists(call: ApiCall) -> None:
    if find_function(call, call["FunctionName"], call["Qualifier"]) is None:
        raise ApiError("ResourceNotFoundException", "The function doesn't exist.", 404)


def _destinations(call: ApiCall) -> None:
    for kind in ("OnSuccess", "OnFailure"):
        arn = ((call["DestinationConfig"] or {}).get(kind) or {}).get("Destination")
        if not arn:
            continue
        if _DESTINATIONS.fullmatch(arn) is None:
            raise invalid(f"The provided destination config DestinationConfig({kind}={arn}) is invalid.")
        if ":lambda:" in arn and arn_of(call, arn) == arn_of(call, call["FunctionName"]):
            raise invalid("You can't specify the function as a destination for itself.")


# event source mappings


def _source(call: ApiCall) -> None:
    arn = call["EventSourceArn"]
    if not arn:
        raise invalid("Unrecognized event source.")
    if arn.split(":")[2] not in _SOURCES:
        raise invalid(
            f"Unrecognized event source, must be kinesis, dynamodb stream or sqs. Unsupported source arn : {arn}"
        )


def _stream_members(call: ApiCall) -> None:
    """Refuse members that a mapping of a queue cannot have, according to botocore's documentation."""
    arn = call["EventSourceArn"] or getattr(_mapping_of(call), "event_source_arn", "")
    unsupported = [name for name in _STREAM_MEMBERS if call[name] not in (None, [], {})] if ":sqs:" in arn else []
    if unsupported:
        raise invalid(f"{unsupported[0]} is not supported for SQS event sources.")


def _mapped_function(call: ApiCall) -> None:
    name = call["FunctionName"]
    if name is not None and find_function(call, name) is None:
        raise ApiError("ResourceNotFoundException", f"Function not found: {arn_of(call, name)}", 404)


def _queue_of(arn: str) -> Any:
    parts = arn.split(":")
    return sqs_backends[parts[4]][parts[3]].queues.get(parts[5]) if parts[2:3] == ["sqs"] and len(parts) == 6 else None


def _queue(call: ApiCall) -> None:
    arn = call["EventSourceArn"]
    if not arn or arn.split(":")[2] != "sqs":
        return
    if call["StartingPosition"] is not None or call["StartingPositionTimestamp"] is not None:
        raise invalid("StartingPosition is not valid for SQS event sources.")
    if _queue_of(arn) is None:
        raise invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist."
        )


def _batches(call: ApiCall) -> None:
    current = _mapping_of(call)
    arn = call["EventSourceArn"] or getattr(current, "event_source_arn", "")
    if ":sqs:" not in arn:
        return
    size, window = call["BatchSize"], call["MaximumBatchingWindowInSeconds"]
    if size is None:
        size = getattr(current, "batch_size", None) or _MOST_WITHOUT_WINDOW
    if arn.endswith(".fifo"):
        if size > _MOST_WITHOUT_WINDOW:
            raise invalid(f"Batch size must be between 1 and {_MOST_WITHOUT_WINDOW} for FIFO queues.")
        if window:
            raise invalid("Batching window is not supported for FIFO queues.")
    if current is not None and window is None:
        return  # an update keeps the window of the mapping
    if size > _MOST_WITHOUT_WINDOW and not window:
        raise invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")


def _visibility(call: ApiCall) -> None:
    current = _mapping_of(call)
    queue = _queue_of(call["EventSourceArn"] or getattr(current, "event_source_arn", ""))
    function = find_function(call, call["FunctionName"] or getattr(current, "function_arn", ""))
    if queue is None or function is None:
        return
    if int(queue.visibility_timeout) < int(function.timeout):
        raise invalid(
            f"Invalid request provided: Queue visibility timeout: {queue.visibility_timeout} seconds is less than "
            f"Function timeout: {function.timeout} seconds"
        )


def _not_twice(call: ApiCall) -> None:
    arn, function_arn = call["EventSourceArn"], arn_of(call, call["FunctionName"])
    for mapping in _mappings(call):
        if mapping.event_source_arn == arn and _qualified(call, mapping.function_arn) == _qualified(
            call, call["FunctionName"]
        ):
            name = function_arn.rpartition(":")[2]
            raise ApiError(
                "ResourceConflictException",
                f'The event source arn (" {arn} ") and function (" {name} ") provided mapping already exists. Please '
                f"update or delete the existing mapping with UUID {mapping.uuid}",
                409,
            )


def _qualified(call: ApiCall, name: str) -> tuple[str, str]:
    """Return a function's unqualified ARN and its qualifier, by default $LATEST."""
    last = name.split(":function:")[-1].removeprefix("function:")
    return arn_of(call, name), last.partition(":")[2] or "$LATEST"


def _mappings(call: ApiCall) -> list[Any]:
    return list(privates.event_source_mappings(lambda_backends[call.account][call.region]).values())


def _mapping_of(call: ApiCall) -> Any:
    uuid = call["UUID"]
    return None if uuid is None else lambda_backends[call.account][call.region].get_event_source_mapping(uuid)


def _mapping_exists(call: ApiCall) -> None:
    if _mapping_of(call) is None:
        raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)


_EVENTS: Final = (_any_setting, _function_exists, _destinations)

RULES: Final[dict[str, tuple[Callable[[ApiCall], None], ...]]] = {
    "PutFunctionEventInvokeConfig": _EVENTS,
    "UpdateFunctionEventInvokeConfig": _EVENTS,
    "CreateEventSourceMapping": (
        _source,
        _mapped_function,
        _stream_members,
        _queue,
        _batches,
        _visibility,
        _not_twice,
    ),
    "UpdateEventSourceMapping": (_mapping_exists, _mapped_function, _stream_members, _batches, _visibility),
    "GetEventSourceMapping": (_mapping_exists,),
    "DeleteEventSourceMapping": (_mapping_exists,),
}
