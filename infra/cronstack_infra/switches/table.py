"""Each switch: what AWS leaves open, the harshest setting, and where it can be played. Pure.

``cronstack switches`` and the README of this folder are generated from this table, and tests compare them. For each
place in which a switch cannot be played, the table gives the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Place = Literal["local cloud", "cloud fixture", "simulate", "prove"]
PLACES: Final[tuple[Place, ...]] = ("local cloud", "cloud fixture", "simulate", "prove")
PLAYED: Final = ""
"""In ``Switch.places``: the switch can be played there."""


@dataclass(frozen=True)
class Switch:
    """One open question about AWS."""

    name: str
    """The name that users write, such as "past-at". The field of ``Switches`` has "_" for "-"."""
    about: str
    """The open question, in one sentence."""
    source: str
    """The page that is silent or gives only a range, or the reports that contradict each other."""
    harshest: Any
    """The setting that is hardest on a job."""
    places: Mapping[Place, str]
    """For each place ``PLAYED``, or the reason why it cannot be played there."""
    asked: str
    """The question of ``cronstack ask-aws`` that answers it, or the reason why AWS cannot be asked."""

    @property
    def field(self) -> str:
        """Name of the field of ``Switches``."""
        return self.name.replace("-", "_")

    def played(self, place: Place) -> bool:
        """Return whether the switch can be played in a place."""
        return self.places[place] == PLAYED


def _in(*, local: str = PLAYED, prove: str = PLAYED, fixture: str = PLAYED) -> Mapping[Place, str]:
    """Return the places. The fixture and simulate use the same virtual cloud."""
    return {"local cloud": local, "cloud fixture": fixture, "simulate": fixture, "prove": prove}


_NO_TEMPLATE: Final = "prove plays the guard, which creates no such schedule."
_NO_OPERATOR: Final = "prove plays the guard, which reads no queue."
_NO_SOURCES: Final = "prove plays the guard, and jobs have no event sources."
_NO_SCHEDULER: Final = "prove delivers events itself, in any order and delay, so it needs no retries of Scheduler."
_NO_LAMBDA: Final = "prove delivers again after any time; the length of the wait changes no answer."
_FAULT: Final = "No switch there: the fault mixes of prove deliver late, and twice."
_NO_QUOTA: Final = "prove plays one job, whose events never reach a quota."
_BY_FAULTS: Final = "No switch there: PUT /_cronstack/faults fails the requests of a service for as long as you want."
_RANDOM: Final = "Random on AWS: no request can cause it."

SWITCHES: Final[tuple[Switch, ...]] = (
    Switch(
        "spread",
        "How long after its instant a firing comes: any time within its minute.",
        "schedule-types: 60 second precision, between 1:00:00 and 1:00:59.",
        59.0,
        _in(prove=_FAULT),
        "spread",
    ),
    Switch(
        "early",
        "Whether a firing may come before its instant.",
        "schedule-types: a precision of 60 seconds. It does not compare Scheduler's clock with Lambda's.",
        60.0,
        _in(),
        "early",
    ),
    Switch(
        "scheduled-time",
        "What <aws.scheduler.scheduled-time> contains under a flexible window: the schedule's time, or the firing's.",
        "managing-schedule-context-attributes does not mention flexible windows.",
        "actual",
        _in(prove="prove draws no flexible windows: the guard rounds the time down before it reads the ledger."),
        "scheduled-time",
    ),
    Switch(
        "rate-starts-at-once",
        "Whether a rate() without StartDate fires when it is created, or one period later.",
        "schedule-types: starts invoking immediately; emulators wait for one period, as rules of EventBridge do.",
        False,
        _in(prove=_NO_TEMPLATE),
        "rate-first-firing",
    ),
    Switch(
        "rate-anchor",
        "Whether an update that does not change a rate() restarts its grid.",
        "API_UpdateSchedule does not mention the grid.",
        "update",
        _in(prove=_NO_TEMPLATE),
        "rate-anchor",
    ),
    Switch(
        "past-at",
        "Whether an at() in the past fires at once, is refused by Create and Update, or is accepted and never fires.",
        "LocalStack recorded an accepted one (2025-02); pulumi-defang #425 (2026) reports a refusal, without its text.",
        "refused",
        _in(),
        "past-at",
    ),
    Switch(
        "same-at-fires-again",
        "Whether an at() that has fired fires again when it is updated to the same time.",
        "API_UpdateSchedule does not mention it.",
        True,
        _in(prove=_NO_TEMPLATE),
        "same-at",
    ),
    Switch(
        "duplicates",
        "How often an occurrence is delivered twice.",
        "what-is-scheduler: at least once.",
        1.0,
        _in(prove=_FAULT),
        _RANDOM,
    ),
    Switch(
        "past-start",
        "Whether a StartDate of more than five minutes ago is refused, also by the update of a rollback.",
        'Reports: "The StartDate you specify cannot be earlier than 5 minutes ago." (getmoto/moto #8172).',
        "refused",
        _in(prove=_NO_TEMPLATE),
        "past-start",
    ),
    Switch(
        "create-throttled",
        "How many CreateSchedule requests are throttled.",
        "scheduler-quotas: 50 to 5,000 a second, by Region.",
        0.5,
        _in(),
        "AWS could be asked only with thousands of requests a second, which costs more than a dollar.",
    ),
    Switch(
        "create-conflicts",
        "How many CreateSchedule requests get a ConflictException although the name is free.",
        'API_CreateSchedule: "Updating or deleting the resource can cause an inconsistent state."',
        0.25,
        _in(),
        _RANDOM,
    ),
    Switch(
        "stale-schedules",
        "How long GetSchedule and ListSchedules do not show a new schedule.",
        "The API reference does not guarantee consistent reads.",
        60.0,
        _in(),
        "stale-schedules",
    ),
    Switch(
        "role-delay",
        "How long a new role cannot be assumed: requests with it are refused, and deliveries with it fail.",
        "IAM, troubleshoot_general: changes are not always immediately visible. Reports: seconds to minutes.",
        60.0,
        _in(),
        "role-delay",
    ),
    Switch(
        "group-deletion",
        "How long the schedules of a deleted group stay, and may fire.",
        "API_DeleteScheduleGroup: DELETING until all schedules are deleted, which continue to run until then.",
        300.0,
        _in(),
        "group-deletion",
    ),
    Switch(
        "delivery-retry-base",
        "Scheduler's first wait before it retries a failed delivery.",
        "managing-schedule: exponential backoff, without a number.",
        60.0,
        _in(prove=_NO_SCHEDULER),
        "delivery-retries",
    ),
    Switch(
        "delivery-retry-most",
        "Scheduler's longest wait between two retries.",
        "managing-schedule: exponential backoff, without a number.",
        3600.0,
        _in(prove=_NO_SCHEDULER),
        "A measurement takes a day: the waits need that long to grow to their maximum.",
    ),
    Switch(
        "retried-codes",
        "Which errors with a status 4xx Scheduler retries.",
        "configuring-schedule-dlq: an error is retryable or permanent; its example retries a queue that is missing.",
        frozenset({"AccessDeniedException", "ResourceNotFoundException"}),
        _in(prove=_NO_SCHEDULER),
        "retried-codes",
    ),
    Switch(
        "retry-delays",
        "How long Lambda waits before its two retries of a failed function.",
        "invocation-async-error-handling: one minute, then two; events may wait longer under load.",
        (300.0, 600.0),
        _in(prove=_NO_LAMBDA),
        "retry-delays",
    ),
    Switch(
        "throttle-base",
        "How long Lambda waits at first after it was throttled.",
        "invocation-async-error-handling: from 1 second to 5 minutes, exponentially.",
        300.0,
        _in(prove=_NO_LAMBDA),
        "throttle-base",
    ),
    Switch(
        "throttle-most",
        "How long Lambda waits at most between two attempts while it is throttled.",
        "invocation-async-error-handling: at most 5 minutes, in the hours for which an event may wait.",
        3600.0,
        _in(prove=_NO_LAMBDA),
        "A measurement takes hours: the waits need that long to grow to their maximum.",
    ),
    Switch(
        "throttle-wait",
        "Whether an event gets the next free sandbox of the account, or is tried again after a growing wait.",
        "invocation-async-error-handling: waits grow from 1 s to 5 min; with many events Lambda reads fewer of them.",
        "backoff",
        _in(prove=_NO_LAMBDA),
        "A measurement needs thousands of events, which costs more than a dollar.",
    ),
    Switch(
        "async-delay",
        "How long an asynchronous event waits in Lambda's queue before its first try.",
        "invocation-async-error-handling: up to 6 hours; invocation-async: queues may take time to process events.",
        10800.0,
        _in(),
        _RANDOM,
    ),
    Switch(
        "source-batches",
        "How many batches of one event source run at once.",
        "services-sqs-scaling: Lambda begins with five and adds up to 300 a minute.",
        1,
        _in(prove=_NO_SOURCES),
        "No question: a job has no event source.",
    ),
    Switch(
        "clock-skew",
        "How far the clock of a sandbox is off. AWS refuses signatures that are more than five minutes off.",
        "No page guarantees a right clock. Reports of minutes: aws-lambda-redshift-loader #216, aws-sdk-js-v3 #7605.",
        420.0,
        _in(),
        "clock-skew",
    ),
    Switch(
        "hanging",
        "How many requests of a handler get no answer, carried out or not.",
        "No page guarantees an answer; SDKs time out after a minute.",
        0.2,
        _in(),
        _RANDOM,
    ),
    Switch(
        "dynamodb-down",
        "How long DynamoDB fails, once in each day.",
        "No page guarantees that it never fails. In us-east-1 it did on 2025-10-20 (aws.amazon.com/message/101925).",
        3600.0,
        _in(local=_BY_FAULTS),
        _RANDOM,
    ),
    Switch(
        "empty-polls",
        "How many short polls of a queue return nothing although messages are visible.",
        "sqs-short-and-long-polling: a short poll asks a subset of the servers, and may return no message.",
        0.75,
        _in(prove=_NO_OPERATOR),
        "empty-polls",
    ),
    Switch(
        "invocations",
        "How many invocations Scheduler makes a second; more of them wait.",
        "scheduler-quotas: 1,000 or 500 a second, by Region. No page states that waiting invocations are lost.",
        500,
        _in(prove=_NO_QUOTA),
        "AWS could be asked only with thousands of schedules, which costs more than a dollar.",
    ),
    Switch(
        "concurrency",
        "How many sandboxes run at once in the account; more invocations are throttled.",
        "gettingstarted-limits: 1,000; new accounts have less, 10 by reports.",
        10,
        _in(prove=_NO_QUOTA),
        "No question: the account's quota is shown by GetAccountSettings.",
    ),
)
"""In the order of the fields of ``Switches``."""


def switch_of(name: str) -> Switch:
    """Return the switch of a name. Raise KeyError."""
    return {switch.name: switch for switch in SWITCHES}[name]
