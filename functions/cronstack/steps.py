"""The interface between the protocols and their environment: requests, answers, the host. Pure.

The guard and the planner are generators of requests, ``Steps``: each yields a ``Call``, a ``Sleep`` or a ``Work``, and
receives the answer. A driver (see ``driver``) or a simulator carries the requests out. The answer to a ``Call`` is the
service's own JSON: its fields, or ``{"Error": {"Code": …, "Message": …}, …}``. ``send`` passes its date to the clock
(see ``timing.aws_clock``). ``read`` returns one of three:

    Done      the call was carried out; fields as the service sent them
    Refused   a condition did not hold; for each condition the old item, if the service returns it
    Fault     any other error. ``send`` repeats a passing fault (throttled, in conflict, lost answer) byte for byte, and
              raises the others. Only a request with a time in the future is built again for each send (``Build``)
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
"""Builds a call again for each send, because the time in it must be in the future. The argument: how often the service
has refused the time so far."""


class Sleep(NamedTuple):
    seconds: float


class OpenAttempt(Protocol):
    """The attempt of a running handler (see ``guard.attempt``)."""

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
    """JSON, at most 2 KB: the handler's result, or a note that it could not be stored."""


class Failed(NamedTuple):
    error: str
    """JSON with "type", "message" and "trace"; at most 2 KB."""
    permanent: bool = False
    """No retry can help."""
    after: float | None = None
    """Seconds before the next attempt, as the handler requested. Defaults to the usual back-off."""


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


DELIVERED_AGAIN: Final = "The event is delivered again. If the error persists, see the AWS Health Dashboard."


class Fault(NamedTuple):
    code: str
    message: str
    passing: bool

    def raised(self, call: Call, *, first: bool = False) -> Unavailable:
        """Return the exception for this fault, with the operation, the resource and the remedy.

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
        "ConnectionError",  # from the transport: no answer, so it is unknown whether the request was carried out
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "InvalidSignatureException",  # the clock is wrong, or the request was frozen: each send has a new signature
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestExpired",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeTooSkewed",
        "ServiceUnavailable",
        "SignatureDoesNotMatch",  # SQS's code for an expired signature
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
"""Code of CreateSchedule for a past time, or a role that cannot be assumed yet. Cronstack's requests have no other
error, so the fault is passing."""
_ABOUT_ROLE: Final = "assume the role"
"""Part of AWS's message about a role that cannot be assumed. A later time in the request does not help."""
_INVALID_SCHEDULE: Final = (
    "EventBridge Scheduler refuses a past time: the clock of this machine may be behind. It also refuses a role that it"
    " cannot assume, for about a minute after the role was created: try again after that."
)
_MISSING: Final = "Deploy the stack again: it creates {resource}, and sets its name in the function's environment."
_DENIED: Final = "The function's role must allow {operation} on {resource}: deploy the stack again, which grants it."
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
    if code == "ConflictException":  # Scheduler: the schedule exists, or is changing. GetSchedule shows which
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
    """The clock of this invocation only: bounds from an earlier invocation may be wrong by now."""
    left: Callable[[], float]
    """Returns the seconds until the deadline, at least."""
    left_at_most: Callable[[], float]
    """Returns the seconds after which these steps have certainly been ended."""
    randomness: Randomness

    def now(self) -> int:
        """Return the best estimate of the time, in epoch milliseconds."""
        return self.clock.now()


def send(call: Call | Build, host: Host, *, reserve: float, absent: bool = False) -> Steps[Done | Refused]:
    """Send the call until the service has carried it out or refused it. Repeat after passing faults, with full jitter.

    ``call``: a ``Build`` builds it again for each send. ``reserve``: seconds before the host's deadline at which it
    gives up. ``absent``: return Refused, not a fault, if the resource does not exist. Raise Unavailable.
    """
    tries = refused_times = 0
    while True:
        request = call if isinstance(call, Call) else call(refused_times)
        sent = host.clock.reading()
        response = yield request
        host.clock.learn(sent, response)
        answer = read(response)
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
