"""The carrier: a durable one-time schedule that brings an occurrence back later. Pure.

An occurrence that cannot be finished now (it will be retried, or waits for the lease) must come back although no
process keeps it in memory. Two services could do that; Cronstack uses Scheduler:

                     one-time EventBridge schedule (chosen)         delay queue with a dispatcher
    privilege        the function may create schedules of its own   any function that may send could forge events of
                     name prefix, which invoke only this function   another job, unless a dispatcher checks the sender
    idle cost        none, for one job or a thousand                some 650,000 polls a month on each queue
    each use         1 dollar a million                             0.40 dollars a million, and the dispatcher's runs
    twice            the name is taken: one schedule                two copies
    latency          within a minute                                seconds
    delay            years                                          15 minutes a hop

The latency is acceptable: a retry waits a minute anyway, and an occurrence that waits for a lease checks once a minute.

The name consists of the occurrence, the kind of event and its input, the holder that is in the way, and the hop. So
making a carrier twice is harmless. The hop grows with each carrier in a chain, so that each has its own name. The
schedule deletes itself after it has fired.

Each delivery of a buffered occurrence, and each newcomer that finds the slot full, makes a carrier for it. All of these
have the same name: the slot instead of a holder, and as hop the number of the next check. Checks are numbered from the
epoch, ``Defaults.look`` seconds (a minute) apart. So only the first delivery in each minute makes a carrier, and
separate chains of carriers become one chain at the next check.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from cronstack.occurrence import to_datetime
from cronstack.steps import Call

OLDEST: Final = 86_400
"""Seconds for which Scheduler tries to invoke the function: its limit, so that a started occurrence is not lost."""
TRIES: Final = 185
LEADS: Final = (15, 60, 300, 900)
"""Least seconds from now to the time of a schedule, by the number of refusals so far.

Scheduler may refuse a time that is past when the request arrives. 15 s allow for a delayed request, and for two clocks
that differ by the margin. If Scheduler still refuses, this clock is minutes behind. A clock that is behind by more than
the last lead causes refused signatures instead.
"""


class Way(NamedTuple):
    """How a carrier reaches its function: names of the stack's own resources."""

    group: str
    """Name of the schedule group for carriers."""
    role: str
    """ARN of the role with which Scheduler invokes this function and no other."""
    function: str
    """ARN of the function, without a qualifier."""
    dead_letters: str
    """ARN of the queue for what Scheduler cannot deliver."""


def prefix(job: str) -> str:
    """Return the prefix of the names of this job's carriers. Its role may create schedules with this prefix only."""
    return f"carrier.{job[:20]}.{sha256(job.encode()).hexdigest()[:8]}."


SLOT: Final = "slot"
"""Replaces the holder in the names of a buffered occurrence's carriers. No holder has this id."""


def kind_of(event: Mapping[str, Any]) -> str:
    """Return the kind of an event for the carrier's name, so that a redrive is not merged with a plain retry."""
    kind = f"redrive of {event['redrive']}" if "redrive" in event else "operator" if "by" in event else "plain"
    return f"{kind} while paused" if "while_paused" in event else kind


def next_check(hop: int | None, now: int, interval: int) -> int:
    """Return the number of the next check of a buffered occurrence: after ``now``, and after the check ``hop``.

    ``now`` is in epoch milliseconds, ``interval`` the seconds between two checks. An early carrier, or one on a host
    whose clock is behind, must not use its own name again: its schedule may still exist, and never fire.
    """
    return max(-1 if hop is None else hop, now // (interval * 1000)) + 1


def last_check(now: int, interval: int) -> int:
    """Return the time of the last check, in epoch milliseconds."""
    return now // (interval * 1000) * interval * 1000


def name(job: str, occurrence: str, kind: str, holder: str, hop: int) -> str:
    """Return the schedule's name: at most 62 characters, where 64 are allowed."""
    return prefix(job) + sha256(f"{occurrence}|{kind}|{holder}|{hop}".encode()).hexdigest()[:24]


def event_text(event: Mapping[str, Any], hop: int | None = None) -> str:
    """Return the event as JSON for the Input of the schedule's target, with its hop if one is given."""
    # Not escaped, as ``event`` has measured its size: an escaped "é" takes three times its bytes.
    return json.dumps(event if hop is None else {**event, "carrier": hop}, allow_nan=False, ensure_ascii=False)


def text_of(event: str, hop: int) -> str:
    """Return the event with its hop. ``event`` is JSON."""
    return event_text(read_stored(event), hop)


def stored_text(event: Mapping[str, Any]) -> str:
    """Return the event as a row stores it: without the hop of its carrier."""
    return event_text({name: value for name, value in event.items() if name != "carrier"})


def read_stored(event: str) -> dict[str, Any]:
    """Return the event that a row stores. It is not validated: a newer version may have written it."""
    fields: dict[str, Any] = json.loads(event)
    return fields


def lead(refusals: int = 0) -> int:
    """Return the least milliseconds from now to the time of a schedule, after ``refusals`` refusals."""
    return LEADS[min(refusals, len(LEADS) - 1)] * 1000


class ScheduleBuilder:
    """Builds ``create`` for each send, with a time in the future: ``due``, or soon after now.

    The name stays the same, so repeated sends create one schedule. ``now`` returns epoch milliseconds.
    """

    __slots__ = ("_asked", "_due", "_event", "_name", "_now", "_oldest", "_way", "call")

    def __init__(
        self, way: Way, name: str, event: str, due: int, now: Callable[[], int], *, oldest: int = OLDEST, asked: int = 0
    ) -> None:
        self._way, self._name, self._event, self._due = way, name, event, due
        self._now, self._oldest, self._asked = now, oldest, asked
        self.call: Call | None = None
        """The call that was built last."""

    def __call__(self, refusals: int) -> Call:
        due = max(self._due, self._now() + lead(refusals))
        self.call = create(self._way, self._name, self._event, due, oldest=self._oldest, asked=self._asked)
        return self.call

    @property
    def is_ahead(self) -> bool:
        """Whether the time of the last call is still in the future. Then Scheduler has received it in time."""
        return self.call is not None and is_ahead(self.call.parameters, self._now())


MARGIN: Final = 2_000
"""Most milliseconds by which this clock and Scheduler's differ."""


def is_ahead(schedule: Mapping[str, Any], now: int) -> bool:
    """Return whether the time of a one-time schedule is in the future. ``schedule``: parameters or answer.

    If a request was delayed, Scheduler may have accepted a past time. Such a schedule may exist and never fire.
    """
    expression = schedule.get("ScheduleExpression")
    return expression is None or str(expression) > _expression(now + MARGIN)


def renamed(name: str, again: int) -> str:
    """Return another name for a schedule whose namesakes may never fire. ``again``: the number of these."""
    head, _, tail = name.rpartition(".")
    return f"{head}.{sha256(f'{name}|{again}'.encode()).hexdigest()[: len(tail)]}" if again else name


def _expression(due: int) -> str:
    return f"at({to_datetime(-(-due // 1000) * 1000):%Y-%m-%dT%H:%M:%S})"


def get(way: Way, name: str) -> Call:
    """Return the request for a schedule: Done if it exists."""
    return Call("GetSchedule", {"GroupName": way.group, "Name": name})


def create(way: Way, name: str, event: str, due: int, *, oldest: int = OLDEST, asked: int = 0) -> Call:
    """Return the request for a one-time schedule that deletes itself: a carrier, or a plan (``onetime.schedules``).

    ``due`` is in epoch milliseconds and rounded up: a second early would be before the due time. ``oldest``: seconds
    for which Scheduler tries to invoke the function. Defaults to a day. ``asked``: part of the token, for a schedule
    that may have been deleted: Scheduler ignores a token that it has already used. Defaults to 0, for carriers.
    """
    at = _expression(due)
    return Call(
        "CreateSchedule",
        {
            "Name": name,
            "GroupName": way.group,
            "ScheduleExpression": at,
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            # Repeated bytes have the same token, so Scheduler creates one schedule. Another time has another token.
            "ClientToken": sha256(f"{name}|{at[3:-1]}|{asked}".encode()).hexdigest()[:32],
            "Target": {
                "Arn": way.function,
                "RoleArn": way.role,
                "Input": event,
                "RetryPolicy": {"MaximumEventAgeInSeconds": oldest, "MaximumRetryAttempts": TRIES},
                "DeadLetterConfig": {"Arn": way.dead_letters},
            },
        },
    )
