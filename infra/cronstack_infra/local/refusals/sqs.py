"""What SQS refuses beyond its model, which knows types and required members only: all its rules, by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.model import OperationModel

from cronstack_infra.local.refusals import messages, queues
from cronstack_infra.local.refusals.queues import missing
from cronstack_infra.local.refusals.refusal import Call, Refusal


def complete(operation: OperationModel, parameters: Mapping[str, Any]) -> None:
    """Refuse a request without a member that must be there; an empty text is none."""
    shape = operation.input_shape
    for name in shape.required_members if shape is not None else ():
        if parameters.get(name) in (None, ""):
            raise missing(name)


def _not_carried_out(call: Call) -> None:
    text = (
        f"The local cloud has no {call.operation}. Send the letters of Cronstack's jobs again with"
        " `cronstack dead-letters redrive`; receive those of other queues, and send them to their queue."
    )
    raise Refusal("AWS.SimpleQueueService.UnsupportedOperation", text)


RULES: Final[dict[str, tuple[Callable[[Call], None], ...]]] = {
    **queues.RULES,
    **messages.RULES,
    "StartMessageMoveTask": (_not_carried_out,),
    "CancelMessageMoveTask": (_not_carried_out,),
    "ListMessageMoveTasks": (_not_carried_out,),
}
