"""All rules of SQS by operation. Its model states types and required members only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.model import OperationModel

from cronstack_infra.local.refusals import messages, queues
from cronstack_infra.local.refusals.queues import missing
from cronstack_infra.local.refusals.refusal import ApiCall, ApiError


def complete(operation: OperationModel, parameters: Mapping[str, Any]) -> None:
    """Refuse a request in which a required member is missing or empty."""
    shape = operation.input_shape
    for name in shape.required_members if shape is not None else ():
        if parameters.get(name) in (None, ""):
            raise missing(name)


def _not_supported(call: ApiCall) -> None:
    text = (
        f"The local cloud does not support {call.operation}. To redrive dead letters of Cronstack's jobs, run"
        " `cronstack dead-letters redrive`. Messages of other queues: receive them and send them to their source queue."
    )
    raise ApiError("AWS.SimpleQueueService.UnsupportedOperation", text)


RULES: Final[dict[str, tuple[Callable[[ApiCall], None], ...]]] = {
    **queues.RULES,
    **messages.RULES,
    "StartMessageMoveTask": (_not_supported,),
    "CancelMessageMoveTask": (_not_supported,),
    "ListMessageMoveTasks": (_not_supported,),
}
