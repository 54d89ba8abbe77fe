"""The seam between the protocols and the outside: requests, answers, the host. Nothing here acts by itself.

The guard and the planning are generators of requests, ``Steps``: each yields a ``Call``, a ``Sleep`` or a ``Work`` and
receives the answer. A driver carries the requests out (see ``driver``), or a simulator does. The answer to a ``Call``
is the service's own JSON: its fields, or ``{"Error": {"Code": …, "Message": …}, …}``. ``send`` learns the time at AWS
from it (see ``timing.aws_clock``), and ``read`` sorts it into three:

    Done      the call was carried out; fields as the service sent them
    Refused   a condition did not hold; for each condition the old item, where the service shows it
    Fault     neither. ``send`` repeats a passing fault (throttled, in conflict, lost answer) byte for byte, and raises
              any other. Only a request that names a time from now on is built anew each time (``Build``)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from cronstack.errors import Unavailable

if TYPE_CHECKING:
    from cronstack.entropy import Randomness
    from cronstack.timing.aws_clock import AwsClock

_T = TypeVar("_T")


class Call(NamedTuple):
    """One request to AWS: an operation of DynamoDB, SQS or Scheduler. It is built once and resent unchanged."""

    operation: str
    parameters: Mapping[str, Any]


Build = Callable[[int], Call]
"""Builds a call anew each time that it is sent: the time in it must be in the future then. The argument is how often
the service has refused the time so far."""


class Sleep(NamedTuple):
    seconds: float


class OpenAttempt(Protocol):
    """What a handler can do with its attempt while it works (see ``attempt``)."""

    def commit(self, writes: Sequence[Mapping[str, Any]], result: str) -> Steps[None]: ...
    def checkpoint(self, value: str) -> Steps[None]: ...
    def extend(self) -> Steps[None]: ...


class Work(NamedTuple):
    """Run the handler now: this delivery holds the lease. The answer is ``Succeeded`` or ``Failed``."""

    attempt: int
    fence: int
    limit: int = 1
    resume: str = ""
    """The last checkpoint, as JSON; "" for none."""
    open: OpenAttempt | None = None
    """The attempt, for the methods of the handler's run."""


class Succeeded(NamedTuple):
    result: str
    """JSON, at most 2 KB: the handler's result, or a note that it could not be kept."""


class Failed(NamedTuple):
    error: str
    """JSON with "type", "message" and "trace"; at most 2 KB."""
    permanent: bool = False
    """No retry can help."""
    after: float | None = None
    """Seconds before the next attempt, as the handler has asked. Defaults to the usual back-off."""


Request = Call | Sleep | Work
Steps = Generator[Request, Any, _T]
"""The steps of a protocol: a generator of requests that receives their answers and returns its result."""


class Done(NamedTuple):
    fields: Mapping[str, Any]


class Condition(NamedTuple):
    """The result of one action's condition. ``item`` is the old item in DynamoDB's form, if it was returned."""

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
        """Return the exception for this fault: it names the operation, the resource and the remedy.

        ``first``: the call was sent only once. A fault that is not passing then means that nothing was carried out.
        """
        resource = _resource(call)
        invalid_schedule = call.operation == "CreateSchedule" and self.code == INVALID
        remedy = _INVALID_SCHEDULE if invalid_schedule else _REMEDIES.get(self.code, DELIVERED_AGAIN)
        return Unavailable(
            f"{call.operation} on {resource} failed: {self.code}: {self.message}",
            remedy=remedy.format(operation=call.operation, resource=resource),
            certain=first and not self.passing,
            passing=self.passing,
        )


_PASSING: Final = frozenset(
    {
        "ConnectionError",  # from the transport: no answer, so it is unknown whether it was carried out
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InvalidSignatureException",  # by a clock that is off, or a request that was frozen: each send is signed anew
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeTooSkewed",
        "ServiceUnavailable",
        "SignatureDoesNotMatch",  # SQS's name for a signature that has expired
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
INVALID: Final = "ValidationException"
"""Of CreateSchedule: the time is past, or the role cannot be assumed yet. Nothing else is wrong with what Cronstack
builds, so it passes."""
_ABOUT_ROLE: Final = "assume the role"
"""A part of AWS's message about a role that cannot be assumed. Another time does not help there."""
_INVALID_SCHEDULE: Final = (
    "EventBridge Scheduler refuses a time that is past: the clock of this machine may be behind. It also refuses a role"
    " that it cannot assume, for about a minute after the role was created: then ask again."
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
    """Classify a service's answer."""
    error = answer.get("Error")
    if error is None:
        return Done(answer)
    code, message = str(error.get("Code")), str(error.get("Message", ""))
    if code == "ConditionalCheckFailedException":
        return Refused((Condition(held=False, item=answer.get("Item") or None),))
    if code == "ConflictException":  # Scheduler: a schedule of that name exists, or it is changing; GetSchedule tells
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


class Host(NamedTuple):
    """The machine on which steps run: its clock, its deadline, its randomness."""

    clock: AwsClock
    """Of this invocation: what it has learnt in an earlier one may be wrong by now."""
    left: Callable[[], float]
    """The seconds until the deadline, at least."""
    left_at_most: Callable[[], float]
    """The seconds after which these steps have been ended for sure."""
    randomness: Randomness

    def now(self) -> int:
        """The time in epoch milliseconds, as well as it is known."""
        return self.clock.now()


def send(call: Call | Build, host: Host, *, reserve: float, absent: bool = False) -> Steps[Done | Refused]:
    """Send the call until the service has carried it out or refused it. Repeat after passing faults, with full jitter.

    ``call``: a ``Build`` builds it anew for each send. ``reserve``: seconds before the host's deadline at which it
    gives up. ``absent``: the resource may be gone; then this is a refusal and not a fault. Raises Unavailable.
    """
    tries = refused_times = 0
    while True:
        request = call if isinstance(call, Call) else call(refused_times)
        sent = host.clock.reading()
        told = yield request
        host.clock.learn(sent, told)
        answer = read(told)
        if not isinstance(answer, Fault):
            return answer
        if absent and answer.code == "ResourceNotFoundException":
            return Refused((Condition(held=False),))
        invalid = answer.code == INVALID and not isinstance(call, Call)
        refused_times += invalid and _ABOUT_ROLE not in answer.message
        pause = host.randomness.random() * min(2.0, 0.05 * 2**tries)
        if not (answer.passing or invalid) or host.left() - pause <= reserve:
            raise answer.raised(request, first=tries == 0)
        yield Sleep(pause)
        tries += 1


def _resource(call: Call) -> str:
    actions = [action for item in call.parameters.get("TransactItems", ()) for action in item.values()]
    of = actions[0] if actions else call.parameters
    if "TableName" in of:
        return f"the table {of['TableName']}"
    if "GroupName" in of:
        return f"the schedule group {of['GroupName']}"
    return f"the queue {of['QueueUrl']}" if "QueueUrl" in of else "an unnamed resource"
