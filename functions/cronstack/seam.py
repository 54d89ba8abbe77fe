"""What the guard asks of the outside, and how the outside answers. Values only; nothing here acts.

The guard is a generator: it yields a ``Call``, a ``Sleep`` or a ``Work`` and is handed what came of it. Whoever drives
it, the runtime in Lambda or a simulator, decides how that comes about. A ``Call`` is answered by the service's own
JSON: the answer's fields, or ``{"Error": {"Code": …, "Message": …}, …}``, which ``read`` sorts into three:

    Done      it was carried out; fields as the service sent them
    Refused   a condition did not hold; for each of them the item as it stands, where the service shows it
    Fault     neither: passing ones (throttled, in conflict, lost answer) are sent again, byte for byte; others are told
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cronstack.errors import Unavailable

if TYPE_CHECKING:
    from cronstack.attempt import Attempt


class Call(NamedTuple):
    """One request to AWS: an operation of DynamoDB, SQS or Scheduler. Built once, resent as it is."""

    operation: str
    parameters: Mapping[str, Any]


class Sleep(NamedTuple):
    seconds: float


class Work(NamedTuple):
    """Run the handler now: the lease is ours. Answered by ``Succeeded`` or ``Failed``."""

    attempt: int
    fence: int
    limit: int = 1
    resume: str = ""
    """The last checkpoint, as JSON; "" for none."""
    open: Attempt | None = None
    """What the handler may ask of the guard meanwhile."""


class Succeeded(NamedTuple):
    result: str
    """JSON, or a note on what could not be kept; at most 2 KB."""


class Failed(NamedTuple):
    error: str
    """JSON with "type", "message" and "trace"; at most 2 KB."""
    permanent: bool = False
    """No retry can mend it."""
    after: float | None = None
    """Seconds before the next attempt, where the handler said so; None: the usual back-off."""


Request = Call | Sleep | Work


class Done(NamedTuple):
    fields: Mapping[str, Any]


class Condition(NamedTuple):
    """How one action's condition fared. ``item`` is the old item in DynamoDB's own form, None where none was shown."""

    held: bool
    item: Mapping[str, Any] | None = None


class Refused(NamedTuple):
    conditions: tuple[Condition, ...]


DELIVERED_AGAIN: Final = "The event is delivered again; if it goes on, look at the AWS health page."


class Fault(NamedTuple):
    code: str
    message: str
    passing: bool

    def raised(self, call: Call, *, first: bool = False) -> Unavailable:
        """The exception that says which operation on which resource failed, and what to do.

        ``first``: it was sent once; a definite no then means that nothing was carried out.
        """
        resource = _resource(call)
        remedy = _REMEDIES.get(self.code, DELIVERED_AGAIN)
        return Unavailable(
            f"{call.operation} on {resource} failed: {self.code}: {self.message}",
            remedy=remedy.format(operation=call.operation, resource=resource),
            certain=first and not self.passing,
        )


_PASSING: Final = frozenset(
    {
        "ConnectionError",  # by the transport: no answer, so nobody knows whether it was carried out
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_MISSING: Final = "Deploy the stack again; {resource} comes with it and its name is in the function's environment."
_DENIED: Final = "The function's role must allow {operation} on {resource}; deploy the stack again, which grants it."
_REMEDIES: Final = {
    "ResourceNotFoundException": _MISSING,
    "AWS.SimpleQueueService.NonExistentQueue": _MISSING,
    "QueueDoesNotExist": _MISSING,
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "UnrecognizedClientException": "The credentials are not valid at this endpoint.",
    "ExpiredTokenException": "The credentials have expired.",
}


def read(answer: Mapping[str, Any]) -> Done | Refused | Fault:
    """Sort a service's answer."""
    error = answer.get("Error")
    if error is None:
        return Done(answer)
    code, message = str(error.get("Code")), str(error.get("Message", ""))
    if code == "ConditionalCheckFailedException":
        return Refused((Condition(held=False, item=answer.get("Item") or None),))
    if code == "ConflictException":  # Scheduler: there is a schedule of that name
        return Refused((Condition(held=False),))
    if code == "TransactionCanceledException":
        return _cancelled(answer, message)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    return Fault(code, message, passing=code in _PASSING or status >= 500 or status == 429)


def _cancelled(answer: Mapping[str, Any], message: str) -> Refused | Fault:
    reasons = answer.get("CancellationReasons") or ()
    others = [r for r in reasons if r.get("Code") not in ("None", "ConditionalCheckFailed", None)]
    if others or not reasons:
        code = str(others[0]["Code"]) if others else "TransactionCanceledException"
        passing = bool(others) and all(r["Code"] in _PASSING for r in others)
        return Fault(code, str(others[0].get("Message") or message) if others else message, passing)
    return Refused(tuple(Condition(r.get("Code") != "ConditionalCheckFailed", r.get("Item") or None) for r in reasons))


def _resource(call: Call) -> str:
    actions = [action for item in call.parameters.get("TransactItems", ()) for action in item.values()]
    of = actions[0] if actions else call.parameters
    if "TableName" in of:
        return f"the table {of['TableName']}"
    if "GroupName" in of:
        return f"the schedule group {of['GroupName']}"
    return f"the queue {of['QueueUrl']}" if "QueueUrl" in of else "an unnamed resource"
